"""One probe and its runs, for the tests of the ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from journeys import Reason
from monitors.availability.accounting import Counts
from monitors.record.ledger import Ledger, Schedule
from monitors.verdict import Fail, Pass, Phases, Run, Verdict, Window

START = 1_700_000_000 // 3600 * 3600
"""A whole hour."""
FIRST = START // 60
SETTLED = START + 1e6
"""So late that every run is owed."""
HOME = ("website", "home-page")
BAD = Fail(Reason.TIMEOUT, "home")


def run(at: float, verdict: Verdict = Pass(), window: Window = Window.NONE, duration: float = 0.2) -> Run:  # noqa: B008
    return Run(*HOME, at, duration, verdict, window, Phases(0.01, 0.02, 0.03, 0.04))


def schedule(interval: float = 15.0, phase: float = 3.0) -> Schedule:
    return Schedule(*HOME, interval, phase)


def slot(number: int) -> float:
    """Return the Unix time of a slot of `schedule()`, counted from START."""
    return START + 3 + 15 * number


def counted(ledger: Ledger, minutes: int, now: float = SETTLED, start: int = FIRST) -> list[Counts]:
    """Return what is counted and expected in each of so many minutes."""
    return ledger.counts(HOME, range(start, start + minutes + 1), now=now)


def coverage(counts: list[Counts]) -> float:
    return sum(each.good + each.bad for each in counts) / sum(each.expected for each in counts)


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Do something behind the ledger's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()
