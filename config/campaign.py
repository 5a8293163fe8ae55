"""A campaign: how many people come for what, and when; with the sources of its numbers and its assumptions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from datetime import time as clock_time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from config.estate import Channel
from config.fields import Duration, Identifier, Instant, JourneyName, Number, TimeZone
from config.source import Contradiction, Strict, expected

MOST = 1e12
"""More arrivals than mankind could cause; keeps sums of counts finite."""

Count = Annotated[Number, Field(ge=0, le=MOST)]


class Day(Strict):
    """One day to replay: its first instant and the number of arrivals of each stream on it."""

    start: Instant
    totals: dict[Identifier, Count] = Field(min_length=1)
    source: str = Field(min_length=1)


class JourneyShare(Strict):
    """The part of a stream's arrivals that makes this journey."""

    journey: JourneyName
    share: Number = Field(gt=0, le=1)
    channel: Channel = "web"


class Stream(Strict):
    """Arrivals of one kind: the published total is split over journeys."""

    title: str
    split: list[JourneyShare] = Field(min_length=1)

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the shares cover the whole stream."""
        total = math.fsum(part.share for part in self.split)
        if abs(total - 1) > 1e-9:
            yield Contradiction(("split",), "shares that add up to 1", f"shares that add up to {total:.12g}")


class Thresholds(Strict):
    """What the system under test must meet; judged at the end of a run."""

    failed_share: Number = Field(default=0.01, ge=0, le=1)
    p95: Duration = 2.0


class Campaign(Strict):
    """One file of `config/campaigns/`.

    `hourly_profile` holds the relative weight of each of the 24 hours of a day (any unit). It shapes every stream;
    the totals stay exact.
    """

    title: str
    sources: list[str] = Field(min_length=1)
    assumptions: list[str]
    timezone: TimeZone = "Europe/Amsterdam"
    days: dict[Identifier, Day] = Field(min_length=1)
    hourly_profile: list[Count] = Field(min_length=24, max_length=24)
    streams: dict[Identifier, Stream] = Field(min_length=1)
    thresholds: Thresholds = Thresholds()

    @field_validator("hourly_profile")
    @classmethod
    def _not_all_zero(cls, weights: list[float]) -> list[float]:
        if not any(weights):
            raise expected("at least one hour with a weight above 0")
        return weights

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that days begin at midnight and have totals of streams that exist."""
        known = f"a stream of this file: {', '.join(self.streams)}"
        zone = ZoneInfo(self.timezone)
        for name, day in self.days.items():
            midnight = datetime.combine(day.start.astimezone(zone).date(), clock_time(), zone)
            if day.start != midnight.astimezone(day.start.tzinfo):
                yield Contradiction(("days", name, "start"), f"midnight in {self.timezone}")
            for stream in day.totals:
                if stream not in self.streams:
                    yield Contradiction(("days", name, "totals", stream), known, f"the stream '{stream}'")

    @property
    def default_day(self) -> str:
        """The first day of the file."""
        return next(iter(self.days))
