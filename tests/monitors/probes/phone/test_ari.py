"""One call by Asterisk's REST interface, against a listener that behaves as it is documented."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from monitors.probes.phone import ari
from monitors.probes.phone.ari import AriOrder, call
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Stage, Trouble
from tests.monitors.listeners import closed_port
from tests.monitors.probes.phone.asterisk import ANSWERS, PASSWORD, RINGS, USER, Asterisk, listening

ENDPOINT = "PJSIP/+31990000001@carrier"


def order(base: str, **fields: Any) -> AriOrder:
    known = {"user": USER, "password": PASSWORD, "ring": 20.0, "hold": 0.05}
    return AriOrder(base=base, **(known | fields))


async def calling(asterisk: Asterisk, **fields: Any) -> CallEvidence:
    """Call once; whatever happened, Asterisk has no channel afterwards."""
    async with listening(asterisk) as base:
        evidence = await call(order(base, **fields), ENDPOINT)
    assert asterisk.channels == set()
    return evidence


async def test_an_answered_call_is_held_and_then_ended_by_us() -> None:
    """The stages are reached in order, the call is released, and nothing is said of audio."""
    asterisk = Asterisk()
    evidence = await calling(asterisk)
    assert list(evidence.reached) == [
        Stage.RESOLVE,
        Stage.CONNECT,
        Stage.INVITE,
        Stage.TRYING,
        Stage.PROGRESS,
        Stage.ANSWER,
        Stage.TEARDOWN,
    ]
    assert (evidence.status, evidence.cause, evidence.ended_by) == (200, None, EndedBy.US)
    assert evidence.released
    assert evidence.heard == ()
    assert evidence.received.packets == 0
    assert asterisk.deleted >= 2, "it was asked for again until Asterisk did not know it any more"


async def test_the_number_is_in_the_body_only() -> None:
    """Neither Asterisk's access log nor the ladder shows it; Asterisk has limits of its own beyond ours."""
    asterisk = Asterisk()
    evidence = await calling(asterisk, caller_id="+31990000002", ring=7.5)
    (asked,) = asterisk.asked
    assert (asked["endpoint"], asked["callerId"]) == (ENDPOINT, "+31990000002")
    assert asked["timeout"] > 7.5
    assert int(asked["variables"]["TIMEOUT(absolute)"]) > asked["timeout"]
    assert not [text for text in asterisk.paths if "3199" in text]
    assert not [message for message in evidence.ladder if "3199" in message.what or "Server text" in message.what]


async def test_every_call_is_an_application_of_its_own() -> None:
    """Asterisk gives the events of one application to the newest WebSocket only: two calls at once both see theirs."""
    asterisk = Asterisk()
    async with listening(asterisk) as base:
        found = await asyncio.gather(*(call(order(base, hold=0.3), ENDPOINT) for _ in range(3)))
    assert [each.status for each in found] == [200, 200, 200]
    assert len({asked["app"] for asked in asterisk.asked}) == 3
    assert asterisk.channels == set()


@pytest.mark.parametrize(
    ("before", "cause", "tech_cause", "progressed"),
    [(RINGS[:1], 1, 404, False), (RINGS, 17, 486, True), (RINGS, 21, None, True), (RINGS[:1], 0, None, False)],
)
async def test_a_refused_call_says_cause_and_status(
    before: tuple[Any, ...], cause: int, tech_cause: int | None, *, progressed: bool
) -> None:
    """Q.850 and SIP as Asterisk gives them; 0 is no cause; ringing is progress, 100 is not."""
    evidence = await calling(Asterisk((*before, ("destroyed", (cause, tech_cause)))))
    assert (evidence.cause, evidence.status) == (cause or None, tech_cause)
    assert evidence.progressed is progressed
    assert (evidence.ended_by, evidence.released) == (EndedBy.NOBODY, True)
    assert evidence.trouble is None


async def test_a_call_that_the_far_end_ends_is_cut_off() -> None:
    """It was up, and not for as long as it should."""
    evidence = await calling(Asterisk((*ANSWERS, ("destroyed", (16, None)))), hold=20.0)
    assert (evidence.ended_by, evidence.cause, evidence.status) == (EndedBy.FAR_END, 16, 200)
    assert evidence.missed == "hold"
    assert evidence.released


async def test_a_line_that_only_rings_is_given_up() -> None:
    """Patience is ours, not Asterisk's."""
    evidence = await calling(Asterisk(RINGS), ring=0.2)
    assert (evidence.ring_limit, evidence.stage, evidence.status) == (True, Stage.PROGRESS, None)
    assert evidence.released


async def test_a_line_that_stays_silent_is_given_up_without_progress() -> None:
    """No ringing at all: forwarding broken."""
    evidence = await calling(Asterisk(RINGS[:1]), ring=0.2)
    assert (evidence.ring_limit, evidence.progressed, evidence.stage) == (True, False, Stage.TRYING)


@pytest.mark.parametrize("at", ["events", "post", "created", "dial", "ringing", "up"])
async def test_a_cancelled_call_leaves_no_channel(at: str) -> None:
    """Whenever the task is cancelled, be it before the answer to the POST was read: Asterisk has no channel left."""
    asterisk = Asterisk(post_delay=0.05, happenings=(*RINGS, ("wait", 0.05), *ANSWERS[3:]))
    reached = asyncio.Event()
    asterisk.seen = lambda what: reached.set() if what == at else None
    async with listening(asterisk) as base:
        task = asyncio.ensure_future(call(order(base, hold=20.0), ENDPOINT))
        await reached.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # once more, as a loop that shuts down does
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asterisk.channels == set()


def test_a_loop_that_shuts_down_leaves_no_channel() -> None:
    """All tasks are cancelled at once then, also the one that deletes."""
    asterisk = Asterisk()

    async def main() -> tuple[asyncio.Task[Any], Any]:
        up = asyncio.Event()
        asterisk.seen = lambda what: up.set() if what == "up" else None
        listener = listening(asterisk)
        base = await listener.__aenter__()
        task = asyncio.ensure_future(call(order(base, hold=20.0), ENDPOINT))
        await up.wait()
        return task, listener

    task, _ = asyncio.run(main())
    assert task.cancelled()
    assert asterisk.channels == set()


async def test_a_channel_that_does_not_end_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk says 204 for ever: the call counts as not released, and the run comes to an end."""
    monkeypatch.setattr(ari, "END_WITHIN", 0.3)
    asterisk = Asterisk(never_ends=True)
    async with listening(asterisk) as base:
        evidence = await call(order(base), ENDPOINT)
    assert not evidence.released
    assert Stage.TEARDOWN not in evidence.reached
    assert sum(message.what == "DELETE channel" for message in evidence.ladder) == 1, "the ladder says it once"


async def _wrong_password(asterisk: Asterisk) -> CallEvidence:
    return await calling(asterisk, password="other")


async def _refused(_: Asterisk) -> CallEvidence:
    return await call(order(f"http://127.0.0.1:{closed_port()}/ari"), ENDPOINT)


async def _no_tls(asterisk: Asterisk) -> CallEvidence:
    async with listening(asterisk) as base:
        return await call(order(base.replace("http:", "https:")), ENDPOINT)


@pytest.mark.parametrize(
    ("asterisk", "trying", "trouble"),
    [
        (Asterisk(), _wrong_password, Trouble.CREDENTIALS),
        (Asterisk(), _refused, Trouble.REFUSED),
        (Asterisk(), _no_tls, Trouble.TLS),
        (Asterisk(post_status=403), calling, Trouble.FORBIDDEN),
        (Asterisk(post_status=500), calling, Trouble.BROKEN),
        (Asterisk(broken_events=True), calling, Trouble.BROKEN),
    ],
)
async def test_trouble_with_asterisk_is_the_prober_s_own(
    asterisk: Asterisk, trying: Callable[[Asterisk], Any], trouble: Trouble
) -> None:
    """It says nothing of the line."""
    evidence = await trying(asterisk)
    assert evidence.trouble is trouble
    assert evidence.status is None
    assert evidence.released


async def test_an_asterisk_that_does_not_answer_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The POST is given up; a channel that it made all the same is found and deleted."""
    monkeypatch.setattr(ari, "ANSWER_WITHIN", 0.2)
    asterisk = Asterisk(post_delay=0.5)
    evidence = await calling(asterisk)
    assert evidence.trouble is Trouble.SILENT
    assert asterisk.most_channels <= 1
