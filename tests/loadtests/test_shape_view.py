"""Who will come when: on the terminal, as data, and as a page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import shape_view
from loadtests.plan import make_plan
from tests.benchmarks import plans
from tests.loadtests.test_report import Page
from tests.loadtests.test_terminal import printed


@pytest.fixture(scope="module")
def plan(configuration):
    return make_plan(
        configuration, "aangifte-2023-03-01", "local", start="07:00", end="22:00", compress=60.0, scale=0.02
    )


def test_the_terminal_shows_the_shape(plan, golden):
    """The rate over the replayed day, its peak, what each kind contributes, and what is assumed."""
    golden("shape.txt", printed(lambda console: shape_view.show(plan, console)) + "\n")


@pytest.mark.parametrize("width", [20, 60, 250])
def test_the_plot_fits_the_terminal(plan, width):
    """No line is wider than the terminal."""
    lines = printed(lambda console: shape_view.show(plan, console), width).splitlines()
    assert max(map(len, lines)) <= width


def test_the_peak_is_where_the_rate_is_highest(plan):
    """The evening of the profile, on the clock of the replayed day."""
    peak = shape_view.peak(plan)
    assert peak.clock.hour == 20
    assert peak.clock == plan.clock(peak.second)
    assert peak.rate == pytest.approx(shape_view.rates(plan.shape, 900).max())


def test_of_equal_rates_the_first_is_the_peak():
    """Computed from large numbers they differ in their last digits: that is no place to point at."""
    constant = plans.plan("get", plans.website("http://127.0.0.1:9"), [7.3] * 600)
    assert shape_view.peak(constant).second == 0.5


@given(st.integers(min_value=1, max_value=500))
def test_rates_keep_the_total(parts):
    """The mean rates of all parts add up to the arrivals."""
    shape = shape_view.Shape(np.array([0.0, 2.0, 7.0]), np.array([0.0, 10.0, 11.0]))
    assert shape_view.rates(shape, parts).sum() * 7 / parts == pytest.approx(11)


def test_bars_are_drawn_in_eighths():
    """From nothing to the full height."""
    assert shape_view.bars(np.array([0.0, 1.0, 4.0, 6.0, 8.0]), 8.0, 2) == ["   ▄█", " ▂███"]
    assert shape_view.bars(np.array([0.0, 0.0]), 0.0, 1) == ["  "]


def test_data_for_a_machine_adds_up(plan):
    """Totals of the kinds and the integral of the rates are the arrivals."""
    data = shape_view.as_data(plan)
    assert sum(kind["arrivals"] for kind in data["kinds"]) == pytest.approx(data["arrivals"])
    assert sum(data["rates"]) * data["seconds"] / len(data["rates"]) == pytest.approx(data["arrivals"])
    assert data["first"] == "2023-03-01T07:00:00+01:00"


def test_a_stream_without_arrivals_is_shown_too(configuration):
    """A day may leave a stream out; its kinds have no arrivals, and that is no error."""
    campaign = configuration.campaigns["aangifte-2023-03-01"]
    day = campaign.days["march-2023"]
    quiet = campaign.model_copy(update={"days": {"quiet": day.model_copy(update={"totals": {"visits": 5000.0}})}})
    plan = make_plan(replace(configuration, campaigns={"quiet": quiet}), "quiet", "local", end="01:00")
    text = printed(lambda console: shape_view.show(plan, console))
    assert "100 %" in text
    assert "0 %" in text
    Page(shape_view.render(plan))


def test_the_page_is_well_formed_and_needs_nothing_else(plan, tmp_path):
    """Two plots in two widths, the kinds with their titles, sources and assumptions."""
    shape_view.write(plan, tmp_path / "shape.html")
    page = Page((tmp_path / "shape.html").read_text(encoding="utf-8"))
    assert page.links == []
    assert page.tags["figure"] == 2
    assert len(page.ids) == len(set(page.ids))
    for words in ("Logins with an SMS code log-in-with-sms web", "Peak: ", "is not published"):
        assert words in page.text


def test_the_clock_below_the_plot_turns_with_the_zone(configuration):
    """On 28 March 2027 three hours after midnight it is four o'clock."""
    plan = make_plan(configuration, "aangifte-forecast", "local", day="2027-03-28")
    text = printed(lambda console: shape_view.show(plan, console), 110)
    assert "00:00        04:00         07:00" in text
    assert "Easter Sunday" in text


def test_the_page_says_what_the_day_is_made_of(configuration):
    """Growth, season, splices, overlays and their sources, with the figures of `as_data`."""
    plan = make_plan(configuration, "aangifte-forecast", "local", compress=60.0, keep="rate", growth={"visits": 1.5})
    page = Page(shape_view.render(plan))
    data = shape_view.as_data(plan)
    assert [overlay["kind"] for overlay in data["overlays"]] == ["again", "surge", "rejected"]
    surge = data["overlays"][1]
    assert surge["arrivals"] == pytest.approx(60_000)
    assert surge["after_midnight"] == 0
    for words in (
        "keeping the rate (60 times fewer arrivals)",
        "Growth (asked for): visits x 1.5 each year; years: 1",
        "The evening news reports on the first day, 60,000 visits in the whole day; assumption",
    ):
        assert words in page.text
