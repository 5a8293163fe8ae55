"""The statistics behind `piekwacht load compare`: exact tests, estimates with intervals, nothing drawn by chance.

Arrays in, numbers out; nothing here knows of load tests. Sources: Hollander, Wolfe and Chicken, Nonparametric
Statistical Methods (3rd edition), chapter 3; Holm, Scandinavian Journal of Statistics 6 (1979); Newcombe, Statistics in
Medicine 17 (1998), method 10; Rao and Scott, Biometrics 48 (1992); Bayley and Hammersley, Supplement to the Journal of
the Royal Statistical Society 8 (1946); Kendall, Biometrika 41 (1954); Smyth, Statistical Applications in Genetics and
Molecular Biology 3 (2004).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ASSUMED = 3
"""Degrees of freedom that an assumption about the spread between runs is worth: it fades as runs are measured."""


class Interval(NamedTuple):
    """An estimate and its confidence interval."""

    estimate: float
    low: float
    high: float

    def stretched(self, by: float) -> Interval:
        """Return the same estimate with both sides of the interval `by` times as long."""
        middle = self.estimate
        return Interval(middle, middle - by * (middle - self.low), middle + by * (self.high - middle))

    def reaching(self, reach: float) -> Interval:
        """Return the same estimate with an interval that goes at least `reach` to both sides."""
        return Interval(self.estimate, min(self.low, self.estimate - reach), max(self.high, self.estimate + reach))


def autocorrelation(values: Floats) -> float:
    """Return the correlation of neighbouring values, freed of the bias that a short series has (Kendall).

    r = Σ (x_i - x̄)(x_i+1 - x̄) / Σ (x_i - x̄)²,   r + (1 + 3r) / n;   from -1 to 0.9, and 0 where nothing varies
    """
    centred = values - values.mean()
    spread = float(centred @ centred)
    if spread == 0:
        return 0.0
    raw = float(centred[:-1] @ centred[1:]) / spread
    return min(0.9, max(-1.0, raw + (1 + 3 * raw) / len(values)))


def stretch(correlation: float) -> float:
    """Return how much wider an interval must be when neighbours are correlated: √((1 + r) / (1 - r)), at least 1.

    n such values say as much about their centre as n (1 - r) / (1 + r) independent ones (Bayley and Hammersley).
    """
    return math.sqrt((1 + correlation) / (1 - correlation)) if correlation > 0 else 1.0


def weaken(p: float, by: float) -> float:
    """Return the two-sided p-value of a normal score that is `by` times smaller."""
    normal = NormalDist()
    return 2 * normal.cdf(normal.inv_cdf(p / 2) / by)


def signed_rank_p(differences: Floats) -> float:
    """Return the two-sided p-value of Wilcoxon's signed rank test that the differences are symmetrical about 0.

    W is the sum of the ranks of |d| over the positive d. If only chance decides the signs, each rank is in W with
    probability 1/2, so the distribution of W given the ranks is exact, ties (mean ranks) included:

        P(W ≤ w after rank r) = ½ P(W ≤ w) + ½ P(W ≤ w - r)        p = 2 min(P(W ≤ w), P(W ≥ w))

    Zeros say nothing and are left out.
    """
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 1.0
    _, place, ties = np.unique(np.abs(nonzero), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(ties) - ties + 1)[place]  # twice the mean rank, a whole number
    chances = _rank_sums(doubled)
    w = int(doubled[nonzero > 0].sum())
    return min(1.0, 2 * float(min(chances[: w + 1].sum(), chances[w:].sum())))


def hodges_lehmann(differences: Floats, confidence: float) -> Interval:
    """Return the Hodges-Lehmann estimate of the centre of the differences, with the interval of Wilcoxon's test.

    The estimate is the median of the n(n+1)/2 Walsh averages (d_i + d_j) / 2, i ≤ j. The interval goes from the q-th
    smallest to the q-th largest of them, where q is the smallest number with P(W ≤ q) ≥ (1 - confidence) / 2.
    """
    first, second = np.triu_indices(len(differences))
    averages = np.sort((differences[first] + differences[second]) / 2)
    cumulated = np.cumsum(_rank_sums(np.arange(1, len(differences) + 1)))
    q = max(1, int(np.searchsorted(cumulated, (1 - confidence) / 2)))
    return Interval(float(np.median(averages)), float(averages[q - 1]), float(averages[-q]))


def _rank_sums(ranks: NDArray[np.int64]) -> Floats:
    """Return the chance of every sum 0, 1, ... of the ranks if each takes part with probability 1/2."""
    chances = np.zeros(int(ranks.sum()) + 1)
    chances[0] = 1.0
    for rank in ranks:
        chances[rank:] += chances[: len(chances) - rank].copy()
        chances /= 2  # halves both: a sum without this rank, and one with it
    return chances


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, so that all of them together err as rarely as one.

    In rising order, p̃_(i) = max over j ≤ i of min(1, (m - j + 1) p_(j)).
    """
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = worst
    return corrected


def design_effect(runs: Sequence[tuple[Floats, Floats]]) -> float:
    """Return by how much failures come in bursts: 1 if each is independent, k if they come k at a time.

    Each run is (failed, ended) per block. With the run's own share p, over the blocks of all runs:

        φ = max(1, Σ (failed - ended p)² / (ended p (1 - p)) / degrees of freedom)
    """
    total, freedom = 0.0, 0
    for failed, ended in runs:
        there = ended > 0
        share = failed.sum() / ended.sum() if there.any() else 0.0
        if 0 < share < 1:
            expected = ended[there] * share
            total += float(((failed[there] - expected) ** 2 / (expected * (1 - share))).sum())
            freedom += int(there.sum()) - 1
    return max(1.0, total / freedom) if freedom else 1.0


def fisher_p(failed: tuple[int, int], ended: tuple[int, int]) -> float:
    """Return the two-sided p-value of Fisher's exact test that two shares are equal.

    Given all margins the first count of failures k is hypergeometric:

        h(k + 1) / h(k) = (f - k)(n₁ - k) / ((k + 1)(n₂ - f + k + 1)),   f = f₁ + f₂

    p is the sum of h over every k that is no likelier than the one seen.
    """
    both = sum(failed)
    lowest, highest = max(0, both - ended[1]), min(both, ended[0])
    k = np.arange(lowest, highest, dtype=np.float64)
    steps = np.log((both - k) * (ended[0] - k)) - np.log((k + 1) * (ended[1] - both + k + 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    chances = np.exp(logs - logs.max())
    seen = chances[failed[0] - lowest]
    return min(1.0, float(chances[chances <= seen * (1 + 1e-9)].sum() / chances.sum()))


def newcombe(failed: tuple[float, float], ended: tuple[float, float], confidence: float) -> Interval:
    """Return the second share minus the first, with Newcombe's interval (method 10) from two Wilson intervals (l, u).

    d - √((p₂ - l₂)² + (u₁ - p₁)²)  to  d + √((u₂ - p₂)² + (p₁ - l₁)²)
    """
    p1, l1, u1 = _wilson(failed[0], ended[0], confidence)
    p2, l2, u2 = _wilson(failed[1], ended[1], confidence)
    difference = p2 - p1
    return Interval(difference, difference - math.hypot(p2 - l2, u1 - p1), difference + math.hypot(u2 - p2, p1 - l1))


def _wilson(failed: float, ended: float, confidence: float) -> Interval:
    """Return a share with its score interval: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = failed / ended, z * z / ended
    middle = (share + weight / 2) / (1 + weight)
    reach = z * math.sqrt(share * (1 - share) / ended + weight / (4 * ended)) / (1 + weight)
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def reach_of_next(values: Floats, confidence: float, allowance: float) -> float:
    """Return how far the next value may lie from the mean of n ≥ 1 earlier ones by chance.

    A few values tell little about their own spread, so what is assumed before any are seen counts as d = 3 more degrees
    of freedom (a moderated variance: Smyth): a spread s₀ such that the answer is `allowance` for one value.

        s₀ = allowance / (t_d √2)     s² = (d s₀² + Σ (x_i - x̄)²) / (d + n - 1)     reach = t_(d+n-1) s √(1 + 1/n)
    """
    n = len(values)
    assumed = allowance / (_student(ASSUMED, confidence) * math.sqrt(2))
    freedom = ASSUMED + n - 1
    squares = ASSUMED * assumed**2 + float(((values - values.mean()) ** 2).sum())
    return _student(freedom, confidence) * math.sqrt(squares / freedom * (1 + 1 / n))


def _student(freedom: int, confidence: float) -> float:
    """Return t with P(|T| ≤ t) = confidence for Student's distribution.

    With T = √f tan θ the density of θ on (0, π/2) is proportional to cos^(f-1) θ, which is summed here.
    """
    edges = np.linspace(0.0, math.pi / 2, 20_001)
    cumulated = np.cumsum(np.cos((edges[:-1] + edges[1:]) / 2) ** (freedom - 1))
    return math.sqrt(freedom) * math.tan(float(np.interp(confidence * cumulated[-1], cumulated, edges[1:])))
