"""What is kept of runs: failures longer than others, in memory and in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from journeys import Reason
from monitors.evidence import FAILURES, OTHERS, PASS_EVERY, Archive, as_text, evidence, listing
from monitors.probes import Exchange, Outcome
from monitors.record.ledger import Ledger, LedgerError
from monitors.verdict import Cause, Fail, Pass, Phases, Run, Unknown, Verdict, Window
from tests.waiting import until

AT = 1_700_000_000.0
PROBE = ("website", "home-page")
FAILED = Fail(Reason.WAITING_ROOM, "join-queue", "still queued")
EXCHANGE = Exchange(
    "join-queue",
    "POST",
    "http://127.0.0.1:8600/queue",
    0.25,
    "200",
    200,
    (("Content-Type", "text/html"), ("Set-Cookie", "queue=***")),
    Phases(0.0, 0.05, 0.15, 0.05),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


def run(at: float, verdict: Verdict = Pass()) -> Run:  # noqa: B008 - frozen
    return Run(*PROBE, AT + at, 0.25, verdict, Window.NONE)


def outcome(verdict: Verdict = Pass()) -> Outcome:  # noqa: B008 - frozen
    return Outcome(verdict, 0.25, Phases(0.0, 0.05, 0.15, 0.05), (EXCHANGE,))


def starts(archive: Archive, verdict: str) -> list[float]:
    return [found["started"] - AT for found in archive.newest(PROBE) if found["verdict"] == verdict]


async def test_failures_are_kept_longer_than_others(ledger: Ledger) -> None:
    """Of 100 failures, each followed by 5 passes, the last 20; of 500 passes the last 5; newest first."""
    archive = Archive(ledger)
    for number in range(600):
        archive.add(run(number, Pass() if number % 6 else FAILED), outcome())
    assert starts(archive, "fail") == [6.0 * (99 - back) for back in range(FAILURES)]
    assert starts(archive, "pass") == [599.0 - back for back in range(OTHERS)]
    everything = [found["started"] for found in archive.newest(PROBE)]
    assert everything == sorted(everything, reverse=True)


@asynccontextmanager
async def writing(archive: Archive):  # type: ignore[no-untyped-def]
    task = asyncio.create_task(archive.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_restart_forgets_no_failure(ledger: Ledger) -> None:
    """Failures are in the ledger at once, with every request; what still waited at the end is written then."""
    archive = Archive(ledger)
    async with writing(archive):
        archive.add(run(0, FAILED), outcome(FAILED))
        await until(lambda: len(ledger.evidence(PROBE)) == 1)
        archive.add(run(15, FAILED), None)
        before = archive.newest(PROBE)
    again = Archive(ledger)
    again.load([PROBE, ("website", "never-seen")])
    assert again.newest(PROBE) == json.loads(json.dumps(before))
    assert again.newest(PROBE)[1]["trace"][0]["headers"] == [["Content-Type", "text/html"], ["Set-Cookie", "queue=***"]]
    assert again.newest(("website", "never-seen")) == []


async def test_passes_are_written_now_and_then(ledger: Ledger) -> None:
    """The first, the first after a failure, and one every few minutes: a write costs more than the run."""
    archive = Archive(ledger)
    async with writing(archive):
        for at in range(0, 2 * int(PASS_EVERY), 15):
            archive.add(run(at), outcome())
        archive.add(run(1000, FAILED), outcome(FAILED))
        archive.add(run(1015), outcome())
        await until(lambda: len(ledger.evidence(PROBE)) == 4)
    kept = [started - AT for started, _ in ledger.evidence(PROBE)]
    assert kept == [1015.0, 1000.0, PASS_EVERY, 0.0]


async def test_what_a_stop_cuts_off_is_no_evidence(ledger: Ledger) -> None:
    archive = Archive(ledger)
    archive.add(run(0, Unknown(Cause.CANCELLED)), outcome())
    assert archive.newest(PROBE) == []


async def test_a_ledger_that_takes_no_evidence_stops_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays in memory."""
    refused = []

    def refuse(*arguments: object) -> None:
        refused.append(arguments)
        raise LedgerError("the disk is full")

    monkeypatch.setattr(ledger, "keep_evidence", refuse)
    archive = Archive(ledger)
    async with writing(archive):
        for at in (0, 15):
            archive.add(run(at, FAILED), outcome(FAILED))
            await until(lambda at=at: len(refused) == at // 15 + 1)  # type: ignore[misc]
    assert len(archive.newest(PROBE)) == 2


def test_a_run_for_a_terminal() -> None:
    """The verdict first, then when and how long, then every request with its phases and masked headers."""
    text = as_text(evidence(run(0, FAILED), outcome(FAILED)), ZoneInfo("Europe/Amsterdam"))
    assert (
        text
        == """\
home-page of website: FAILS: waiting_room at join-queue (still queued)
2023-11-14 23:13:20 CET, took 0.250 s; window: none
resolve 0 ms, connect 50 ms, first byte 150 ms, transfer 50 ms

 1. join-queue: POST http://127.0.0.1:8600/queue
    200 after 250 ms (resolve 0 ms, connect 50 ms, first byte 150 ms, transfer 50 ms)
    Content-Type: text/html
    Set-Cookie: queue=***
"""
    )


def test_a_slot_that_came_to_no_run_for_a_terminal() -> None:
    """There is nothing to show but the verdict; what came from the ledger looks the same."""
    found = evidence(run(0, Unknown(Cause.OVERLOADED, "3.0 s late")), None)
    text = as_text(found)
    assert "unknown: overloaded (3.0 s late)" in text
    assert listing([found, json.loads(json.dumps(found))]).count(text) == 2
