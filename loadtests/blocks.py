"""Runs moment by moment: blocks of the same part of each, joined until neighbours no longer depend on each other.

Requests of one run are no independent samples: they wait in the same queue, and a busy minute slows all of them. So the
unit of comparison is a block of time. The same plan asks for the same load at the same moment, so block i of one run is
paired with block i of the other; what the plan does to both (a rising morning, a cold cache) drops out of their
difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from loadtests.inference import Floats, autocorrelation
from loadtests.summary import Block

ENOUGH = {"p50": 5, "p95": 20}
"""Measurements that a block needs in every run: with fewer, its percentile is little more than an extreme value."""

SHARES = {"p50": 0.50, "p95": 0.95}

INDEPENDENT = 0.2
"""Blocks are joined until the autocorrelation of neighbouring differences is no more than this."""

COVERED = 0.9
"""Share of all measurements that should lie in blocks with enough of them."""

_KNOWN = [NormalDist().inv_cdf(share) for share in (0.05, 0.50, 0.95, 0.99)]
_LEVELS = (np.arange(50) + 0.5) / 50
_SCORES = [NormalDist().inv_cdf(level) for level in _LEVELS]
_LEAST = 1e-6
"""Seconds; the resolution of the measurement."""


class Track:
    """One run's blocks of one step or journey, in order of time, those without measurements left out.

    Of a block only a few percentiles are known. Its whole distribution is drawn through them on normal scores (a line
    through the median and the 95th percentile, bent at the 99th; exact for a block with one measurement, and for any
    log-normal one), as 50 equally likely values. So joined blocks have percentiles of their own, where averages of
    percentiles would depend on how long the blocks happened to be.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        rows = sorted((block for block in blocks if block.count > 0), key=lambda block: block.second)
        self.counts = np.array([block.count for block in rows], dtype=np.float64)
        self.middles = np.array([block.second + block.seconds / 2 for block in rows])
        self.seconds = max((block.seconds for block in rows), default=0.0)
        self.logs = np.array([_spread(block) for block in rows]).reshape(len(rows), len(_LEVELS))

    @property
    def measured(self) -> int:
        """How many measurements there are."""
        return int(self.counts.sum())

    def joined(self, width: float, length: int) -> Floats:
        """Return how many measurements lie in each of `length` parts of `width` seconds."""
        counts = np.zeros(length + 1)
        np.add.at(counts, np.minimum(self._parts(width), length), self.counts)  # the last takes what lies beyond
        return counts[:-1]

    def percentiles(self, width: float, parts: Sequence[int], share: float) -> Floats:
        """Return the logarithm of a percentile (seconds) within each of the given parts, none of them empty."""
        place = self._parts(width)
        found = []
        for part in parts:
            inside = slice(*np.searchsorted(place, [part, part + 1]))
            values, weights = self.logs[inside].ravel(), np.repeat(self.counts[inside], len(_LEVELS))
            order = np.argsort(values)
            middles = np.cumsum(weights[order]) - weights[order] / 2
            found.append(np.interp(share, middles / weights.sum(), values[order]))
        return np.array(found)

    def _parts(self, width: float) -> NDArray[np.int64]:
        parts: NDArray[np.int64] = np.floor_divide(self.middles, width).astype(np.int64)
        return parts


def _spread(block: Block) -> Floats:
    p50, p95, p99 = np.log(np.maximum([block.p50, block.p95, block.p99], _LEAST))
    values: Floats = np.interp(_SCORES, _KNOWN, [2 * p50 - p95, p50, p95, p99])
    return values


@dataclass(frozen=True)
class Pairs:
    """Logarithms of a percentile in paired blocks of `seconds`: one row for each baseline run, and the current run."""

    seconds: float
    baselines: Floats
    current: Floats

    @property
    def differences(self) -> Floats:
        """Current run minus the mean of the baselines, block by block: logarithms of ratios."""
        ratios: Floats = self.current - self.baselines.mean(axis=0)
        return ratios

    @property
    def autocorrelation(self) -> float:
        """Of neighbouring differences."""
        return autocorrelation(self.differences)


def pair(runs: Sequence[Sequence[Block]], metric: str, least: int) -> Pairs | None:
    """Pair the blocks of several runs, the current one last; None if fewer than `least` pairs have enough measurements.

    Blocks are joined two by two, three by three, ... until those with enough measurements hold most of them and
    neighbouring differences are nearly independent. If that never happens, the way of joining is taken that leaves out
    the fewest measurements, and among equals the one with the least dependence.
    """
    tracks = [Track(blocks) for blocks in runs]
    if not all(track.measured for track in tracks):
        return None
    unit = max(track.seconds for track in tracks)
    end = min(float(track.middles[-1]) for track in tracks)
    found: list[tuple[float, float, Pairs]] = []
    for factor in range(1, int(end / (unit * (least - 1))) + 1):
        width = factor * unit
        counts = np.array([track.joined(width, int(end / width) + 1) for track in tracks])
        usable = np.flatnonzero((counts >= ENOUGH[metric]).all(axis=0))
        if len(usable) < least:
            continue
        logs = np.array([track.percentiles(width, usable.tolist(), SHARES[metric]) for track in tracks])
        pairs = Pairs(width, logs[:-1], logs[-1])
        covered = min(counts[run, usable].sum() / tracks[run].measured for run in range(len(tracks)))
        if covered >= COVERED and pairs.autocorrelation <= INDEPENDENT:
            return pairs
        found.append((min(covered, COVERED), -pairs.autocorrelation, pairs))
    return max(found, key=lambda item: item[:2])[-1] if found else None
