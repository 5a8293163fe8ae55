"""A campaign: how many people come for what, and when; with the sources of its numbers and its assumptions."""

from __future__ import annotations

import math
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, Field, field_validator, model_validator

from config.estate import Channel
from config.fields import Duration, Identifier, JourneyName
from config.source import Strict, expected

Count = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise expected("a time zone such as Europe/Amsterdam") from None
    return name


class Day(Strict):
    """One day to replay: its first instant and the number of arrivals of each stream on it."""

    start: AwareDatetime
    totals: dict[Identifier, Count] = Field(min_length=1)
    source: str = Field(min_length=1)


class JourneyShare(Strict):
    """The part of a stream's arrivals that makes this journey."""

    journey: JourneyName
    share: float = Field(gt=0, le=1)
    channel: Channel = "web"


class Stream(Strict):
    """Arrivals of one kind: the published total is split over journeys."""

    title: str
    split: list[JourneyShare] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        total = math.fsum(part.share for part in self.split)
        if abs(total - 1) > 1e-9:
            raise expected(f"the shares of split to add up to 1, not {total:g}")
        return self


class Thresholds(Strict):
    """What the system under test must meet; judged at the end of a run."""

    failed_share: float = Field(default=0.01, ge=0, le=1)
    p95: Duration = 2.0


class Campaign(Strict):
    """One file of `config/campaigns/`.

    `hourly_profile` holds the relative weight of each of the 24 hours of a day (any unit). It shapes every stream;
    the totals stay exact.
    """

    title: str
    sources: list[str] = Field(min_length=1)
    assumptions: list[str]
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Amsterdam"
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

    @model_validator(mode="after")
    def _streams_match(self) -> Self:
        for name, day in self.days.items():
            unknown = sorted(set(day.totals) - set(self.streams))
            if unknown:
                raise expected(f"days.{name}.totals to name streams of this file, not {', '.join(unknown)}")
        return self

    @property
    def default_day(self) -> str:
        """The first day of the file."""
        return next(iter(self.days))
