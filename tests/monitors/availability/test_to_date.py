"""The month and the year to date: what the ledger gives to `/metrics` is what the report says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from config import Configuration
from config.hours import ZONE
from monitors.availability.periods import calendar
from monitors.availability.report import report
from monitors.availability.to_date import to_date
from monitors.record.ledger import Ledger
from monitors.verdict import Pass, Window
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.records import BAD, run, schedule

FEBRUARY = datetime(2027, 2, 28, 12, tzinfo=ZONE).timestamp()
"""When measuring began: half a day before the first of March."""
NOW = datetime(2027, 3, 1, 13, 30, 20, tzinfo=ZONE).timestamp()


@pytest.fixture
def estate(configuration: Configuration) -> Configuration:
    """Return an estate of the website alone."""
    return replace(configuration, systems={"website": configuration.systems["website"]})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Fill a ledger with a run a minute: every tenth of February failed, every hundredth of March; two hours work."""
    march = calendar("month", "2027-03").start * 60
    runs = [
        run(at, BAD if number % (10 if at < march else 100) == 0 else Pass())
        for number in range(int((NOW - FEBRUARY) // 60))
        for at in [FEBRUARY + 60 * number + 3]
    ]
    start = march + 3600.0
    work = AnnouncedWindow(start, start + 7200, "w", "planned", ("website",), "work")
    with Ledger.open(tmp_path / "ledger.sqlite", vantage="here") as ledger:
        ledger.expect([schedule(60.0, 3.0)], FEBRUARY)
        ledger.record(runs)
        ledger.add_window(work, start - 9e5, by="me", why="agreed")
        yield ledger


def test_it_is_what_the_report_says(ledger: Ledger, estate: Configuration) -> None:
    """Every number of the month and the year, classes of time and what is ahead included."""
    found = to_date(ledger, estate, NOW)["website"]
    for name, period in (("month", calendar("month", "2027-03")), ("year", calendar("year", "2027"))):
        [figure] = report([ledger], estate, period, now=NOW).figures
        assert found[name] == figure.account, name


def test_the_month_begins_at_midnight_of_the_first_and_the_year_holds_it(ledger: Ledger, estate: Configuration) -> None:
    """Twelve hours of February are in the year alone; planned work is a class of its own in both."""
    found = to_date(ledger, estate, NOW)["website"]
    month, year = found["month"].counts, found["year"].counts
    assert year[Window.NONE].good + year[Window.NONE].bad == month[Window.NONE].good + month[Window.NONE].bad + 720
    assert year[Window.NONE].bad - month[Window.NONE].bad == 72
    assert month[Window.PLANNED].good + month[Window.PLANNED].bad == 120
    assert month[Window.PLANNED] == year[Window.PLANNED]


def test_a_correction_moves_what_was_counted(ledger: Ledger, estate: Configuration) -> None:
    """A window that turns out to have been an aftermath counts; the sums stay."""
    before = to_date(ledger, estate, NOW)["website"]["month"]
    [window] = ledger.windows()
    ledger.add_window(replace(window, kind="aftermath"), NOW, by="me", why="it was a repair")
    after = to_date(ledger, estate, NOW)["website"]["month"]
    assert after.of(Window.AFTERMATH) == before.of(Window.PLANNED)
    assert after.published == before.published
    assert after.judged.expected == before.judged.expected + 120


def test_a_new_month_begins_empty(ledger: Ledger, estate: Configuration) -> None:
    """At midnight of the first, local time, the month's sums are those of no run; the year goes on."""
    midnight = datetime(2027, 4, 1, tzinfo=ZONE).timestamp()
    last, first = (to_date(ledger, estate, at)["website"] for at in (midnight - 1, midnight + 1))
    assert last["month"].published.good > 0
    assert first["month"].published.good == 0
    assert first["year"].published.good == last["year"].published.good


def test_of_an_unused_ledger_there_is_nothing(tmp_path: Path, estate: Configuration) -> None:
    """No zeroes, which would say that nothing failed."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        assert to_date(ledger, estate, NOW) == {}
