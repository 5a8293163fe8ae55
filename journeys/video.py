"""Talking to an agent by video: a room is asked for, and the call arranged over a WebSocket, as WebRTC services do.

What is measured is that a conversation with an agent comes about: the line, the agent, the answer to our offer and the
candidates for a way between the two. Neither sound nor picture is sent.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import orjson

from journeys import sdp
from journeys.core import Action, Citizen, Connect, Hear, Journey, JourneyFailed, Say, Think, fetch_json, journey
from journeys.reasons import Reason

_MOST_CANDIDATES = 50
_SHORTEST, _LONGEST = 0.1, 30.0
"""Seconds until the next word about the line, whatever it promises."""


@journey(
    "video-call",
    title="Talk to an agent by video",
    steps=("ask-call", "signalling", "agent", "answer", "candidates", "hang-up"),
    needs=(),
    reasons=(Reason.NO_ANSWER, Reason.MEDIA_REFUSED, Reason.CUT_OFF),
)
def video_call(citizen: Citizen) -> Journey:
    """Ask for a room, wait for an agent, offer sound and picture, exchange candidates, talk and hang up."""
    opened = yield from fetch_json("ask-call", "chat", "/video/rooms", data={}, keys=("room",))
    yield Connect("signalling", "chat", f"/video/signalling?room={opened['room']}")
    yield from _wait_in_line(citizen)
    yield from _agree(citizen)
    yield Think(citizen.random.uniform(60, 300))
    yield _say(type="bye")
    yield from _hear("hang-up", "bye")


def _wait_in_line(citizen: Citizen) -> Generator[Action, Any, None]:
    """Listen to how many are ahead until an agent joins. Raises `JourneyFailed`: NO_ANSWER when patience ends."""
    waited = 0.0
    while True:
        word = yield from _listen("agent")
        if word.get("type") == "joined":
            return
        _expect(word, "waiting", "agent")
        if waited >= citizen.patience:
            raise JourneyFailed(Reason.NO_ANSWER, "agent", f"no agent within {waited:.1f} s")
        pause = word.get("next")
        waited += min(max(float(pause), _SHORTEST), _LONGEST) if isinstance(pause, int | float) else _LONGEST


def _agree(citizen: Citizen) -> Generator[Action, Any, None]:
    """Offer, check the answer, and exchange candidates until the call is there. Raises `JourneyFailed`."""
    offer = sdp.offer(citizen.random)
    yield _say(type="offer", sdp=offer)
    for candidate in (*sdp.candidates(citizen.random), ""):  # an empty one is the last (RFC 8838, 8.2)
        yield _say(type="candidate", candidate=candidate, sdpMid="0")
    answer = yield from _hear("answer", "answer")
    try:
        answered = sdp.read(str(answer.get("sdp")))
    except sdp.MalformedSdp as error:
        raise JourneyFailed(Reason.CONTENT_MISSING, "answer", f"no session description: {error}") from None
    if why := sdp.objection(sdp.read(offer), answered):
        raise JourneyFailed(Reason.CONTENT_MISSING, "answer", why)
    if why := sdp.missing(answered):
        raise JourneyFailed(Reason.MEDIA_REFUSED, "answer", why)
    yield from _hear_candidates([each.value("mid") for each in answered.media])
    yield from _hear("candidates", "connected")


def _hear_candidates(known: list[str]) -> Generator[Action, Any, None]:
    """Listen until the agent has named the last of its candidates; there must be one."""
    for number in range(_MOST_CANDIDATES):
        word = yield from _hear("candidates", "candidate")
        text = str(word.get("candidate"))
        if not text and number:
            return
        if not sdp.is_candidate(text) or word.get("sdpMid") not in known:
            raise JourneyFailed(Reason.CONTENT_MISSING, "candidates", "no candidate of what was agreed upon")
    raise JourneyFailed(Reason.CONTENT_MISSING, "candidates", f"more than {_MOST_CANDIDATES} candidates")


def _hear(step: str, wanted: str) -> Generator[Action, Any, dict[str, Any]]:
    """Return the next word, which must be of the type `wanted`. Raises `JourneyFailed`."""
    word = yield from _listen(step)
    _expect(word, wanted, step)
    return word


def _listen(step: str) -> Generator[Action, Any, dict[str, Any]]:
    text: str = yield Hear(step)
    try:
        word = orjson.loads(text)
    except ValueError:
        word = None
    if not isinstance(word, dict):
        raise JourneyFailed(Reason.CONTENT_MISSING, step, "a message that is no JSON object")
    return word


def _expect(word: Mapping[str, Any], wanted: str, step: str) -> None:
    """Raise `JourneyFailed` unless a word is of the type `wanted`."""
    if word.get("type") == wanted:
        return
    if word.get("type") == "bye":
        raise JourneyFailed(Reason.CUT_OFF, step, "the other side hangs up")
    raise JourneyFailed(Reason.CONTENT_MISSING, step, f"no '{wanted}'")


def _say(**word: str) -> Say:
    return Say(orjson.dumps(word).decode())
