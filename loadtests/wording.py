"""Numbers and verdicts as people read them: what complaints, the report and the terminal have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from journeys import Passage

if TYPE_CHECKING:
    from loadtests.verdict import Outcome, Unit  # which writes its complaints with this module

CONCLUSION: Mapping[Outcome, str] = {
    "passed": "The system met its thresholds, and the generator kept its schedule.",
    "failed": "The generator kept its schedule; the system did not meet its thresholds.",
    "invalid": "This measurement cannot be trusted: its figures say nothing about the system.",
}
"""What each outcome means, in one sentence."""


NOTHING = "—"
"""Stands where nothing was measured."""

SHORTEST = 1e-6
"""Seconds; what took less is measured as this."""

PASSAGES: Mapping[Passage, str] = {
    Passage.JOINED: "came to the waiting room",
    Passage.QUEUED: "had to wait in the queue",
    Passage.ADMITTED: "were admitted",
    Passage.UNQUEUED: "were let in without a number in the queue",
    Passage.EXPIRED: "held a ticket that was not known any more",
    Passage.LOST_PLACE: "found more people before them than earlier",
    Passage.GAVE_UP: "lost patience and left",
}
"""What happened to citizens at the waiting room."""


def number(value: float) -> str:
    """Write a count in full and anything else with three significant digits: 1,234,567 or 57.9 or 0.023."""
    decimals = 0 if value == int(value) else _decimals(value)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def brief(value: float) -> str:
    """Write a number for an axis, where there is little room: 9,500 or 12 k or 3.6 M."""
    return rounded(value) if abs(value) < 9999.5 else _scaled(value, ("", "k", "M", "G", "T", "P"))


def size(count: float) -> str:
    """Write a number of bytes: 512 B, 3.4 kB, 1.2 GB."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB"))


def duration(seconds: float) -> str:
    """Write a duration in the unit that suits it: 0.24 ms, 85 ms, 1.27 s, 12 min 5 s, 3 h 2 min."""
    if seconds <= SHORTEST:
        return "0 ms"
    if seconds < 0.9995:
        return f"{rounded(seconds * 1000)} ms"
    if seconds < 119.5:
        return f"{rounded(seconds)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def span(first: datetime, last: datetime) -> str:
    """Write two moments, the date of the second only if it is another one: 1 March 2023 07:00 to 10:00."""
    date = f"{last:%-d %B %Y} " if last.date() != first.date() else ""
    return f"{first:%-d %B %Y} {clock(first)} to {date}{clock(last)}"


def instant(moment: datetime) -> str:
    """Write when something was done, wherever it is read: 22 November 2026 02:06:25 UTC."""
    return f"{moment.astimezone(UTC):%-d %B %Y %H:%M:%S} UTC"


def clock(moment: datetime) -> str:
    """Write a time of day, with seconds only where there are any."""
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def share(part: float, whole: float) -> str:
    """Write a part of a whole in percent, as 0 % or 100 % only if it is exactly that."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 0.005:
        return "< 0.01 %"
    if 99.995 <= percent < 100:
        return "> 99.99 %"
    return f"{percent:.2f}".rstrip("0").rstrip(".") + " %"


def amount(value: float | None, unit: Unit) -> str:
    """Write what was measured, or its limit, in the unit of its threshold."""
    if value is None:
        return NOTHING
    if unit == "share":
        return share(value, 1)
    return duration(value) if unit == "seconds" else number(round(value, 2))


def limit(value: float, unit: Unit, *, lowest: bool) -> str:
    """Write a limit with its direction: ≤ 2 s, or ≥ 99.9 % where it is the lowest value allowed."""
    return f"{'≥' if lowest else '≤'} {amount(value, unit)}"


def over(value: float, limit: float, write: Callable[[float], str] = duration) -> tuple[str, str]:
    """Write a value and the limit that it exceeds, for a complaint: 2.35 s and 2 s.

    Both are rounded by `write`; where that makes them the same the value is `a little over 2 s`.
    """
    found, most = write(value), write(limit)
    return f"a little over {most}" if found == most else found, most


def _scaled(value: float, units: Sequence[str]) -> str:
    """Write a value of 1000 or more in thousands, millions, ...; beyond the last unit with an exponent."""
    if abs(value) >= 1e18:
        return f"{value:.3g} {units[0]}".rstrip()
    power = 0
    while abs(value) >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    return f"{rounded(value)} {units[power]}".rstrip()


def rounded(value: float) -> str:
    """Write a measured value with three significant digits, or all those before the point: 8.33, 0.0234, 1,234."""
    return number(round(value, _decimals(value)))


def _decimals(value: float) -> int:
    """Return how many decimals leave three significant digits, at most 4."""
    for limit, decimals in ((99.95, 0), (9.995, 1), (0.9995, 2), (0.09995, 3)):
        if abs(value) >= limit:
            return decimals
    return 4
