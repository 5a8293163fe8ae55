"""The plan of one run: which campaign, which part of which day, how large, how fast, against what.

The plan is data: it is sent to workers as it is, and the same plan gives the same arrivals everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from config import Campaign, Channel, Configuration, Day, Environment, JourneyShare
from config.source import Strict
from journeys import Citizen, Identities, JourneyDefinition, definitions
from loadtests.arrivals import Arrivals, Spacing, draw
from loadtests.shapes import Shape, from_day, seconds_into_day

ValueT = TypeVar("ValueT")

MAX_ARRIVALS = 20_000_000
"""Arrivals of one run; they are drawn before it begins and take about 50 bytes each while that is done."""


class PlanError(ValueError):
    """The run cannot be planned as asked; the message says why and what would be possible."""


@dataclass(frozen=True)
class Kind:
    """One kind of arrival: a journey through a channel, of a stream of the campaign."""

    stream: str
    journey: str
    channel: Channel

    @property
    def label(self) -> str:
        """Name for people: `file-return (app)`."""
        return f"{self.journey} ({self.channel})"


class Plan(Strict):
    """Everything that decides what a run does.

    `start` and `end` are seconds into the day. `compress` replays them that many times faster with the same number
    of arrivals; `scale` multiplies the number. `think` multiplies thinking time (None: 1 / `compress`, so that as many
    citizens are on their way at once as at the real pace). `timeout` limits one request, `drain` is the time that
    citizens on their way get after the last arrival; both in seconds.
    """

    campaign_id: str
    campaign: Campaign
    environment_id: str
    environment: Environment
    day: str
    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(gt=0, allow_inf_nan=False)
    compress: float = Field(default=1.0, ge=1, le=86_400)
    scale: float = Field(default=1.0, gt=0, le=1000)
    seed: int = Field(default=1, ge=0)
    spacing: Spacing = "poisson"
    think: float | None = Field(default=None, ge=0, le=1000)
    timeout: float = Field(default=30.0, gt=0, le=3600)
    drain: float = Field(default=30.0, ge=0, le=86_400)
    max_in_flight: int = Field(default=20_000, ge=1)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last possible arrival."""
        return (self.end - self.start) / self.compress

    @property
    def think_factor(self) -> float:
        """What thinking time is multiplied by."""
        return 1 / self.compress if self.think is None else self.think

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.campaign.timezone)

    @cached_property
    def kinds(self) -> list[Kind]:
        """Every kind of arrival, in the order of the campaign file."""
        return [kind for kind, _, _ in _parts(self.campaign, self.campaign.days[self.day])]

    @cached_property
    def shapes(self) -> list[Shape]:
        """The shape of each kind, as it will be replayed."""
        day = self.campaign.days[self.day]
        return [
            from_day(day.start, self.zone, total * part.share, self.campaign.hourly_profile)
            .window(self.start, self.end)
            .scaled(self.scale)
            .compressed(self.compress)
            for _, total, part in _parts(self.campaign, day)
        ]

    @cached_property
    def shape(self) -> Shape:
        """All kinds together."""
        first, *others = self.shapes
        for other in others:
            first += other
        return first

    @cached_property
    def arrivals(self) -> Arrivals:
        """Every arrival of the run."""
        return draw(self.shapes, self.seed, self.spacing)

    def clock(self, elapsed: float) -> datetime:
        """Return the moment of the replayed day at `elapsed` seconds of the run."""
        day = self.campaign.days[self.day]
        return datetime.fromtimestamp(day.start.timestamp() + self.start + elapsed * self.compress, self.zone)


class Crowd:
    """Makes the citizens of a plan: the n-th arrival is always the same person."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._identities = Identities(plan.seed)
        known: Mapping[str, JourneyDefinition] = definitions()
        self._kinds = [(known[kind.journey], kind.channel) for kind in plan.kinds]

    def citizen(self, number: int, kind: int) -> tuple[JourneyDefinition, Citizen]:
        """Return the journey and the citizen of one arrival."""
        definition, channel = self._kinds[kind]
        return definition, Citizen(number, self._identities.bsn(number), channel, seed=self._seed)


def make_plan(
    configuration: Configuration,
    campaign_id: str,
    environment_id: str,
    *,
    day: str | None = None,
    start: str = "00:00",
    end: str = "24:00",
    **options: object,
) -> Plan:
    """Plan a run from what a person types. Raises `PlanError`."""
    campaign = _known("campaign", campaign_id, configuration.campaigns)
    environment = _known("environment", environment_id, configuration.environments)
    day = day or campaign.default_day
    if day not in campaign.days:
        raise PlanError(f"{campaign_id} has no day '{day}'; it has: {', '.join(campaign.days)}")
    zone, first = ZoneInfo(campaign.timezone), campaign.days[day].start
    seconds = {"start": _clock(start, first, zone), "end": _clock(end, first, zone)}
    if seconds["start"] >= seconds["end"]:
        raise PlanError(f"--from {start} must be before --to {end}")
    asked = {"campaign_id": campaign_id, "campaign": campaign, "environment_id": environment_id, "day": day}
    try:
        plan = Plan.model_validate({**asked, "environment": environment, **seconds, **options})
    except ValidationError as error:
        raise PlanError("; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())) from None
    if plan.shape.total < 1:
        raise PlanError(
            f"this part of the day at scale {plan.scale:g} has fewer than one arrival ({plan.shape.total:.2g})"
        )
    if plan.shape.total > MAX_ARRIVALS:
        raise PlanError(
            f"{plan.shape.total:,.0f} arrivals are too many for one run (at most {MAX_ARRIVALS:,}): take a shorter part"
            " of the day or a smaller scale"
        )
    return plan


def _known(kind: str, name: str, known: Mapping[str, ValueT]) -> ValueT:
    if name not in known:
        raise PlanError(f"there is no {kind} '{name}'; there is: {', '.join(sorted(known))}")
    return known[name]


def _clock(text: str, first: datetime, zone: ZoneInfo) -> float:
    if text == "24:00":
        return from_day(first, zone, 1.0, [1.0] * 24).duration
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is not None:
        raise PlanError(f"'{text}' is not a time of day such as 07:00 or 23:59:30")
    return seconds_into_day(first, zone, clock)


def _parts(campaign: Campaign, day: Day) -> list[tuple[Kind, float, JourneyShare]]:
    return [
        (Kind(stream, part.journey, part.channel), day.totals.get(stream, 0.0), part)
        for stream, definition in campaign.streams.items()
        for part in definition.split
    ]
