"""The statistics of a comparison, against values that can be counted by hand or stand in the literature."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from loadtests import inference


def counted(differences):
    """Return the p-value of the signed rank test by trying every combination of signs."""
    sizes = np.abs(differences)
    ranks = np.array([np.mean(np.flatnonzero(np.sort(sizes) == size)) + 1 for size in sizes])
    sums = np.array([ranks[list(signs)].sum() for signs in itertools.product([False, True], repeat=len(ranks))])
    seen = ranks[differences > 0].sum()
    return min(1.0, 2 * min((sums <= seen).mean(), (sums >= seen).mean()))


@pytest.mark.parametrize(
    "differences",
    [[1.0, 2.0, 3.0, 4.0, 5.0], [1.0, -2.0, 3.0, -4.0, 5.0, 6.0], [1.0, 1.0, -1.0, 2.0, 2.0, 2.0, -3.0], [-1.0, 0.5]],
)
def test_the_signed_rank_test_is_exact_with_ties_too(differences):
    """The same as trying every combination of signs."""
    values = np.array(differences)
    assert inference.signed_rank_p(values) == pytest.approx(counted(values), rel=1e-9)


def test_differences_of_zero_prove_nothing():
    """They are left out; where nothing is left, nothing is shown."""
    assert inference.signed_rank_p(np.zeros(30)) == 1.0
    some = np.array([0.0, 1.0, 2.0, -3.0, 0.0, 4.0])
    assert inference.signed_rank_p(some) == inference.signed_rank_p(some[some != 0])


def test_the_estimate_and_its_interval_are_those_of_the_book():
    """Hollander and Wolfe, Hamilton's depression scale: estimate -0.46, interval -0.786 to -0.010 at 96.1 %."""
    x = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    y = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = inference.hodges_lehmann(y - x, 0.95)
    assert found.estimate == pytest.approx(-0.46, abs=1e-9)
    assert (found.low, found.high) == (pytest.approx(-0.786, abs=1e-9), pytest.approx(-0.010, abs=1e-9))
    assert inference.signed_rank_p(y - x) == pytest.approx(0.0390625)


def test_holm_corrects_for_the_number_of_tests_and_keeps_their_order():
    """The smallest is multiplied by their number, the next by one less, and none ends below a smaller one."""
    assert inference.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert inference.holm([0.9, 0.8]) == [1.0, 1.0]
    assert inference.holm([]) == []


@pytest.mark.parametrize(
    ("failed", "ended", "p"),
    [((3, 1), (4, 4), 0.4857142857), ((1, 11), (10, 14), 0.0027594562), ((0, 0), (10, 20), 1.0), ((5, 5), (5, 5), 1.0)],
)
def test_fishers_test_has_the_known_values(failed, ended, p):
    """The lady tasting tea, a table of the literature, and tables that say nothing."""
    assert inference.fisher_p(failed, ended) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize(
    ("failed", "ended", "interval"),
    [
        ((48, 56), (80, 70), (0.0524, 0.3339)),
        ((3, 9), (10, 10), (0.1705, 0.8090)),
        ((0, 0), (20, 10), (-0.1611, 0.2775)),
    ],
)
def test_newcombes_interval_has_the_published_values(failed, ended, interval):
    """Newcombe (1998), table II, method 10: contrasts (a), (c) and (g)."""
    found = inference.newcombe(failed, ended, 0.95)
    assert (found.low, found.high) == pytest.approx(interval, abs=1e-4)


def test_failures_that_come_in_bursts_count_as_bursts():
    """Single failures have a design effect near 1; the same number, ten at a time, one near 10."""
    ended = np.full(100, 50.0)
    singles, bursts = np.zeros(100), np.zeros(100)
    singles[::5], bursts[::50] = 1.0, 10.0
    assert inference.design_effect([(singles, ended)]) == 1.0
    assert inference.design_effect([(bursts, ended)]) == pytest.approx(10.0, rel=0.1)
    assert inference.design_effect([(np.zeros(100), ended)]) == 1.0


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_autocorrelation_is_found_again(correlation):
    """A series that remembers so much of the value before."""
    generator = np.random.default_rng(3)
    values = [0.0]
    for step in generator.normal(size=20_000):
        values.append(correlation * values[-1] + step)
    assert inference.autocorrelation(np.array(values)) == pytest.approx(correlation, abs=0.03)
    assert inference.autocorrelation(np.ones(5)) == 0.0


def test_correlated_values_weigh_less():
    """The variance of the mean of such a series is (1 + r) / (1 - r) times as large; a z of 2 becomes one of 2 / by."""
    assert inference.stretch(0.6) == pytest.approx(2.0)
    assert inference.stretch(-0.5) == 1.0
    assert inference.weaken(0.0455, 2.0) == pytest.approx(0.3173, abs=1e-3)
    assert inference.weaken(1.0, 3.0) == 1.0


def test_one_baseline_run_gives_the_allowance_and_more_of_them_the_truth():
    """With one run the assumption stands; with many, t s √(1 + 1/n) of the runs themselves."""
    assert inference.reach_of_next(np.array([0.3]), 0.95, 0.05) == pytest.approx(0.05)
    many = np.random.default_rng(4).normal(0, 0.1, 2000)
    assert inference.reach_of_next(many, 0.95, 0.05) == pytest.approx(1.96 * many.std(), rel=0.01)
    quiet, restless = np.array([0.001, -0.001, 0.0]), np.array([0.05, -0.05, 0.0])
    assert inference.reach_of_next(quiet, 0.95, 0.05) < 0.05 < inference.reach_of_next(restless, 0.95, 0.05)


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (30, 2.042)])
def test_students_quantiles_are_those_of_the_tables(freedom, t):
    """Two-sided, 95 %."""
    assert inference._student(freedom, 0.95) == pytest.approx(t, abs=1e-3)
