"""Latencies by the thousand: counted as they come by wire, merged, and kept in histograms."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import proxy

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadtests.metrics import LATENCY_BUCKETS
from loadtests.second import DIGITS, HIGHEST, LOWEST, SUB_BUCKET_BITS, Sparse

Counted = tuple[NDArray[np.int64], NDArray[np.int64]]
"""The same as `Sparse`, as arrays: latencies that occurred (microseconds, rising), and how often each did."""


def counted(latencies: Sparse) -> Counted:
    """Return what came by wire as arrays."""
    return np.asarray(latencies[0], np.int64), np.asarray(latencies[1], np.int64)


NOTHING = counted(([], []))
"""No latency at all."""


def merged(parts: Iterable[Counted]) -> Counted:
    """Return several counted latencies as one."""
    parts = [part for part in parts if len(part[0])]
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    values, places = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.bincount(places, np.concatenate([part[1] for part in parts]), len(values))
    return values, counts.astype(np.int64)


def percentile(latencies: Counted, share: float) -> float:
    """Return the latency in seconds that `share` (0 to 1) of the counted ones do not exceed; 0 where there are none."""
    values, counts = latencies
    if not len(values):
        return 0.0
    cumulated = np.cumsum(counts)
    return int(values[np.searchsorted(cumulated, share * cumulated[-1])]) / 1e6


class Latencies:
    """All latencies of one thing: a histogram, and cumulative counts for the exporter's buckets."""

    def __init__(self) -> None:
        self.histogram = HdrHistogram(LOWEST, HIGHEST, DIGITS)
        # A histogram and its encoder hold each other; the collector is asleep while a run goes on.
        self.histogram.encoder.histogram = proxy(self.histogram)
        self._counts = np.ctypeslib.as_array(self.histogram.counts).view(np.int64)
        self.buckets = np.zeros(len(LATENCY_BUCKETS) + 1, dtype=np.int64)
        self.total = 0.0

    def add(self, latencies: Counted) -> None:
        """Add counted latencies (rising, as `pack` cuts them).

        All at once, because one `record_value` for each costs more than the rest of the statistics together. The place
        of v in the histogram's counts is

            (b + 1) 2^10 + (v >> b) - 2^10      with b = max(0, bits(v) - 11)
        """
        values, counts = latencies
        if not len(values):
            return
        shift = np.maximum(0, np.frexp(values)[1] - SUB_BUCKET_BITS)
        self._counts[(shift << (SUB_BUCKET_BITS - 1)) + (values >> shift)] += counts  # each place at most once
        self.histogram.total_count += int(counts.sum())
        self.histogram.min_value = min(self.histogram.min_value, int(values[0]))
        self.histogram.max_value = max(self.histogram.max_value, int(values[-1]))
        seconds = values / 1e6
        places = np.searchsorted(LATENCY_BUCKETS, seconds, side="left")
        self.buckets += np.bincount(places, counts, len(self.buckets)).astype(np.int64)
        self.total += float(seconds @ counts)

    def counted(self) -> Counted:
        """Return what was added, cut to three significant digits; the place of each is taken back to its value."""
        places = np.flatnonzero(self._counts)
        shift = np.maximum(0, (places >> (SUB_BUCKET_BITS - 1)) - 1)
        return (places - (shift << (SUB_BUCKET_BITS - 1))) << shift, self._counts[places]

    @property
    def count(self) -> int:
        """How many were added."""
        return int(self.histogram.get_total_count())

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that `share` (0 to 1) of them do not exceed; 0 where there are none."""
        return self.histogram.get_value_at_percentile(share * 100) / 1e6 if self.count else 0.0

    @property
    def maximum(self) -> float:
        """The largest, in seconds."""
        return self.histogram.get_max_value() / 1e6 if self.count else 0.0

    @property
    def mean(self) -> float:
        """The mean, in seconds."""
        return self.total / self.count if self.count else 0.0


def together(parts: Iterable[Latencies]) -> Latencies:
    """Return several latencies as one."""
    whole = Latencies()
    for part in parts:
        whole.histogram.add(part.histogram)
        whole.buckets += part.buckets
        whole.total += part.total
    return whole
