"""The monitor assembled: probes, scheduler, ledger and web pages in one process, started and stopped in order.

    Scheduler --run--> Recorder --batch-----> Ledger --totals--> Exporter, StatusPage
              --run--> Archive  --evidence--> Ledger
                       Archive  --evidence-------------------> DebugPages

A reload exchanges the configuration in all of them at once, or in none.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import version

from aiohttp import web

from config import ConfigError, Configuration, Problem
from monitors.availability.to_date import AGE, ToDate, to_date
from monitors.evidence import Archive
from monitors.instruments import LAG_MEMORY, LoopLag
from monitors.log import Log
from monitors.notices.outlook import deadlines
from monitors.own_state import OwnState, References, descriptor_limit, open_descriptors
from monitors.probes import Outcome, Target, targets
from monitors.probes.phone.desk import Desk, budget_left
from monitors.record.ledger import WRITE_DELAY, Ledger, LedgerError
from monitors.record.recorder import Recorder
from monitors.scheduler import CONCURRENCY, Scheduler, schedule_of
from monitors.verdict import Run, Window
from monitors.web.access import Access
from monitors.web.debug_pages import DebugPages
from monitors.web.exporter import Exporter, Reloaded
from monitors.web.exposition import Phone, Snapshot
from monitors.web.on_demand import OnDemand
from monitors.web.status_page.serve import StatusPage
from monitors.web.web_config import WebConfig
from monitors.web.web_server import WebServer
from monitors.windows.announcements import Timekeeper, announce

READY_WITHIN = 2
"""Intervals within which every probe must have run; writing has its own time."""
FREQUENT = 60.0
"""Seconds: a probe with at most this interval must have run before the monitor is ready. One that is slower, such as a
call every five minutes, has its time from the beginning: nobody waits for it to know that the monitor makes progress.
"""
EAGER = 4.0
"""Seconds until the record is counted for the second time; the pauses double from there: a new one fills quickly."""
_VERSION = version("piekwacht")
REFRESH = 20.0
"""Seconds between two looks for windows that another process has entered."""


class Monitor:
    """One monitor of one environment from one vantage point, the ledger's.

    `read` and `read_web_config` are called when the monitor is made, and again for each reload, in a thread; they raise
    `ConfigError`. `on_recorded` is told of every run once it is on disk, `log` of what happens to the monitor. Raises
    `ConfigError`, also for broken calendars, and `LedgerError`.
    """

    def __init__(
        self,
        read: Callable[[], Configuration],
        environment: str,
        ledger: Ledger,
        on_recorded: Callable[[Run], None] = lambda _: None,
        *,
        read_web_config: Callable[[], WebConfig] = WebConfig,
        log: Log | None = None,
    ) -> None:
        self._read = read
        self._read_web_config = read_web_config
        self._environment = environment
        self._ledger = ledger
        self._on_recorded = on_recorded
        self._log = log or Log(lambda _: None)
        self._seen: dict[str, float] = {}
        self._configuration = read()
        self._desk = Desk.of(self._configuration.environments[environment])
        self.targets = self._targets(self._configuration)
        self._loaded, self._reloaded, self._reloading = time.time(), True, asyncio.Lock()
        self._reloads: set[asyncio.Task[Reloaded]] = set()
        announce(ledger, self._configuration, self._loaded)
        self._lag = LoopLag(self._lag_memory())
        self._timekeeper = Timekeeper(ledger, self._configuration)
        self._references = References(self._configuration.environments[environment].references)
        self._recorder = Recorder(ledger, self._note)
        self._archive = Archive(ledger)
        self._archive.load((target.system, target.name) for target in self.targets)
        own_state = OwnState(self._lag, self._references)
        self._on_demand = OnDemand(own_state)
        self._access = Access(read_web_config())
        # With a connection of its own: a year is counted without keeping a scrape or the record waiting.
        self._status_ledger = Ledger.open(ledger.path, read_only=True)
        self._status = StatusPage(self._status_ledger, self._configuration, self._kept_elsewhere(self._configuration))
        self._to_date: ToDate = {}
        self._notices: dict[tuple[str, str], float] = {}
        self._scheduler = Scheduler(
            self.targets,
            self._on_demand.scheduled,
            classify=self._timekeeper.window,
            deliver=self._deliver,
            skip=lambda target: self._recorder.skip(target.system, target.name),
            own_state=own_state,
        )

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> int:
        """Probe, record and serve until `stop`; return the number of runs that could not be recorded.

        `listener` is a bound socket. Runs under way at the end are recorded as unknown(cancelled). Raises
        `LedgerError`, and what would be a bug of a part.
        """
        begin = time.time()
        self._seen |= {each.name: time.monotonic() for each in self.targets if each.interval > FREQUENT}
        self._ledger.expect([schedule_of(target) for target in self.targets], begin)
        async with self._desk:
            return await self._run(listener, stop, begin)

    async def _run(self, listener: socket.socket, stop: asyncio.Event, begin: float) -> int:
        # getaddrinfo blocks a thread for as long as a name server is silent: one for each run.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="lookup"))
        gc.collect()
        gc.freeze()  # what is there now stays: looking through it again and again would hold the probes up
        writing = asyncio.create_task(self._recorder.run(), name="recorder")
        others = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("loop lag", self._lag.watch()),
                ("references", self._references.watch()),
                ("scheduler", self._scheduler.run(begin)),
                ("evidence", self._archive.run()),
                ("windows", self._notice_windows()),
                ("calendar", self._count_to_date()),
                ("web", WebServer(self._application(), lambda: self._access.config.tls).serve(listener)),
                ("stop", stop.wait()),
            )
        ]
        try:
            ended, _ = await asyncio.wait([writing, *others], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._on_demand.close()
            self._recorder.close()
            await asyncio.gather(writing, return_exceptions=True)
            self._access.close()
            self._status.close()
            self._status_ledger.close()
        return self._recorder.waiting

    async def reload(self) -> Reloaded:
        """Read the configuration again. What cannot be used changes nothing; the answer and the log say why."""
        async with self._reloading:
            try:
                configuration, web_config = await asyncio.to_thread(self._read_again)
                chosen = self._targets(configuration, self.targets)
                now = time.time()
                await asyncio.to_thread(announce, self._ledger, configuration, now)
                await asyncio.to_thread(self._timekeeper.refresh)
                await asyncio.to_thread(self._ledger.expect, [schedule_of(target) for target in chosen], now)
            except (ConfigError, LedgerError) as error:
                self._reloaded = False
                told = f"the old configuration stays in force:\n{error}"
            else:
                told = self._go_on_with(configuration, web_config, chosen, now)
                self._loaded, self._reloaded = now, True
        self._log.event("reload", told, taken=self._reloaded)
        return Reloaded(self._reloaded, told)

    def reload_soon(self) -> None:
        """Begin a reload; a signal handler cannot wait for it."""
        task = asyncio.create_task(self.reload(), name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def snapshot(self) -> Snapshot:
        """Take what the exporter shows now; counters as they are on disk."""
        now = time.time()
        return Snapshot(
            vantage=self._ledger.vantage,
            version=_VERSION,
            systems=self._configuration.systems,
            targets=self.targets,
            totals=self._recorder.totals,
            owners={system: owner.id for system, owner in self._configuration.owner_of.items()},
            windows={system: self._timekeeper.window(system, now) for system in self._configuration.systems},
            window_ends={
                system: end
                for system in self._configuration.systems
                if (end := self._timekeeper.window_end(system, now)) is not None
            },
            notices=self._notices,
            periods={name: periods for name, periods in self._to_date.items() if name in self._configuration.systems},
            lateness=self._scheduler.lateness.snapshot(),
            ledger_write=self._recorder.write_seconds.snapshot(),
            loop_lag=self._lag.recent,
            config_loaded=self._loaded,
            reloaded=self._reloaded,
            references=self._references.answering,
            open_descriptors=open_descriptors(),
            descriptor_limit=descriptor_limit(),
            phone=self._phone(),
        )

    def _phone(self) -> Phone:
        trunks = self._configuration.environments[self._environment].trunks
        return Phone(
            in_progress=self._desk.in_progress,
            leaked=self._desk.leaked,
            budgets={name: budget_left(trunk, self._desk.spent(name)) for name, trunk in trunks.items()},
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
                lines.append(f"{target.name}: no run for {now - seen:.0f} s")
        return lines

    def _targets(self, configuration: Configuration, before: Sequence[Target] = ()) -> list[Target]:
        def window(system: str, at: float) -> Window:
            return self._timekeeper.window(system, at)

        return targets(configuration, self._environment, self._ledger.vantage, before, window=window, desk=self._desk)

    def _application(self) -> web.Application:
        debug = DebugPages(lambda: self.targets, self._archive, self._on_demand)
        others = [*self._status.routes(), *debug.routes(self._access)]
        return Exporter(self.snapshot, self.lacking, self.reload, self._access, others).application()

    def _read_again(self) -> tuple[Configuration, WebConfig]:
        configuration, web_config = self._read(), self._read_web_config()
        if self._environment not in configuration.environments:
            found = f"no environment '{self._environment}'"
            raise ConfigError([Problem(f"{configuration.root}/environments", 1, "", found, "the one that is probed")])
        return configuration, web_config

    def _go_on_with(
        self, configuration: Configuration, web_config: WebConfig, chosen: list[Target], since: float
    ) -> str:
        """Put a configuration into force that is known to be good; return what changed, in words."""
        before = {(target.system, target.name): target for target in self.targets}
        after = {(target.system, target.name): target for target in chosen}
        self._configuration, self.targets = configuration, chosen
        self._lag.memory = self._lag_memory()
        self._timekeeper.reconfigure(configuration)
        self._references.retarget(configuration.environments[self._environment].references)
        self._status.reconfigure(configuration, self._kept_elsewhere(configuration))
        self._access.replace(web_config)
        self._scheduler.retarget(chosen, since)
        added, removed = after.keys() - before.keys(), before.keys() - after.keys()
        for probe in removed:
            self._archive.forget(probe)
            self._seen.pop(probe[1], None)
        for _, name in added:
            self._seen[name] = time.monotonic()  # it has its time to make progress
        changed = [probe for probe in after.keys() & before.keys() if after[probe] != before[probe]]
        counts = (len(after) - len(added) - len(changed), len(changed), len(added), len(removed))
        return "{} probes as before, {} changed, {} added, {} removed".format(*counts)

    def _lag_memory(self) -> float:
        return max(LAG_MEMORY, *(target.timeout for target in self.targets))

    async def _notice_windows(self) -> None:
        while True:
            await asyncio.sleep(REFRESH)
            with suppress(LedgerError):  # the windows known so far go on
                await asyncio.to_thread(self._timekeeper.refresh)

    async def _count_to_date(self) -> None:
        pause = EAGER
        while True:
            with suppress(LedgerError):  # what was counted last stays
                self._to_date, self._notices = await asyncio.to_thread(self._read_record, time.time())
            await asyncio.sleep(pause)
            pause = min(AGE, 2 * pause)

    def _read_record(self, now: float) -> tuple[ToDate, dict[tuple[str, str], float]]:
        """Return what each system achieved, and which messages are due; a thread of its own calls this."""
        configuration, ledger = self._configuration, self._status_ledger
        owed = {} if self._kept_elsewhere(configuration) else deadlines(ledger, configuration, now)
        return to_date(ledger, configuration, now), owed

    def _kept_elsewhere(self, configuration: Configuration) -> str | None:
        """Return which other monitor keeps the messages, if any: this one then does not know what was said."""
        return configuration.environments[self._environment].notices.elsewhere(self._ledger.vantage)

    def _deliver(self, run: Run, outcome: Outcome | None) -> None:
        self._recorder.put(run)
        self._archive.add(run, outcome)

    def _note(self, run: Run) -> None:
        self._seen[run.probe] = time.monotonic()
        self._timekeeper.note(run)
        self._on_recorded(run)
