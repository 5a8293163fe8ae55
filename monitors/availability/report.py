"""The availability of every system in a period: gathered from the ledgers, whole or by day, month, quarter or year."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from config import Configuration
from config.commands import Exit
from monitors.availability.accounting import Account, Chain, Counts, account, runs_out
from monitors.availability.books import Books
from monitors.availability.periods import Period, Unit, split
from monitors.availability.timeline import Stretch, at_edges
from monitors.record.ledger import Ledger

DAY = 1440

PACE_RULE = (
    "The budget runs out when the system goes on failing at the same pace, in the time ahead that counts: the pace of "
    "the last 24 hours, and the pace of the period so far. A rolling period is looked at for its own length ahead, and "
    "what drops out at its far end is not given back."
)


@dataclass(frozen=True, slots=True)
class Line:
    """What one system achieved in one period, by itself and with everything it depends on."""

    period: Period
    account: Account
    chain: Chain


@dataclass(frozen=True, slots=True)
class Figure(Line):
    """The line of the whole period, its parts, and the minutes (Unix time // 60) in which its budget runs out.

    `out_at_day_pace`: at the pace of the last 24 hours, `out_at_period_pace`: at that of the period; None: not ahead.
    """

    parts: Sequence[Line] = ()
    out_at_day_pace: int | None = None
    out_at_period_pace: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of every system in `period`, as far as it lies between the first schedule and `end` (a minute).

    `known_at` (Unix seconds) says whose knowledge of windows it is; None: that of today.
    """

    period: Period
    end: int
    vantages: Sequence[str]
    in_minutes: bool
    known_at: float | None
    figures: Sequence[Figure]

    @property
    def answer(self) -> Exit:
        """NO if a system misses its objective; else INVALID if one cannot be judged, for nobody can tell; else GOOD.

        Of a system that was closed all along there is nothing to tell.
        """
        met = [figure.account.met for figure in self.figures if not figure.account.closed]
        if False in met:
            return Exit.NO
        return Exit.INVALID if None in met else Exit.GOOD


def report(
    ledgers: Sequence[Ledger],
    configuration: Configuration,
    period: Period,
    *,
    now: float,
    known_at: float | None = None,
    by: Unit | None = None,
    systems: Collection[str] | None = None,
) -> Report:
    """Account for the systems (None: all of the estate) in the minutes of `period`, asked at `now` (Unix seconds).

    The period begins at the earliest when the first probe was scheduled; what lies after `now` adds to the budget.
    Ledgers are of different vantage points. Raises `LedgerError`.
    """
    asked = math.ceil(now / 60)
    start = period.start if period.end < asked else min(period.start, asked - DAY)
    books = Books(ledgers, configuration, start, period.end, now, known_at)
    first = asked if books.begin is None else books.begin
    whole = Period(period.name, max(period.start, min(first, period.end, asked)), period.end)
    names = [name for name in configuration.systems if systems is None or name in systems]
    figures = [_Maker(books, configuration, name, whole, by).figure() for name in names]
    vantages = [ledger.vantage for ledger in ledgers]
    return Report(whole, min(whole.end, books.end), vantages, books.in_minutes, known_at, figures)


class _Maker:
    """Makes the figure of one system."""

    def __init__(self, books: Books, configuration: Configuration, system: str, whole: Period, by: Unit | None) -> None:
        self.system = system
        self._books = books
        self._objective = configuration.systems[system].objective
        self._whole = whole
        self._end = min(whole.end, books.end)
        self._by = by

    def figure(self) -> Figure:
        """Return the figure of the period with its parts."""
        start, end = self._whole.start, self._end
        periods = list(split(start, end, self._by)) if self._by else []
        stretches = at_edges(self._books.timeline(self.system, start, end), [each.start for each in periods])
        lines = list(self._lines(periods or [Period(self._whole.name, start, end)], stretches))
        rest = self._books.timeline(self.system, end, self._whole.end) if end < self._whole.end else []
        total = reduce(add, (line.account for line in lines)) + self._account([], rest)
        chain = reduce(add, (line.chain for line in lines))
        ahead = rest or self._rolling()
        left = total.budget_minutes_left
        out = [runs_out(left, pace, ahead) for pace in self._paces(total)] if ahead else [None, None]
        return Figure(self._whole, total, chain, lines if periods else (), *out)

    def _lines(self, periods: Iterable[Period], stretches: Sequence[Stretch]) -> Iterator[Line]:
        counts = self._books.counts(self.system, stretches)
        chains = self._books.chains(self.system, stretches)
        rows = list(zip(stretches, counts, chains, strict=True))
        starts = [start for start, _, _ in stretches]
        for period in periods:
            mine = rows[bisect_left(starts, period.start) : bisect_left(starts, period.end)]
            found = self._sum([row[0] for row in mine], [row[1] for row in mine])
            yield Line(period, found, reduce(add, (row[2] for row in mine), Chain(self.system)))

    def _account(self, stretches: Sequence[Stretch], ahead: Sequence[Stretch] = ()) -> Account:
        return self._sum(stretches, self._books.counts(self.system, stretches), ahead)

    def _sum(self, stretches: Sequence[Stretch], counts: Sequence[Counts], ahead: Sequence[Stretch] = ()) -> Account:
        return account(self.system, self._objective.target, self._objective.min_coverage, stretches, counts, ahead)

    def _paces(self, total: Account) -> list[float | None]:
        """Return the failing share of the last 24 hours, and that of the period."""
        first = max(self._books.asked - DAY, self._books.start)
        last_day = self._account(self._books.timeline(self.system, first, self._books.asked))
        return [None if each is None else 1 - each for each in (last_day.excluding_planned, total.excluding_planned)]

    def _rolling(self) -> list[Stretch]:
        """Return as much time ahead as the period is long, if it ends now."""
        if self._end < self._books.asked:
            return []
        return self._books.timeline(self.system, self._end, self._end + self._whole.minutes)
