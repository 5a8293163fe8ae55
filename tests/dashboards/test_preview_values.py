"""The parts of a preview that need no server: figures, axes, gaps, variables, Markdown."""

from __future__ import annotations

import math
from datetime import UTC
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.preview.asking import fill, name, stretches, times
from dashboards.preview.axes import Scale, time_ticks, top_of, value_ticks
from dashboards.preview.markdown import to_html
from dashboards.preview.prometheus import Series
from dashboards.preview.values import colour_at, write


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        # What getDisplayProcessor of @grafana/data 13.2.3 makes of the same figures.
        (0, "short", None, "0"),
        (0.00123, "short", None, "0.00123"),
        (0.9987, "short", None, "0.999"),
        (12.345, "short", None, "12.3"),
        (99.95, "short", None, "100.0"),
        (1234, "short", None, "1.23 K"),
        (1234567, "short", 1, "1.2 Mil"),
        (-0.25, "short", 1, "-0.2"),
        (0, "percentunit", None, "0%"),
        (0.0004, "percentunit", None, "0.0400%"),
        (0.9987, "percentunit", 2, "99.87%"),
        (1, "percentunit", 3, "100.000%"),
        (0, "s", 3, "0 s"),
        (0.0004, "s", None, "400 µs"),
        (0.0342, "s", 1, "34.2 ms"),
        (2.3, "s", None, "2.30 s"),
        (60, "s", None, "1 min"),
        (75, "s", None, "1.25 mins"),
        (5400, "s", None, "1.50 hours"),
        (86400, "s", 0, "1 day"),
        (299, "none", 0, "299"),
        (4665.4, "none", 0, "4665"),
        (47.25, "/s", 1, "47.3 /s"),
        (1, "bool_yes_no", None, "Yes"),
        (0, "bool_yes_no", None, "No"),
    ],
)
def test_figures_are_written_as_grafana_does(value: float, unit: str, decimals: int | None, text: str) -> None:
    """Three digits unless decimals are given, half rounded up, a unit of the right size."""
    assert write(value, unit, decimals) == text


def test_figures_that_are_none() -> None:
    """Not a number and infinity do not stop a preview."""
    assert [write(value, "s") for value in (math.nan, math.inf)] == ["nan", "inf"]


def test_a_threshold_holds_from_its_value_on() -> None:
    """The highest step that is reached gives the colour."""
    steps = [{"value": None, "color": "green"}, {"value": 1, "color": "orange"}, {"value": 5, "color": "red"}]
    assert [colour_at(value, steps) for value in (-1, 0.99, 1, 4.9, 5)] == ["green", "green", "orange", "orange", "red"]


@given(top=st.floats(1e-3, 1e7), height=st.floats(40, 1000))
def test_value_ticks_are_round_and_apart(top: float, height: float) -> None:
    """From 0 up to the top, never closer than 34 pixels, and no label twice."""
    ticks = value_ticks(top, "none", height)
    assert ticks[0].value == 0
    assert ticks[-1].value <= top * (1 + 1e-5)
    y = Scale(0, top, height, 0)
    assert all(y(low.value) - y(high.value) >= 34 * (1 - 1e-6) for low, high in pairwise(ticks))
    assert len({tick.label for tick in ticks}) == len(ticks)


def test_ticks_carry_no_needless_zeros() -> None:
    """0.5 s is 500 ms, not 500.000000 ms."""
    assert [tick.label for tick in value_ticks(2.2, "s", 170)] == ["0 s", "500 ms", "1 s", "1.5 s", "2 s"]
    assert [tick.label for tick in value_ticks(1, "percentunit", 170)] == ["0%", "20%", "40%", "60%", "80%", "100%"]
    assert [tick.label for tick in value_ticks(100, "short", 40)] == ["0", "100"]


def test_time_ticks_stand_on_round_local_times() -> None:
    """Every hour of Amsterdam, although the range begins at an odd second."""
    start = 1_677_654_000 + 37.0  # 2023-03-01 07:00:37 UTC
    amsterdam = [tick.label for tick in time_ticks(start, start + 4 * 3600, 400, ZoneInfo("Europe/Amsterdam"))]
    assert amsterdam == ["09:00", "10:00", "11:00", "12:00"]
    assert [tick.label for tick in time_ticks(start, start + 60, 400, UTC)] == [
        "07:00:45",
        "07:01:00",
        "07:01:15",
        "07:01:30",
    ]


@given(seconds=st.floats(10, 2_592_000), width=st.floats(100, 2000))
def test_time_ticks_are_apart(seconds: float, width: float) -> None:
    """Labels of the time axis do not run into each other, from seconds to 30 days."""
    ticks = time_ticks(1.7e9, 1.7e9 + seconds, width, UTC)
    assert all((b.value - a.value) / seconds * width >= 89 for a, b in pairwise(ticks))


def test_the_axis_reaches_above_the_highest_value_and_the_limit() -> None:
    """A fixed end wins; else a tenth of air, and the limit stays in sight; an empty graph ends at 1."""
    assert top_of([3.0], 1.0, 5.0) == 1.0
    assert top_of([10.0, math.nan], None, 5.0) == pytest.approx(11.0)
    assert top_of([1.0], None, 5.0) == 5.0
    assert top_of([0.0], None, None) == 1.0


def test_nothing_is_joined_across_a_gap() -> None:
    """A missing point and a NaN both part a line."""
    points = [(0.0, 1.0), (2.0, 1.0), (6.0, 1.0), (8.0, math.nan), (10.0, 1.0)]
    assert stretches(points, 2.0) == [[(0.0, 1.0), (2.0, 1.0)], [(6.0, 1.0)], [(10.0, 1.0)]]
    assert stretches([], 2.0) == []


def test_variables_are_filled_in() -> None:
    """With and without braces and format; an unknown one is an error, not an empty text."""
    assert fill("a{b=~'$c'}[${d}] ${d:regex}", {"c": "x", "d": "5m"}) == "a{b=~'x'}[5m] 5m"
    with pytest.raises(KeyError):
        fill("$unknown", {})


def test_the_rate_interval_covers_four_scrapes() -> None:
    """$__rate_interval = max(step + scrape, 4 * scrape)."""
    assert times(15, 3600, 15)["__rate_interval"] == "60s"
    assert times(120, 86_400, 15)["__rate_interval"] == "135s"


def test_durations_are_whole_numbers() -> None:
    """PromQL knows neither 252.8s nor 2.592e+06s."""
    assert times(0.5, 252.8, 0.25) == {
        "__interval": "500ms",
        "__rate_interval": "1s",
        "__range": "253s",
        "__range_s": "253",
    }
    assert times(3600, 30 * 86_400, 15)["__range"] == "2592000s"


def test_series_are_named_by_their_legend_or_their_labels() -> None:
    """A label that a series lacks leaves nothing behind."""
    series = Series({"probe": "login-app", "vantage": "here"}, [])
    assert name(series, "{{probe}} @ {{ vantage }}") == "login-app @ here"
    assert name(series, "{{probe}} {{nothing}}") == "login-app"
    assert name(series, "") == "probe=login-app, vantage=here"
    assert name(Series({}, []), "") == "Value"


def test_markdown_of_text_panels() -> None:
    """Paragraphs, emphasis, code, links and lists; HTML in the text stays text."""
    assert to_html("**a** and *b*\nwith `c`\n\n[d](https://example.nl/)") == (
        '<p><strong>a</strong> and <em>b</em>\nwith <code>c</code></p>\n<p><a href="https://example.nl/">d</a></p>'
    )
    assert to_html("- one\n  more\n- two") == "<ul><li>one\n  more</li><li>two</li></ul>"
    assert to_html("<script>") == "<p>&lt;script&gt;</p>"
