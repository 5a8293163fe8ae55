"""The result of `piekwacht load compare` as data; `Comparison.model_json_schema()` is the schema of its JSON.

All times are seconds, all shares go from 0 to 1.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from config.source import Strict
from loadtests import wording
from loadtests.verdict import Outcome

Metric = Literal["p50", "p95", "failed_share"]
Judgement = Literal["regression", "improvement", "unchanged", "undecided"]
"""`unchanged`: the interval ends below the tolerance. `undecided`: it does not, and no regression is shown either."""

ALLOWANCE = 0.5
"""Part of the tolerated slowdown by which runs of one system are taken to differ until several baselines show more."""


class Tolerance(Strict):
    """What is small enough not to matter, and how sure the answer must be.

    A time has changed if it is `slowdown` (a share) and `delay` (seconds) more; a failed share, if it is `failed_share`
    (a difference of shares) more. Improvements are measured alike.
    """

    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    slowdown: float = Field(default=0.10, gt=0, le=10)
    delay: float = Field(default=0.005, ge=0, le=3600)
    failed_share: float = Field(default=0.001, ge=0, le=1)

    def exceeded(self, metric: Metric, baseline: float, change: float) -> bool:
        """Tell whether a change, in either direction, is too large; of failed shares it is a difference.

        Three times as long is as large a change as a third of it: |ln(1 + change)| ≥ ln(1 + slowdown).
        """
        if metric == "failed_share":
            return abs(change) >= self.failed_share
        large = abs(math.log1p(change)) >= math.log1p(self.slowdown)
        return large and baseline * abs(change) >= self.delay


class Change(Strict):
    """One comparison. `baseline` and `current` are typical values: seconds, or the failed share of all that ended.

    `change` is a share of the baseline for times (0.2: 20 % slower) and a difference for failed shares; `low` to `high`
    is its interval, at the confidence asked for, for this comparison by itself. `p` is corrected for all comparisons.
    `between_runs` is how far the next run may differ from the baselines by chance, in the unit of `change`: an
    allowance with one baseline, measured with several. Of times: `pairs` of blocks of `block_seconds`, whose
    differences have this `autocorrelation`. Of failures: `burst`, how many came at a time.
    """

    subject: str
    metric: Metric
    judgement: Judgement
    baseline: float
    current: float
    change: float
    low: float
    high: float
    p: float
    between_runs: float
    pairs: int | None = None
    block_seconds: float | None = None
    autocorrelation: float | None = None
    burst: float | None = None


class Untested(Strict):
    """What could not be compared, and why."""

    subject: str
    metric: Metric
    why: str


class Comparison(Strict):
    """The answer: `passed` (no regression), `failed` (a regression) or `invalid` (these runs cannot be compared)."""

    schema_version: Literal[1] = 1
    outcome: Outcome
    reasons: list[str]
    warnings: list[str]
    method: list[str]
    tolerance: Tolerance
    baselines: list[str]
    current: str
    changes: list[Change]
    untested: list[Untested]


def explain(tolerance: Tolerance, comparisons: int, baselines: int) -> list[str]:
    """Say what was tested, what counts as a regression, and what lies between runs."""
    sure, allowance = _percent(tolerance.confidence), _percent(ALLOWANCE * tolerance.slowdown)
    between = (
        f"A change counts only beyond what two runs of one system may differ by chance (another hour, another machine,"
        f" caches, neighbours): {allowance} of a time by assumption,"
    )
    if baselines == 1:
        between += " for one baseline run cannot tell that from a change. Three or more have it measured."
    else:
        between += f" corrected by the spread of {baselines} baseline runs ({sure} prediction interval for the next)."
    test = (
        "Test: times by Wilcoxon's signed rank test on paired blocks of time, failures by Fisher's exact test on counts"
        f" freed of bursts; two-sided, {sure} confidence for all {comparisons} comparisons together (Holm)."
    )
    size = (
        f"Regression: significant, and by estimate (Hodges-Lehmann) at least {_percent(tolerance.slowdown)} and"
        f" {wording.duration(tolerance.delay)} slower, or {_percent(tolerance.failed_share)} of the journeys more"
        f" failing. Intervals hold with {sure} confidence, each for itself."
    )
    return [test, size, between]


def describe(change: Change) -> str:
    """Say in one sentence what changed."""
    if change.metric == "failed_share":
        before, after = wording.share(change.baseline, 1), wording.share(change.current, 1)
        return f"{change.subject}: {after} failed, {before} before"
    how = "slower" if change.change > 0 else "quicker"
    before, after = wording.duration(change.baseline), wording.duration(change.current)
    return f"{change.subject}: {change.metric} {_percent(abs(change.change))} {how}: {after}, {before} before"


def _percent(share: float) -> str:
    return f"{wording.rounded(100 * share)} %"
