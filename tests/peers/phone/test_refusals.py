"""Each way a call may be refused, by Debian's SIPp: the class it is, and that SIPp got its ACK, CANCEL or BYE."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from monitors.probes.phone.classes import Class, class_of
from monitors.probes.phone.evidence import CallEvidence
from monitors.probes.phone.order import Script
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
    *(Row(Class.TRUNK_ERROR, status) for status in (402, 403)),
    *(Row(Class.NUMBER_UNALLOCATED, status) for status in (404, 604)),
    Row(Class.NUMBER_UNALLOCATED, 500, 1),
    *(Row(Class.NUMBER_CHANGED, status) for status in (410, 301, 302, 380)),
    Row(Class.NUMBER_CHANGED, 480, 22),
    *(Row(Class.NUMBER_INVALID, status) for status in (484, 485, 416)),
    Row(Class.NUMBER_INVALID, 404, 28),
    *(Row(Class.NO_ROUTE, 404, cause) for cause in (2, 3, 25)),
    Row(Class.NO_ROUTE, 483),
    *(Row(Class.LINE_BUSY, status) for status in (486, 600)),
    Row(Class.LINE_BUSY, 480, 17, rang=True),
    *(Row(Class.NO_ANSWER, status, rang=True) for status in (480, 408)),
    *(Row(Class.NO_PROGRESS, status) for status in (480, 408)),
    *(Row(Class.NO_ANSWER, 503, cause, rang=True) for cause in (18, 19)),
    *(Row(Class.NO_PROGRESS, 503, cause) for cause in (18, 19)),
    Row(Class.LINE_UNREACHABLE, 502),
    *(Row(Class.LINE_UNREACHABLE, 480, cause) for cause in (20, 27)),
    *(Row(Class.CALL_REJECTED, status) for status in (603, 607, 608)),
    Row(Class.CALL_REJECTED, 486, 21),
    Row(Class.CONGESTION, 503),
    *(Row(Class.CONGESTION, 480, cause) for cause in (34, 42, 44, 47)),
    *(Row(Class.PLATFORM_ERROR, status) for status in (500, 501, 504, 580)),
    *(Row(Class.PLATFORM_ERROR, 503, cause) for cause in (38, 41, 102)),
    *(Row(Class.MEDIA_REFUSED, status) for status in (488, 606, 415)),
    # These causes say nothing of their own: the status decides.
    *(Row(Class.LINE_BUSY, 486, cause) for cause in (16, 31, 127)),
]


@pytest.fixture(scope="module")
def refusals(
    peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Row, tuple[CallEvidence, Sipp]]]:
    """Make all these calls, one SIPp each, and return what each showed with its far end."""
    folder = tmp_path_factory.mktemp("refusals")
    with far_ends(peer("sipp"), folder, {row.name: scenario(*row.parts()) for row in TABLE}) as far:
        evidence = asyncio.run(probe_all(folder, [(far[row.name].port, QUICK) for row in TABLE]))
        yield {row: (each, far[row.name]) for row, each in zip(TABLE, evidence, strict=True)}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_refusal_is_its_class_and_acknowledged(refusals: dict[Row, tuple[CallEvidence, Sipp]], row: Row):
    """The Q.850 cause goes before the SIP status, which is split on whether it rang; SIPp insists on the ACK."""
    evidence, far = refusals[row]
    assert far.satisfied()
    assert class_of(evidence) is row.expected
    assert (evidence.status, evidence.cause, evidence.progressed) == (row.status, row.cause, row.rang)
    assert evidence.released


@pytest.mark.parametrize(("rings", "expected"), [(True, Class.NO_ANSWER), (False, Class.NO_PROGRESS)])
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
    assert class_of(evidence) is Class.TRUNK_DOWN
    assert evidence.released


async def test_retry_after_is_read(peer: Callable[..., str], tmp_path: Path):
    """503 says when to come back."""
    parts = [invite(), refuse(503, "Overloaded", "Retry-After: 7 (really)")]
    with far_end(peer("sipp"), tmp_path, scenario(*parts)) as far:
        evidence = await probe(tmp_path, far.port)
        assert far.satisfied()
    assert evidence.retry_after == 7
