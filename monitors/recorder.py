"""Finished runs on their way to the ledger: one writer, many runs in one durable write.

    probes -> queue -> [ thread: Ledger.record(batch) ] -> told to whoever asked (`on_recorded`)

While one batch is being written the next gathers in the queue. A run is told to nobody before it is on disk. What could
not be written stays at the head of the queue and is tried again, in order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from monitors.instruments import Histogram
from monitors.ledger import Ledger, LedgerError
from monitors.metrics import LEDGER_WRITE
from monitors.totals import Probe
from monitors.verdict import Run

RETRY_AFTER = 1.0
"""Seconds between two attempts to write."""


class Recorder:
    """Writes runs to the ledger in the background, from `run` until `close`.

    `trouble` says why the last write failed, or is None.
    """

    def __init__(self, ledger: Ledger, on_recorded: Callable[[Run], None]) -> None:
        self._ledger = ledger
        self._on_recorded = on_recorded
        self._runs: list[Run] = []
        self._skipped: list[Probe] = []
        self._news = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
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

    async def run(self) -> None:
        """Write whatever comes, until `close`."""
        while not self._closing:
            await self._news.wait()
            self._news.clear()
            await self._write()
            if self.trouble is not None:
                await asyncio.sleep(RETRY_AFTER)
                self._news.set()
        await self._write()
        self._thread.shutdown()

    def close(self) -> None:
        """Let `run` end after one last write; what that could not write stays `waiting`."""
        self._closing = True
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
        del self._runs[: len(runs)], self._skipped[: len(skipped)]
        for run in runs:
            self._on_recorded(run)
