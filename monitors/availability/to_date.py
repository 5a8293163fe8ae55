"""The calendar month and year that go on now, counted from the ledger of one monitor: what `/metrics` says of them.

Prometheus knows no calendar, and forgets after some weeks; so the sums come from here. Each is by class of time, as the
windows are known now: what is corrected in the record afterwards is corrected here. A year is read in milliseconds,
since whole hours come from their sums, and again only every `AGE` seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from config import Configuration
from config.hours import ZONE
from monitors.availability.accounting import Account, account
from monitors.availability.books import Books
from monitors.availability.periods import Period, calendar
from monitors.availability.timeline import at_edges
from monitors.record.ledger import Ledger

AGE = 60.0
"""Seconds between two counts."""

ToDate = Mapping[str, Mapping[str, Account]]
"""What each system achieved so far, by system and then `month` and `year`."""


def to_date(ledger: Ledger, configuration: Configuration, now: float) -> ToDate:
    """Return what each system achieved so far in the month and the year of `now` (Unix seconds), local time.

    They begin at the earliest when the first probe was scheduled; a system of an unused ledger has no accounts. What
    is to come of a period is in `Account.ahead`. Raises `LedgerError`.
    """
    today = datetime.fromtimestamp(now, ZONE).date()
    periods = {"month": calendar("month", f"{today:%Y-%m}"), "year": calendar("year", f"{today:%Y}")}
    books = Books([ledger], configuration, periods["year"].start, periods["year"].end, now)
    if books.begin is None:
        return {}
    return {name: _accounts(books, configuration, name, periods) for name in configuration.systems}


def _accounts(
    books: Books, configuration: Configuration, system: str, periods: Mapping[str, Period]
) -> dict[str, Account]:
    """Count each stretch of the year once; those from the first of the month on are the month's."""
    stretches = at_edges(books.timeline(system, books.start, books.end), [period.start for period in periods.values()])
    counts = books.counts(system, stretches)
    ahead = books.timeline(system, books.end, periods["year"].end)
    ahead = at_edges(ahead, [period.end for period in periods.values()])
    objective = configuration.systems[system].objective
    return {
        name: account(
            system,
            objective.target,
            objective.min_coverage,
            [stretch for stretch in stretches if stretch[0] >= period.start],
            [part for stretch, part in zip(stretches, counts, strict=True) if stretch[0] >= period.start],
            [stretch for stretch in ahead if stretch[1] <= period.end],
        )
        for name, period in periods.items()
    }
