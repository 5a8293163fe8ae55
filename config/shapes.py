"""What shapes the traffic of a day beyond its totals: anchors, mixes over time, growth, splices, overlays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from config.fields import Duration, Identifier, Number, shaped
from config.source import Contradiction, Strict, expected

MOST = 1e12
"""More arrivals than mankind could cause; keeps sums of counts finite."""

DateT = TypeVar("DateT", bound=date)

HOURS = 24
DAY_END = "24:00"

Count = Annotated[Number, Field(ge=0, le=MOST)]

Clock = Annotated[
    str, shaped(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?|24:00", "a time of day in quotes, such as '07:00' or '24:00'")
]
"""A local time of day; 24:00 is the end of the day."""

Fraction = Annotated[Number, Field(ge=0, le=1)]


def some_weight(weights: list[float]) -> list[float]:
    """Return the weights. Raises a validation error if all of them are 0."""
    if not any(weights):
        raise expected("at least one weight above 0")
    return weights


HourlyWeights = Annotated[list[Count], Field(min_length=HOURS, max_length=HOURS), AfterValidator(some_weight)]
"""The relative weight (any unit) of each of the 24 hours of a local day."""


def seconds_of(clock: str) -> int:
    """Return the seconds since 00:00 on the wall clock."""
    hours, minutes, seconds = (*map(int, clock.split(":")), 0)[:3]
    return 3600 * hours + 60 * minutes + seconds


def parse_date(value: Any) -> date:
    """Return the date for text such as 2027-03-01. Raises a validation error for anything else."""
    try:
        text = value.isoformat() if isinstance(value, date) else value
        parsed = date.fromisoformat(text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else "")
    except (TypeError, ValueError):
        raise expected("a date such as 2027-03-01") from None
    return within_reach(parsed)


def within_reach(moment: DateT) -> DateT:
    """Return a date or a time. Raises a validation error where calendars and clocks are beyond reckoning."""
    if not 1970 <= moment.year < 2200:
        raise expected("a time from 1970 to 2200")
    return moment


Date = Annotated[date, BeforeValidator(parse_date)]


def _kind_of(value: Any) -> str:
    """Tell the members of the unions below apart, so that errors speak of the one that was meant."""
    if isinstance(value, list):
        return "hourly"
    return "clock" if isinstance(value, dict) else "one"


def _in_order(anchors: dict[str, float]) -> dict[str, float]:
    """Return anchors whose clock rises, whatever their order in the file was."""
    return dict(sorted(anchors.items(), key=lambda item: seconds_of(item[0])))


def _cumulative(anchors: dict[str, float]) -> dict[str, float]:
    ordered = _in_order(anchors)
    if DAY_END not in ordered or seconds_of(next(iter(ordered))) == 0:
        raise expected("totals after '00:00', the last of them at '24:00', the end of the day")
    if any(later < earlier for earlier, later in pairwise(ordered.values())):
        raise expected("totals since midnight, which never fall in the course of the day")
    return ordered


Anchors = Annotated[dict[Clock, Count], Field(min_length=1), AfterValidator(_cumulative)]
"""Totals since midnight, by the clock: how many had come by then."""

Total = Annotated[
    Annotated[Count, Tag("one")] | Annotated[Anchors, Tag("clock")],
    Discriminator(lambda value: "clock" if isinstance(value, dict) else "one"),
]
"""Arrivals of a day: one number, or several as published, such as {'12:00': 1500000, '24:00': 3600000}."""


def total_of(total: float | Mapping[str, float]) -> float:
    """Return the arrivals of the whole day."""
    return total[DAY_END] if isinstance(total, Mapping) else total


ShareOverTime = Annotated[
    Annotated[Annotated[Number, Field(gt=0, le=1)], Tag("one")]
    | Annotated[Annotated[list[Fraction], Field(min_length=HOURS, max_length=HOURS)], Tag("hourly")]
    | Annotated[Annotated[dict[Clock, Fraction], Field(min_length=1), AfterValidator(_in_order)], Tag("clock")],
    Discriminator(_kind_of),
]
"""A share of a stream: one number; one for each hour of the day; or by the clock, in a straight line between."""

Shares = float | list[float] | dict[str, float]


def clock_breaks(share: Shares) -> list[int]:
    """Return the seconds of the day at which a share jumps or bends; between them it is a straight line."""
    if isinstance(share, list):
        return [3600 * hour for hour in range(1, HOURS)]
    return [seconds_of(clock) for clock in share] if isinstance(share, dict) else []


def share_at(share: Shares, second: float) -> float:
    """Return the share at a second of the day on the wall clock (0 to 86,400); at a jump the later value.

    Before the first and after the last anchor it stays as it is there.
    """
    if isinstance(share, list):
        return share[min(int(second // 3600), HOURS - 1)]
    if not isinstance(share, dict):
        return share
    points = [(seconds_of(clock), value) for clock, value in share.items()]
    if second <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if second <= right:
            return low + (high - low) * (second - left) / (right - left)
    return points[-1][1]


def unbalanced(shares: Sequence[Shares]) -> Iterator[tuple[str, float]]:
    """Yield each time of day at which the shares do not add up to 1, and what they add up to.

    Between two breaks every share is a straight line, so it is enough to look just after and just before each break.
    """
    breaks = sorted({0, *(second for share in shares for second in clock_breaks(share))} - {86_400})
    for left, right in pairwise([*breaks, 86_400]):
        for second in (left, right - 1e-6):
            total = sum(share_at(share, second) for share in shares)
            if abs(total - 1) > 1e-9:
                yield f"{round(second) // 3600:02d}:{round(second) % 3600 // 60:02d}", total
                break


class Growth(Strict):
    """How a past day becomes a forecast: each stream's total x factor^years.

    `per_year` holds the factor of one year for each stream that grows.
    """

    years: Number = Field(default=1.0, ge=0, le=50)
    per_year: dict[Identifier, Annotated[Number, Field(gt=0, le=100)]] = Field(min_length=1)
    source: str = Field(min_length=1)

    def factor(self, stream: str) -> float:
        """Return what the total of a stream is multiplied by."""
        return float(self.per_year.get(stream, 1.0) ** self.years)


class Recorded(Strict):
    """A day of `config/shapes/<shape>.csv`; without `date` the day's own date."""

    shape: Identifier
    date: Date | None = None


class Splice(Strict):
    """Hours taken from another day of the same campaign, with the arrivals of that day."""

    day: Identifier
    start: Clock
    end: Clock
    source: str = Field(min_length=1)

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the hours have a length."""
        if seconds_of(self.start) >= seconds_of(self.end):
            yield Contradiction(("end",), f"a time after {self.start}")


class _Overlay(Strict):
    """Arrivals on top of a stream. `title` names them for people, `source` says where the figures come from."""

    title: str = Field(min_length=1)
    source: str = Field(min_length=1)
    stream: Identifier


class Surge(_Overlay):
    """More people at one moment: the rate climbs for `ramp` from `at` on, stays for `hold`, and falls for `decay`."""

    kind: Literal["surge"]
    at: Clock
    ramp: Duration
    hold: Duration | None = None
    decay: Duration
    arrivals: Count


class Rush(_Overlay):
    """A rush towards a deadline: from midnight to `until` the rate doubles every `doubling`; then it is over."""

    kind: Literal["rush"]
    until: Clock
    doubling: Duration
    arrivals: Count

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that there is time before the deadline."""
        if seconds_of(self.until) == 0:
            yield Contradiction(("until",), "a time after 00:00")


class _Delayed(_Overlay):
    """Arrivals that follow others after a time. `after` holds evenly spaced quantiles of that time.

    [1m, 8m, 90m]: nobody sooner than a minute, half of them within eight, all within ninety; evenly between.
    """

    after: list[Duration] = Field(min_length=2)
    share: Annotated[Number, Field(gt=0, le=1)]

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that quantiles rise, by a second at least: less is a jump."""
        for index, (earlier, later) in enumerate(pairwise(self.after)):
            if later - earlier < 1:
                yield Contradiction(("after", index + 1), "at least a second more than the one before")


class Again(_Delayed):
    """A `share` of the stream comes a second time, as the second partner of a joint return does."""

    kind: Literal["again"]


class Rejected(_Delayed):
    """Those who come while the rate is above `above` a second are turned away; a `share` of them returns.

    They come once more at most: whether they are turned away again is the system's answer, not the plan's.
    """

    kind: Literal["rejected"]
    above: Annotated[Number, Field(gt=0, le=1e7)]


Overlay = Annotated[Surge | Rush | Again | Rejected, Field(discriminator="kind")]
