"""Video calls: who is joined by an agent, how the call comes about, and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys import JourneyFailed, Reason, definitions, sdp
from staging import video
from staging.agreeing import MOST_CANDIDATES, Agent, Objection, Phase
from staging.faults import Fault
from tests.drivers import browser, send, someone, walk
from tests.replica import Clock, RunningReplica, running_replica
from tests.waiting import until

OFFER = sdp.offer(Random(1))
CANDIDATE = sdp.candidates(Random(1))[0]
QUICK = {"chat_delay": 0.0}


def said(**word: object) -> str:
    return json.dumps(word)


@asynccontextmanager
async def entered(replica: RunningReplica) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Ask for a room and enter it."""
    base = replica.endpoints["chat"] + "/video"
    async with browser() as session:
        _, opened = await send(session, "POST", f"{base}/rooms")
        async with session.ws_connect(f"{base}/signalling?room={opened['room']}") as socket:
            yield socket


async def hear(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    word = json.loads(await socket.receive_str())
    assert isinstance(word, dict)
    return word


async def hear_until_closed(socket: aiohttp.ClientWebSocketResponse) -> tuple[list[str], int | None]:
    """Return what is still said, by its kind, and the code with which the WebSocket is closed."""
    words = [json.loads(message.data) async for message in socket]
    return [word.get("error") or word["type"] for word in words], socket.close_code


def counts(replica: RunningReplica) -> dict[str, int]:
    found = replica.replica.state()["video"]
    assert isinstance(found, dict)
    return found


async def test_a_call_comes_about_and_ends_when_the_citizen_hangs_up() -> None:
    """Joined, answered, candidates both ways, connected, hung up; the room and the agent count while they last."""
    async with running_replica(**QUICK) as replica:
        async with entered(replica) as socket:
            assert await hear(socket) == {"type": "joined"}
            assert counts(replica) == {"rooms": 0, "waiting": 0, "talking": 1}
            await socket.send_str(said(type="offer", sdp=OFFER))
            answer = await hear(socket)
            assert sdp.objection(sdp.read(OFFER), sdp.read(answer["sdp"])) == ""
            assert sdp.missing(sdp.read(answer["sdp"])) == ""
            own, last = await hear(socket), await hear(socket)
            assert sdp.is_candidate(own["candidate"])
            assert (last["type"], last["candidate"]) == ("candidate", "")
            for candidate in (CANDIDATE, ""):
                await socket.send_str(said(type="candidate", candidate=candidate))
            assert await hear(socket) == {"type": "connected"}
            await socket.send_str(said(type="bye"))
            assert await hear_until_closed(socket) == (["bye"], 1000)
        await until(lambda: counts(replica) == {"rooms": 0, "waiting": 0, "talking": 0})


async def test_the_agent_hangs_up_after_the_longest_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either side may end a call that is there."""
    monkeypatch.setattr(video, "_LONGEST", 0.01)
    async with running_replica(**QUICK) as replica, entered(replica) as socket:
        assert await hear(socket) == {"type": "joined"}
        await socket.send_str(said(type="offer", sdp=OFFER))
        for candidate in (CANDIDATE, ""):
            await socket.send_str(said(type="candidate", candidate=candidate))
        words, code = await hear_until_closed(socket)
    assert (words[-2:], code) == (["connected", "bye"], 1000)


async def test_who_is_next_is_joined_when_an_agent_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """One agent: the others wait in order of arrival, are told how many are ahead, and move up."""
    monkeypatch.setattr(video, "_UPDATE", 0.02)
    async with running_replica(video_agents=1, **QUICK) as replica, entered(replica) as first:
        assert await hear(first) == {"type": "joined"}
        async with entered(replica) as second:
            assert await hear(second) == {"type": "waiting", "ahead": 0, "next": 0.02}
            async with entered(replica) as third:
                assert (await hear(third))["ahead"] == 1
                assert counts(replica) == {"rooms": 0, "waiting": 2, "talking": 1}
                await second.send_str(said(type="bye"))
                words, _ = await hear_until_closed(second)
                assert (words[-1], set(words)) == ("bye", {"waiting", "bye"} if len(words) > 1 else {"bye"})
                while (await hear(third))["ahead"]:
                    pass
                await first.send_str(said(type="bye"))
                while (word := await hear(third))["type"] != "joined":
                    assert word["ahead"] == 0


async def test_a_room_is_entered_once_and_not_for_ever() -> None:
    """An unknown room, one in which somebody is, one that was asked for too long ago, and a page in its place."""
    clock = Clock()
    async with running_replica(clock, **QUICK) as replica, browser() as session:
        base = replica.endpoints["chat"] + "/video"
        rooms = [(await send(session, "POST", f"{base}/rooms"))[1]["room"] for _ in range(2)]
        assert counts(replica)["rooms"] == 2
        async with session.ws_connect(f"{base}/signalling?room={rooms[0]}"):
            pass
        clock.now += 901.0
        for room in ("other", *rooms):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(f"{base}/signalling?room={room}")
            assert caught.value.status == 404
        assert (await send(session, "GET", f"{base}/signalling?room=x"))[0] == 426
        assert counts(replica)["rooms"] == 0


async def test_there_are_no_more_rooms_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for one too many is told so, until one has expired."""
    monkeypatch.setattr(video, "MOST_ROOMS", 2)
    clock = Clock()
    async with running_replica(clock) as replica, browser() as session:
        rooms = replica.endpoints["chat"] + "/video/rooms"
        assert [(await send(session, "POST", rooms))[0] for _ in range(3)] == [200, 200, 503]
        clock.now += 901.0
        assert (await send(session, "POST", rooms))[0] == 200


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["garbage"], "no_object"),
        (["[1]"], "no_object"),
        (["[" * 60_000], "no_object"),
        ([b"\x00\x01"], "no_text"),
        ([said(type="dance")], "unknown_type"),
        ([said()], "unknown_type"),
        ([said(type=["offer"])], "unknown_type"),
        ([said(type="candidate", candidate=CANDIDATE)], "out_of_order"),
        ([said(type="offer", sdp=OFFER)] * 2, "out_of_order"),
        ([said(type="offer")], "bad_offer"),
        ([said(type="offer", sdp="garbage")], "bad_offer"),
        ([said(type="offer", sdp="v=0\r\n" + "a=x\r\n" * 8000)], "bad_offer"),
        ([said(type="offer", sdp=OFFER.replace("a=ice-pwd", "a=x"))], "bad_offer"),
        ([said(type="offer", sdp=OFFER), said(type="candidate", candidate=7)], "bad_candidate"),
        ([said(type="offer", sdp=OFFER), said(type="candidate", candidate="")], "no_way"),
        (
            [said(type="offer", sdp=OFFER), *[said(type="candidate", candidate=CANDIDATE)] * (MOST_CANDIDATES + 1)],
            "too_much",
        ),
    ],
)
async def test_what_does_not_belong_in_a_call_ends_it(words: list[str | bytes], error: str) -> None:
    """It is said what was wrong, then the WebSocket is closed, and the agent is free for the next."""
    async with running_replica(**QUICK) as replica:
        async with entered(replica) as socket:
            assert await hear(socket) == {"type": "joined"}
            for word in words:
                await (socket.send_bytes(word) if isinstance(word, bytes) else socket.send_str(word))
            heard, code = await hear_until_closed(socket)
        assert (heard[-1], code) == (error, aiohttp.WSCloseCode.POLICY_VIOLATION)
        await until(lambda: counts(replica)["talking"] == 0)
        assert "hang-up" in await walk("video-call", replica.url, someone())


async def test_a_word_too_early_or_too_large_ends_it() -> None:
    """An offer while nobody is there; a message of more than 64 KiB."""
    async with running_replica() as replica:
        replica.switch_on(Fault.VIDEO_UNATTENDED)
        async with entered(replica) as socket:
            await socket.send_str(said(type="offer", sdp=OFFER))
            assert await hear_until_closed(socket) == (["out_of_order"], aiohttp.WSCloseCode.POLICY_VIOLATION)
        async with entered(replica) as socket:
            await socket.send_str("x" * 70_000)
            assert (await hear_until_closed(socket))[1] == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        await until(lambda: counts(replica)["waiting"] == 0)


async def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent does not wait for an offer for ever; nor for somebody who has gone without a word."""
    monkeypatch.setattr(video, "_SILENCE", 0.01)
    async with running_replica(**QUICK) as replica:
        async with entered(replica) as socket:
            assert await hear_until_closed(socket) == (["joined", "bye"], 1000)
        monkeypatch.setattr(video, "_SILENCE", 60.0)
        async with entered(replica) as socket:
            assert await hear(socket) == {"type": "joined"}
            transport = socket._response.connection.transport  # type: ignore[union-attr]
            transport.abort()  # type: ignore[union-attr]
            await until(lambda: counts(replica)["talking"] == 0)


@pytest.mark.parametrize(
    ("fault", "reason", "step"),
    [
        (Fault.VIDEO_UNATTENDED, Reason.NO_ANSWER, "agent"),
        (Fault.VIDEO_WITHOUT_PICTURE, Reason.MEDIA_REFUSED, "answer"),
    ],
)
async def test_a_fault_keeps_the_conversation_from_coming_about(
    monkeypatch: pytest.MonkeyPatch, fault: Fault, reason: Reason, step: str
) -> None:
    """The citizen learns it at the step that it concerns; afterwards every step is taken."""
    monkeypatch.setattr(video, "_UPDATE", 0.1)
    async with running_replica(**QUICK) as replica:
        replica.switch_on(fault)
        with pytest.raises(JourneyFailed) as caught:
            await walk("video-call", replica.url, someone(patience=0.3))
        assert (caught.value.reason, caught.value.step) == (reason, step)
        replica.replica.faults.clear()
        steps = await walk("video-call", replica.url, someone())
    assert tuple(dict.fromkeys(steps)) == definitions()["video-call"].steps


async def test_signalling_that_is_refused_gives_no_room_away() -> None:
    """Status 503 in place of a WebSocket, while rooms are still handed out."""
    async with running_replica(**QUICK) as replica:
        replica.switch_on(Fault.VIDEO_REFUSED)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with entered(replica):
                pass
        assert caught.value.status == 503
        assert counts(replica) == {"rooms": 1, "waiting": 0, "talking": 0}


# --- the agent's side as a machine of states

DIRECTIONS = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
WORDS = st.one_of(
    st.just({"type": "offer", "sdp": OFFER}),
    st.builds(lambda text: {"type": "offer", "sdp": text}, st.text(max_size=40)),
    st.sampled_from([{"type": "candidate", "candidate": each} for each in (CANDIDATE, "", "x", None)]),
    st.just({"type": "bye"}),
    st.dictionaries(st.sampled_from(["type", "sdp"]), st.one_of(st.none(), st.integers(), st.text(max_size=8))),
)


@given(st.lists(WORDS, max_size=12))
def test_whatever_is_said_a_call_only_goes_forward(words: list[dict[str, Any]]) -> None:
    """Nothing but an objection is raised; phases never go back; one answer at most, and before `connected`."""
    agent, heard, before = Agent(), [], Phase.JOINED
    for word in words:
        try:
            heard += [each["type"] for each in agent.take(word)]
        except Objection:
            break
        assert agent.phase >= before
        before = agent.phase
        if agent.phase is Phase.OVER:
            break
    assert heard.count("answer") <= 1
    assert heard.count("connected") <= 1
    if "connected" in heard:
        assert heard.index("answer") < heard.index("connected")
    assert (agent.phase is Phase.CONNECTED) <= ("connected" in heard)


@st.composite
def offers(draw: st.DrawFn) -> str:
    """Offers of any number of media in any order, some of which no agent can play."""
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    blocks = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["audio opus/48000/2", "audio G722/8000", "video VP8/90000", "video AV1/90000"]),
                st.sampled_from(sorted(DIRECTIONS)),
                st.sampled_from(["actpass", "active", "passive"]),
                st.sampled_from([9, 0]),
                st.booleans(),
            ),
            min_size=1,
            max_size=6,
        )
    )
    lines.append("a=group:BUNDLE " + " ".join(f"m{number}" for number in range(len(blocks))))
    for number, (what, direction, setup, port, mux) in enumerate(blocks):
        kind, encoding = what.split(" ")
        lines += [f"m={kind} {port} {sdp.PROFILE} 96 97", f"a=mid:m{number}", f"a={direction}", f"a=setup:{setup}"]
        lines += [f"a=rtpmap:96 {encoding}", "a=rtpmap:97 unknown/8000", "a=ice-ufrag:abcd", f"a=ice-pwd:{'p' * 22}"]
        lines += ["a=fingerprint:sha-256 " + ":".join(["AB"] * 32)] + (["a=rtcp-mux"] if mux else [])
    return "\r\n".join(lines) + "\r\n"


@given(offers(), st.booleans())
def test_an_answer_follows_from_any_offer(offer: str, picture: bool) -> None:
    """Same media in the same order, answered directions, what cannot be played refused: as browsers demand."""
    agent = Agent(picture=picture)
    offered = sdp.read(offer)
    answered = sdp.read(agent.take({"type": "offer", "sdp": offer})[0]["sdp"])
    assert sdp.objection(offered, answered) == ""
    for ours, theirs in zip(offered.media, answered.media, strict=True):
        playable = ours.encodings["96"] in {"opus/48000/2", "vp8/90000"} and (picture or ours.kind != "video")
        assert (theirs.port != 0) == (playable and ours.port != 0)
        if theirs.port:
            assert theirs.formats == ("96",)
            assert str(theirs.direction) == DIRECTIONS[ours.direction]
