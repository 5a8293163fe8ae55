"""Each way a call may be refused, by Debian's SIPp: the class it is, and that SIPp got its ACK, CANCEL or BYE."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from journeys import Reason
from monitors.probes.phone.classes import Class, class_of, table
from monitors.probes.phone.evidence import CallEvidence
from monitors.probes.phone.order import Script
from monitors.verdict import Cause
from tests.peers.phone.parts import cancelled, invite, pause, progress, refuse, scenario, trying
from tests.peers.phone.prober import QUICK, probe, probe_all
from tests.peers.phone.sipp import Sipp, far_end, far_ends, free_udp_port

pytestmark = pytest.mark.peer


class Row(NamedTuple):
    """What the far end answers: status, Q.850 cause, whether it rang before; and the class by the table."""

    expected: Class
    status: int
    cause: int | None = None
    rang: bool = False

    @property
    def name(self) -> str:
        words = [
            str(self.status),
            f"cause{self.cause}" if self.cause else "",
            "rang" if self.rang else "",
            self.expected,
        ]
        return "-".join(word for word in words if word)

    def parts(self) -> list[str]:
        reason = [f'Reason: SIP;cause=200, Q.850;cause={self.cause};text="so, it is"'] if self.cause else []
        return [invite(), trying(), *([progress()] if self.rang else []), refuse(self.status, "Refused", *reason)]


TABLE = [
    *(Row(Cause.TRUNK_ERROR, status) for status in (402, 403)),
    *(Row(Reason.NUMBER_UNALLOCATED, status) for status in (404, 604)),
    Row(Reason.NUMBER_UNALLOCATED, 500, 1),
    *(Row(Reason.NUMBER_CHANGED, status) for status in (410, 301, 302, 380)),
    Row(Reason.NUMBER_CHANGED, 480, 22),
    *(Row(Reason.NUMBER_INVALID, status) for status in (484, 485, 416)),
    Row(Reason.NUMBER_INVALID, 404, 28),
    *(Row(Reason.NO_ROUTE, 404, cause) for cause in (2, 3, 25)),
    *(Row(Reason.NO_ROUTE, status) for status in (482, 483)),
    *(Row(Reason.LINE_BUSY, status) for status in (486, 600)),
    Row(Reason.LINE_BUSY, 480, 17, rang=True),
    *(Row(Reason.NO_ANSWER, status, rang=True) for status in (480, 408, 487)),
    *(Row(Reason.NO_PROGRESS, status) for status in (480, 408, 487)),
    *(Row(Reason.NO_ANSWER, 503, cause, rang=True) for cause in (18, 19)),
    *(Row(Reason.NO_PROGRESS, 503, cause) for cause in (18, 19)),
    Row(Reason.LINE_UNREACHABLE, 502),
    *(Row(Reason.LINE_UNREACHABLE, 480, cause) for cause in (20, 27)),
    *(Row(Reason.CALL_REJECTED, status) for status in (603, 607, 608, 406, 699)),
    Row(Reason.CALL_REJECTED, 486, 21),
    Row(Reason.CONGESTION, 503),
    *(Row(Reason.CONGESTION, 480, cause) for cause in (34, 42, 44, 47)),
    *(Row(Reason.PLATFORM_ERROR, status) for status in (500, 501, 504, 580)),
    *(Row(Reason.PLATFORM_ERROR, 503, cause) for cause in (38, 41, 102)),
    *(Row(Reason.MEDIA_REFUSED, status) for status in (488, 606, 415)),
    # These causes say nothing of their own: the status decides.
    *(Row(Reason.LINE_BUSY, 486, cause) for cause in (16, 31, 127)),
]


STREAMED = list({row.expected: row for row in TABLE}.values())
"""One of each class, over TCP."""
CALLS = [*(("UDP", row) for row in TABLE), *(("TCP", row) for row in STREAMED)]


def test_every_status_and_cause_of_the_table_is_sent():
    """Also one of each hundred that stands nowhere else; challenges are for Kamailio and for SIPp's own check."""
    rows = table().classes.values()
    exact = {status for row in rows for status in row.statuses if isinstance(status, int)} - {401, 407}
    hundreds = {status for row in rows for status in row.statuses if isinstance(status, str)}
    sent = {row.status for row in TABLE if row.cause is None}
    assert exact <= sent
    assert hundreds == {f"{status // 100}xx" for status in sent - exact}
    assert {cause for row in rows for cause in row.causes} <= {row.cause for row in TABLE}


@pytest.fixture(scope="module")
def refusals(
    peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, Row], tuple[CallEvidence, Sipp]]]:
    """Make all these calls, one SIPp each, and return what each showed with its far end."""
    folder, sipp = tmp_path_factory.mktemp("refusals"), peer("sipp")
    scenarios = {row.name: scenario(*row.parts()) for row in TABLE}
    some = {row.name: scenarios[row.name] for row in STREAMED}
    with far_ends(sipp, folder, scenarios) as datagrams, far_ends(sipp, folder, some, "TCP") as streams:
        evidence = asyncio.run(probe_all(folder, [(datagrams[row.name].port, QUICK) for row in TABLE]))
        over_tcp = [(streams[row.name].port, QUICK) for row in STREAMED]
        evidence += asyncio.run(probe_all(folder, over_tcp, more={"transport": "TCP"}))
        far = [*(datagrams[row.name] for row in TABLE), *(streams[row.name] for row in STREAMED)]
        yield dict(zip(CALLS, zip(evidence, far, strict=True), strict=True))


@pytest.mark.parametrize(("transport", "row"), CALLS, ids=[f"{transport}-{row.name}" for transport, row in CALLS])
def test_a_refusal_is_its_class_and_acknowledged(
    refusals: dict[tuple[str, Row], tuple[CallEvidence, Sipp]], transport: str, row: Row
):
    """The Q.850 cause goes before the SIP status, which is split on whether it rang; SIPp insists on the ACK."""
    evidence, far = refusals[transport, row]
    assert far.satisfied()
    assert class_of(evidence) is row.expected
    assert (evidence.status, evidence.cause, evidence.progressed) == (row.status, row.cause, row.rang)
    assert evidence.released


@pytest.mark.parametrize(("rings", "expected"), [(True, Reason.NO_ANSWER), (False, Reason.NO_PROGRESS)])
async def test_nobody_answers(peer: Callable[..., str], tmp_path: Path, rings: bool, expected: Class):
    """When patience ends, a CANCEL takes the call back, whether it rang or got a 100 only."""
    parts = [invite(), trying(), *([progress()] if rings else []), cancelled()]
    with far_end(peer("sipp"), tmp_path, scenario(*parts)) as far:
        evidence = await probe(tmp_path, far.port, Script(answer_within=0.5, audio_within=None, listen=0.0))
        assert far.satisfied()
    assert class_of(evidence) is expected
    assert evidence.ring_limit
    assert evidence.released


async def test_a_slow_100_is_waited_for_before_the_cancel(peer: Callable[..., str], tmp_path: Path):
    """No CANCEL goes out before a provisional answer (RFC 3261, 9.1): SIPp, which expects none, would fail."""
    with far_end(peer("sipp"), tmp_path, scenario(invite(), pause(1.2), trying(), cancelled())) as far:
        evidence = await probe(tmp_path, far.port, Script(answer_within=0.3, audio_within=None, listen=0.0))
        assert far.satisfied()
    assert evidence.released


async def test_a_closed_port_is_a_trunk_that_is_down_at_once(tmp_path: Path):
    """The operating system says so: nobody waits 32 s for timer B, and nothing is up."""
    evidence = await probe(tmp_path, free_udp_port(), QUICK)
    assert class_of(evidence) is Cause.TRUNK_DOWN
    assert evidence.released


async def test_retry_after_is_read(peer: Callable[..., str], tmp_path: Path):
    """503 says when to come back."""
    parts = [invite(), refuse(503, "Overloaded", "Retry-After: 7 (really)")]
    with far_end(peer("sipp"), tmp_path, scenario(*parts)) as far:
        evidence = await probe(tmp_path, far.port)
        assert far.satisfied()
    assert evidence.retry_after == 7
