"""Arrivals: the seed fixes them, and they are Poisson."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.arrivals import draw
from loadtests.shapes import Shape, uniform

SINE = Shape(
    np.linspace(0, 60, 601), 100 * np.linspace(0, 60, 601) + 500 * (1 - np.cos(np.linspace(0, 60, 601) / 9.55))
)


@given(st.integers(0, 2**32))
def test_arrivals_are_in_order_and_within_the_shape(seed):
    """Instants never fall, and lie between the first and the last edge."""
    arrivals = draw([SINE], seed)
    assert np.all(np.diff(arrivals.instants) >= 0)
    assert arrivals.instants[0] >= 0
    assert arrivals.instants[-1] <= SINE.duration


def test_the_same_seed_gives_the_same_bytes():
    """The digest is a fixed value: today, tomorrow, and in another process."""
    code = (
        "from loadtests.arrivals import draw; from loadtests.shapes import uniform;"
        "print(draw([uniform(50.0, 60.0), uniform(3.0, 60.0)], 42).digest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert draw([uniform(50.0, 60.0), uniform(3.0, 60.0)], 42).digest() == other
    assert other == "69f12cff7355dbcc000419c9f100fb570b7be1bfbb07404a7b71db88925f61db"


def test_another_seed_gives_other_arrivals():
    """Chance is real."""
    assert draw([SINE], 1).digest() != draw([SINE], 2).digest()


def test_changing_one_shape_leaves_the_others_alone():
    """Each shape draws from a stream of its own."""
    before = draw([uniform(5.0, 10.0), uniform(2.0, 10.0)], 7)
    after = draw([uniform(5.0, 10.0), uniform(9.0, 10.0)], 7)
    assert np.array_equal(before.instants[before.kinds == 0], after.instants[after.kinds == 0])


def test_counts_of_many_seeds_have_the_mean_and_variance_of_a_poisson_distribution():
    """Mean and variance of the number of arrivals are both N(T)."""
    counts = [len(draw([uniform(20.0, 10.0)], seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(200, abs=4 * np.sqrt(200 / 400))
    assert np.var(counts) == pytest.approx(200, rel=0.3)


def test_a_sine_is_followed_within_poisson_noise():
    """In bins of one second the counts differ from the plan by no more than chance: chi-square over 60 bins."""
    edges = np.arange(61.0)
    expected = np.diff(SINE.count_at(edges))
    total = sum(np.histogram(draw([SINE], seed).instants, edges)[0] for seed in range(20)) / 20
    chi_square = float((((total - expected) ** 2) / (expected / 20)).sum())
    assert chi_square < 60 + 4 * np.sqrt(2 * 60)


def test_even_spacing_has_no_chance():
    """At a constant rate the gaps are all the same, and the seed does not matter."""
    arrivals = draw([uniform(10.0, 5.0)], 1, "even")
    assert len(arrivals) == 50
    assert np.diff(arrivals.instants) == pytest.approx(0.1)
    assert arrivals.digest() == draw([uniform(10.0, 5.0)], 2, "even").digest()
