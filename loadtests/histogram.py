"""The histogram of response times: bars that are equally wide on a logarithmic axis."""

from __future__ import annotations

import math
from collections import Counter

from loadtests.latencies import Latencies
from loadtests.summary import Bar

BARS = 10
"""Bars for each power of ten: limits at 1, 1.26, 1.58, 2, 2.51, 3.16, 3.98, 5.01, 6.31, 7.94 (ISO 3, R10)."""


def histogram(response: Latencies, service: Latencies) -> list[Bar]:
    """Return the bars from the fastest to the slowest answer, those in between that are empty included."""
    found = _counts(response), _counts(service)
    filled = set().union(*found)
    if not filled:
        return []
    return [
        Bar(low=_limit(bar - 1), high=_limit(bar), response=found[0][bar], service=found[1][bar])
        for bar in range(min(filled), max(filled) + 1)
    ]


def _counts(latencies: Latencies) -> Counter[int]:
    """Count latencies t by bar i, for which 10^((i - 1) / BARS) < t <= 10^(i / BARS)."""
    counts: Counter[int] = Counter()
    for item in latencies.histogram.get_recorded_iterator():
        counts[math.ceil(BARS * math.log10(item.value_iterated_to / 1e6) - 1e-9)] += item.count_at_value_iterated_to
    return counts


def _limit(bar: int) -> float:
    return float(f"{10 ** (bar / BARS):.3g}")
