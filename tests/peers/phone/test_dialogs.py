"""What goes on inside a call, with Debian's SIPp, which ends with 0 only if every ACK, CANCEL and BYE arrived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from journeys import Reason
from monitors.probes.phone.classes import class_of
from monitors.probes.phone.evidence import EndedBy
from monitors.probes.phone.order import Script
from monitors.verdict import Cause
from tests.peers.phone.parts import (
    accept,
    ack,
    answer,
    confirm,
    hung_up,
    invite,
    label,
    pause,
    progress,
    receive,
    request,
    response,
    scenario,
    sdp,
    to_invite,
    trying,
)
from tests.peers.phone.prober import CREDENTIALS, QUICK, probe, probe_the_deaf
from tests.peers.phone.sipp import far_end

pytestmark = pytest.mark.peer

IMPATIENT = Script(answer_within=0.4, audio_within=None, listen=0.0)
LISTENING = replace(QUICK, audio_within=0.8, listen=0.0)
RING = (invite(), trying(), progress())


async def test_a_call_is_answered_acknowledged_and_hung_up(peer: Callable[..., str], tmp_path: Path):
    """The plain case, over UDP."""
    with far_end(peer("sipp"), tmp_path, scenario(*RING, accept(), ack(), hung_up())) as far:
        evidence = await probe(tmp_path, far.port)
        assert far.satisfied()
    assert evidence.released
    assert evidence.ended_by is EndedBy.US


async def test_over_tcp(peer: Callable[..., str], tmp_path: Path):
    """The same over a stream."""
    with far_end(peer("sipp"), tmp_path, scenario(*RING, accept(), ack(), hung_up()), transport="TCP") as far:
        evidence = await probe(tmp_path, far.port, more={"transport": "TCP"})
        assert far.satisfied()
    assert evidence.released


async def test_over_ipv6(peer: Callable[..., str], tmp_path: Path):
    """Addresses stand in brackets in Via, Contact and request URI, and without them in the session description."""
    with far_end(peer("sipp"), tmp_path, scenario(*RING, accept(), ack(), hung_up()), host="::1") as far:
        evidence = await probe(tmp_path, far.port, more={"host": "::1"})
        assert far.satisfied()
        assert "c=IN IP6 ::1" in far.messages()
    assert evidence.released


async def test_a_contact_elsewhere_is_called_by_the_same_way(peer: Callable[..., str], tmp_path: Path):
    """Without a recorded route ACK and BYE name the Contact and go where the INVITE went: the trunk knows the way."""
    elsewhere = accept().replace("far@[local_ip]:[local_port]", "far@192.0.2.1:5099")
    with far_end(peer("sipp"), tmp_path, scenario(*RING, elsewhere, ack(), hung_up())) as far:
        evidence = await probe(tmp_path, far.port)
        assert far.satisfied()
        assert {"ACK", "BYE"} <= {line.partition(" sip:far@192.0.2.1:5099")[0] for line in far.messages().splitlines()}
    assert evidence.released


async def test_a_cancel_that_is_never_confirmed(peer: Callable[..., str], tmp_path: Path):
    """SIPp has got the CANCEL and says nothing: the class is what a caller meets, and the call may still ring."""
    with far_end(peer("sipp"), tmp_path, scenario(*RING, receive("CANCEL"))) as far:
        evidence = await probe_the_deaf(tmp_path, far.port, IMPATIENT)
        assert far.satisfied()
    assert class_of(evidence) is Reason.NO_ANSWER
    assert not evidence.released


async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up(peer: Callable[..., str], tmp_path: Path):
    """The far end confirms the CANCEL, but its 200 was quicker (RFC 3261, 9.1)."""
    crossing = (receive("CANCEL"), answer(200, "OK"), to_invite(200, "OK", body=sdp()), ack(), hung_up())
    with far_end(peer("sipp"), tmp_path, scenario(*RING, *crossing)) as far:
        evidence = await probe(tmp_path, far.port, IMPATIENT)
        assert far.satisfied()
    assert evidence.released


async def test_a_cancel_that_comes_too_late(peer: Callable[..., str], tmp_path: Path):
    """The far end does not know the INVITE any more when the CANCEL comes (481); its 200 gets ACK and BYE."""
    crossing = (receive("CANCEL"), answer(481, "Gone"), to_invite(200, "OK", body=sdp()), ack(), hung_up())
    with far_end(peer("sipp"), tmp_path, scenario(*RING, *crossing)) as far:
        evidence = await probe(tmp_path, far.port, IMPATIENT)
        assert far.satisfied()
    assert evidence.released


async def test_an_answer_after_the_call_was_given_up(peer: Callable[..., str], tmp_path: Path):
    """No provisional answer ever comes, then a 200: ACK and BYE all the same."""
    late = (invite(), pause(1.5), accept(), ack(), hung_up())
    with far_end(peer("sipp"), tmp_path, scenario(*late)) as far:
        evidence = await probe(tmp_path, far.port, IMPATIENT)
        assert far.satisfied()
    assert evidence.released


async def test_a_forked_second_answer_is_ended_too(peer: Callable[..., str], tmp_path: Path):
    """Two phones pick up: each gets its ACK, and the second one its BYE at once (RFC 3261, 13.2.2.4)."""
    second = to_invite(200, "OK", tag="other[call_number]", body=sdp(version=2), again=False)
    # In whatever order the ACK of the first, that of the second and both BYEs come: two of each.
    loop = (
        label("more"),
        receive("ACK", optional="more"),
        receive("BYE"),
        confirm(),
        label("rest"),
        receive("ACK", optional="rest"),
        receive("BYE"),
        confirm(),
    )
    with far_end(peer("sipp"), tmp_path, scenario(*RING, accept(), ack(), second, *loop)) as far:
        evidence = await probe(tmp_path, far.port, LISTENING)
        assert far.satisfied()
        messages = far.messages()
    byes = {
        line for line in messages.splitlines() if line.startswith("To:") and "prober" not in line and "tag=" in line
    }
    assert any("other" in line for line in byes)
    assert messages.count("CSeq: 1 ACK") + messages.count(" ACK\n") >= 2
    assert evidence.released


async def test_the_far_end_hangs_up(peer: Callable[..., str], tmp_path: Path):
    """Its BYE is confirmed, and ends the call before the script does: cut off."""
    ended = (accept(), ack(), pause(0.3), request("BYE", 102, "Reason: Q.850;cause=16"), response(200))
    with far_end(peer("sipp"), tmp_path, scenario(*RING, *ended)) as far:
        evidence = await probe(tmp_path, far.port, LISTENING)
        assert far.satisfied()
    assert evidence.ended_by is EndedBy.FAR_END
    assert class_of(evidence) is Reason.CUT_OFF
    assert evidence.released


@pytest.mark.parametrize(
    "offer", [sdp("sendonly", version=2), sdp("sendrecv", "PCMU", 2), ""], ids=["hold", "law", "no offer"]
)
async def test_a_reinvite_is_answered(peer: Callable[..., str], tmp_path: Path, offer: str):
    """A transfer to the queue, a hold, or a question for our offer: 200 with a description, and the call goes on."""
    again = (
        pause(0.2),
        request("INVITE", 103, body=offer),
        response(200),
        request("ACK", 103, body="" if offer else sdp()),
    )
    with far_end(peer("sipp"), tmp_path, scenario(*RING, accept(), ack(), *again, hung_up())) as far:
        evidence = await probe(tmp_path, far.port, LISTENING)
        assert far.satisfied()
    assert evidence.released
    assert evidence.ended_by is EndedBy.US


@pytest.mark.parametrize("method", ["OPTIONS", "UPDATE", "INFO", "NOTIFY"])
async def test_requests_inside_the_call_are_answered(peer: Callable[..., str], tmp_path: Path, method: str):
    """Session timers and keep-alives of carriers: unanswered, they would end the call."""
    asked = (pause(0.2), request(method, 104, "Event: x"), response(200))
    with far_end(peer("sipp"), tmp_path, scenario(*RING, accept(), ack(), *asked, hung_up())) as far:
        evidence = await probe(tmp_path, far.port, LISTENING)
        assert far.satisfied()
    assert evidence.ended_by is EndedBy.US


CHALLENGE = 'WWW-Authenticate: Digest realm="far", nonce="{nonce}", algorithm={algorithm}{more}'


def _challenged(user: str, password: str, algorithm: str = "MD5", nonce: str = "n1", more: str = "") -> tuple[str, ...]:
    header = CHALLENGE.format(nonce=nonce, algorithm=algorithm, more=more)
    checked = f'<verifyauth assign_to="good" username="{user}" password="{password}"/>'
    again = invite().replace("<action>", f"<action>{checked}")
    return (invite(), answer(401, "Who", header, again=True), ack(), again)


async def test_credentials_are_verified_by_sipp(peer: Callable[..., str], tmp_path: Path):
    """The second INVITE of the same call carries them, with the next CSeq number, and SIPp finds them right."""
    ending = (
        '<nop test="good" next="good"/>',
        answer(403, "Wrong", again=True),
        ack(),
        '<nop next="end"/>',
        label("good"),
    )
    parts = (
        *_challenged(CREDENTIALS.user, CREDENTIALS.password),
        *ending,
        trying(),
        progress(),
        accept(),
        ack(),
        hung_up(),
        label("end"),
    )
    with far_end(peer("sipp"), tmp_path, scenario(*parts)) as far:
        evidence = await probe(tmp_path, far.port, more={"credentials": CREDENTIALS})
        assert far.satisfied()
    assert evidence.status == 200
    assert evidence.released


@pytest.mark.parametrize("with_credentials", [True, False])
async def test_a_challenge_that_is_not_met_is_the_probers_own_trouble(
    peer: Callable[..., str], tmp_path: Path, with_credentials: bool
):
    """Challenged again, or without any credentials: no third try, and nothing is said of the line."""
    header = CHALLENGE.format(nonce="n1", algorithm="MD5", more="")
    once = (invite(), answer(401, "Who", header, again=True), ack())
    with far_end(peer("sipp"), tmp_path, scenario(*once, *(once if with_credentials else ()))) as far:
        evidence = await probe(tmp_path, far.port, more={"credentials": CREDENTIALS if with_credentials else None})
        assert far.satisfied()
    assert class_of(evidence) is Cause.TRUNK_ERROR
    assert evidence.status == 401
