"""Traffic shapes: how many people have come by when.

A shape is the cumulative number of arrivals N(t), piecewise linear between its edges. Its slope is the arrival rate
lambda(t), so every operation on shapes keeps totals exact:

    N |                 ____        scaled(k)      k N(t)
      |             __--            compressed(c)  N(c t)
      |         _--                 window(a, b)   N(a + t) - N(a)
      |  ____---                    a + b          N1(t) + N2(t)
      +--------------------- t      a.then(b)      N1, then N1(T) + N2(t - T)
                                    through(t, c)  bent so that N(t_k) = c_k
                                    mixed(s)       the integral of lambda s
                                    delayed(q)     the mean of N(t - q)
                                    excess(c)      the integral of max(lambda - c, 0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESOLUTION = 60.0
"""Seconds between the edges of a shape made from hourly totals."""

APART = 1e-9
"""Edges closer than this part of the duration are one edge: the rate between them would be the noise of rounding."""

NOBODY = 1e-12
"""Expected arrivals that are none: there is no form in what rounding left."""


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

    def lasting(self, duration: float) -> Shape:
        """Return the shape cut off at `duration` seconds, or staying at its total until then."""
        if abs(duration - self.duration) <= APART * duration:
            return Shape(np.append(self.edges[:-1], duration), self.counts)
        if duration < self.duration:
            return self.window(0.0, duration)
        return Shape(np.append(self.edges, duration), np.append(self.counts, self.total))

    def at_edges(self, edges: Floats) -> Shape:
        """Return the shape with other edges, in a straight line between them; N is kept at each of them."""
        counts = self.count_at(edges)
        return Shape(edges, counts - counts[0])

    def then(self, other: Shape) -> Shape:
        """Return this shape with another one after it."""
        edges = np.concatenate((self.edges, self.duration + other.edges[1:]))
        return Shape(edges, np.concatenate((self.counts, self.total + other.counts[1:])))

    def spliced(self, part: Shape, start: float, end: float) -> Shape:
        """Return the shape with all of `part`, made to fit, instead of what was between `start` and `end`."""
        fitting = part.compressed(part.duration / (end - start))
        whole = self.window(0.0, start).then(fitting) if start > 0 else fitting
        whole = whole.then(self.window(end, self.duration)) if end < self.duration else whole
        return whole.lasting(self.duration)

    def through(self, instants: Floats, counts: Floats) -> Shape:
        """Return the shape bent to pass through N(t_k) = c_k; the last instant is the end of the shape.

        Between two anchors the shape keeps its form; where it had nobody there, the new ones come evenly:

            N'(t) = c_k + (c_(k+1) - c_k) (N(t) - N(t_k)) / (N(t_(k+1)) - N(t_k))
        """
        anchors = np.concatenate(([0.0], instants))
        bent: Shape | None = None
        for (left, right), number in zip(pairwise(anchors), np.diff(counts, prepend=0.0), strict=True):
            part = self.window(left, right)
            if part.total <= max(APART * self.total, NOBODY):
                part = uniform(1.0, right - left)
            part = part.scaled(number / part.total)
            bent = part if bent is None else bent.then(part)
        assert bent is not None
        return bent

    def mixed(self, share: Callable[[Floats], Floats], breaks: Floats) -> Shape:
        """Return those of the arrivals that `share` (of an instant) selects: the integral of lambda(t) s(t).

        Between two `breaks` the share must be a straight line. The rate is constant between edges, so there

            integral of lambda s = (N(t_(k+1)) - N(t_k)) s((t_k + t_(k+1)) / 2)      exactly
        """
        edges = _union(self.edges, breaks[(breaks > 0) & (breaks < self.duration)])
        parts = np.diff(self.count_at(edges)) * share((edges[:-1] + edges[1:]) / 2)
        return Shape(edges, np.concatenate(([0.0], np.cumsum(parts))))

    def delayed(self, quantiles: Sequence[float]) -> Shape:
        """Return the same arrivals, each a random time later: the convolution of N with that time's distribution.

        `quantiles` (seconds, rising) are evenly spaced: the time is uniform between two of them, each pair as likely.
        With I(t) the integral of N, and m pairs of quantiles a_j < b_j:

            N'(t) = 1/m  sum of (I(t - a_j) - I(t - b_j)) / (b_j - a_j)

        The shape lasts until the last of them has come; N' is exact at its edges.
        """
        lags = np.asarray(quantiles, dtype=np.float64)
        edges = _union(*(np.append(0.0, self.edges + lag) for lag in lags))
        means = [(self._integral(edges - a) - self._integral(edges - b)) / (b - a) for a, b in pairwise(lags)]
        counts = np.clip(np.mean(means, axis=0), 0.0, self.total)
        counts[0], counts[-1] = 0.0, self.total
        return Shape(edges, np.maximum.accumulate(counts))

    def excess(self, rate: float) -> Shape:
        """Return the arrivals above `rate` (a second): the integral of max(lambda(t) - rate, 0)."""
        above = np.maximum(np.diff(self.counts) - rate * np.diff(self.edges), 0.0)
        return Shape(self.edges, np.concatenate(([0.0], np.cumsum(above))))

    def _integral(self, instants: Floats) -> Floats:
        """Return the integral of N from 0 to each instant; N is 0 before the shape, and its total after it."""
        width = np.diff(self.edges)
        areas = np.concatenate(([0.0], np.cumsum(width * (self.counts[:-1] + self.counts[1:]) / 2)))
        inside = np.clip(instants, 0.0, self.duration)
        piece = np.clip(np.searchsorted(self.edges, inside, side="right") - 1, 0, len(width) - 1)
        t = inside - self.edges[piece]
        slope = (self.counts[piece + 1] - self.counts[piece]) / width[piece]
        after = self.total * np.maximum(instants - self.duration, 0.0)
        return areas[piece] + t * (self.counts[piece] + slope * t / 2) + after

    def __add__(self, other: Shape) -> Shape:
        """Overlay two shapes that begin together; the shorter one stays at its total."""
        edges = _union(self.edges, other.edges)
        return Shape(edges, self.count_at(edges) + other.count_at(edges))


def uniform(rate: float, duration: float) -> Shape:
    """Return a constant `rate` (arrivals a second) for `duration` seconds."""
    return Shape(np.array([0.0, duration]), np.array([0.0, rate * duration]))


def surge(at: float, ramp: float, hold: float, decay: float, total: float) -> Shape:
    """Return `total` arrivals whose rate climbs from 0 for `ramp` seconds, stays for `hold` and falls for `decay`.

    The area of the trapezium is the total, so its height is  total / (ramp / 2 + hold + decay / 2).
    """
    height = total / (ramp / 2 + hold + decay / 2)
    part = np.linspace(0.0, 1.0, 31)
    edges = _union(ramp * part, ramp + hold + decay * part)
    up, down = np.minimum(edges, ramp), np.maximum(edges - ramp - hold, 0.0)
    level = np.clip(edges - ramp, 0.0, hold)
    counts = height * (up**2 / (2 * ramp) + level + down - down**2 / (2 * decay))
    counts = np.maximum.accumulate(np.minimum(counts, total))
    counts[-1] = total
    shape = Shape(edges, counts)
    return uniform(0.0, at).then(shape) if at > 0 else shape


def rush(until: float, doubling: float, total: float) -> Shape:
    """Return `total` arrivals before the moment `until`; their rate doubles every `doubling` seconds.

    N(t) = total (2^((t - T) / d) - 2^(-T / d)) / (1 - 2^(-T / d))
    """
    step = min(RESOLUTION, doubling / 10)
    edges = np.linspace(0.0, until, int(np.clip(until / step, 10, 10_000)) + 1)
    before = np.exp2(-until / doubling)
    return Shape(edges, total * (np.exp2((edges - until) / doubling) - before) / (1 - before))


def from_day(start: datetime, zone: ZoneInfo, total: float, hourly_profile: Sequence[float]) -> Shape:
    """Return one local day with `total` arrivals, spread over its hours by 24 weights.

    The day starts at the aware `start` and lasts until the next local midnight: 23 or 25 hours on the days of the clock
    change, where a repeated hour has its weight twice. Each hour keeps its share exactly; within and between hours the
    rate runs smoothly (see `monotone`), because people do not come in steps.
    """
    length = day_length(start, zone)
    hours = np.append(np.arange(0.0, length, 3600.0), length)
    local = [datetime.fromtimestamp(start.timestamp() + second, zone).hour for second in hours[:-1].tolist()]
    weights = np.array([hourly_profile[hour] for hour in local]) * (np.diff(hours) / 3600.0)
    hourly: Floats = np.concatenate(([0.0], np.cumsum(weights)))
    if hourly[-1] <= 0:
        raise ValueError("the hours of the day have no weight")
    edges = np.arange(0.0, hours[-1] + RESOLUTION / 2, RESOLUTION)
    return Shape(edges, monotone(hours, hourly * (total / hourly[-1]), edges))


def seconds_into_day(start: datetime, zone: ZoneInfo, clock: time) -> float:
    """Return the seconds from `start` to the wall-clock time on the same local day; 00:00 is the start.

    A time that the clock shows twice is the first of the two; one that it skips is as long after the change.
    """
    local = start.astimezone(zone)
    moment = datetime.combine(local.date(), clock, zone)
    return moment.timestamp() - start.timestamp()


def wall_clock(start: datetime, zone: ZoneInfo, duration: float) -> Callable[[Floats], Floats]:
    """Return the function from seconds since `start` to seconds of the local day as the clock shows them.

    A change of the clock falls on a full quarter of an hour everywhere, so the offset is looked up in these.
    """
    quarters = [
        datetime.fromtimestamp(start.timestamp() + 900.0 * index, zone) for index in range(ceil(duration / 900))
    ]
    offsets = np.array([(quarter.utcoffset() or timedelta()).total_seconds() for quarter in quarters])
    shift: Floats = offsets - offsets[0]

    def shown(instants: Floats) -> Floats:
        ahead: Floats = shift[np.clip((instants // 900.0).astype(int), 0, len(shift) - 1)]
        return instants + ahead

    return shown


def day_length(start: datetime, zone: ZoneInfo) -> float:
    """Return the seconds from `start` to the next local midnight: 23, 24 or 25 hours from midnight."""
    midnight = datetime.combine(start.astimezone(zone).date() + timedelta(days=1), time(0), zone)
    return midnight.timestamp() - start.timestamp()


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


def _union(*edges: Floats) -> Floats:
    """Return all edges in order, each once, the last for certain."""
    merged = np.unique(np.concatenate(edges))
    kept: Floats = merged[np.diff(merged, prepend=-np.inf) > APART * (merged[-1] - merged[0])]
    kept[-1] = merged[-1]
    return kept
