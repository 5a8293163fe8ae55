"""The result of a capacity search: what it concludes, what it says, its page and its data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from loadtests import capacity_report
from loadtests.capacity import Limits
from loadtests.capacity_report import Capacity, End, Forecast, Hold, Probe, Settings
from loadtests.plan import make_plan
from tests.loadtests.test_report import Page
from tests.loadtests.test_terminal import printed

SETTINGS = Settings(
    journey="visit-website",
    channel="web",
    environment="local",
    limits=Limits(failed_share=0.001, p95=0.5),
    from_rate=4.0,
    to_rate=100.0,
    hold=20,
    warm_up=None,
    precision=0.05,
    confirmations=1,
    budget=500,
    recovery=120.0,
    think=0.0,
    timeout=30.0,
    seed=1,
    processes=1,
)


def hold(number: int, rate: float, p95: float, **changes: Any) -> Hold:
    """Return a hold of 20 seconds that passed, unless its p95 is above the limit."""
    passed, count = p95 <= 0.5, round(20 * rate)
    row = {
        "number": number,
        "phase": "ramp",
        "rate": rate,
        "warm_up": 5,
        "seconds": 20,
        "outcome": "passed" if passed else "failed",
        "reasons": [] if passed else [f"slow <{p95}>"],
        "started": count,
        "ended": count,
        "completed": count,
        "failed": 0,
        "failed_share": 0.0,
        "p50": p95 / 3,
        "p95": p95,
        "p99": 2 * p95,
        "in_flight": rate * p95,
        "lateness_p99": 0.001,
        "cpu": 0.1,
        "failures": {},
    }
    return Hold.model_validate(row | changes)


HOLDS = [
    hold(1, 4.0, 0.1),
    hold(2, 8.0, 0.12),
    hold(3, 16.0, 0.3),
    hold(4, 32.0, 3.0, failed=40, completed=600, failed_share=0.0625, failures={"timeout": 55}),
    hold(5, 22.63, 0.9, phase="bisection"),
    hold(6, 19.03, 0.4, phase="bisection"),
    hold(7, 19.98, 0.6, phase="check"),
    hold(8, 19.98, 0.6, phase="check"),
    hold(9, 19.03, 0.4, phase="confirmation"),
]


AT_REST = {"after_hold": 0, "healthy": True, "started": 5, "completed": 5, "failed": 0, "p95": 0.1, "failures": {}}


def result(
    end: End = "found",
    passing: float | None = 19.03,
    failing: float | None = 19.98,
    forecast: float | None = 15.0,
    holds: list[Hold] = HOLDS,
    **probe: Any,
) -> Capacity:
    """Return the result of a search."""
    return capacity_report.summarise(
        SETTINGS,
        end,
        passing,
        failing,
        warm_up=5,
        holds=holds,
        probes=[Probe.model_validate(AT_REST | probe)],
        forecast=None if forecast is None else Forecast(rate=forecast, source="given"),
        failures=55,
        began=datetime(2026, 7, 1, 12, tzinfo=UTC),
        seconds=321.0,
        endpoints={"website": "http://127.0.0.1:8600/website"},
        command="piekwacht load capacity --journey visit-website",
        versions={"piekwacht": "0.1.0"},
    )


@pytest.mark.parametrize(
    ("end", "passing", "forecast", "outcome"),
    [
        ("found", 19.0, None, "passed"),
        ("found", 19.0, 19.0, "passed"),
        ("found", 19.0, 19.5, "failed"),
        ("at-cap", 100.0, 50.0, "passed"),
        ("too-low", None, None, "failed"),
        ("budget", 19.0, 10.0, "invalid"),
        ("generator", 19.0, 10.0, "invalid"),
        ("not-recovered", 19.0, None, "invalid"),
        ("interrupted", None, None, "invalid"),
    ],
)
def test_the_outcome(end, passing, forecast, outcome):
    """Yes with enough capacity, no with too little, invalid where the search could not come to its end."""
    given = None if forecast is None else Forecast(rate=forecast, source="given")
    assert capacity_report.conclude(end, passing, given) == outcome


@pytest.mark.parametrize(
    ("end", "passing", "failing", "text"),
    [
        ("found", 19.03, 19.98, "19/s; 20/s is too much."),
        ("at-cap", 100.0, None, "At least 100/s; nothing above it has failed."),
        ("budget", 16.0, 32.0, "At least 16/s, below 32/s."),
        ("too-low", None, 4.0, "Below 4/s."),
        ("interrupted", None, None, "Nothing is known of the capacity."),
    ],
)
def test_the_answer_says_no_more_than_is_known(end, passing, failing, text):
    """A bracket that is not narrow is said as one."""
    assert capacity_report.answer(end, passing, failing) == text


def test_the_forecast_is_compared():
    """Headroom is what the capacity has beyond the forecast, as a share of it."""
    assert result().headroom == pytest.approx(19.03 / 15 - 1)
    assert capacity_report.against_forecast(result()).endswith("the capacity is 27% above it.")
    assert capacity_report.against_forecast(result(forecast=38.06)).endswith("the capacity is 50% short of it.")
    assert capacity_report.against_forecast(result(end="at-cap", failing=None)).endswith("is at least 27% above it.")
    assert capacity_report.against_forecast(result(forecast=None)) == ""


def test_the_peak_of_a_campaign_is_that_of_one_journey_over_all_channels(configuration):
    """`file-return` comes through web and app; nobody makes a journey that is in no stream."""
    plan = make_plan(configuration, "aangifte-2023-03-01", "local")
    forecast = capacity_report.peak_of(plan, "file-return")
    hours = [sum(shape.count_by(3600.0 * (hour + 1)) - shape.count_by(3600.0 * hour)
                 for kind, shape in zip(plan.kinds, plan.shapes, strict=True) if kind.journey == "file-return")
             for hour in range(24)]  # fmt: skip
    assert max(hours) / 3600 <= forecast.rate <= 1.2 * max(hours) / 3600
    assert capacity_report.peak_of(plan, "enter-waiting-room") is None


def test_confidence_counts_every_hold_at_the_answer():
    """Holds at the answer are pooled, those that failed included; invalid ones are not."""
    capacity = result(holds=[*HOLDS, hold(10, 19.03, 0.6), hold(11, 19.03, 0.1, outcome="invalid")])
    assert (capacity.holds_at_passing, capacity.passes_at_passing) == (3, 2)
    assert capacity.failed_share_below == pytest.approx(3 / (3 * 381), rel=0.01)
    assert "19/s passed in 2 of 3 holds." in capacity_report.confidence(capacity)


def test_the_data_comes_back_as_it_was(tmp_path):
    """capacity.json is the model, whole."""
    paths = capacity_report.write(result(), tmp_path)
    assert [path.name for path in paths] == ["capacity.html", "capacity.json"]
    assert Capacity.model_validate_json((tmp_path / "capacity.json").read_text()) == result()


def test_the_page_needs_nothing_else_and_escapes():
    """One file, every hold a row, the plots drawn in both sizes, and nothing from a target becomes markup."""
    text = capacity_report.render(result())
    page = Page(text)
    assert page.links == []
    assert len(page.ids) == len(set(page.ids))
    assert page.tags["figure"] == 3
    assert "slow &lt;3.0&gt;" in text
    for expected in ("19/s; 20/s is too much.", "27% above it", "timeout: 55", "holds 19/s", "5/s"):
        assert expected in text


def test_a_hold_that_was_broken_off_in_its_warm_up_has_no_percentiles():
    """The page and the terminal show nothing rather than 0 ms; its failures are shown."""
    off = hold(10, 64.0, 0.0, seconds=0, started=0, ended=0, completed=0, failed_share=0.5, outcome="failed")
    capacity = result(holds=[*HOLDS, off])
    text = capacity_report.render(capacity)
    assert "up to 50 %" in text
    assert ">0 ms<" not in text
    row = printed(lambda console: capacity_report.show(capacity, console), 120).splitlines()[-1]
    assert row.split()[:7] == ["ramp", "64/s", "0", "0", "—", "—", "—"]


def test_a_hold_that_was_broken_off_within_a_second_shows_no_loss_of_throughput():
    """Of 1.3 s the second one counts in full: 65 that ended are 50 a second, not 33."""
    off = hold(10, 64.0, 3.0, seconds=2, started=83, ended=65)
    assert off.ended_rate == pytest.approx(50, abs=0.2)


def test_a_search_without_a_hold_has_a_page_too():
    """Interrupted at once: nothing was measured, and the page says so."""
    text = capacity_report.render(result(end="interrupted", passing=None, failing=None, holds=[]))
    Page(text)
    assert "Nothing is known of the capacity." in text
    assert "nothing was measured" in text


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (
            {"failed": 3, "completed": 0, "failures": {"timeout": 3}},
            "At rest: 0 of 5 citizens came to the end, 3 failed (timeout 3).",
        ),
        ({"completed": 4}, "At rest: 4 of 5 citizens came to the end, 0 failed."),
        ({"p95": 3.0}, "At rest: the 95th percentile was 3 s."),
    ],
)
def test_what_a_target_lacked_at_rest_is_said(probe, said):
    """A search that could not begin names the reason, on the terminal and on the page."""
    refused = result(end="too-low", passing=None, failing=None, holds=[], healthy=False, **probe)
    assert said in printed(lambda console: capacity_report.show(refused, console), 120)
    assert said in capacity_report.render(refused)
    assert "At rest" not in capacity_report.render(result())


def test_the_terminal_shows_the_answer_and_every_hold():
    """The answer first, then how sure it is, then the holds with their reasons."""
    said = printed(lambda console: capacity_report.show(result(), console), 120)
    assert said.index("19/s; 20/s is too much.") < said.index("27% above it") < said.index("bisection")
    assert said.count("slow <") == 4
