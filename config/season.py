"""A season: the arrivals of weeks or months, spread over days by weights, so that any date of it can be replayed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from config.fields import Identifier, Number
from config.hours import Holidays
from config.shapes import Count, Date, HourlyWeights, some_weight
from config.source import Contradiction, Strict

LONGEST = timedelta(days=366)
SATURDAY = 5


class Period(Strict):
    """The weight of the days from `first` to `last`, both included."""

    first: Date
    last: Date
    weight: Count

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the period has days."""
        if self.last < self.first:
            yield Contradiction(("last",), f"a date from {self.first} on")


class HolidayWeight(Holidays):
    """The weight of public holidays; 5 May is one in years that five divides, unless `optional` says every year."""

    weight: Count
    optional: bool = Field(default=False, strict=True)


class DayRush(Strict):
    """The days before a deadline weigh more: 1 + (factor - 1) 2^(-d / halving), d days before it; 1 after it."""

    deadline: Date
    factor: Annotated[Number, Field(ge=1, le=1000)]
    halving: Annotated[Number, Field(gt=0, le=366)]

    def weight(self, day: date) -> float:
        """Return the weight of a day."""
        before = (self.deadline - day).days
        return float(1 + (self.factor - 1) * 2 ** (-before / self.halving)) if before >= 0 else 1.0


class Season(Strict):
    """Totals from `first` to `last` (both included), and the weights by which a day gets its part.

    weight(day) = weekdays[weekday] x periods that hold it x holidays x rush
    total(day)  = total x weight(day) / sum of the weights of all days

    `weekdays` begins with Monday. `weekend_profile` replaces the hourly profile on Saturdays, Sundays and holidays.
    """

    first: Date
    last: Date
    totals: dict[Identifier, Count] = Field(min_length=1)
    source: str = Field(min_length=1)
    weekdays: Annotated[list[Count], Field(min_length=7, max_length=7), AfterValidator(some_weight)] = [1.0] * 7
    periods: list[Period] = Field(default=[])
    holidays: HolidayWeight | None = None
    rush: DayRush | None = None
    weekend_profile: HourlyWeights | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the season is no longer than a year, and that its parts lie within it."""
        if not self.first <= self.last < self.first + LONGEST:
            yield Contradiction(("last",), f"a date from {self.first} on, within 366 days")
            return
        for index, period in enumerate(self.periods):
            if not (self.first <= period.first and period.last <= self.last):
                yield Contradiction(
                    ("periods", index), f"days from {self.first} to {self.last}", f"{period.first} to {period.last}"
                )
        if self.rush and not self.first <= self.rush.deadline <= self.last:
            yield Contradiction(("rush", "deadline"), f"a date from {self.first} to {self.last}")
        if not any(self.weights.values()):
            yield Contradiction((), "at least one day with a weight above 0", "days without any weight")

    @property
    def dates(self) -> list[date]:
        """Every day of the season."""
        return [self.first + timedelta(days=index) for index in range((self.last - self.first).days + 1)]

    @cached_property
    def holiday_names(self) -> dict[date, str]:
        """The holidays of the season with their names; none if the season does not weigh them."""
        if self.holidays is None:
            return {}
        known = self.holidays.dates(sorted({self.first.year, self.last.year}))
        return {day: known[day] for day in self.dates if day in known}

    @cached_property
    def weights(self) -> dict[date, float]:
        """The weight of each day."""
        return {day: self._weight(day) for day in self.dates}

    def total(self, stream: str, day: date) -> float:
        """Return the arrivals of a stream on a day; 0 for a stream or a day that the season does not have."""
        weights = self.weights
        return self.totals.get(stream, 0.0) * weights.get(day, 0.0) / math.fsum(weights.values())

    def profile(self, day: date) -> list[float] | None:
        """Return the hourly profile that holds on this day instead of the campaign's."""
        return self.weekend_profile if day.weekday() >= SATURDAY or day in self.holiday_names else None

    def _weight(self, day: date) -> float:
        weight = self.weekdays[day.weekday()]
        for period in self.periods:
            if period.first <= day <= period.last:
                weight *= period.weight
        if self.holidays and day in self.holiday_names:
            weight *= self.holidays.weight
        return weight * (self.rush.weight(day) if self.rush else 1.0)
