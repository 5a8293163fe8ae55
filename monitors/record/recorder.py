"""Finished runs on their way to the ledger: one writer, many runs in one durable write.

    probes -> queue -> [ thread: Ledger.record(batch) ] -> told to whoever asked (`on_recorded`)

A durable write costs the same for one run and for many, so runs gather for a fifth of a second: with 200 a second that
is most of what recording costs. While one batch is being written the next gathers in the queue. A run is told to nobody
before it is on disk. What could not be written stays at the head of the queue and is tried again, in order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from monitors.instruments import Histogram
from monitors.metrics import LEDGER_WRITE
from monitors.record.ledger import Ledger, LedgerError
from monitors.record.live_totals import LiveTotals
from monitors.record.totals import Probe, Totals
from monitors.verdict import Run

GATHER = 0.2
"""Seconds for which a finished run waits for others. Whom a kill hits then is missing, and shows as coverage."""
RETRY_AFTER = 1.0
"""Seconds between two attempts to write."""


class Recorder:
    """Writes runs to the ledger in the background, from `run` until `close`.

    `trouble` says why the last write failed, or is None. Raises `LedgerError` when the counters cannot be read.
    """

    def __init__(self, ledger: Ledger, on_recorded: Callable[[Run], None]) -> None:
        self._ledger = ledger
        self._on_recorded = on_recorded
        self._runs: list[Run] = []
        self._skipped: list[Probe] = []
        self._news = asyncio.Event()
        self._closing = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._totals = LiveTotals(ledger.totals())
        self.trouble: str | None = None
        self.write_seconds = Histogram(LEDGER_WRITE.buckets)

    def put(self, run: Run) -> None:
        """Take a finished run."""
        self._runs.append(run)
        self._news.set()

    def skip(self, system: str, probe: str) -> None:
        """Take note of a run that was not started because the previous one was still going."""
        self._skipped.append((system, probe))
        self._news.set()

    @property
    def waiting(self) -> int:
        """Runs that are not on disk yet."""
        return len(self._runs)

    @property
    def totals(self) -> Totals:
        """Every counter of the ledger, with all that is on disk."""
        return self._totals.now()

    async def run(self) -> None:
        """Write whatever comes, until `close`."""
        while not self._closing.is_set():
            await self._news.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), GATHER)
            self._news.clear()
            await self._write()
            if self.trouble is not None:
                await asyncio.sleep(RETRY_AFTER)
                self._news.set()
        await self._write()
        self._thread.shutdown()

    def close(self) -> None:
        """Let `run` end after one last write; what that could not write stays `waiting`."""
        self._closing.set()
        self._news.set()

    async def _write(self) -> None:
        runs, skipped = tuple(self._runs), tuple(self._skipped)
        if not runs and not skipped:
            return
        started = time.perf_counter()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._ledger.record, runs, skipped)
        except LedgerError as error:
            self.trouble = str(error)
            return
        self.trouble = None
        self.write_seconds.observe(time.perf_counter() - started)
        self._totals.add(runs, skipped)
        del self._runs[: len(runs)], self._skipped[: len(skipped)]
        for run in runs:
            self._on_recorded(run)
