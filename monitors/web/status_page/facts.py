"""From the ledger to the facts of the page. Everything comes from the record: a restart changes nothing on the page.

What is slow, the runs of 90 days and of the year, is counted once a minute; what is said of the systems now is read
each time. Both belong in a thread of their own (`monitors.web.status_page.serve`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from config import Configuration
from config.hours import ZONE
from monitors.availability.accounting import Account, account
from monitors.availability.books import Books
from monitors.availability.periods import midnight
from monitors.availability.timeline import Stretch, at_edges
from monitors.incidents import classified
from monitors.notices.outlook import outlooks, urgent
from monitors.record.ledger import Ledger
from monitors.seen import incidents_of
from monitors.web.status_page.view import DAYS, Facts

HISTORY_AGE = 60.0
"""Seconds for which what was counted is shown."""
ROLLING = 30 * 1440
"""Minutes of the rolling period."""


@dataclass(frozen=True, slots=True)
class _History:
    """What one system did: on each day, in the last 30 days, in this year."""

    days: Sequence[tuple[date, Account]]
    rolling: Account
    year: Account


class Reader:
    """Reads the facts of one configuration from a ledger. Not for several threads at once."""

    def __init__(self, ledger: Ledger, configuration: Configuration, kept_elsewhere: str | None = None) -> None:
        self._ledger = ledger
        self._kept_elsewhere = kept_elsewhere
        self._configuration = configuration
        self._history: dict[str, _History] = {}
        self._counted_at = float("-inf")

    def facts(self, now: float) -> Facts:
        """Return the facts as of `now`, Unix seconds. Raises `LedgerError`."""
        systems = self._configuration.systems
        first, end = midnight(_today(now) - timedelta(days=DAYS - 1)), int(now // 60) + 1
        books = Books([self._ledger], self._configuration, first, end, now)
        timelines = {name: books.timeline(name, first, end) for name in systems}
        if not 0 <= now - self._counted_at < HISTORY_AGE:
            self._history = {name: self._count(name, now, books) for name in systems}
            self._counted_at = now
        found, latest = incidents_of(self._ledger, systems, first * 60.0, now)
        known = [classified(each, timelines[each.system], now) for each in found]
        return Facts(
            now=now,
            zone=ZONE,
            vantage=self._ledger.vantage,
            systems=systems,
            owner_of=self._configuration.owner_of,
            kinds={name: (stretches[-1][2], stretches[-1][0] * 60.0) for name, stretches in timelines.items()},
            sightings=latest,
            days={name: each.days for name, each in self._history.items()},
            rolling={name: each.rolling for name, each in self._history.items()},
            year={name: each.year for name, each in self._history.items()},
            incidents=known,
            notices=[]
            if self._kept_elsewhere
            else urgent(outlooks(self._ledger, self._configuration, known, timelines, now)),
            notices_kept_by=self._kept_elsewhere,
            windows=[window for window in self._ledger.windows() if window.kind != "hours"],
        )

    def _count(self, name: str, now: float, books: Books) -> _History:
        objective, end, today = self._configuration.systems[name].objective, int(now // 60) + 1, _today(now)
        days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
        marks = [*(midnight(day) for day in days), end]
        rolling, year, next_year = end - ROLLING, *(midnight(date(today.year + more, 1, 1)) for more in (0, 1))
        stretches = at_edges(books.timeline(name, min(year, rolling, marks[0]), end), [*marks, year, rolling])
        began = end if books.begin is None else books.begin
        counted = [
            ((max(start, began), stop, kind), counts)
            for (start, stop, kind), counts in zip(stretches, books.counts(name, stretches), strict=True)
            if stop > began
        ]

        def within(start: int, stop: int, ahead: Sequence[Stretch] = ()) -> Account:
            parts = [part for part in counted if start <= part[0][0] < stop]
            pieces, counts = [piece for piece, _ in parts], [counts for _, counts in parts]
            return account(name, objective.target, objective.min_coverage, pieces, counts, ahead)

        return _History(
            days=[(day, within(start, stop)) for day, (start, stop) in zip(days, pairwise(marks), strict=True)],
            rolling=within(rolling, end),
            year=within(year, end, books.timeline(name, end, next_year)),
        )


def _today(now: float) -> date:
    return datetime.fromtimestamp(now, ZONE).date()
