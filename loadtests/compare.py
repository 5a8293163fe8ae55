"""Is this run slower than that one? Two or more summaries in, a comparison with its evidence out.

Compared are the median and the 95th percentile of every step's response time and of every journey's duration, and the
share of every journey, and of all together, that failed. A *regression* has all of:

- significance: Wilcoxon's signed rank test on paired blocks of time (times), Fisher's exact test on counts freed of
  bursts (failures); corrected by Holm's method for the number of comparisons, so that `confidence` holds for all of
  them together;
- size: the Hodges-Lehmann estimate of the change reaches the tolerance, relative and absolute;
- surprise: what is tested is not "no change" but "no more change than two runs of the same system may show". With one
  baseline run that is an allowance, half of what is tolerated; the more baselines, the more it is measured (a
  prediction interval for the next run from their spread, at `confidence` for each comparison: runs drift as a whole).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtests import inference
from loadtests.blocks import ENOUGH, Pairs, pair
from loadtests.comparable import differences, remarks
from loadtests.comparison import (
    ALLOWANCE,
    Change,
    Comparison,
    Judgement,
    Metric,
    Tolerance,
    Untested,
    describe,
    explain,
)
from loadtests.summary import Block, Summary
from loadtests.verdict import Outcome

Counts = tuple[inference.Floats, inference.Floats]
"""Journeys that failed, and journeys that ended, in each block of time."""

FEWEST_PAIRS = 12
"""Pairs of blocks below which nothing is compared, however few comparisons there are."""

ALL = "all journeys"


@dataclass(frozen=True)
class _Finding:
    """A comparison before its correction; estimates and limits of times are logarithms of ratios."""

    subject: str
    metric: Metric
    typical: tuple[float, float]
    change: inference.Interval
    p: float
    between_runs: float
    details: Mapping[str, float | int]

    def shown(self, value: float) -> float:
        """Return a change as people read it."""
        return value if self.metric == "failed_share" else math.expm1(value)


def compare(
    baselines: Sequence[Summary],
    current: Summary,
    tolerance: Tolerance | None = None,
    *,
    names: Sequence[str] = (),
    force: bool = False,
) -> Comparison:
    """Compare a run with one or more baseline runs; `names` are those of the runs, the current one last.

    `force` turns the reasons why the runs cannot be compared into warnings.
    """
    tolerance = tolerance or Tolerance()
    runs = [*baselines, current]
    names = names or [run.began.isoformat() for run in runs]
    findings, untested = _measure(runs, tolerance)
    corrected = inference.holm([finding.p for finding in findings])
    changes = [_judge(finding, p, tolerance) for finding, p in zip(findings, corrected, strict=True)]
    regressions = [describe(change) for change in changes if change.judgement == "regression"]
    obstacles = list(differences(runs, names, tolerance.delay))
    if not regressions and all(change.metric == "failed_share" for change in changes):
        obstacles.append("the runs are too short: no response time was measured often enough in all of them")
    outcome: Outcome = "failed" if regressions else "passed"
    return Comparison(
        outcome="invalid" if obstacles and not force else outcome,
        reasons=obstacles if obstacles and not force else regressions,
        warnings=[*(obstacles if force else []), *remarks(runs, names), *_doubts(changes, tolerance)],
        method=explain(tolerance, len(findings), len(baselines)),
        tolerance=tolerance,
        baselines=list(names[:-1]),
        current=names[-1],
        changes=changes,
        untested=untested,
    )


def in_common(runs: Sequence[Summary]) -> list[str]:
    """Return the journeys that every run has."""
    first, *others = ({row.journey for row in run.journeys} for run in runs)
    return sorted(first.intersection(*others))


def _measure(runs: Sequence[Summary], tolerance: Tolerance) -> tuple[list[_Finding], list[Untested]]:
    timed = list(_timed(runs))
    failures = list(_failures(runs, tolerance))
    findings: list[_Finding] = []
    untested: list[Untested] = []
    # The smallest p-value, 2 / 2^pairs, must be significant after correction with some room: a pair may disagree.
    possible = 2 * (2 * len(timed) + len(failures)) / (1 - tolerance.confidence)
    least = max(FEWEST_PAIRS, math.ceil(math.log2(possible)) + 3)
    for subject, blocks in timed:
        for metric in ("p50", "p95"):
            pairs = pair(blocks, metric, least)
            if pairs is None:
                fewest = min(sum(block.count for block in run) for run in blocks)
                why = f"{fewest:,} measured; {least} blocks of time with {ENOUGH[metric]} needed in each run"
                untested.append(Untested(subject=subject, metric=metric, why=why))
            else:
                findings.append(_time_finding(subject, metric, pairs, tolerance))
    return findings + failures, untested


def _timed(runs: Sequence[Summary]) -> Iterator[tuple[str, list[list[Block]]]]:
    """Yield every journey and every step that all runs have, with its blocks in each run."""
    tables = [_blocks(run) for run in runs]
    for subject in tables[-1]:
        if all(subject in table for table in tables):
            yield subject, [table[subject] for table in tables]


def _blocks(run: Summary) -> dict[str, list[Block]]:
    journeys = {row.journey: row.blocks for row in run.journeys}
    steps = {
        f"{row.journey}: {row.step}" + ("" if row.method == "GET" else f" ({row.method})"): row.blocks
        for row in run.steps
    }
    return journeys | steps


def _time_finding(subject: str, metric: Metric, pairs: Pairs, tolerance: Tolerance) -> _Finding:
    """Test whether a time changed more than it may between two runs of the same system."""
    baseline = pairs.baselines.mean(axis=0)
    change = inference.hodges_lehmann(pairs.differences, tolerance.confidence)
    change = change.stretched(inference.stretch(pairs.autocorrelation))
    levels = np.median(pairs.baselines - baseline, axis=1)
    between = inference.reach_of_next(levels, tolerance.confidence, math.log1p(ALLOWANCE * tolerance.slowdown))
    excess = pairs.differences - math.copysign(between, change.estimate)
    p = inference.weaken(inference.signed_rank_p(excess), inference.stretch(pairs.autocorrelation))
    return _Finding(
        subject,
        metric,
        typical=(math.exp(np.median(baseline)), math.exp(np.median(pairs.current))),
        change=change.reaching(between),
        p=p if abs(change.estimate) > between else 1.0,
        between_runs=between,
        details={
            "pairs": len(pairs.current),
            "block_seconds": pairs.seconds,
            "autocorrelation": pairs.autocorrelation,
        },
    )


def _failures(runs: Sequence[Summary], tolerance: Tolerance) -> Iterator[_Finding]:
    """Yield the failed share of every journey that all runs have, and of all of these together."""
    common = in_common(runs)
    groups = {journey: [journey] for journey in common} | ({ALL: common} if len(common) > 1 else {})
    for subject, journeys in groups.items():
        counts = [_ended(run, journeys) for run in runs]
        if all(ended.sum() for _, ended in counts):
            yield _failure_finding(subject, counts, tolerance)


def _ended(run: Summary, journeys: Sequence[str]) -> Counts:
    """Return how many journeys failed, and how many ended, in each block of time."""
    table: dict[float, tuple[int, int]] = {}
    for row in run.journeys:
        for block in row.blocks if row.journey in journeys else ():
            failed, ended = table.get(block.second, (0, 0))
            table[block.second] = (failed + block.failed, ended + block.failed + block.count)
    columns = np.array(list(table.values()), dtype=np.float64).reshape(-1, 2).T
    return columns[0], columns[1]


def _failure_finding(subject: str, counts: Sequence[Counts], tolerance: Tolerance) -> _Finding:
    """Test whether a failed share changed. Failures that come k at a time count as one: counts are divided by k."""
    burst = inference.design_effect(counts)
    totals = [(failed.sum() / burst, ended.sum() / burst) for failed, ended in counts]
    failed = (sum(failed for failed, _ in totals[:-1]), totals[-1][0])
    ended = (sum(ended for _, ended in totals[:-1]), totals[-1][1])
    change = inference.newcombe(failed, ended, tolerance.confidence)
    shares = np.array([failed / ended for failed, ended in totals[:-1]])
    between = inference.reach_of_next(shares, tolerance.confidence, ALLOWANCE * tolerance.failed_share)
    p = inference.fisher_p((round(failed[0]), round(failed[1])), (round(ended[0]), round(ended[1])))
    return _Finding(
        subject,
        "failed_share",
        typical=(failed[0] / ended[0], failed[1] / ended[1]),
        change=change.reaching(between),
        p=p if abs(change.estimate) > between else 1.0,
        between_runs=between,
        details={"burst": burst},
    )


def _judge(finding: _Finding, p: float, tolerance: Tolerance) -> Change:
    metric, (baseline, current) = finding.metric, finding.typical
    change, low, high = (finding.shown(value) for value in finding.change)
    judgement: Judgement = "unchanged"
    if p <= 1 - tolerance.confidence and tolerance.exceeded(metric, baseline, change):
        judgement = "regression" if change > 0 else "improvement"
    elif high > 0 and tolerance.exceeded(metric, baseline, high):
        judgement = "undecided"
    return Change(
        subject=finding.subject,
        metric=metric,
        judgement=judgement,
        baseline=baseline,
        current=current,
        change=change,
        low=low,
        high=high,
        p=p,
        between_runs=finding.shown(finding.between_runs),
        **finding.details,
    )


def _doubts(changes: Sequence[Change], tolerance: Tolerance) -> Iterator[str]:
    """Yield what would be a regression if it were sure: a run that passes may have been too noisy to show it."""
    for change in changes:
        beyond = tolerance.exceeded(change.metric, change.baseline, change.change)
        if change.judgement == "undecided" and change.change > 0 and beyond:
            yield f"by estimate a regression, but too noisy to be sure; measure longer, or again: {describe(change)}"
