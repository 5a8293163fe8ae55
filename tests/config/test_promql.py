"""Queries over declared metrics."""

from __future__ import annotations

import pytest

from config.metric import Metric
from config.promql import increase, or_zero, quantile, rate, ratio, select, total

RUNS = Metric("runs_total", "counter", "Runs", ("system", "window"))
DURATION = Metric("duration_seconds", "histogram", "Duration", ("system",), (0.1, 1.0))


def test_selectors_match_labels_by_regular_expression() -> None:
    """Without labels there are no braces; a histogram is selected by its count."""
    assert select(RUNS) == "runs_total"
    assert (
        select(RUNS, system="$system", window="none|overrun") == 'runs_total{system=~"$system", window=~"none|overrun"}'
    )
    assert select(DURATION) == "duration_seconds_count"


def test_an_unknown_label_is_refused() -> None:
    """A query on a label that the metric lacks would silently be empty."""
    for make in (lambda: select(RUNS, probe="x"), lambda: quantile(0.9, DURATION, "5m", window="x")):
        with pytest.raises(ValueError, match="has no label"):
            make()


def test_counters_grow_per_second_or_over_a_period() -> None:
    """Sums are over everything or by label."""
    assert total(rate(RUNS, "5m")) == "sum(rate(runs_total[5m]))"
    assert total(increase(RUNS, "1h"), "system", "window") == "sum by (system, window) (increase(runs_total[1h]))"


def test_a_denominator_of_zero_gives_nothing() -> None:
    """Not NaN."""
    assert ratio("a", "b") == "a / (b > 0)"


def test_quantiles_add_histograms_first() -> None:
    """And leave out those without observations."""
    assert quantile(0.95, DURATION, "5m", "system") == (
        "histogram_quantile(0.95, sum by (le, system) (rate(duration_seconds_bucket[5m]))) >= 0"
    )


def test_zero_is_shown_only_where_something_was_measured() -> None:
    """The 0 is made of the measurement itself, with the labels that name it."""
    assert or_zero("x > 0", "sum(y)") == "(x > 0) or on () 0 * sum(y)"
    assert or_zero("x", "sum(y)", reason="none") == '(x) or on () label_replace(0 * sum(y), "reason", "none", "", "")'
