"""The plan of one run: which campaign, which part of which day, how large, how fast, against what.

The plan is data: it is sent to workers as it is, and the same plan gives the same arrivals everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError

from config import Campaign, Channel, ConfigError, Configuration, Day, Environment, JourneyShare
from config.behaviour import QUEUE_PATIENCE
from config.recording import Recording, path_of, read_recording
from config.shapes import DAY_END
from config.source import Strict
from journeys import Account, Citizen, JourneyDefinition, definitions
from loadtests.arrivals import Arrivals, Spacing, draw
from loadtests.behaviour import Manner
from loadtests.days import Composed, compose, mixed, moment, recorded_days
from loadtests.health import MAX_IN_FLIGHT
from loadtests.shapes import Shape

ValueT = TypeVar("ValueT")

Keep = Literal["volume", "rate"]
"""What stays the same when time is compressed: the number of arrivals, or their number in a second."""

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

    `start` and `end` are seconds into the day. `compress` replays them that many times faster: with the same number of
    arrivals (`keep` volume: the rate rises) or with the same rate (`keep` rate: fewer arrivals); `scale` multiplies the
    number. `growth` is the factor of one year for each stream, taken `years` times. `recordings` are what the day was
    made from. `think` multiplies thinking time (None: so that as many citizens are on their way at once as at the real
    pace: 1 / `compress` if the volume is kept, 1 if the rate is). `timeout` limits one request, `drain` is the time
    that citizens on their way get after the last arrival; both in seconds. `pooled` citizens share connections instead
    of opening their own.
    """

    campaign_id: str
    campaign: Campaign
    environment_id: str
    environment: Environment
    day: str
    start: float = Field(ge=0, allow_inf_nan=False)
    end: float = Field(gt=0, allow_inf_nan=False)
    compress: float = Field(default=1.0, ge=1, le=86_400)
    keep: Keep = "volume"
    growth: dict[str, Annotated[float, Field(gt=0, le=100)]] = Field(default={})
    years: float = Field(default=1.0, ge=0, le=50)
    recordings: dict[str, Recording] = Field(default={})
    scale: float = Field(default=1.0, gt=0, le=1000)
    seed: int = Field(default=1, ge=0)
    spacing: Spacing = "poisson"
    think: float | None = Field(default=None, ge=0, le=1000)
    timeout: float = Field(default=30.0, gt=0, le=3600)
    drain: float = Field(default=30.0, ge=0, le=86_400)
    max_in_flight: int = Field(default=MAX_IN_FLIGHT, ge=1)
    pooled: bool = False

    @property
    def duration(self) -> float:
        """Seconds from the first to the last possible arrival."""
        return (self.end - self.start) / self.compress

    @property
    def think_factor(self) -> float:
        """What thinking time is multiplied by."""
        if self.think is not None:
            return self.think
        return 1 / self.compress if self.keep == "volume" else 1.0

    @property
    def zone(self) -> ZoneInfo:
        """The campaign's time zone."""
        return ZoneInfo(self.campaign.timezone)

    @cached_property
    def kinds(self) -> list[Kind]:
        """Every kind of arrival, in the order of the campaign file."""
        return [kind for kind, _ in _parts(self.campaign)]

    @cached_property
    def composed(self) -> Composed:
        """The whole day at its real pace and size: the shape of each stream, and what overlays added."""
        growth = {stream: factor**self.years for stream, factor in self.growth.items()}
        return compose(self.campaign, self.day, self.recordings, growth)

    @cached_property
    def shapes(self) -> list[Shape]:
        """The shape of each kind, as it will be replayed."""
        day, scale = self.campaign.days[self.day], self.scale
        if self.keep == "rate":
            scale /= self.compress
        return [
            mixed(self.composed.streams[kind.stream], part.share, day, self.zone)
            .window(self.start, self.end)
            .scaled(scale)
            .compressed(self.compress)
            for kind, part in _parts(self.campaign)
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
    """Makes the citizens of a plan: the n-th arrival always makes the same choices."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        known: Mapping[str, JourneyDefinition] = definitions()
        self._kinds = [(known[kind.journey], kind.channel) for kind in plan.kinds]
        pace = 1 / plan.compress
        self._manners = {
            channel: Manner(behaviour, plan.seed, pace) for channel, behaviour in plan.campaign.behaviour.items()
        }

    def citizen(self, number: int, kind: int, account: Account) -> tuple[JourneyDefinition, Citizen]:
        """Return the journey of one arrival, and the citizen who has this account."""
        definition, channel = self._kinds[kind]
        manner = self._manners.get(channel)
        patience = manner.queue_patience(number) if manner else QUEUE_PATIENCE
        return definition, Citizen(number, account, channel, seed=self._seed, patience=patience)

    def manner(self, citizen: Citizen) -> Manner | None:
        """Return how a citizen behaves, where the campaign says so."""
        return self._manners.get(citizen.channel)


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
    campaign, day = _chosen(campaign, campaign_id, day or campaign.default_day)
    seconds = {"start": _clock(start, campaign, day), "end": _clock(end, campaign, day)}
    if seconds["start"] >= seconds["end"]:
        raise PlanError(f"--from {start} must be before --to {end}")
    asked = {"campaign_id": campaign_id, "campaign": campaign, "environment_id": environment_id, "day": day}
    recordings = {"recordings": _recordings(configuration.root, campaign, day)}
    try:
        plan = Plan.model_validate({**asked, "environment": environment, **recordings, **seconds, **options})
    except ValidationError as error:
        raise PlanError("; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())) from None
    for stream in plan.growth:
        _known("stream", stream, campaign.streams)
    try:
        total = plan.shape.total
    except ValueError as error:
        raise PlanError(str(error)) from None
    if total < 1:
        raise PlanError(f"this part of the day at scale {plan.scale:g} has fewer than one arrival ({total:.2g})")
    if total > MAX_ARRIVALS:
        raise PlanError(
            f"{total:,.0f} arrivals are too many for one run (at most {MAX_ARRIVALS:,}): take a shorter part"
            " of the day or a smaller scale"
        )
    return plan


def _known(kind: str, name: str, known: Mapping[str, ValueT]) -> ValueT:
    if name not in known:
        raise PlanError(f"there is no {kind} '{name}'; there is: {', '.join(sorted(known))}")
    return known[name]


def _chosen(campaign: Campaign, campaign_id: str, name: str) -> tuple[Campaign, str]:
    """Return the campaign with the day `name`, and its name: one of `days`, or a date of a season.

    2027-04-06 becomes the day filing-2027-04-06, if the season filing is the only one that has this date.
    """
    if name in campaign.days:
        return campaign, name
    zone = ZoneInfo(campaign.timezone)
    found = [
        (season_id, date)
        for season_id, season in campaign.seasons.items()
        for date in season.dates
        if name in {str(date), f"{season_id}-{date}"}
    ]
    if len(found) > 1:
        names = " or ".join(f"{season_id}-{date}" for season_id, date in found)
        raise PlanError(f"{campaign_id} has several seasons with the day '{name}': say {names}")
    if not found:
        seasons = "".join(f", any date of {key} ({it.first} to {it.last})" for key, it in campaign.seasons.items())
        raise PlanError(f"{campaign_id} has no day '{name}'; it has: {', '.join(campaign.days)}{seasons}")
    season_id, date = found[0]
    source = campaign.seasons[season_id].source
    day = Day(start=datetime.combine(date, time(), zone), season=season_id, source=source)
    key = f"{season_id}-{date}"
    return campaign.model_copy(update={"days": {**campaign.days, key: day}}), key


def _recordings(root: Path, campaign: Campaign, day: str) -> dict[str, Recording]:
    """Read what a day needs of its recordings: a worker has no folder to read them from."""
    read = {}
    for name, dates in recorded_days(campaign, day).items():
        try:
            read[name] = read_recording(path_of(root, name)).of_days(dates, ZoneInfo(campaign.timezone))
        except ConfigError as error:
            raise PlanError(str(error)) from None
        except ValueError as error:
            raise PlanError(f"the recording {name} is of {error}") from None
    return read


def _clock(text: str, campaign: Campaign, day: str) -> float:
    try:
        clock = time() if text == DAY_END else time.fromisoformat(text)
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is not None:
        raise PlanError(f"'{text}' is not a time of day such as 07:00 or 23:59:30")
    return moment(campaign.days[day], ZoneInfo(campaign.timezone), text)


def _parts(campaign: Campaign) -> list[tuple[Kind, JourneyShare]]:
    return [
        (Kind(stream, part.journey, part.channel), part)
        for stream, definition in campaign.streams.items()
        for part in definition.split
    ]
