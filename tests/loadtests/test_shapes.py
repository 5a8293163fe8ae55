"""Shapes keep totals exact, whatever is done to them."""

from __future__ import annotations

from datetime import datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.shapes import Shape, from_day, monotone, seconds_into_day, uniform

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIRST_OF_MARCH = datetime(2023, 3, 1, tzinfo=AMSTERDAM)
profiles = st.lists(st.floats(0, 1000), min_size=24, max_size=24).filter(lambda weights: sum(weights) > 1)


@given(profiles, st.floats(0, 1e7))
def test_each_hour_of_a_day_has_its_share_exactly(weights, total):
    """The smooth curve passes through every hourly total, and the day adds up."""
    shape = from_day(FIRST_OF_MARCH, AMSTERDAM, total, weights)
    assert shape.total == pytest.approx(total)
    for hour in range(24):
        count = shape.count_by(3600.0 * (hour + 1)) - shape.count_by(3600.0 * hour)
        assert count == pytest.approx(total * weights[hour] / sum(weights), abs=1e-6 * max(total, 1))


@given(profiles, st.floats(1, 1e6), st.floats(0.001, 100), st.floats(1, 1000))
def test_scaling_multiplies_and_compressing_keeps_the_total(weights, total, scale, compress):
    """Scaled by k, N(t) has k times the total; N(c t) has the same total in 1/c of the time."""
    shape = from_day(FIRST_OF_MARCH, AMSTERDAM, total, weights)
    assert shape.scaled(scale).total == pytest.approx(scale * total)
    assert shape.compressed(compress).total == pytest.approx(total)
    assert shape.compressed(compress).duration == pytest.approx(86_400 / compress)


@given(profiles, st.lists(st.floats(1, 86_399), min_size=1, max_size=6, unique=True))
def test_the_windows_of_a_day_add_up_to_the_day(weights, cuts):
    """Cutting loses nobody and counts nobody twice."""
    shape = from_day(FIRST_OF_MARCH, AMSTERDAM, 1000.0, weights)
    edges = [0.0, *sorted(cuts), shape.duration]
    parts = [shape.window(a, b).total for a, b in pairwise(edges) if b > a]
    assert sum(parts) == pytest.approx(1000.0)


@given(st.floats(0.1, 100), st.floats(1, 1000), st.floats(0.1, 100), st.floats(1, 1000))
def test_overlaying_adds_the_totals(rate, duration, other_rate, other_duration):
    """Two crowds together are as many as both."""
    both = uniform(rate, duration) + uniform(other_rate, other_duration)
    assert both.total == pytest.approx(rate * duration + other_rate * other_duration)
    assert both.duration == max(duration, other_duration)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40))
def test_the_smooth_curve_never_falls(steps):
    """Monotone data gives a monotone curve, so the rate is never negative."""
    ys = np.cumsum([0.0, *steps])
    xs = np.arange(len(ys), dtype=float)
    curve = monotone(xs, ys, np.linspace(0, xs[-1], 500))
    assert np.all(np.diff(curve) >= 0)
    assert curve[0] == ys[0]
    assert curve[-1] == pytest.approx(ys[-1])


@given(profiles, st.floats(0.001, 0.999))
def test_the_inverse_finds_the_instant_of_a_count(weights, share):
    """N(N^-1(c)) = c."""
    shape = from_day(FIRST_OF_MARCH, AMSTERDAM, 1000.0, weights)
    instant = float(shape.instant_of(np.array([share * 1000.0]))[0])
    assert shape.count_by(instant) == pytest.approx(share * 1000.0)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-01", 24)])
def test_days_of_the_clock_change_have_23_and_25_hours(day, hours):
    """A local day lasts until the next local midnight."""
    start = datetime.combine(datetime.fromisoformat(day), time(0), AMSTERDAM)
    assert from_day(start, AMSTERDAM, 100.0, [1.0] * 24).duration == hours * 3600
    assert from_day(start, AMSTERDAM, 100.0, [1.0] * 24).total == pytest.approx(100.0)


def test_a_clock_time_is_found_on_a_day_of_the_clock_change():
    """On the last Sunday of March, 07:00 is six hours after midnight."""
    start = datetime(2026, 3, 29, tzinfo=AMSTERDAM)
    assert seconds_into_day(start, AMSTERDAM, time(7)) == 6 * 3600


@pytest.mark.parametrize(
    ("edges", "counts"),
    [
        ([0.0], [0.0]),
        ([0.0, 1.0], [0.0]),
        ([1.0, 2.0], [0.0, 1.0]),
        ([0.0, 1.0], [0.0, -1.0]),
        ([0.0, 1.0], [0.0, np.inf]),
    ],
)
def test_what_is_not_a_shape_is_refused(edges, counts):
    """Edges rise from 0, counts never fall and are finite."""
    with pytest.raises(ValueError, match=r"must|needs"):
        Shape(np.array(edges), np.array(counts))


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5), (0, 11)])
def test_a_window_outside_the_shape_is_refused(start, end):
    """A window lies within the shape."""
    with pytest.raises(ValueError, match="window"):
        uniform(1.0, 10.0).window(start, end)
