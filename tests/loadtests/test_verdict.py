"""A run is invalid before it is failed, and failed before it is passed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config import Thresholds
from loadtests.verdict import Measured, judge

GOOD = Measured(
    due=1000,
    started=1000,
    dropped=0,
    aborted=0,
    completed=995,
    failed=5,
    lateness_p99=0.002,
    response_p95=0.5,
    interrupted=False,
    errors=[],
)
THRESHOLDS = Thresholds(failed_share=0.01, p95="2s")


def test_a_good_run_passes_without_reasons():
    """Within every threshold, and the generator kept its schedule."""
    verdict = judge(GOOD, THRESHOLDS)
    assert (verdict.outcome, verdict.reasons) == ("passed", [])


@pytest.mark.parametrize(
    ("change", "outcome", "words"),
    [
        ({"failed": 50}, "failed", "of the journeys failed"),
        ({"response_p95": 2.1}, "failed", "95th percentile"),
        ({"started": 998, "dropped": 2}, "invalid", "998 of 1000 arrivals"),
        ({"lateness_p99": 0.11}, "invalid", "110 ms late"),
        ({"aborted": 3}, "invalid", "ran out of descriptors"),
        ({"interrupted": True}, "invalid", "interrupted"),
        ({"errors": ["a worker was lost"]}, "invalid", "a worker was lost"),
        ({"completed": 0, "failed": 0}, "invalid", "no journey came to an end"),
    ],
)
def test_each_trouble_has_its_outcome_and_words(change, outcome, words):
    """The reason names the figure and its limit."""
    verdict = judge(replace(GOOD, **change), THRESHOLDS)
    assert verdict.outcome == outcome
    assert words in " ".join(verdict.reasons)


def test_an_invalid_run_does_not_blame_the_system():
    """When the generator was the limit, missed thresholds say nothing."""
    verdict = judge(replace(GOOD, lateness_p99=1.0, failed=900), THRESHOLDS)
    assert verdict.outcome == "invalid"
    assert "failed" not in " ".join(verdict.reasons)
