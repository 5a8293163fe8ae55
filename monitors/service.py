"""The monitor assembled: probes, scheduler, ledger and exporter in one process, started and stopped in order.

Scheduler --Run--> Recorder --batch--> Ledger --totals--> Exporter
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

from aiohttp import web

from config import Configuration
from monitors.announcements import Timekeeper, announce
from monitors.exporter import Exporter, Snapshot
from monitors.instruments import LAG_MEMORY, LoopLag
from monitors.ledger import WRITE_DELAY, Ledger
from monitors.probes import measure, targets
from monitors.recorder import Recorder
from monitors.scheduler import CONCURRENCY, Scheduler, schedule_of
from monitors.verdict import Run

READY_WITHIN = 2
"""Intervals within which every probe must have run; writing has its own time."""


class Monitor:
    """One monitor of one environment from one vantage point, the ledger's. Calendars are read when it is made.

    `on_recorded` is told of every run once it is on disk. Raises `ConfigError` for broken calendars and `LedgerError`.
    """

    def __init__(
        self,
        configuration: Configuration,
        environment: str,
        ledger: Ledger,
        on_recorded: Callable[[Run], None] = lambda _: None,
    ) -> None:
        self._configuration = configuration
        self._ledger = ledger
        self._loaded = time.time()
        self._on_recorded = on_recorded
        self._seen: dict[str, float] = {}
        self.targets = targets(configuration, environment, ledger.vantage)
        self._lag = LoopLag(max(LAG_MEMORY, *(target.timeout for target in self.targets)))
        announce(ledger, configuration, self._loaded)
        self._timekeeper = Timekeeper(ledger, configuration.systems)
        self._recorder = Recorder(ledger, self._note)
        self._scheduler = Scheduler(
            self.targets,
            measure,
            classify=self._timekeeper.window,
            deliver=self._recorder.put,
            skip=lambda target: self._recorder.skip(target.system, target.name),
            lag=self._lag,
        )

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> int:
        """Probe, record and serve until `stop`; return the number of runs that could not be recorded.

        `listener` is a bound socket. Runs under way at the end are recorded as unknown(cancelled). Raises
        `LedgerError`, and what would be a bug of a part.
        """
        self._ledger.expect([schedule_of(target) for target in self.targets], time.time())
        # getaddrinfo blocks a thread for as long as a name server is silent: one for each run.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="lookup"))
        runner = web.AppRunner(Exporter(self.snapshot, self.lacking).application(), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listener, shutdown_timeout=1.0).start()
        writing = asyncio.create_task(self._recorder.run(), name="recorder")
        others = [
            asyncio.create_task(self._lag.watch(), name="loop lag"),
            asyncio.create_task(self._scheduler.run(), name="scheduler"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        try:
            ended, _ = await asyncio.wait([writing, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            self._recorder.close()
            await asyncio.gather(writing, return_exceptions=True)
            await runner.cleanup()
        return self._recorder.waiting

    async def snapshot(self) -> Snapshot:
        """Take what the exporter shows now; counters as they are on disk. Raises `LedgerError`."""
        totals = await asyncio.to_thread(self._ledger.totals)
        now = time.time()
        return Snapshot(
            vantage=self._ledger.vantage,
            version=version("piekwacht"),
            systems=self._configuration.systems,
            targets=self.targets,
            totals=totals,
            windows={system: self._timekeeper.window(system, now) for system in self._configuration.systems},
            lateness=self._scheduler.lateness.snapshot(),
            ledger_write=self._recorder.write_seconds.snapshot(),
            loop_lag=self._lag.recent,
            config_loaded=self._loaded,
        )

    def lacking(self) -> list[str]:
        """Return what keeps the monitor from being ready, one line each: a probe without progress, failing writes."""
        now = time.monotonic()
        lines = [f"ledger: {self._recorder.trouble}"] if self._recorder.trouble else []
        for target in self.targets:
            seen = self._seen.get(target.name)
            if seen is None:
                lines.append(f"{target.name}: no run yet")
            elif now - seen > READY_WITHIN * target.interval + WRITE_DELAY:
                lines.append(f"{target.name}: last run {now - seen:.0f} s ago")
        return lines

    def _note(self, run: Run) -> None:
        self._seen[run.probe] = time.monotonic()
        self._timekeeper.note(run)
        self._on_recorded(run)
