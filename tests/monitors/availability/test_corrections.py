"""A window that is entered or changed afterwards changes the published figure by exactly the minutes it covers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.hours import ALWAYS, Holidays, Hours, Opening
from monitors.availability.accounting import Account, Counts, account
from monitors.availability.timeline import timeline
from monitors.record.ledger import Ledger
from monitors.verdict import Cause, Pass, Unknown, Window
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.records import BAD, FIRST, HOME, SETTLED, START, run, schedule, slot

HOURS = 6
VERDICTS = [Pass(), Pass(), Pass(), BAD, Unknown(Cause.OVERLOADED)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Give six hours of runs of every kind, some of them missing."""
    chance = random.Random(5)
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        opened.expect([schedule()], START)
        runs = [run(slot(number), chance.choice(VERDICTS)) for number in range(HOURS * 240) if chance.random() < 0.95]
        opened.record(runs)
        yield opened


def figure(ledger: Ledger, as_known_at: float | None = None) -> Account:
    """Return what is published of the whole record, with the windows as known then."""
    first, last = FIRST, FIRST + 60 * HOURS
    windows = ledger.windows(as_known_at)
    opening = Opening(Hours.parse(ALWAYS), Holidays())
    stretches = timeline(first, last, windows, opening, lambda minute: ledger.first_good(HOME, minute))
    edges = [*(start for start, _, _ in stretches), last]
    return account("website", 99.9, 0, stretches, ledger.counts(HOME, edges, now=SETTLED))


def window(start: int, end: int, kind: str = "planned", uid: str = "w") -> AnnouncedWindow:
    """Return a window of so many minutes after START."""
    return AnnouncedWindow(START + 60 * start, START + 60 * end, uid, kind, ("website",), "Work")  # type: ignore[arg-type]


def by_hand(ledger: Ledger, start: int, end: int) -> Counts:
    """Add up raw minutes."""
    rows = ledger.minutes_of(HOME, FIRST + start, FIRST + end)
    good, bad, unknown = (sum(row[column] for row in rows) for column in (1, 2, 3))
    return Counts(good, bad, unknown, 4 * (end - start))


def minus(whole: Counts, part: Counts) -> Counts:
    return Counts(
        whole.good - part.good, whole.bad - part.bad, whole.unknown - part.unknown, whole.expected - part.expected
    )


def test_each_correction_moves_exactly_its_minutes(ledger: Ledger) -> None:
    """Entered, stretched, turned into a repair, withdrawn: what is judged changes by the runs of those minutes."""
    whole = figure(ledger).judged
    assert whole == by_hand(ledger, 0, 60 * HOURS)
    known = SETTLED
    for start, end, kind in ((37, 153, "planned"), (37, 211, "planned"), (100, 130, "planned"), (37, 211, "aftermath")):
        known += 1
        ledger.add_window(window(start, end, kind), known, by="J. Jansen", why="as it was")
        found = figure(ledger)
        moved = by_hand(ledger, start, end) if kind == "planned" else Counts()
        assert found.of(Window.PLANNED) == moved
        assert found.judged == minus(whole, moved)
        assert found.published == whole, "all time stays all time"
        assert found.of(Window.AFTERMATH) == (by_hand(ledger, start, end) if kind == "aftermath" else Counts())
    ledger.add_window(window(37, 211, "aftermath"), known + 1, by="J. Jansen", why="never announced", withdrawn=True)
    assert figure(ledger).judged == whole


def test_a_figure_as_known_on_a_day_is_the_one_that_was_published(ledger: Ledger) -> None:
    """Every figure that was ever computed can be computed again, whatever was corrected since."""
    chance = random.Random(7)
    published = [(SETTLED, figure(ledger))]
    for step in range(1, 12):
        start = chance.randrange(0, 300)
        corrected = window(
            start, start + chance.randrange(1, 60), chance.choice(["planned", "aftermath"]), f"w{step % 3}"
        )
        withdrawn = chance.random() < 0.2
        ledger.add_window(corrected, SETTLED + 10 * step, by="J. Jansen", why="", withdrawn=withdrawn)
        published.append((SETTLED + 10 * step, figure(ledger)))
    assert len({str(account) for _, account in published}) > 6
    for known_at, account_then in published:
        assert figure(ledger, known_at + 5) == account_then


def test_overlapping_windows_are_not_counted_twice(ledger: Ledger) -> None:
    ledger.add_window(window(10, 100, uid="a"), SETTLED, by="a", why="")
    ledger.add_window(window(50, 120, uid="b"), SETTLED, by="b", why="")
    assert figure(ledger).of(Window.PLANNED) == by_hand(ledger, 10, 120)
    ledger.add_window(window(90, 110, "aftermath", uid="c"), SETTLED, by="c", why="")
    found = figure(ledger)
    assert found.of(Window.AFTERMATH) == by_hand(ledger, 90, 110)
    assert found.of(Window.PLANNED) == minus(by_hand(ledger, 10, 120), by_hand(ledger, 90, 110))
