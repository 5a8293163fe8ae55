"""What a source counted, and the way from there to a recording: gaps filled, resampled, smoothed; totals kept.

source -> counted -> within the period asked for -> without gaps -> in even steps -> smooth, if asked for
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from math import ceil
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from config.recording import LONGEST, MAX_SLOTS, Recording
from loadtests.shapes import Floats, monotone

Gaps = Literal["interpolate", "zero"]

Progress = Callable[[str], None]
"""Is told now and then how far a source has been read."""

MAX_RATE = 1e7
"""Arrivals a second that nobody has: the whole country at once."""

NEIGHBOURS = 5
"""Slots on each side of a gap whose mean rate says how many came in it."""

CERTAIN = 20.0
"""Arrivals missing where a silence cannot be chance: by chance it has probability e^-20."""


class SourceError(Exception):
    """A source cannot be used; `problems` says everything that is wrong with it, each in one line."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, eq=False)
class Counted:
    """Arrivals in the slots between `edges` (Unix seconds, one more than `counts`); NaN where nothing is known.

    `origin` says in a line what was read; each of `remarks` is something that people must know.
    """

    edges: Floats
    counts: Floats
    origin: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """How a recording is made: seconds of a slot, what to do with gaps, seconds to smooth over, and the period."""

    zone: ZoneInfo
    step: float = 60.0
    gaps: Gaps = "interpolate"
    smooth: float | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Imported:
    """A recording, the comments that stand above it in its file, and those of them that are warnings."""

    recording: Recording
    comments: tuple[str, ...]
    warnings: tuple[str, ...]

    def as_data(self, zone: ZoneInfo) -> dict[str, Any]:
        """Return what people want to know, for a machine."""
        edges, counts = np.array(self.recording.edges), np.array(self.recording.counts)
        rates = counts / np.diff(edges)
        moments = {"first": edges[0], "last": edges[-1], "peak": edges[int(rates.argmax())]}
        return {
            **{name: datetime.fromtimestamp(edge, zone).isoformat() for name, edge in moments.items()},
            "slots": len(counts),
            "arrivals": self.recording.total,
            "peak_rate": float(rates.max()),
            "comments": list(self.comments),
            "warnings": list(self.warnings),
        }


def record(counted: Counted, wanted: Wanted) -> Imported:
    """Turn what was counted into a recording. Raises `SourceError`."""
    counted = _within(counted, wanted)
    _reasonable(counted, wanted)
    holes = _holes(counted)
    warnings = [*counted.remarks, *_gap_lines(counted, holes, wanted)]
    even = resampled(filled(split(counted, wanted.step), wanted.gaps), wanted.step)
    noise = "kept"
    if wanted.smooth is not None:
        even = smoothed(even, wanted.smooth)
        noise = f"smoothed; every {wanted.smooth:g} s keep their total"
    recording = Recording(edges=even.edges.tolist(), counts=even.counts.tolist())
    comments = (f"source: {counted.origin}", f"zone: {wanted.zone.key}", f"noise: {noise}")
    gaps = () if holes else ("gaps: none",)
    return Imported(recording, (*comments, *gaps, *warnings), tuple(warnings))


def joined(spans: Sequence[tuple[float, float, float]]) -> tuple[Floats, Floats]:
    """Return the edges and counts of spans (start, end, count) in order of time, unknown between them."""
    edges, counts = [spans[0][0]], []
    for start, end, count in spans:
        if start - edges[-1] > 1e-3:
            counts.append(np.nan)
            edges.append(start)
        counts.append(count)
        edges.append(end)
    return np.array(edges), np.array(counts)


def split(counted: Counted, step: float) -> Counted:
    """Return the same with unknown slots of `step` seconds at most, so that a rate can rise or fall within a gap."""
    edges, counts = [counted.edges[:1]], []
    for left, right, count in zip(counted.edges, counted.edges[1:], counted.counts, strict=False):
        pieces = max(1, ceil((right - left) / step)) if np.isnan(count) else 1
        edges.append(np.linspace(left, right, pieces + 1)[1:])
        counts.append(np.full(pieces, count))
    return replace(counted, edges=np.concatenate(edges), counts=np.concatenate(counts))


def filled(counted: Counted, how: Gaps) -> Counted:
    """Return the same without unknown slots: nobody came (`zero`), or as many as around them (`interpolate`).

    Interpolated, the rate runs in a straight line from the mean of the slots before a gap to that of the slots after
    it. Where one of them is missing, at the ends, nobody came.
    """
    edges, counts = counted.edges, counted.counts.copy()
    widths = np.diff(edges)
    for first, last in _holes(counted):
        before, after = _rate(counted, first - NEIGHBOURS, first), _rate(counted, last, last + NEIGHBOURS)
        if how == "zero" or before is None or after is None:
            counts[first:last] = 0.0
            continue
        middles = (edges[first:last] + edges[first + 1 : last + 1]) / 2
        part = (middles - edges[first]) / (edges[last] - edges[first])
        counts[first:last] = (before + (after - before) * part) * widths[first:last]
    return replace(counted, counts=counts)


def resampled(counted: Counted, step: float) -> Counted:
    """Return the same arrivals in slots of `step` seconds on whole multiples of it: N(t) is kept at each new edge."""
    first, last = np.floor(counted.edges[0] / step), np.ceil(counted.edges[-1] / step)
    edges = np.arange(first, last + 0.5) * step
    cumulative = np.concatenate(([0.0], np.cumsum(counted.counts)))
    return replace(counted, edges=edges, counts=np.diff(np.interp(edges, counted.edges, cumulative)))


def smoothed(counted: Counted, window: float) -> Counted:
    """Return a smooth rate: every `window` seconds the total is kept exactly, between them it runs as in `monotone`."""
    start, end = counted.edges[0], counted.edges[-1]
    knots = np.concatenate(([start], np.arange(start + window, end - window / 2, window), [end]))
    cumulative = np.concatenate(([0.0], np.cumsum(counted.counts)))
    curve = monotone(knots - start, np.interp(knots, counted.edges, cumulative), counted.edges - start)
    return replace(counted, counts=np.diff(curve))


def silences(counts: Floats) -> Floats:
    """Return counts in even slots with NaN for each silence that cannot be chance.

    A run of zeros is one if, at the mean rate of its neighbours, more than `CERTAIN` arrivals would have been in it:
    the logs of that time are missing, or nothing could be reached.
    """
    marked = counts.copy()
    place = 0
    for silent, run in groupby((counts == 0).tolist()):
        length = sum(1 for _ in run)
        around = np.concatenate((counts[max(place - NEIGHBOURS, 0) : place], counts[place + length :][:NEIGHBOURS]))
        if silent and len(around) and around.mean() * length > CERTAIN:
            marked[place : place + length] = np.nan
        place += length
    return marked


def _within(counted: Counted, wanted: Wanted) -> Counted:
    """Return the part in the period that was asked for; what lies outside the source is unknown."""
    start = wanted.start.timestamp() if wanted.start else counted.edges[0]
    end = wanted.end.timestamp() if wanted.end else counted.edges[-1]
    if not start < end:
        raise SourceError(f"--from {wanted.start} is not before the end, {datetime.fromtimestamp(end, wanted.zone)}")
    if start >= counted.edges[-1] or end <= counted.edges[0]:
        first, last = (datetime.fromtimestamp(edge, wanted.zone).isoformat() for edge in counted.edges[[0, -1]])
        raise SourceError(f"the source has {first} to {last}, nothing between --from and --to")
    edges = np.unique(np.concatenate(([start, end], counted.edges[(counted.edges > start) & (counted.edges < end)])))
    slot = np.searchsorted(counted.edges, edges[:-1], side="right") - 1
    known = (slot >= 0) & (slot < len(counted.counts))
    slot = np.clip(slot, 0, len(counted.counts) - 1)
    counts = counted.counts[slot] * np.diff(edges) / np.diff(counted.edges)[slot]
    return replace(counted, edges=edges, counts=np.where(known, counts, np.nan))


def _reasonable(counted: Counted, wanted: Wanted) -> None:
    """Raise `SourceError` with all that is absurd."""
    problems = []
    length = counted.edges[-1] - counted.edges[0]
    if length > LONGEST:
        problems.append(f"{length / 86_400:,.1f} days; a shape has 366 at most: choose a part with --from and --to")
    elif length / wanted.step > MAX_SLOTS:
        problems.append(f"more than {MAX_SLOTS:,} steps: choose a longer --step, or a part with --from and --to")
    rates = np.nan_to_num(counted.counts / np.diff(counted.edges))
    if rates.min() < 0:
        where = datetime.fromtimestamp(counted.edges[int(rates.argmin())], wanted.zone)
        problems.append(f"a negative rate ({rates.min():g} a second) at {where.isoformat()}")
    if rates.max() > MAX_RATE:
        where = datetime.fromtimestamp(counted.edges[int(rates.argmax())], wanted.zone)
        problems.append(f"an absurd rate, {rates.max():,.0f} a second at {where.isoformat()} (at most {MAX_RATE:,.0f})")
    if np.isnan(counted.counts).all():
        problems.append("nothing is known of this period: no data at all")
    elif not problems and not np.nansum(counted.counts):
        problems.append("nobody came in this period: every count is 0")
    if problems:
        raise SourceError(*problems)


def _holes(counted: Counted) -> list[tuple[int, int]]:
    """Return the runs of unknown slots, as [first, last)."""
    unknown = np.concatenate(([0], np.isnan(counted.counts).astype(int), [0]))
    starts, ends = np.flatnonzero(np.diff(unknown) == 1), np.flatnonzero(np.diff(unknown) == -1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _rate(counted: Counted, first: int, last: int) -> float | None:
    """Return the mean rate of the known slots in [first, last), or None if there is none."""
    window = slice(max(first, 0), max(last, 0))
    counts, widths = counted.counts[window], np.diff(counted.edges)[window]
    known = ~np.isnan(counts)
    return float(counts[known].sum() / widths[known].sum()) if known.any() else None


def _gap_lines(counted: Counted, holes: list[tuple[int, int]], wanted: Wanted) -> list[str]:
    """Say how many gaps there are, how long they last, and what was put there."""
    if not holes:
        return []
    lengths = [counted.edges[last] - counted.edges[first] for first, last in holes]
    first, last = holes[int(np.argmax(lengths))]
    begin, end = (datetime.fromtimestamp(counted.edges[place], wanted.zone).isoformat() for place in (first, last))
    done = "counted as nobody" if wanted.gaps == "zero" else "interpolated (at the ends: nobody)"
    return [f"gaps: {len(holes)}, together {sum(lengths):,.0f} s, the longest {begin} to {end}; {done}"]
