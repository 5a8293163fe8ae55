"""Runs on their way to the ledger."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitors.record import recorder as module
from monitors.record.ledger import Ledger, LedgerError
from monitors.record.recorder import Recorder
from monitors.record.totals import Probe, Totals
from monitors.verdict import Pass, Run
from tests.monitors.snapshots import UNUSED
from tests.waiting import LONG, until


def runs(count: int, start: int = 0) -> list[Run]:
    return [
        Run("website", "home-page", 1_700_000_000.0 + number, 0.1, Pass()) for number in range(start, start + count)
    ]


class Disk:
    """A ledger on a slow disk that can be full; `batches` is what was written."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Run]] = []
        self.full = self.busy = False
        self.go_on = threading.Event()
        self.go_on.set()

    def totals(self) -> Totals:
        return UNUSED

    def record(self, runs: Sequence[Run], skipped: Sequence[Probe] = ()) -> None:
        self.busy = True
        assert self.go_on.wait(LONG)
        if self.full:
            raise LedgerError("the disk is full")
        self.batches.append(runs)


async def test_a_run_is_told_only_when_it_is_on_disk(tmp_path: Path) -> None:
    """Whoever hears of a run finds it in the ledger, even from another connection."""
    path = tmp_path / "ledger.sqlite"
    found = []
    with Ledger.open(path) as ledger, Ledger.open(path, read_only=True) as reader:
        recorder = Recorder(ledger, lambda run: found.append(reader.totals().states["website", "home-page"].last_run))
        for run in runs(3):
            recorder.put(run)
        recorder.skip("website", "home-page")
        recorder.close()
        await recorder.run()
        assert found == [1_700_000_002.0] * 3
        assert reader.totals().skipped == {("website", "home-page"): 1.0}
    assert recorder.waiting == 0
    assert recorder.write_seconds.snapshot().buckets[-1][1] == 1


async def test_what_comes_during_a_write_goes_into_one_batch() -> None:
    """While the disk is busy runs gather; one durable write takes them all, in order."""
    disk = Disk()
    recorder = Recorder(disk, lambda _: None)  # type: ignore[arg-type]
    writing = asyncio.create_task(recorder.run())
    disk.go_on.clear()
    recorder.put(runs(1)[0])
    await until(lambda: disk.busy)
    for run in runs(50, start=1):
        recorder.put(run)
    disk.go_on.set()
    recorder.close()
    await writing
    assert [len(batch) for batch in disk.batches] == [1, 50]
    assert [run for batch in disk.batches for run in batch] == runs(51)


async def test_a_full_disk_loses_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is kept, told to nobody, and written once, when there is room again."""
    monkeypatch.setattr(module, "RETRY_AFTER", 0.02)
    disk, told = Disk(), []
    recorder = Recorder(disk, told.append)  # type: ignore[arg-type]
    writing = asyncio.create_task(recorder.run())
    disk.full = True
    for run in runs(2):
        recorder.put(run)
    await until(lambda: recorder.trouble is not None)
    assert recorder.trouble == "the disk is full"
    assert (told, recorder.waiting) == ([], 2)
    disk.full = False
    await until(lambda: recorder.trouble is None)
    assert told == runs(2)
    recorder.close()
    await writing
    assert [run for batch in disk.batches for run in batch] == runs(2)


async def test_a_disk_that_stays_full_does_not_stop_the_end() -> None:
    """Closing tries once more and then leaves the runs waiting, so that their loss can be told."""
    disk = Disk()
    disk.full = True
    recorder = Recorder(disk, lambda _: None)  # type: ignore[arg-type]
    recorder.put(runs(1)[0])
    recorder.close()
    await asyncio.wait_for(recorder.run(), LONG)
    assert recorder.waiting == 1
