"""Probes of kind websocket against somebody who greets and answers, or does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from aiohttp import web
from pydantic import ValidationError

from config import WebsocketProbe
from journeys import Reason
from journeys.core import MOST_MESSAGES
from monitors.probes import Target, measure, steps_of
from monitors.verdict import Fail, Pass, Verdict
from tests.monitors.listeners import aim, answering, closed_port, environment, page, probe_of, saying, talking

Talk = Callable[[web.WebSocketResponse], Awaitable[None]]


def target_at(base: str, **fields: object) -> Target:
    known: dict[str, object] = {"path": "/socket", "greeting": ["Hello"], "say": "test {reference}"}
    return aim(probe_of(WebsocketProbe, **{**known, **fields}), environment(base))


def gist(verdict: Verdict) -> tuple[str, str] | str:
    return (verdict.reason, verdict.step) if isinstance(verdict, Fail) else type(verdict).__name__


def agent(talk: Talk) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Take the connection, talk, hang up."""

    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await talk(socket)
        await socket.close()
        return socket

    return answer


def one_who_says(greetings: Sequence[str], answers: Sequence[str], heard: list[str] | None = None) -> Talk:
    """Greet, read one message, answer; `{}` in an answer is what was read."""

    async def talk(socket: web.WebSocketResponse) -> None:
        for greeting in greetings:
            await socket.send_str(greeting)
        said = await socket.receive_str()
        if heard is not None:
            heard.append(said)
        for answer in answers:
            await socket.send_str(answer.format(said))

    return talk


async def test_a_conversation_in_which_somebody_answers_passes() -> None:
    """Greeted, answered with its own number; other messages are passed over; each run has a number of its own."""
    heard: list[str] = []
    async with answering(agent(one_who_says(["Wait", "Hello there"], ["typing", "You wrote {}"], heard))) as base:
        target = target_at(base)
        outcomes = [await measure(target, 0) for _ in range(2)]
    assert [outcome.verdict for outcome in outcomes] == [Pass(), Pass()]
    assert [(each.step, each.status, each.result) for each in outcomes[0].trace] == [
        ("connect", 101, "connected"),
        ("answer", None, "answered"),
    ]
    assert len(set(heard)) == 2
    assert all(said.startswith("test PW") for said in heard)
    assert steps_of(target.probe) == ("connect", "greeting", "answer")


async def test_without_a_greeting_none_is_waited_for() -> None:
    """The run speaks first."""
    async with answering(agent(one_who_says([], ["{}"]))) as base:
        target = target_at(base, greeting=[])
        assert (await measure(target, 0)).verdict == Pass()
    assert steps_of(target.probe) == ("connect", "answer")


async def fall_silent(socket: web.WebSocketResponse) -> None:
    await socket.receive()


async def hang_up(socket: web.WebSocketResponse) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (hang_up, (Reason.CONNECTION_RESET, "greeting")),
        (one_who_says(["Hello"], []), (Reason.CONNECTION_RESET, "answer")),
        (one_who_says(["Hello"], ["another answer"]), (Reason.CONNECTION_RESET, "answer")),
        (one_who_says(["Wait"] * MOST_MESSAGES, []), (Reason.CONTENT_MISSING, "greeting")),
        (one_who_says(["Hello"], ["another answer"] * MOST_MESSAGES), (Reason.CONTENT_MISSING, "answer")),
    ],
)
async def test_who_hangs_up_or_says_something_else_fails(talk: Talk, expected: tuple[str, str]) -> None:
    """At the step at which the right message should have come."""
    async with answering(agent(talk)) as base:
        assert gist((await measure(target_at(base), 0)).verdict) == expected


async def test_nobody_there_is_a_timeout() -> None:
    """Connected, and never a word."""
    async with answering(agent(fall_silent)) as base:
        target = target_at(base, timeout="1s", limit="1s")
        assert gist((await measure(target, 0)).verdict) == (Reason.TIMEOUT, "greeting")


async def test_what_is_no_websocket_fails_at_the_connection() -> None:
    """A page, an error, a redirect to wherever, another protocol, nobody."""
    verdicts = []
    for answer in (page("a page"), page("error", 503)):
        async with answering(answer) as base:
            verdicts.append(gist((await measure(target_at(base), 0)).verdict))
    async with talking(
        saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")
    ) as base:
        verdicts.append(gist((await measure(target_at(base), 0)).verdict))
    verdicts.append(gist((await measure(target_at(f"http://127.0.0.1:{closed_port()}"), 0)).verdict))
    assert verdicts == [
        (Reason.UNEXPECTED_STATUS, "connect"),
        (Reason.UNEXPECTED_STATUS, "connect"),
        (Reason.BROKEN_RESPONSE, "connect"),
        (Reason.CONNECTION_REFUSED, "connect"),
    ]


async def test_a_redirect_is_not_followed() -> None:
    """Neither to an allowed host nor to another: nothing is asked there."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with answering(answer) as base:
        assert gist((await measure(target_at(base), 0)).verdict) == (Reason.UNEXPECTED_REDIRECT, "connect")
    assert asked == ["/socket"]


async def test_bytes_that_are_no_websocket_are_a_broken_answer() -> None:
    """After the greeting comes a frame that the protocol does not know."""

    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("Hello")
        assert request.transport is not None
        request.transport.write(b"\xff\xff\xff\xff")
        await asyncio.sleep(0.5)
        return socket

    async with answering(answer) as base:
        verdict = gist((await measure(target_at(base), 0)).verdict)
    assert verdict == (Reason.BROKEN_RESPONSE, "answer")


def test_what_is_said_has_a_number() -> None:
    """Without one, yesterday's answer would do."""
    with pytest.raises(ValidationError):
        target_at("http://127.0.0.1:1", say="test")
