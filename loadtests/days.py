"""From the description of a day to the shape of each of its streams.

    total, anchors, season        how many            x growth
    profile or recording          when, in the day
    splices                       hours of other days instead
    overlays                      more arrivals, each on top of what stands before it

All of it is within the local day: whom an overlay brings after midnight belongs to the next day, and is told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np

from config import Campaign, Day
from config.recording import Recording
from config.shapes import (
    DAY_END,
    Again,
    Overlay,
    Recorded,
    Rejected,
    Rush,
    Shares,
    Splice,
    Surge,
    clock_breaks,
    share_at,
    total_of,
)
from loadtests.shapes import (
    NOBODY,
    RESOLUTION,
    Floats,
    Shape,
    day_length,
    from_day,
    rush,
    seconds_into_day,
    surge,
    wall_clock,
)


@dataclass(frozen=True)
class Added:
    """What an overlay brings: expected arrivals within the day, and those who come after midnight and are left out."""

    overlay: Overlay
    arrivals: float
    after_midnight: float


@dataclass(frozen=True)
class Composed:
    """The shape of each stream of a day, and what its overlays added."""

    streams: Mapping[str, Shape]
    added: list[Added]


def compose(
    campaign: Campaign, name: str, recordings: Mapping[str, Recording], growth: Mapping[str, float]
) -> Composed:
    """Return the shapes of day `name`. `recordings` holds those that it and the days it is spliced from name.

    `growth` multiplies the totals of streams beyond the growth of the day itself. Raises `ValueError` with words for
    people where the day cannot be made, such as a recording of another length.
    """
    day, zone = campaign.days[name], ZoneInfo(campaign.timezone)
    streams = {
        stream: _base(campaign, day, stream, recordings).scaled(growth.get(stream, 1.0)) for stream in campaign.streams
    }
    for splice in day.splices:
        other = compose(campaign, splice.day, recordings, growth).streams
        streams = {
            stream: _spliced(shape, other[stream], splice, day, campaign.days[splice.day], zone)
            for stream, shape in streams.items()
        }
    added = []
    for overlay in day.overlays:
        shape = streams[overlay.stream]
        extra = _overlaid(overlay, shape, day, zone)
        within = extra.lasting(shape.duration)
        added.append(Added(overlay, within.total, extra.total - within.total))
        streams[overlay.stream] = (shape + within).lasting(shape.duration)
    return Composed(streams, added)


def mixed(shape: Shape, share: Shares, day: Day, zone: ZoneInfo) -> Shape:
    """Return the part of a stream's arrivals that a share, constant or by the clock, selects."""
    if isinstance(share, float | int):
        return shape.scaled(share)
    shown = wall_clock(day.start, zone, shape.duration)
    seconds = np.array(clock_breaks(share), dtype=np.float64)
    # Where the clock changes, a time that it shows twice is a break twice.
    shifts = np.unique(shown(np.arange(0.0, shape.duration, 900.0)) - np.arange(0.0, shape.duration, 900.0))
    breaks = np.concatenate([*(seconds - shift for shift in shifts), np.arange(0.0, shape.duration, 900.0)])

    def at(instants: Floats) -> Floats:
        return np.array([share_at(share, second) for second in shown(instants).tolist()])

    return shape.mixed(at, breaks)


def moment(day: Day, zone: ZoneInfo, clock: str) -> float:
    """Return the seconds from the start of the day to a time of day; 24:00 is its end."""
    if clock == DAY_END:
        return day_length(day.start, zone)
    return seconds_into_day(day.start, zone, time.fromisoformat(clock))


def recorded_days(campaign: Campaign, name: str) -> dict[str, set[date]]:
    """Return the recordings that a day needs, each with the dates that are taken from it."""
    zone, needed = ZoneInfo(campaign.timezone), dict[str, set[date]]()
    for day in [campaign.days[name], *(campaign.days[splice.day] for splice in campaign.days[name].splices)]:
        for recorded in day.recordings.values():
            needed.setdefault(recorded.shape, set()).add(_recorded_date(day, recorded, zone))
    return needed


def _base(campaign: Campaign, day: Day, stream: str, recordings: Mapping[str, Recording]) -> Shape:
    """Return a stream before splices and overlays."""
    zone = ZoneInfo(campaign.timezone)
    today = day.start.astimezone(zone).date()
    season = campaign.seasons[day.season] if day.season else None
    factor = day.growth.factor(stream) if day.growth else 1.0
    total = day.totals.get(stream)
    if stream in day.recordings:
        counted = _recorded(day, stream, recordings, zone)
        if total is None:
            return counted.scaled(factor)
        if counted.total <= NOBODY:
            raise ValueError(f"{day.recordings[stream].shape} has nobody on this day, and cannot be scaled to a total")
        return counted.scaled(total_of(total) * factor / counted.total)
    if total is None:
        total = season.total(stream, today) if season else 0.0
    profile = (season.profile(today) if season else None) or campaign.hourly_profile
    shape = from_day(day.start, zone, total_of(total) * factor, profile)
    if not isinstance(total, Mapping):
        return shape
    instants = np.array([moment(day, zone, clock) for clock in total])
    if np.any(np.diff(instants) <= 0):
        raise ValueError(f"on {today} the clock skips an hour, so that the anchors of {stream} are not in order")
    counts = np.array(list(total.values())) * factor
    return shape.through(instants, counts).lasting(shape.duration)


def _recorded(day: Day, stream: str, recordings: Mapping[str, Recording], zone: ZoneInfo) -> Shape:
    """Return what was counted on the recorded day, in slots as they were."""
    recorded = day.recordings[stream]
    when = _recorded_date(day, recorded, zone)
    try:
        slots = recordings[recorded.shape].of_days([when], zone)
    except ValueError as error:
        raise ValueError(f"{stream}: the recording {recorded.shape} is of {error}") from None
    start = datetime.combine(when, time(), zone)
    length, wanted = day_length(start, zone), day_length(day.start, zone)
    if length != wanted:
        raise ValueError(
            f"{stream}: {when} had {length / 3600:g} hours and cannot be replayed on a day of {wanted / 3600:g}"
            " (the clock changes)"
        )
    edges = np.array(slots.edges) - slots.edges[0]
    shape = Shape(edges, np.concatenate(([0.0], np.cumsum(slots.counts))))
    begin = start.timestamp() - slots.edges[0]
    return shape.window(begin, min(begin + length, shape.duration)).lasting(length)


def _recorded_date(day: Day, recorded: Recorded, zone: ZoneInfo) -> date:
    return recorded.date or day.start.astimezone(zone).date()


def _spliced(shape: Shape, other: Shape, splice: Splice, day: Day, other_day: Day, zone: ZoneInfo) -> Shape:
    start, end = (moment(day, zone, clock) for clock in (splice.start, splice.end))
    left, right = (moment(other_day, zone, clock) for clock in (splice.start, splice.end))
    if not (start < end and left < right):
        raise ValueError(f"the clock skips the hours {splice.start} to {splice.end}, so nothing can be taken from them")
    return shape.spliced(other.window(left, right), start, end)


def _overlaid(overlay: Overlay, shape: Shape, day: Day, zone: ZoneInfo) -> Shape:
    """Return the arrivals that an overlay adds, those after midnight too."""
    match overlay:
        case Surge():
            at = moment(day, zone, overlay.at)
            return surge(at, overlay.ramp, overlay.hold or 0.0, overlay.decay, overlay.arrivals)
        case Rush():
            return rush(moment(day, zone, overlay.until), overlay.doubling, overlay.arrivals)
        case Again():
            return _on_minutes(shape.scaled(overlay.share).delayed(overlay.after))
        case Rejected():
            return _on_minutes(shape.excess(overlay.above).scaled(overlay.share).delayed(overlay.after))


def _on_minutes(shape: Shape) -> Shape:
    """Return a shape with few edges: each delay would multiply them."""
    edges = np.append(np.arange(0.0, shape.duration, RESOLUTION), shape.duration)
    return shape.at_edges(edges)
