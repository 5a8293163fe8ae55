"""The recorded figures of 30 days against an independent count of the same runs, one by one.

A seeded simulation makes 33 days of runs: outages, planned windows with and without failures, overruns, aftermaths,
closed hours, idle hours, sporadic failures. Prometheus gets the counters every five minutes, for promtool takes no more
than 10,000 samples of a series; the reference counts the runs.
"""

from __future__ import annotations

import random
import subprocess
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from config import Configuration
from config.metric import Metric
from monitors.metrics import FAILURES, RUNS
from monitors.rules import queries, rules
from monitors.rules.burn_rates import burn_rates
from monitors.rules.rule_tests import encode, series
from tests.monitors.rules.estates import only

DAYS, MINUTES = 33, 33 * 1440
SYSTEM = "waiting-room"
PACE = {30: "here", 60: "there"}
"""Seconds between two runs from each of two vantage points."""
UNPLANNED = {"none", "overrun", "aftermath"}
SCRAPE = 5
"""Minutes."""
TOLERANCE = 0.001


class Simulated(NamedTuple):
    """One run: when it ended (seconds from the beginning), which class of time that was, whether it failed."""

    probe: str
    vantage: str
    at: float
    window: str
    failed: bool


def simulate(probes: Sequence[str], seed: int) -> Iterator[Simulated]:
    """Yield the runs of each probe from each vantage point in order of time."""
    dice = random.Random(seed)
    stretches: list[tuple[int, str, float]] = []
    """(end in minutes, class of time or idle, share of runs that fail)"""
    end = 0
    while end < MINUTES:
        for minutes, kind, failing in (
            (dice.randint(300, 1500), "none", 0.0002),
            dice.choice(
                [
                    (dice.randint(1, 25), "none", 1.0),
                    (dice.randint(30, 240), "planned", dice.choice([0.0, 1.0])),
                    (dice.randint(60, 600), "closed", 0.5),
                    (dice.randint(30, 600), "idle", 0.0),
                    (dice.randint(5, 60), "aftermath", 0.5),
                    (dice.randint(5, 40), "overrun", 0.7),
                ]
            ),
        ):
            end += minutes
            stretches.append((end, kind, failing))
    ends = [stretch[0] for stretch in stretches]
    for probe in probes:
        for pace, vantage in PACE.items():
            at = dice.uniform(0, pace)
            while at < 60 * MINUTES:
                _, kind, failing = stretches[bisect_right(ends, at / 60)]
                if kind != "idle":
                    yield Simulated(probe, vantage, at, kind, dice.random() < failing)
                at += pace


def as_counters(runs: Sequence[Simulated]) -> dict[str, str]:
    """Return what Prometheus would scrape of counters that count these runs."""
    scrapes = MINUTES // SCRAPE + 1
    steps = defaultdict[tuple[Metric, str, str, str], list[int]](lambda: [0] * scrapes)
    for probe, vantage, at, window, failed in runs:
        scrape = int(at // (60 * SCRAPE)) + 1
        steps[RUNS, probe, vantage, window][scrape] += 1
        steps[FAILURES, probe, vantage, window][scrape] += failed
    return {
        series(metric, system=SYSTEM, probe=probe, vantage=vantage, window=window): encode([*accumulate(each)])
        for (metric, probe, vantage, window), each in steps.items()
    }


def true_ratio(runs: Sequence[Simulated], windows: set[str]) -> float:
    """Return the share of the runs of the last 30 days that failed, counted one by one."""
    mine = [run for run in runs if run.at >= 60 * (MINUTES - 30 * 1440) and run.window in windows]
    return sum(run.failed for run in mine) / len(mine)


@pytest.mark.peer
@pytest.mark.slow
def test_thirty_days_are_what_counting_every_run_gives(
    peer: Callable[[str], str], configuration: Configuration, tmp_path: Path
) -> None:
    """Excluding and including planned time, within 0.1 % of the ratio; 0.2 % beside it would be noticed."""
    estate = only(configuration, SYSTEM)
    runs = list(simulate(estate.systems[SYSTEM].objective.measured_by, seed=20240612))
    assert {run.window for run in runs} == {"none", "planned", "overrun", "aftermath", "closed"}
    excluded, included = true_ratio(runs, UNPLANNED), true_ratio(runs, UNPLANNED | {"planned"})
    assert 0.001 < excluded < 0.5
    assert abs(included / excluded - 1) > 10 * TOLERANCE
    measured = queries.measuring_probes(estate)
    left = queries.budget_left("30d", system=SYSTEM)
    checks = {
        f"1 - {queries.availability('30d', system=SYSTEM)}": excluded,
        f"1 - {queries.availability('30d', queries.INCLUDED, system=SYSTEM)}": included,
        queries.error_ratio("30d", "system", probe=measured): excluded,
        f"(1 - {left}) * on (system) group_left () {queries.BUDGET}": excluded,
    }
    built = rules.build(estate, burn_rates())
    groups = [group for group in built["groups"] if group["name"] in {"piekwacht-budgets", "piekwacht-rolling"}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(file_of(as_counters(runs), checks)))
    found = subprocess.run(
        [peer("promtool"), "test", "rules", tmp_path / "tests.yml"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def file_of(counters: dict[str, str], checks: dict[str, float]) -> dict[str, Any]:
    """Return a file that at the end compares each figure with the truth, and with 0.2 % beside it."""

    def near(query: str, value: float) -> str:
        return f"max(abs(({query}) / {value!r} - 1) < bool {TOLERANCE})"

    asked = [
        {"expr": near(query, beside * value), "eval_time": f"{DAYS}d", "exp_samples": [{"labels": "{}", "value": said}]}
        for query, value in checks.items()
        for beside, said in ((1.0, 1), (1.002, 0), (0.998, 0))
    ]
    test = {
        "interval": f"{SCRAPE}m",
        "input_series": [{"series": name, "values": values} for name, values in counters.items()],
        "promql_expr_test": asked,
    }
    order = ["piekwacht-budgets", "piekwacht-rolling"]  # a day later the budgets would be stale
    return {"rule_files": ["rules.yml"], "evaluation_interval": "1d", "group_eval_order": order, "tests": [test]}
