"""Shapes keep totals exact, whatever is done to them."""

from __future__ import annotations

from datetime import datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.shapes import (
    Shape,
    day_length,
    from_day,
    monotone,
    rush,
    seconds_into_day,
    surge,
    uniform,
    wall_clock,
)

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


@st.composite
def shapes(draw) -> Shape:
    """Any shape of up to twenty pieces, with stretches where nobody comes."""
    widths = draw(st.lists(st.floats(1, 1e4), min_size=1, max_size=20))
    steps = draw(st.lists(st.floats(0, 1e6), min_size=len(widths), max_size=len(widths)))
    return Shape(np.cumsum([0.0, *widths]), np.cumsum([0.0, *steps]))


lags = st.lists(st.floats(1, 1e4), min_size=2, max_size=5).map(lambda widths: np.cumsum(widths).tolist())


@given(shapes(), lags)
def test_a_delay_loses_nobody_and_never_runs_backwards(shape, quantiles):
    """The convolution has the same total, ends when the last has come, and shifts the mean by the mean delay."""
    later = shape.delayed(quantiles)
    assert later.total == shape.total
    assert later.duration == pytest.approx(shape.duration + quantiles[-1])
    assert np.all(np.diff(later.counts) >= 0)
    assert later.count_by(quantiles[0]) == pytest.approx(0, abs=1e-6 * max(shape.total, 1))


@given(shapes(), lags, st.integers(0, 2**32))
def test_a_delay_is_what_a_random_delay_gives(shape, quantiles, seed):
    """N' at an edge is the mean of N(t - delay) over the distribution of the delay, here by a fine sum."""
    later = shape.delayed(quantiles)
    edge = later.edges[np.random.default_rng(seed).integers(len(later.edges))]
    ranks = (np.arange(20_000) + 0.5) / 20_000
    delays = np.interp(ranks, np.linspace(0, 1, len(quantiles)), quantiles)
    before = np.where(edge - delays < 0, 0.0, shape.count_at(np.clip(edge - delays, 0, shape.duration)))
    assert later.count_by(float(edge)) == pytest.approx(before.mean(), abs=1e-3 * max(shape.total, 1))


@given(shapes(), shapes(), st.floats(0, 0.9), st.floats(0.05, 1))
def test_a_splice_has_the_arrivals_of_its_parts(shape, other, start, length):
    """Before and after from the one, between from the other; the duration stays."""
    left = start * shape.duration
    right = min(left + length * shape.duration, shape.duration)
    spliced = shape.spliced(other, left, right)
    rest = shape.total - shape.count_by(right) + shape.count_by(left)
    assert spliced.total == pytest.approx(rest + other.total, rel=1e-9, abs=1e-6)
    assert spliced.duration == shape.duration
    assert spliced.count_by(left) == pytest.approx(shape.count_by(left), rel=1e-9, abs=1e-6)


@given(shapes(), shapes())
def test_one_after_the_other(shape, other):
    """Totals and durations add up."""
    both = shape.then(other)
    assert both.total == pytest.approx(shape.total + other.total)
    assert both.duration == pytest.approx(shape.duration + other.duration)
    assert both.window(0, shape.duration).total == pytest.approx(shape.total, rel=1e-6, abs=1e-3)


@given(shapes(), st.lists(st.floats(0, 1e6), min_size=1, max_size=6))
def test_a_shape_can_be_bent_through_anchors(shape, steps):
    """At each anchor exactly as many have come, also where the shape had nobody."""
    instants = np.linspace(0, shape.duration, len(steps) + 1)[1:]
    counts = np.cumsum(steps)
    bent = shape.through(instants, counts)
    assert bent.total == pytest.approx(counts[-1], abs=1e-6)
    assert bent.count_at(instants) == pytest.approx(counts, rel=1e-6, abs=1e-3)


@given(shapes(), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.99))
def test_shares_over_time_split_a_stream_exactly(shape, first, last, middle):
    """A share and the rest add up to the whole at every instant, and the share is the integral of rate x share."""
    bend = middle * shape.duration
    line = ([0.0, bend, shape.duration], [first, last, first])
    part = shape.mixed(lambda at: np.interp(at, *line), np.array([bend]))
    rest = shape.mixed(lambda at: 1 - np.interp(at, *line), np.array([bend]))
    assert (part + rest).counts == pytest.approx(shape.count_at((part + rest).edges), rel=1e-9, abs=1e-6)
    fine = np.linspace(0, shape.duration, 50_001)
    integral = np.sum(np.diff(shape.count_at(fine)) * np.interp((fine[1:] + fine[:-1]) / 2, *line))
    assert part.total == pytest.approx(integral, abs=1e-3 * max(shape.total, 1))


@given(shapes(), st.floats(0, 1e5))
def test_what_is_above_a_rate_and_what_is_below_add_up(shape, rate):
    """Nobody is above a rate that is never reached; everybody is above 0."""
    above = shape.excess(rate)
    below = np.minimum(np.diff(shape.counts), rate * np.diff(shape.edges)).sum()
    assert above.total + below == pytest.approx(shape.total, abs=1e-6)
    assert shape.excess(0).total == pytest.approx(shape.total)


positive = st.floats(1, 1e4)


@given(st.floats(0, 1e4), positive, st.floats(0, 1e4), positive, st.floats(0, 1e6))
def test_a_surge_has_its_arrivals_and_its_form(at, ramp, hold, decay, total):
    """Nobody before it; the ramp, the hold and the decay have the areas of a trapezium."""
    found = surge(at, ramp, hold, decay, total)
    height = total / (ramp / 2 + hold + decay / 2)
    assert found.total == total
    assert found.count_by(at) == pytest.approx(0, abs=1e-9 * max(total, 1))
    assert found.count_by(at + ramp) == pytest.approx(height * ramp / 2, abs=1e-6 * max(total, 1))
    assert found.count_by(at + ramp + hold) == pytest.approx(height * (ramp / 2 + hold), abs=1e-6 * max(total, 1))
    assert found.duration == pytest.approx(at + ramp + hold + decay)


@given(st.floats(10, 1e5), st.floats(1, 1e6), st.floats(0, 1e6))
def test_a_rush_doubles_its_rate(until, doubling, total):
    """All come before the deadline; the last half of what a doubling brings is twice the half before."""
    found = rush(until, doubling, total)
    assert found.total == pytest.approx(total)
    assert found.duration == pytest.approx(until)
    assert np.all(np.diff(np.diff(found.counts) / np.diff(found.edges)) >= -1e-6 * max(total, 1))
    if doubling * 2 < until and doubling > 600:
        last = total - found.count_by(until - doubling)
        before = found.count_by(until - doubling) - found.count_by(until - 2 * doubling)
        assert last == pytest.approx(2 * before, rel=0.02)


@given(shapes(), st.floats(0.1, 3))
def test_a_shape_lasts_as_long_as_asked(shape, factor):
    """Cut off, or without anyone more until its end."""
    wanted = factor * shape.duration
    found = shape.lasting(wanted)
    assert found.duration == pytest.approx(wanted)
    assert found.total == pytest.approx(shape.count_by(wanted))


def test_the_wall_clock_turns_with_the_zone():
    """In the night of 25 October 2026 the hour from 02:00 comes twice; on 29 March 2026 it does not come."""
    autumn = datetime(2026, 10, 25, tzinfo=AMSTERDAM)
    assert day_length(autumn, AMSTERDAM) == 25 * 3600
    shown = wall_clock(autumn, AMSTERDAM, 25 * 3600.0)
    assert shown(np.array([2.0, 3.0, 25.0]) * 3600 - 1).tolist() == [7199, 3 * 3600 - 1, 24 * 3600 - 1]
    assert shown(np.array([3.0 * 3600])).tolist() == [7200]
    spring = datetime(2026, 3, 29, tzinfo=AMSTERDAM)
    assert wall_clock(spring, AMSTERDAM, 23 * 3600.0)(np.array([7200.0])).tolist() == [3 * 3600]


def test_edges_that_rounding_made_are_one():
    """Else the rate between them would be noise, and the peak would be found there."""
    one = Shape(np.array([0.0, 0.1 + 0.2, 1.0]), np.array([0.0, 1.0, 2.0]))
    other = Shape(np.array([0.0, 0.3, 1.0]), np.array([0.0, 1.0, 2.0]))
    assert len((one + other).edges) == 3
