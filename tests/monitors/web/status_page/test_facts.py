"""From runs in a ledger to the page that is served: nothing is remembered but the record."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config import Configuration
from journeys import Reason
from monitors.record.ledger import Ledger, Schedule
from monitors.verdict import Cause, Fail, Pass, Run, Unknown, Verdict
from monitors.web.status_page import serve
from monitors.web.status_page.facts import Reader
from monitors.web.status_page.serve import StatusPage
from monitors.web.status_page.view import Level, State, SystemRow, view
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.web.status_page.sample import ZONE

STEP = 60.0
BEGIN = datetime(2026, 3, 28, 12, tzinfo=ZONE).timestamp()
"""The day before the clock changes."""
HOUR = 3600.0
SYSTEM, PROBE = "website", "home-page"
LOST = Fail(Reason.TIMEOUT, "home")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Return a ledger of one probe that is due every minute from noon on."""
    with Ledger.open(tmp_path / "ledger.sqlite", vantage="amsterdam") as opened:
        opened.expect([Schedule(SYSTEM, PROBE, STEP, 0.0)], BEGIN)
        yield opened


def record(ledger: Ledger, start: float, end: float, verdict: Verdict = Pass()) -> None:  # noqa: B008
    """Let the probe run every minute of [start, end), in seconds from the beginning."""
    minutes = range(round(start // STEP), round(end // STEP))
    ledger.record([Run(SYSTEM, PROBE, BEGIN + minute * STEP, 0.1, verdict) for minute in minutes])


def row(ledger: Ledger, configuration: Configuration, after: float) -> SystemRow:
    page = view(Reader(ledger, configuration).facts(BEGIN + after))
    return next(each for each in page.systems if each.id == SYSTEM)


def test_days_are_those_of_the_calendar(ledger: Ledger, configuration: Configuration) -> None:
    """Midnight in Amsterdam parts them, on the Sunday of the clock change too; what lies before the record is empty."""
    record(ledger, 0, 12 * HOUR - STEP)
    record(ledger, 12 * HOUR - STEP, 12 * HOUR, LOST)  # the last minute of Saturday
    record(ledger, 12 * HOUR, 35 * HOUR)  # Sunday has 23 hours
    record(ledger, 35 * HOUR, 36 * HOUR, LOST)  # the first hour of Monday
    found = row(ledger, configuration, 36 * HOUR)
    assert [day.day.isoformat() for day in found.days[-3:]] == ["2026-03-28", "2026-03-29", "2026-03-30"]
    assert [day.availability for day in found.days[-3:]] == [pytest.approx(719 / 720), 1.0, 0.0]
    assert [day.level for day in found.days[-4:]] == [Level.NO_DATA, Level.SHORT, Level.MET, Level.FAR_SHORT]
    assert (len(found.days), found.days[0].coverage) == (90, None)


def test_figures_are_those_of_accounting(ledger: Ledger, configuration: Configuration) -> None:
    """All runs since the beginning; the year's budget is that of the whole year that counts, 275.5 days of it."""
    record(ledger, 0, 10 * HOUR)
    record(ledger, 10 * HOUR, 11 * HOUR, LOST)
    record(ledger, 11 * HOUR, 20 * HOUR)
    found = row(ledger, configuration, 20 * HOUR + 300)
    assert found.rolling.availability == found.year.availability == pytest.approx(19 / 20)
    assert found.rolling.met is False
    whole_year = (datetime(2027, 1, 1, tzinfo=ZONE).timestamp() - BEGIN) / 60
    assert found.year.budget_minutes == pytest.approx(whole_year / 1000)
    assert found.rolling.budget_minutes == pytest.approx((20 * 60 + 6) / 1000)


def test_maintenance_entered_afterwards_changes_the_page(ledger: Ledger, configuration: Configuration) -> None:
    """The failed hour becomes planned: the day is met, the incident marked."""
    record(ledger, 0, HOUR)
    record(ledger, HOUR, 2 * HOUR, LOST)
    record(ledger, 2 * HOUR, 3 * HOUR)
    assert row(ledger, configuration, 3 * HOUR).days[-1].level is Level.FAR_SHORT
    window = AnnouncedWindow(BEGIN + HOUR, BEGIN + 2 * HOUR, "late", "planned", (SYSTEM,), "Entered afterwards")
    ledger.add_window(window, BEGIN + 3 * HOUR, by="a person", why="was forgotten")
    page = view(Reader(ledger, configuration).facts(BEGIN + 3 * HOUR))
    assert next(each for each in page.systems if each.id == SYSTEM).days[-1].level is Level.MET
    assert [(each.planned, each.seconds) for each in page.incidents] == [(True, HOUR)]


def test_state_and_incident_survive_the_monitor(tmp_path: Path, configuration: Configuration) -> None:
    """Closed in the middle of an incident and opened again, page and record go on where they were."""
    path = tmp_path / "again.sqlite"
    with Ledger.open(path) as first:
        first.expect([Schedule(SYSTEM, PROBE, STEP, 0.0)], BEGIN)
        record(first, 0, HOUR)
        record(first, HOUR, HOUR + STEP, LOST)
    with Ledger.open(path) as second:
        record(second, HOUR + STEP, HOUR + 2 * STEP, LOST)
        found = row(second, configuration, HOUR + 2 * STEP)
        assert (found.state, found.reason) == (State.FAILS, Reason.TIMEOUT)
        assert found.since is not None
        assert found.since.timestamp() == BEGIN + HOUR
    with Ledger.open(path) as third:
        record(third, HOUR + 2 * STEP, HOUR + 9 * STEP)
        page = view(Reader(third, configuration).facts(BEGIN + HOUR + 9 * STEP))
        assert [(each.seconds, each.ended is None) for each in page.incidents] == [(2 * STEP, False)]


def test_silence_is_unknown(ledger: Ledger, configuration: Configuration) -> None:
    """While nothing comes, and while the prober is in trouble; it says which, and back it works."""
    record(ledger, 0, HOUR)
    quiet = row(ledger, configuration, HOUR + 30 * STEP)
    assert (quiet.state, quiet.cause) == (State.UNKNOWN, None)
    record(ledger, HOUR, HOUR + 30 * STEP, Unknown(Cause.OWN_NETWORK))
    blind = row(ledger, configuration, HOUR + 30 * STEP)
    assert (blind.state, blind.cause) == (State.UNKNOWN, Cause.OWN_NETWORK)
    record(ledger, HOUR + 30 * STEP, HOUR + 31 * STEP)
    assert row(ledger, configuration, HOUR + 31 * STEP).state is State.WORKS


def test_a_failed_batch_leaves_no_trace(
    ledger: Ledger, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not written was not seen: the next attempt says the same once."""
    record(ledger, 0, HOUR)
    ledger._writer.execute(  # type: ignore[union-attr]
        "CREATE TEMP TRIGGER full BEFORE INSERT ON main.sightings BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(Exception, match="full"):
        record(ledger, HOUR, HOUR + 3 * STEP, LOST)
    ledger._writer.execute("DROP TRIGGER full")  # type: ignore[union-attr]
    record(ledger, HOUR, HOUR + 3 * STEP, LOST)
    assert [each.at - BEGIN for each in ledger.sightings(0.0)] == [0.0, HOUR]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = BEGIN + HOUR

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def served(ledger: Ledger, configuration: Configuration) -> AsyncIterator[tuple[TestClient[Any, Any], Clock]]:
    record(ledger, 0, HOUR)
    clock = Clock()
    page = StatusPage(ledger, configuration, clock=clock)
    application = web.Application()
    application.add_routes(page.routes())
    async with TestClient(TestServer(application)) as client:
        yield client, clock
    page.close()


async def test_the_page_is_served(served: tuple[TestClient[Any, Any], Clock]) -> None:
    """In the language of the browser or of the address, with its policy; the twin as JSON."""
    client, _ = served
    async with client.get("/", headers={"Accept-Language": "nl"}) as response:
        assert (response.status, response.content_type) == (200, "text/html")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert '<html lang="nl">' in await response.text()
    async with client.get("/?lang=en&renew=off", headers={"Accept-Language": "nl"}) as response:
        text = await response.text()
        assert '<html lang="en">' in text
        assert 'http-equiv="refresh"' not in text
    async with client.get("/status.json") as response:
        found = json.loads(await response.text())
        states = {each["id"]: each["state"] for owner in found["owners"] for each in owner["systems"]}
        assert states[SYSTEM] == "works"


async def test_many_readers_are_one(
    served: tuple[TestClient[Any, Any], Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty at once make one page, in a thread of its own; a moment later there is another."""
    client, clock = served
    made: list[str] = []

    def counted(*arguments: Any, **more: Any) -> str:
        made.append(threading.current_thread().name)
        return "page"

    monkeypatch.setattr(serve, "render", counted)

    async def read() -> str:
        async with client.get("/?lang=en") as response:
            return await response.text()

    assert await asyncio.gather(*(read() for _ in range(50))) == ["page"] * 50
    assert len(made) == 1
    assert made[0].startswith("status")
    clock.now += 10
    await read()
    assert len(made) == 2


async def test_what_was_counted_is_kept_for_a_minute(
    served: tuple[TestClient[Any, Any], Clock], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state is that of the moment; the runs of the year are counted anew after a minute."""
    client, clock = served
    counts, asked = ledger.counts, []

    def counted(*arguments: Any, **more: Any) -> Any:
        asked.append(arguments)
        return counts(*arguments, **more)

    monkeypatch.setattr(ledger, "counts", counted)

    async def state() -> str:
        async with client.get("/status.json") as response:
            found = json.loads(await response.text())
        states = {each["id"]: each["state"] for owner in found["owners"] for each in owner["systems"]}
        return str(states[SYSTEM])

    assert await state() == "works"
    first = len(asked)
    record(ledger, HOUR, HOUR + 2 * STEP, LOST)
    clock.now += 3
    assert await state() == "fails"
    assert len(asked) == first
    clock.now += 60
    await state()
    assert len(asked) == 2 * first


async def test_a_broken_ledger_is_said(served: tuple[TestClient[Any, Any], Clock], ledger: Ledger) -> None:
    """A page that cannot be made is no page, and says why."""
    client, clock = served
    ledger.close()
    clock.now += timedelta(hours=1).total_seconds()
    async with client.get("/") as response:
        assert response.status == 503
        assert "ledger.sqlite" in await response.text()
