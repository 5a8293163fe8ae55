"""A campaign: how many people come for what, and when; with the sources of its numbers and its assumptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from datetime import time as clock_time
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from config.behaviour import Behaviour
from config.fields import Identifier, Instant, JourneyName, TimeZone
from config.probes import Channel
from config.season import Season
from config.shapes import (
    Growth,
    HourlyWeights,
    Overlay,
    Recorded,
    ShareOverTime,
    Splice,
    Total,
    unbalanced,
    within_reach,
)
from config.source import Contradiction, Strict
from config.thresholds import Thresholds
from config.yaml_tree import DataPath


class Day(Strict):
    """One day to replay: its first instant, and the arrivals of each stream on it.

    A stream's total is a number or anchors by the clock; without one it is the part that `season` gives to this date,
    or what was counted in its recording. Then, in this order: `growth` multiplies the totals, `recordings` replace the
    hourly profile by what was measured, `splices` take hours from other days, `overlays` add arrivals, each on top of
    what stands before it.
    """

    start: Annotated[Instant, AfterValidator(within_reach)]
    totals: dict[Identifier, Total] = Field(default={})
    source: str = Field(min_length=1)
    season: Identifier | None = None
    recordings: dict[Identifier, Recorded] = Field(default={})
    growth: Growth | None = None
    splices: list[Splice] = Field(default=[])
    overlays: list[Overlay] = Field(default=[])

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the arrivals come from somewhere, and that anchors do not contradict a recording."""
        if not (self.totals or self.season or self.recordings):
            yield Contradiction((), "totals, a season or recordings", "a day without arrivals")
        for stream in self.recordings:
            if isinstance(self.totals.get(stream), dict):
                yield Contradiction(("totals", stream), "one number: its recording says when they come")


class JourneyShare(Strict):
    """The part of a stream's arrivals that makes this journey."""

    journey: JourneyName
    share: ShareOverTime
    channel: Channel = "web"


class Stream(Strict):
    """Arrivals of one kind: the published total is split over journeys."""

    title: str
    split: list[JourneyShare] = Field(min_length=1)

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the shares cover the whole stream at every time of day."""
        for clock, total in unbalanced([part.share for part in self.split]):
            when = f" at {clock}" if any(not isinstance(part.share, float | int) for part in self.split) else ""
            yield Contradiction(("split",), "shares that add up to 1", f"shares that add up to {total:.9g}{when}")


class Campaign(Strict):
    """One file of `config/campaigns/`.

    `hourly_profile` holds the relative weight of each of the 24 hours of a day (any unit). It shapes every stream that
    has no recording; the totals stay exact. Any date of `seasons` can be replayed without being listed under `days`.
    """

    title: str
    sources: list[str] = Field(min_length=1)
    assumptions: list[str]
    timezone: TimeZone = "Europe/Amsterdam"
    days: dict[Identifier, Day] = Field(min_length=1)
    seasons: dict[Identifier, Season] = Field(default={})
    hourly_profile: HourlyWeights
    streams: dict[Identifier, Stream] = Field(min_length=1)
    behaviour: dict[Channel, Behaviour] = Field(default={})
    thresholds: Thresholds = Thresholds()

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that days begin at midnight, and that every name stands for something of this file."""
        zone = ZoneInfo(self.timezone)
        for name, day in self.days.items():
            midnight = datetime.combine(day.start.astimezone(zone).date(), clock_time(), zone)
            if day.start != midnight.astimezone(day.start.tzinfo):
                yield Contradiction(("days", name, "start"), f"midnight in {self.timezone}")
            yield from self._unknown_season(name, day)
            yield from self._unusable_splices(name, day)
            for overlay, added in enumerate(day.overlays):
                if added.stream not in self.streams:
                    yield self._unknown_stream(("days", name, "overlays", overlay, "stream"), added.stream)
            per_year = day.growth.per_year if day.growth else {}
            for key, named in (("totals", day.totals), ("recordings", day.recordings), ("growth", per_year)):
                path = ("days", name, key, "per_year") if key == "growth" else ("days", name, key)
                yield from self._unknown_streams(path, named)
        for name, season in self.seasons.items():
            yield from self._unknown_streams(("seasons", name, "totals"), season.totals)

    def _unknown_season(self, name: str, day: Day) -> Iterator[Contradiction]:
        if day.season is None:
            return
        season = self.seasons.get(day.season)
        today = day.start.astimezone(ZoneInfo(self.timezone)).date()
        if season is None:
            known = f"a season of this file: {', '.join(self.seasons)}" if self.seasons else "no season: there is none"
            yield Contradiction(("days", name, "season"), known)
        elif not season.first <= today <= season.last:
            yield Contradiction(("days", name, "start"), f"a date from {season.first} to {season.last}, of its season")

    def _unusable_splices(self, name: str, day: Day) -> Iterator[Contradiction]:
        plain = [other for other, candidate in self.days.items() if other != name and not candidate.splices]
        for index, splice in enumerate(day.splices):
            if splice.day not in plain:
                known = f"another day without splices: {', '.join(plain)}" if plain else "a file with such another day"
                yield Contradiction(("days", name, "splices", index, "day"), known)

    def _unknown_streams(self, path: DataPath, named: Mapping[str, object]) -> Iterator[Contradiction]:
        for stream in named:
            if stream not in self.streams:
                yield self._unknown_stream((*path, stream), stream)

    def _unknown_stream(self, path: DataPath, stream: str) -> Contradiction:
        return Contradiction(path, f"a stream of this file: {', '.join(self.streams)}", f"the stream '{stream}'")

    @property
    def default_day(self) -> str:
        """The first day of the file."""
        return next(iter(self.days))
