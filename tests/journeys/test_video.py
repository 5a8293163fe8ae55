"""The video call by hand: which answers a citizen takes for a conversation with an agent."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys import Connect, JourneyFailed, Reason, Say, sdp
from journeys.sdp import MalformedSdp, Media, objection, read
from tests.drivers import someone, walk_by_hand

HOST = "candidate:1 1 udp 2130706431 127.0.0.1 50000 typ host"
ROOM = {"ask-call": (200, '{"room": "r"}')}


def answering(offer: str) -> str:
    """Return an answer to our own offer: other secrets, and DTLS opened by the other side."""
    answer = re.sub(r"(?m)^a=ice-ufrag:.*\r$", "a=ice-ufrag:abcd\r", offer)
    answer = re.sub(r"(?m)^a=ice-pwd:.*\r$", f"a=ice-pwd:{'p' * 24}\r", answer)
    answer = re.sub(r"(?m)^a=fingerprint:.*\r$", "a=fingerprint:sha-256 " + ":".join(["0F"] * 32) + "\r", answer)
    return answer.replace("a=setup:actpass", "a=setup:active")


OFFER = sdp.offer(someone().random)
ANSWER = answering(OFFER)
BUNDLED_AND_REFUSED = ANSWER.replace("m=video 9", "m=video 0")

GOOD: dict[str, dict[str, Any]] = {
    "waiting": {"type": "waiting", "ahead": 0, "next": 1.0},
    "joined": {"type": "joined"},
    "answer": {"type": "answer", "sdp": ANSWER},
    "candidate": {"type": "candidate", "candidate": HOST, "sdpMid": "0"},
    "last": {"type": "candidate", "candidate": "", "sdpMid": "0"},
    "connected": {"type": "connected"},
    "bye": {"type": "bye"},
}


def walked(**changed: object) -> list[Any]:
    """Walk the call with some of what is heard changed."""
    heard = [word if isinstance(word, str) else json.dumps(word) for word in (GOOD | changed).values()]
    return walk_by_hand("video-call", someone(), ROOM, heard)


def test_a_call_goes_through_its_steps() -> None:
    """The citizen enters the room asked for, says offer, candidates and goodbye, in this order."""
    actions = walked()
    assert Connect("signalling", "chat", "/video/signalling?room=r") in actions
    said = [json.loads(action.text) for action in actions if isinstance(action, Say)]
    assert [word["type"] for word in said] == ["offer", "candidate", "candidate", "candidate", "bye"]
    assert said[0]["sdp"] == OFFER
    assert [sdp.is_candidate(word["candidate"]) for word in said[1:4]] == [True, True, False]
    assert said[3]["candidate"] == ""


@pytest.mark.parametrize(
    ("changed", "reason", "step"),
    [
        ({"joined": {"type": "bye"}}, Reason.CUT_OFF, "agent"),
        ({"joined": {"type": "error"}}, Reason.CONTENT_MISSING, "agent"),
        ({"waiting": {"type": "waiting", "next": 90}, "joined": GOOD["waiting"]}, Reason.CONTENT_MISSING, "agent"),
        ({"joined": "no JSON"}, Reason.CONTENT_MISSING, "agent"),
        ({"joined": "[]"}, Reason.CONTENT_MISSING, "agent"),
        ({"answer": {"type": "bye"}}, Reason.CUT_OFF, "answer"),
        ({"answer": {"type": "answer"}}, Reason.CONTENT_MISSING, "answer"),
        ({"answer": {"type": "answer", "sdp": OFFER}}, Reason.CONTENT_MISSING, "answer"),
        ({"answer": GOOD["candidate"]}, Reason.CONTENT_MISSING, "answer"),
        (
            {"answer": {"type": "answer", "sdp": ANSWER.replace("m=video 9", "m=video 0")}},
            Reason.CONTENT_MISSING,
            "answer",
        ),
        ({"answer": {"type": "answer", "sdp": ANSWER.replace("sendrecv", "inactive")}}, Reason.MEDIA_REFUSED, "answer"),
        ({"candidate": GOOD["last"]}, Reason.CONTENT_MISSING, "candidates"),
        ({"candidate": GOOD["candidate"] | {"sdpMid": "7"}}, Reason.CONTENT_MISSING, "candidates"),
        ({"candidate": GOOD["candidate"] | {"sdpMid": ["0"]}}, Reason.CONTENT_MISSING, "candidates"),
        ({"candidate": GOOD["candidate"] | {"candidate": "x"}}, Reason.CONTENT_MISSING, "candidates"),
        ({"connected": {"type": "bye"}}, Reason.CUT_OFF, "candidates"),
        ({"bye": {"type": "connected"}}, Reason.CONTENT_MISSING, "hang-up"),
    ],
)
def test_what_is_no_conversation_fails(changed: dict[str, object], reason: Reason, step: str) -> None:
    """At the step at which it shows, for a reason of the closed list."""
    with pytest.raises(JourneyFailed) as caught:
        walked(**changed)
    assert (caught.value.reason, caught.value.step) == (reason, step)


def test_patience_in_the_line_ends() -> None:
    """Whoever is told for longer than patience that somebody will come gives up; what is promised is bounded."""
    for pause in (1.0, -5, "x", None):
        heard = [json.dumps({"type": "waiting", "next": pause})] * 40
        with pytest.raises(JourneyFailed) as caught:
            walk_by_hand("video-call", someone(patience=3.0), ROOM, heard)
        assert (caught.value.reason, caught.value.step) == (Reason.NO_ANSWER, "agent")


def test_a_call_without_video_says_so() -> None:
    """Refused is no fault of the answer: it follows from the offer, and there is no picture."""
    lines = BUNDLED_AND_REFUSED.replace("BUNDLE 0 1", "BUNDLE 0")
    with pytest.raises(JourneyFailed) as caught:
        walked(answer={"type": "answer", "sdp": lines})
    assert (caught.value.reason, caught.value.detail) == (Reason.MEDIA_REFUSED, "video: refused")


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("m=video 9", "m=audio 9", "m-line 2 (video): other media or another profile in its place"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "m-line 1 (audio): other media or another profile in its place"),
        ("a=mid:1", "a=mid:7", "m-line 2 (video): another mid"),
        ("SAVPF 96 102", "SAVPF 96 103", "m-line 2 (video): formats that were not offered"),
        ("96 VP8", "96 VP9", "m-line 2 (video): another encoding than the one offered under its number"),
        ("a=rtpmap:96 VP8/90000", "a=x", "m-line 2 (video): another encoding than the one offered under its number"),
        ("a=ice-pwd:p", "a=ice-pwd:-", "m-line 1 (audio): no ice-ufrag and ice-pwd"),
        ("a=ice-ufrag:abcd", "a=x", "m-line 1 (audio): no ice-ufrag and ice-pwd"),
        ("0F:0F", "0F", "m-line 1 (audio): no fingerprint of SHA-256"),
        ("setup:active", "setup:actpass", "m-line 1 (audio): no setup that answers 'actpass'"),
        ("a=rtcp-mux", "a=x", "m-line 1 (audio): no rtcp-mux"),
        ("BUNDLE 0 1", "BUNDLE 0 2", "a BUNDLE group of others than were offered and taken"),
    ],
)
def test_an_answer_that_does_not_follow_is_objected_to(before: str, after: str, why: str) -> None:
    """One thing wrong at a time, in an answer that is good without it."""
    assert objection(read(OFFER), read(ANSWER)) == ""
    assert before in ANSWER
    assert objection(read(OFFER), read(ANSWER.replace(before, after))) == why


def test_an_answer_that_repeats_the_offer_is_none() -> None:
    """An echo has everything an answer needs, and comes from nobody."""
    echo = OFFER.replace("actpass", "active")
    assert objection(read(OFFER), read(echo)) == "m-line 1 (audio): our own ice-ufrag and ice-pwd"
    media = OFFER[: OFFER.index("m=video")]
    assert objection(read(OFFER), read(media)) == "1 media for 2"


def test_directions_are_answered_as_they_may_be() -> None:
    """RFC 3264, 6.1: who only sends is received from, or not at all."""
    allowed = set()
    for offered in ("sendrecv", "sendonly", "recvonly", "inactive"):
        for answered in ("sendrecv", "sendonly", "recvonly", "inactive"):
            offer = OFFER.replace("sendrecv", offered)
            if not objection(read(offer), read(ANSWER.replace("sendrecv", answered))):
                allowed.add((offered, answered))
    both = {("sendrecv", each) for each in ("sendrecv", "sendonly", "recvonly", "inactive")}
    assert allowed == both | {
        ("sendonly", "recvonly"),
        ("sendonly", "inactive"),
        ("recvonly", "sendonly"),
        ("recvonly", "inactive"),
        ("inactive", "inactive"),
    }


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_every_offer_is_one_and_has_secrets_of_its_own(one: int, other: int) -> None:
    """Read back, it has sound and picture both ways; two citizens never offer the same secrets."""
    offered = read(sdp.offer(Random(one)))
    assert [(each.kind, str(each.direction)) for each in offered.media] == [
        ("audio", "sendrecv"),
        ("video", "sendrecv"),
    ]
    assert offered.bundle == ("0", "1")
    assert all(sdp.is_candidate(each) for each in sdp.candidates(Random(one)))

    def secrets(media: Media) -> list[str]:
        return [media.value(name) for name in ("ice-ufrag", "ice-pwd", "fingerprint")]

    if one != other:
        assert secrets(offered.media[0])[1:] != secrets(read(sdp.offer(Random(other))).media[0])[1:]


@given(st.text(max_size=300) | st.integers(0, len(ANSWER)).map(lambda end: ANSWER[:end]))
def test_any_text_is_read_or_malformed(text: str) -> None:
    """Nothing else is raised; what was cut off early is objected to."""
    try:
        found = read(text)
    except MalformedSdp:
        return
    if text.rstrip() != ANSWER.rstrip():
        assert objection(read(OFFER), found) or len(text) > ANSWER.index("a=rtcp-mux", ANSWER.index("m=video"))
