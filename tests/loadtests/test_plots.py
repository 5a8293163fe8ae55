"""Plots: round ticks that enclose the values, nothing clipped, no peak lost, readable without colour."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import wording
from loadtests.plots import (
    CHARACTER,
    SIZES,
    Plot,
    Series,
    figure,
    linear_ticks,
    log_ticks,
    svg,
    thin,
    time_step,
)

SVG_NAMESPACE = "{http://www.w3.org/2000/svg}"
positive = st.floats(min_value=1e-12, max_value=1e18)


def plot(values, *, log=False, end=None, **changes):
    return Plot(
        key="some",
        title="Some",
        description="Something.",
        xs=[index + 0.5 for index in range(len(values))],
        end=end or max(1.0, len(values)),
        series=[Series("one", values, "blue", filled=True)],
        number=wording.duration if log else wording.brief,
        log=log,
        **changes,
    )


@given(positive)
def test_linear_ticks_are_round_and_enclose_the_values(high):
    """From 0 to just above the highest value, in few steps of 1, 2 or 5 times a power of ten."""
    ticks = linear_ticks(high)
    step = ticks[1]
    assert ticks[0] == 0
    assert ticks[-2] < high <= ticks[-1] * (1 + 1e-9)
    assert 2 <= len(ticks) <= 6
    assert f"{step:e}"[0] in "125"
    assert all(math.isclose(tick, index * step) for index, tick in enumerate(ticks))


@pytest.mark.parametrize("high", [0.0, -1.0, math.nan, math.inf])
def test_an_axis_without_values_goes_from_0_to_1(high):
    """There is always an axis to draw."""
    assert linear_ticks(high) == [0.0, 1.0]


@given(positive, positive)
def test_log_ticks_are_round_and_enclose_the_values(one, other):
    """Rising, at most eight of them, each 1, 2 or 5 times a power of ten."""
    low, high = sorted((one, other))
    ticks = log_ticks(low, high)
    assert ticks[0] <= low * (1 + 1e-9)
    assert high * (1 - 1e-9) <= ticks[-1]
    assert 2 <= len(ticks) <= 8
    assert all(f"{tick:e}"[0] in "125" for tick in ticks)
    assert ticks == sorted(set(ticks))


@given(st.floats(min_value=1, max_value=1e8), st.integers(min_value=1, max_value=20))
def test_the_time_axis_never_has_too_many_labels(end, most):
    """At most as many steps as fit."""
    assert end / time_step(end, most) <= most


@pytest.mark.parametrize(("end", "step"), [(1, 1), (60, 5), (120, 10), (180, 15), (7200, 600), (86_400, 7200)])
def test_times_are_labelled_at_round_distances(end, step):
    """Seconds, minutes and hours as people count them."""
    assert time_step(end, 12) == step


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=2000), st.integers(1, 100))
def test_thinning_keeps_the_extremes_and_the_order(values, columns):
    """A long run is drawn with fewer points, and its highest second is still there."""
    run = list(enumerate(values))
    thinned = thin(run, columns)
    assert len(thinned) <= max(len(run), 2 * columns) if len(run) <= 2 * columns else len(thinned) <= 2 * columns
    assert thinned == sorted(thinned)
    assert set(thinned) <= set(run)
    for extreme in (min, max):
        assert extreme(y for _, y in thinned) == extreme(values)


rates = st.lists(st.none() | st.floats(min_value=0, max_value=1e17), max_size=60)
durations = st.lists(st.none() | st.just(0.0) | st.floats(min_value=1e-6, max_value=1e5), max_size=60)


@given(
    st.tuples(rates, st.just(False)) | st.tuples(durations, st.just(True)),
    st.sampled_from(SIZES),
    st.floats(min_value=1, max_value=2e5),
)
def test_nothing_is_clipped(drawn, size, stretch):
    """Every label and every point lies within the drawing, and times do not run into each other."""
    values, log = drawn
    drawing = plot(values, log=log, end=max(stretch, len(values)), clock=lambda _: "09:59:59")
    root = ET.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg">{svg(drawing, size)}</svg>')
    ends = {"time": -1.0, "clock": -1.0}
    for text in root.iter(f"{SVG_NAMESPACE}text"):
        kind, x, width = text.attrib["class"], float(text.attrib["x"]), len(text.text) * CHARACTER * 0.95
        left, right = (x - width, x) if kind == "value" else (x - width / 2, x + width / 2)
        assert left >= 0
        assert right <= size.width
        assert 0 < float(text.attrib["y"]) < size.height
        if kind in ends:
            assert left > ends[kind]
            ends[kind] = right
    for line in root.iter(f"{SVG_NAMESPACE}path"):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", line.attrib["d"]):
            assert 0 <= float(x) <= size.width
            assert 0 <= float(y) <= size.height


def test_a_single_value_is_a_dot():
    """A line of no length would be invisible without its round cap."""
    assert re.search(r'class="line solid ink-blue" d="M[\d.]+ [\d.]+h0"', svg(plot([3.0]), SIZES[0]))


def test_gaps_interrupt_the_line():
    """Missing values, and values that a logarithmic axis cannot show."""
    assert svg(plot([1.0, None, 2.0]), SIZES[0]).count('class="line') == 2
    assert svg(plot([1.0, 0.0, 2.0], log=True), SIZES[0]).count('class="line') == 2
    assert svg(plot([1.0, 0.0, 2.0]), SIZES[0]).count('class="line') == 1


def test_a_plot_without_values_says_so():
    """An empty frame alone would look like a mistake."""
    for log in (False, True):
        assert "nothing was measured" in svg(plot([None, None], log=log), SIZES[0])
    assert "nothing was measured" not in svg(plot([0.0, 0.0]), SIZES[0])


def test_a_plot_is_described_in_words():
    """Title and description for those who do not see the drawing, bound to it by ids of its own."""
    text = svg(plot([1.0, 5.0], log=True), SIZES[1])
    assert 'aria-labelledby="some-narrow-title some-narrow-desc"' in text
    assert '<desc id="some-narrow-desc">Something. one: up to 5 s.</desc>' in text


def test_planned_and_achieved_differ_without_colour():
    """Each series has a class for its dashes, in the drawing and in the legend."""
    both = Plot(
        key="both",
        title="Both",
        description="",
        xs=[0.5],
        end=1.0,
        series=[Series("planned", [1.0], "text", "dashed"), Series("started", [1.0], "blue")],
        number=wording.brief,
    )
    text = figure(both)
    assert text.count("line dashed ink-text") == text.count("line solid ink-blue") == 3


def test_a_mark_stays_inside():
    """Its text stands on the side where there is room."""
    early, late = (svg(plot([1.0] * 10, mark=(instant, "here")), SIZES[1]) for instant in (1.0, 9.0))
    assert 'class="mark before"' in late
    assert 'class="mark before"' not in early


def test_labels_are_escaped():
    """Names of streams and journeys come from files."""
    text = figure(
        Plot("k", "<b>", "<d>", [0.5], 1.0, [Series("<s>", [1.0], "blue")], wording.brief, clock=lambda _: "<c>")
    )
    assert not re.search(r"<[bdsc]>", text)
