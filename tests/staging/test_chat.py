"""The chat: who is greeted and answered, over a WebSocket and by asking."""

from __future__ import annotations

import json

import aiohttp
import pytest

from journeys import JourneyFailed, Reason
from staging.chat import GREETING, MOST_LINES
from staging.faults import Fault
from tests.drivers import browser, send, someone, walk, walk_by_hand
from tests.replica import Clock, running_replica
from tests.waiting import until


async def test_an_agent_greets_and_answers_over_a_websocket() -> None:
    """Each line is answered; the conversation counts while it lasts."""
    async with running_replica(chat_delay=0.0) as replica, browser() as session:
        async with session.ws_connect(replica.endpoints["chat"] + "/socket") as socket:
            assert json.loads(await socket.receive_str()) == {"from": "agent", "text": GREETING}
            for line in ("one", "two"):
                await socket.send_str(line)
                assert json.loads(await socket.receive_str())["text"] == f"U schreef: {line}"
            assert replica.replica.state()["chat"]["conversations"] == 1
        await until(lambda: replica.replica.state()["chat"]["conversations"] == 0)


async def test_a_conversation_has_an_end() -> None:
    """A line that is too long, or too many of them, ends it; bytes do too."""
    async with running_replica(chat_delay=0.0) as replica, browser() as session:
        for lines in (["x" * 5000], ["x"] * (MOST_LINES + 1)):
            async with session.ws_connect(replica.endpoints["chat"] + "/socket") as socket:
                for line in lines:
                    await socket.send_str(line)
                kinds = [message.type async for message in socket]
            assert len(kinds) <= MOST_LINES + 1
            assert socket.closed


async def test_who_asks_hears_the_same_a_little_later() -> None:
    """Lines appear when they are due; an unknown conversation is over."""
    clock = Clock()
    async with running_replica(clock, chat_delay=2.0) as replica, browser() as session:
        base = replica.endpoints["chat"]
        _, opened = await send(session, "POST", f"{base}/open")
        lines = f"{base}/lines?chat={opened['chat']}"
        assert (await send(session, "GET", lines))[1] == {"lines": []}
        clock.now += 2.0
        await send(session, "POST", f"{base}/say", {**opened, "text": "one"})
        assert (await send(session, "GET", lines))[1] == {"lines": [GREETING]}
        clock.now += 2.0
        assert (await send(session, "GET", lines))[1] == {"lines": [GREETING, "U schreef: one"]}
        assert (await send(session, "POST", f"{base}/say", {**opened, "text": "x" * 5000}))[0] == 413
        assert (await send(session, "GET", f"{base}/lines?chat=other"))[0] == 404
        clock.now += 900.0
        assert (await send(session, "GET", lines))[0] == 404


async def test_who_comes_without_a_websocket_is_refused() -> None:
    """A browser that only asks for the page."""
    async with running_replica() as replica, browser() as session:
        assert (await send(session, "GET", replica.endpoints["chat"] + "/socket"))[0] == 426


async def test_a_chat_that_nobody_attends_stays_silent() -> None:
    """It opens, takes what is written, and says nothing, on both ways; afterwards it answers."""
    async with running_replica(chat_delay=0.0) as replica, browser() as session:
        replica.switch_on(Fault.CHAT_UNATTENDED)
        base = replica.endpoints["chat"]
        _, opened = await send(session, "POST", f"{base}/open")
        assert (await send(session, "GET", f"{base}/lines?chat={opened['chat']}"))[1] == {"lines": []}
        async with session.ws_connect(f"{base}/socket") as socket:
            await socket.send_str("one")
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.2)
        replica.replica.faults.clear()
        assert await walk("chat", replica.url, someone()) == ["open-chat", "greeting", "say", "answer"]


async def test_an_error_takes_the_place_of_a_websocket() -> None:
    """The handshake is refused."""
    async with running_replica() as replica, browser() as session:
        replica.switch_on(Fault.ERROR_SHARE, system="chat", share=1)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(replica.endpoints["chat"] + "/socket")
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("step", "answer", "reason"),
    [
        ("greeting", (200, '{"lines": []}'), Reason.TIMEOUT),
        ("greeting", (404, ""), Reason.SESSION_LOST),
        ("say", (500, ""), Reason.UNEXPECTED_STATUS),
        ("answer", (200, '{"lines": ["Goedendag"]}'), Reason.TIMEOUT),
    ],
)
def test_a_chat_without_the_right_answer_fails(step: str, answer: tuple[int, str], reason: Reason) -> None:
    """Nobody, somebody else's conversation, an error, and an agent who does not answer the question."""
    good = {
        "open-chat": (200, '{"chat": "c"}'),
        "greeting": (200, '{"lines": ["Goedendag"]}'),
        "say": (200, '{"status": "sent"}'),
        "answer": (200, '{"lines": []}'),
    }
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand("chat", someone(), {**good, step: answer})
    assert (caught.value.reason, caught.value.step) == (reason, step)
