"""A configuration read again while the monitor runs: what is unchanged goes on, what is bad changes nothing."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import bcrypt
import pytest
from aiohttp import BasicAuth, web
from prometheus_client.parser import text_string_to_metric_families

from config import ConfigError, Configuration, Problem, load
from config.channels import Publishing
from monitors import metrics, service
from monitors.log import Log
from monitors.record.ledger import Ledger, LedgerError
from monitors.scheduler import schedule_of
from monitors.service import Monitor
from monitors.verdict import Cause, Pass, Run, Unknown
from monitors.web.web_config import WebConfig
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.listeners import answering, http_probe
from tests.waiting import LONG, until

INTERVAL = 1.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


class Estate:
    """A configuration of one system at `base`, with a probe for each path; `monitor.read` reads what it is now."""

    def __init__(self, root: Path, base: str, shipped: Configuration) -> None:
        self._shipped = shipped
        self._base = base
        self.root = root
        (root / "maintenance").mkdir()
        self.web = WebConfig()
        self.trouble: ConfigError | None = None
        self.paths: dict[str, str] = {}
        self.environment = "local"
        self.kept_by: str | None = None

    def probes(self, **paths: str) -> None:
        """Say which probes there are, name to path."""
        self.paths = paths

    def read(self) -> Configuration:
        if self.trouble:
            raise self.trouble
        place = self._shipped.environments["local"].model_copy(
            update={
                "endpoints": {"website": self._base},
                "probe_interval": INTERVAL,
                "references": [],
                "notices": Publishing(kept_by=self.kept_by),
            }
        )
        system = self._shipped.systems["website"]
        system = system.model_copy(
            update={
                "probes": {name: http_probe(path=path) for name, path in self.paths.items()},
                "objective": system.objective.model_copy(update={"measured_by": [next(iter(self.paths))]}),
                "depends_on": [],
            }
        )
        return replace(
            self._shipped, root=self.root, systems={"website": system}, environments={self.environment: place}
        )

    def announce(self, text: str) -> None:
        (self.root / "maintenance" / "plan.ics").write_text(text, encoding="utf-8", newline="")


@dataclass
class Running:
    """A monitor that runs, every run that it recorded, and every line that it said."""

    monitor: Monitor
    runs: list[Run]
    lines: list[str]
    url: str

    def count(self, probe: str) -> int:
        return sum(run.probe == probe for run in self.runs)

    async def next_run(self, probe: str) -> Run:
        """Wait for a run of this probe that ends from now on."""
        before = len(self.runs)
        await until(lambda: any(run.probe == probe for run in self.runs[before:]))
        return next(run for run in self.runs[before:] if run.probe == probe)

    async def ask(self, path: str, method: str = "GET", auth: BasicAuth | None = None) -> tuple[int, str]:
        async with aiohttp.ClientSession(auth=auth) as session, session.request(method, self.url + path) as answer:
            return answer.status, await answer.text()

    async def exported(self) -> dict[str, set[str]]:
        """Return the probes of each exported family that has such a label."""
        _, text = await self.ask("/metrics")
        return {
            family.name: {sample.labels["probe"] for sample in family.samples}
            for family in text_string_to_metric_families(text)
            if family.samples and "probe" in family.samples[0].labels
        }

    async def gauge(self, metric: object) -> float:
        _, text = await self.ask("/metrics")
        return next(f.samples[0].value for f in text_string_to_metric_families(text) if f.name == str(metric))


@asynccontextmanager
async def running(estate: Estate, ledger: Ledger) -> AsyncIterator[Running]:
    runs, lines = list[Run](), list[str]()
    monitor = Monitor(
        estate.read, "local", ledger, runs.append, read_web_config=lambda: estate.web, log=Log(lines.append)
    )
    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(monitor.run(listener, stop))
        try:
            yield Running(monitor, runs, lines, f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            stop.set()
            await asyncio.wait_for(task, LONG)


class Site:
    """A web site that counts what is asked for; `held` paths answer when they are released."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.held: dict[str, asyncio.Event] = {}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        if request.path in self.held:
            await self.held[request.path].wait()
        return web.Response(text="here")


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, str]]:
    made = Site()
    async with answering(made.answer) as base:
        yield made, base


@pytest.fixture
def estate(tmp_path: Path, site: tuple[Site, str], configuration: Configuration) -> Estate:
    return Estate(tmp_path, site[1], configuration)


async def test_probes_come_change_and_go(estate: Estate, ledger: Ledger, site: tuple[Site, str]) -> None:
    """What is removed is out of the metrics and stays in the record; what is changed asks for the new page."""
    estate.probes(stays="/stays", changes="/old", goes="/goes")
    async with running(estate, ledger) as run:
        for name in ("stays", "changes", "goes"):
            await until(lambda name=name: run.count(name) > 0)  # type: ignore[misc]
        estate.probes(stays="/stays", changes="/new", comes="/comes")
        status, told = await run.ask("/-/reload", "POST")
        assert (status, told) == (200, "1 probes as before, 1 changed, 1 added, 1 removed\n")
        before, goes = site[0].asked["/old"], run.count("goes")
        for name in ("stays", "changes", "comes"):
            await run.next_run(name)
        exported = await run.exported()
        assert {frozenset(probes) for name, probes in exported.items() if name.startswith("piekwacht_probe_run")} == {
            frozenset({"stays", "changes", "comes"})
        }
        assert not any("goes" in probes for probes in exported.values())
        assert site[0].asked["/new"] > 0
        assert site[0].asked["/old"] <= before + 1, "a run that was under way ends"
        assert run.count("goes") <= goes + 1
        assert run.monitor.lacking() == []
    assert ("website", "goes") in ledger.totals().states
    assert {probe for _, probe in ledger.intervals()} == {"stays", "changes", "comes"}


async def test_a_run_under_way_is_not_cut_off(estate: Estate, ledger: Ledger, site: tuple[Site, str]) -> None:
    """Neither that of an unchanged probe nor that of a changed one: each ends with its verdict, and is recorded."""
    site[0].held = {path: asyncio.Event() for path in ("/stays", "/old")}
    estate.probes(stays="/stays", changes="/old")
    async with running(estate, ledger) as run:
        await until(lambda: site[0].asked["/stays"] > 0 and site[0].asked["/old"] > 0)
        estate.probes(stays="/stays", changes="/new")
        assert (await run.monitor.reload()).taken
        for event in site[0].held.values():
            event.set()
        await until(lambda: run.count("stays") > 0 and run.count("changes") > 0)
        first = {name: next(each for each in run.runs if each.probe == name) for name in ("stays", "changes")}
        assert not any(
            isinstance(each.verdict, Unknown) and each.verdict.cause is Cause.CANCELLED for each in first.values()
        )


async def test_unchanged_probes_keep_their_phase_and_what_they_remember(estate: Estate, ledger: Ledger) -> None:
    """The schedule in the ledger has no seam, and the memory is the same object."""
    estate.probes(stays="/stays", changes="/old")
    async with running(estate, ledger) as run:
        await run.next_run("stays")
        before = {target.name: target for target in run.monitor.targets}
        schedule = schedule_of(before["stays"])
        before["stays"].memory.unanswered["1"] = 5.0
        estate.probes(changes="/new", stays="/stays")
        assert (await run.monitor.reload()).taken
        after = {target.name: target for target in run.monitor.targets}
        assert after["stays"] == before["stays"]
        assert after["stays"].memory is before["stays"].memory
        assert schedule_of(after["stays"]) == schedule
        await run.next_run("stays")
    assert len(ledger._schedules[("website", "stays")]) == 1


def bad_file() -> ConfigError:
    return ConfigError([Problem("estate/website.yaml", 7, "systems.website", "nothing", "the key 'name'")])


async def test_a_bad_file_changes_nothing_and_says_why(estate: Estate, ledger: Ledger) -> None:
    """Every error in the answer and in the log, the gauge at 0 until a good file comes, the probes as before."""
    estate.probes(stays="/stays")
    async with running(estate, ledger) as run:
        assert await run.gauge(metrics.CONFIG_RELOADED) == 1
        loaded = await run.gauge(metrics.CONFIG_LOADED)
        estate.trouble = bad_file()
        status, told = await run.ask("/-/reload", "POST")
        assert status == 500
        assert "estate/website.yaml:7: systems.website: found nothing, expected the key 'name'" in told
        assert "estate/website.yaml:7" in run.lines[-1]
        assert await run.gauge(metrics.CONFIG_RELOADED) == 0
        assert await run.gauge(metrics.CONFIG_LOADED) == loaded
        await run.next_run("stays")
        estate.trouble = None
        assert (await run.ask("/-/reload", "POST"))[0] == 200
        assert await run.gauge(metrics.CONFIG_RELOADED) == 1
        assert await run.gauge(metrics.CONFIG_LOADED) > loaded


async def test_an_environment_that_is_gone_is_a_bad_file(estate: Estate, ledger: Ledger) -> None:
    estate.probes(stays="/stays")
    async with running(estate, ledger) as run:
        estate.environment = "other"
        reloaded = await run.monitor.reload()
        assert not reloaded.taken
        assert "no environment 'local'" in reloaded.told


async def test_a_ledger_that_cannot_be_written_keeps_the_old_configuration(
    estate: Estate, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probes that the record does not expect would be runs too many."""

    def refuse(*_: object) -> None:
        raise LedgerError("the disk is full")

    estate.probes(stays="/stays")
    async with running(estate, ledger) as run:
        await run.next_run("stays")
        estate.probes(stays="/stays", comes="/comes")
        monkeypatch.setattr(ledger, "expect", refuse)
        reloaded = await run.monitor.reload()
        assert (reloaded.taken, "the disk is full" in reloaded.told) == (False, True)
        assert [target.name for target in run.monitor.targets] == ["stays"]


WINDOW = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//test//NL\r
BEGIN:VEVENT\r
UID:release@example.nl\r
DTSTAMP:20200101T000000Z\r
DTSTART:20200101T000000Z\r
DTEND:{end}\r
SUMMARY:Release\r
CATEGORIES:website\r
END:VEVENT\r
END:VCALENDAR\r
"""


async def test_calendars_are_read_again(estate: Estate, ledger: Ledger) -> None:
    """A broken one is a bad file; a window in a good one holds at once."""
    estate.probes(stays="/stays")
    async with running(estate, ledger) as run:
        estate.announce(WINDOW.format(end="sometime"))
        reloaded = await run.monitor.reload()
        assert (reloaded.taken, "plan.ics:8: DTEND" in reloaded.told) == (False, True)
        estate.announce(WINDOW.format(end="21000101T000000Z"))
        assert (await run.monitor.reload()).taken
        assert (await run.monitor.snapshot()).windows == {"website": "planned"}
        assert (await run.next_run("stays")).verdict == Pass()
        await until(lambda: run.runs[-1].window == "planned")
    [revision] = [each for each in ledger.window_history() if each.window.kind == "planned"]
    assert revision.by == "calendar: plan.ics"


async def test_a_window_that_another_process_enters_is_noticed(
    estate: Estate, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a reload, from the next look on."""
    monkeypatch.setattr(service, "REFRESH", 0.05)
    estate.probes(stays="/stays")
    async with running(estate, ledger) as run:
        now = time.time()
        window = AnnouncedWindow(now - 60, now + 3600, "by-hand", "planned", ("website",), "Release")
        with Ledger.open_to_correct(ledger.path) as other:
            other.add_window(window, now, by="J. Jansen", why="left out of the calendar")
        await until(lambda: bool(run.runs) and run.runs[-1].window == "planned")


async def test_the_web_configuration_is_read_again(estate: Estate, ledger: Ledger) -> None:
    """Users that were added must log in from now on."""
    estate.probes(stays="/stays")
    async with running(estate, ledger) as run:
        assert (await run.ask("/-/healthy"))[0] == 200
        estate.web = WebConfig(users={"alice": bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()}, authenticates=True)
        assert (await run.monitor.reload()).taken
        assert (await run.ask("/-/healthy"))[0] == 401
        assert (await run.ask("/-/healthy", auth=BasicAuth("alice", "x")))[0] == 200


def test_the_shipped_configuration_can_be_read_twice(configuration: Configuration) -> None:
    """Equal, so that a reload of unchanged files changes nothing."""
    again = load(configuration.root)
    assert again.systems == configuration.systems
    assert again.environments == configuration.environments


@pytest.mark.parametrize(("kept_by", "elsewhere"), [(None, None), ("local", None), ("amsterdam", "amsterdam")])
async def test_one_monitor_says_which_messages_are_due(
    estate: Estate, ledger: Ledger, kept_by: str | None, elsewhere: str | None
) -> None:
    """Only the one that keeps the messages knows; the others' pages say which that is."""
    estate.probes(stays="/stays")
    estate.kept_by = kept_by
    start = time.time() + 3600
    late = AnnouncedWindow(start, start + 3600, "release", "planned", ("website",), "Release")
    ledger.add_window(late, time.time(), by="J. Jansen", why="announced an hour ahead")
    async with running(estate, ledger) as run:
        while not (snapshot := await run.monitor.snapshot()).periods:  # noqa: ASYNC110 - sets no event
            await asyncio.sleep(0.05)
        page = json.loads((await run.ask("/status.json"))[1])
        html = (await run.ask("/?lang=en"))[1]
    assert {rule for _, rule in snapshot.notices} == (set() if elsewhere else {"N1"})
    assert page["notices_kept_by"] == elsewhere
    assert [each["case"] for each in page["notices"]] == ([] if elsewhere else ["release"])
    assert ("The monitor at amsterdam knows what must be told" in html) == bool(elsewhere)
    assert ("<code>piekwacht notice draft release --kind planned</code>" in html) != bool(elsewhere)
