"""Traffic shapes: how many people have come by when.

A shape is the cumulative number of arrivals N(t), piecewise linear between its edges. Its slope is the arrival rate
lambda(t), so every operation on shapes keeps totals exact:

    N |                 ____        scaled(k)      k N(t)
      |             __--            compressed(c)  N(c t)
      |         _--                 window(a, b)   N(a + t) - N(a)
      |  ____---                    a + b          N1(t) + N2(t)
      +--------------------- t
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESOLUTION = 60.0
"""Seconds between the edges of a shape made from hourly totals."""


@dataclass(frozen=True, eq=False)
class Shape:
    """Cumulative arrivals `counts` (from 0, never falling) at the instants `edges` (seconds from 0, rising)."""

    edges: Floats
    counts: Floats

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or len(self.edges) != len(self.counts):
            raise ValueError("a shape needs at least two edges, and one count for each")
        if self.edges[0] != 0 or np.any(np.diff(self.edges) <= 0):
            raise ValueError("edges must start at 0 and rise")
        if self.counts[0] != 0 or np.any(np.diff(self.counts) < 0) or not np.all(np.isfinite(self.counts)):
            raise ValueError("counts must start at 0, never fall, and be finite")

    @property
    def duration(self) -> float:
        """Seconds from the first to the last edge."""
        return float(self.edges[-1])

    @property
    def total(self) -> float:
        """Expected number of arrivals."""
        return float(self.counts[-1])

    def count_at(self, instants: Floats) -> Floats:
        """Return N(t), the expected arrivals up to each instant."""
        return np.interp(instants, self.edges, self.counts)

    def count_by(self, instant: float) -> float:
        """Return N(t) of one instant."""
        return float(np.interp(instant, self.edges, self.counts))

    def instant_of(self, counts: Floats) -> Floats:
        """Return when each count (0 to `total`) is reached: the inverse of N."""
        return np.interp(counts, self.counts, self.edges)

    def scaled(self, factor: float) -> Shape:
        """Return the shape with `factor` times as many arrivals."""
        return Shape(self.edges, self.counts * factor)

    def compressed(self, factor: float) -> Shape:
        """Return the shape in 1/`factor` of the time with the same number of arrivals: the rate rises by `factor`."""
        return Shape(self.edges / factor, self.counts)

    def window(self, start: float, end: float) -> Shape:
        """Return the part from `start` to `end` seconds, beginning at 0."""
        if not 0 <= start < end <= self.duration:
            raise ValueError(f"a window must lie within 0 and {self.duration:g} seconds, and end after it starts")
        inside = (self.edges > start) & (self.edges < end)
        edges = np.concatenate(([start], self.edges[inside], [end]))
        counts = self.count_at(edges)
        return Shape(edges - start, counts - counts[0])

    def __add__(self, other: Shape) -> Shape:
        """Overlay two shapes that begin together; the shorter one stays at its total."""
        edges = np.union1d(self.edges, other.edges)
        return Shape(edges, self.count_at(edges) + other.count_at(edges))


def uniform(rate: float, duration: float) -> Shape:
    """Return a constant `rate` (arrivals a second) for `duration` seconds."""
    return Shape(np.array([0.0, duration]), np.array([0.0, rate * duration]))


def from_day(start: datetime, zone: ZoneInfo, total: float, hourly_profile: Sequence[float]) -> Shape:
    """Return one local day with `total` arrivals, spread over its hours by 24 weights.

    The day starts at the aware `start` and lasts until the next local midnight: 23 or 25 hours on the days of the clock
    change, where a repeated hour has its weight twice. Each hour keeps its share exactly; within and between hours the
    rate runs smoothly (see `monotone`), because people do not come in steps.
    """
    weights = [hourly_profile[local.hour] for local in _local_hours(start, zone)]
    hourly: Floats = np.concatenate(([0.0], np.cumsum(weights)))
    if hourly[-1] <= 0:
        raise ValueError("the hours of the day have no weight")
    hours: Floats = np.arange(len(hourly), dtype=np.float64) * 3600.0
    edges = np.arange(0.0, hours[-1] + RESOLUTION / 2, RESOLUTION)
    return Shape(edges, monotone(hours, hourly * (total / hourly[-1]), edges))


def seconds_into_day(start: datetime, zone: ZoneInfo, clock: time) -> float:
    """Return the seconds from `start` to the wall-clock time on the same local day; 00:00 is the start."""
    local = start.astimezone(zone)
    moment = datetime.combine(local.date(), clock, zone)
    return moment.timestamp() - start.timestamp()


def monotone(xs: Floats, ys: Floats, at: Floats) -> Floats:
    """Interpolate never-falling points with a never-falling smooth curve through all of them.

    Cubic Hermite pieces whose slopes are the harmonic means of the neighbouring secants (Fritsch and Butland, 1984):

        m_k = 2 d_(k-1) d_k / (d_(k-1) + d_k)      y = h00 y_k + h10 w m_k + h01 y_(k+1) + h11 w m_(k+1)

    for evenly spaced points; at the ends the slope is that of the first and last secant.
    """
    width = np.diff(xs)
    secants = np.diff(ys) / width
    before, after = secants[:-1], secants[1:]
    sums = before + after
    inner = np.divide(2 * before * after, sums, out=np.zeros_like(sums), where=sums > 0)
    slopes = np.concatenate((secants[:1], inner, secants[-1:]))
    piece = np.clip(np.searchsorted(xs, at, side="right") - 1, 0, len(width) - 1)
    w, t = width[piece], (at - xs[piece]) / width[piece]
    lower, upper = ys[piece], ys[piece + 1]
    values = (
        lower * (1 + 2 * t) * (1 - t) ** 2
        + slopes[piece] * w * t * (1 - t) ** 2
        + upper * t**2 * (3 - 2 * t)
        + slopes[piece + 1] * w * t**2 * (t - 1)
    )
    # Rounding may undershoot by one unit in the last place; the curve itself never does.
    return np.maximum.accumulate(np.clip(values, ys[0], ys[-1]))


def _local_hours(start: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the hours of the local day that begins at `start`, as local times."""
    midnight = datetime.combine(start.astimezone(zone).date() + timedelta(days=1), time(0), zone)
    hours = round((midnight.timestamp() - start.timestamp()) / 3600)
    return [datetime.fromtimestamp(start.timestamp() + 3600 * hour, zone) for hour in range(hours)]
