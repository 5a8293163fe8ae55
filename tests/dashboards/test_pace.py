"""Probes at different paces in one query."""

from __future__ import annotations

from config import Configuration
from config.promql import rate
from dashboards.pace import Pace, pace_of
from monitors import metrics

PACE = Pace(("call", "outbound"), 300.0)


def test_slow_probes_are_looked_at_over_four_of_their_runs() -> None:
    """The rest over Grafana's interval; `or` leaves what is on the left as it is."""
    slow = rate(metrics.RUNS, "20m", system="$system", probe="call|outbound")
    quick = rate(metrics.RUNS, "$__rate_interval", system="$system")
    assert PACE.rate(metrics.RUNS, system="$system") == f"({slow} or {quick})"


def test_where_no_slow_probe_is_chosen_nothing_is_added() -> None:
    """Queries stay short; of chosen probes only the slow ones are looked at for longer."""
    assert PACE.rate(metrics.RUNS, probe="home-page") == rate(metrics.RUNS, "$__rate_interval", probe="home-page")
    assert rate(metrics.RUNS, "20m", probe="call") in PACE.rate(metrics.RUNS, probe="call|home-page")
    assert Pace((), 0.0).rate(metrics.RUNS) == rate(metrics.RUNS, "$__rate_interval")


def test_other_times_can_be_given() -> None:
    """Both of them, for what is no rate."""
    assert PACE.over(lambda period, **_: f"[{period}]", quick="30s", slow="330s") == "([330s] or [30s])"


def test_the_estate_has_slow_probes_and_those_beside_which_they_count(configuration: Configuration) -> None:
    """Calls are 5 minutes apart; what asks every 30 s is quick enough."""
    pace = pace_of(configuration)
    assert pace.period == "20m"
    assert "belastingtelefoon-public" in pace.slow
    assert {"home-page", "belastingtelefoon-border"}.isdisjoint(pace.slow)
