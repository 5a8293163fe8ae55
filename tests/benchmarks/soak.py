"""A long run at half of what the generator can do: `make bench-soak MINUTES=15`.

First the highest rate is looked for at which citizens still start in time; then half of it is kept up. After a warm-up
memory must not grow, and the schedule must not drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from statistics import NormalDist, mean, median
from typing import Annotated

import numpy as np
import typer

from loadtests.inference import Floats, Interval
from loadtests.plan import MAX_ARRIVALS, Plan
from loadtests.summary import Summary
from tests import nginx
from tests.benchmarks.bench import SERVER, Bench, Generated, generate, start
from tests.benchmarks.plans import plan, website

FIRST, STEP, MOST = 4000.0, 1.4, 60_000.0
"""Rates that are tried: each so many times the one before."""

TRIAL = 4
"""Seconds of one trial."""

IN_TIME = 0.002
"""The start lateness (p99, seconds) at which a rate still counts as kept up."""

WARM_UP, SETTLED = 0.2, 40.0
"""The part of the run that is left out, and at least so many seconds: pools fill, the first time-outs (30 s) pass."""

PARTS = 15
"""Into so many parts the run is divided; those of 15 minutes last a minute."""

FEWEST = 5
"""Parts after the warm-up from which a trend can be told."""

GROWTH = 0.02
"""How much of the memory may come on top after the warm-up: less is the allocator's own unrest."""

DRIFT = 5.0
"""Milliseconds that the schedule may be off at the end; the seconds in which starts are counted are as exact."""


def main(
    minutes: Annotated[float, typer.Option(min=0.2, max=24 * 60, help="How long to keep it up.")] = 15.0,
    rate: Annotated[float, typer.Option(min=0, help="Arrivals per second; 0 finds half of the maximum.")] = 0.0,
) -> None:
    """Keep up half of the maximum and look for growing memory and a drifting schedule; needs nginx."""
    bench = Bench("soak")
    with bench.part("soak"), nginx.estate(SERVER) as server:
        environment = website(server.url)
        if not rate:
            most = highest_rate(bench, lambda trial: plan("get", environment, [trial] * TRIAL, pooled=True))
            rate = min(most / 2, 0.95 * MAX_ARRIVALS / (60 * minutes))
        seconds = round(60 * minutes)
        print(f"  {rate:,.0f} arrivals/s for {seconds} s", flush=True)
        done = generate(plan("get", environment, [rate] * seconds, spacing="even", pooled=True), "--progress")
        bench.check("soak", done.summary)
        report(bench, done, rate, seconds)
    bench.finish()


def highest_rate(bench: Bench, plan_at: Callable[[float], Plan]) -> float:
    """Return the last rate at which everyone started in time and nobody failed."""
    rate, kept_up = FIRST, 0.0
    while rate <= MOST:
        summary = generate(plan_at(rate)).summary
        print(f"  {rate:,.0f}/s: start lateness p99 {1000 * summary.lateness.p99:.2f} ms", flush=True)
        if not _kept_up(summary):
            break
        kept_up, rate = rate, rate * STEP
    bench.tell("highest rate kept up", kept_up or FIRST, "arrivals/s")
    return kept_up or FIRST


def _kept_up(summary: Summary) -> bool:
    arrivals = summary.arrivals
    return summary.lateness.p99 <= IN_TIME and arrivals.completed == arrivals.scheduled


def report(bench: Bench, done: Generated, rate: float, seconds: int) -> None:
    """Print each part of the run, then what may not grow."""
    rows, length = done.summary.timeline, max(1, seconds // PARTS)
    memory, late = [], []
    print(f"  parts of {length} s: resident MiB, most connections, start lateness p99 (median and worst second) in ms")
    for first in range(0, seconds - length + 1, length):
        part = rows[first : first + length]
        memory.append(mean(done.memory[first : first + length]) / 2**20)
        late.append(median(row.lateness_p99 for row in part) * 1000)
        worst = max(row.lateness_p99 for row in part) * 1000
        most = max(row.open_connections for row in part)
        print(f"  {first:6d} s {memory[-1]:9.1f} {most:6d} {late[-1]:9.3f} {worst:9.3f}", flush=True)
    warm = max(round(WARM_UP * len(memory)), math.ceil(SETTLED / length))
    if len(memory) - warm < FEWEST:
        bench.skip("memory after the warm-up", "the run is too short")
    else:
        _memory(bench, np.array(memory[warm:]), length)
    arrivals = done.summary.arrivals
    bench.equal("started of those planned", arrivals.started, arrivals.scheduled)
    behind = arrivals.scheduled - sum(row.started for row in rows[:seconds])
    bench.at_most("drift of the schedule at the end", 1000 * abs(behind) / rate, DRIFT, "ms")
    bench.at_most("start lateness p99 over the whole run", 1000 * done.summary.lateness.p99, 1000 * IN_TIME, "ms", 3)
    slope = trend(np.array(late))
    bench.tell("start lateness p99: trend per part", slope.estimate, f"ms ({slope.low:+.3f} to {slope.high:+.3f})", 3)
    bench.tell("cores taken", done.summary.generator.cpu_mean, "", 2)
    bench.details["parts"] = {"seconds": length, "memory_mib": memory, "lateness_p99_ms": late}


def _memory(bench: Bench, memory: Floats, length: int) -> None:
    """Judge the growth after the warm-up by the trend of the parts."""
    slope, parts = trend(memory), len(memory)
    per_hour = 3600 / length
    spread = f"MiB/h ({slope.low * per_hour:+.1f} to {slope.high * per_hour:+.1f})"
    bench.tell("memory after the warm-up: trend, 95 % sure", slope.estimate * per_hour, spread, 1)
    grown = 100 * slope.estimate * (parts - 1) / memory[0]
    bench.at_most("memory after the warm-up: growth until the end", grown, 100 * GROWTH, "%")


def trend(values: Floats) -> Interval:
    """Return the slope per step: the median over all pairs, and the interval that is 95 % sure (Theil 1950, Sen 1968).

    With n values the pairs that rise are more than those that fall by S, of variance  n (n - 1) (2n + 5) / 18  where
    there is no trend; the interval leaves out (pairs - 1.96 sqrt(var S)) / 2 slopes at both ends.
    """
    slopes = np.sort([(values[j] - values[i]) / (j - i) for i, j in combinations(range(len(values)), 2)])
    n = len(values)
    reach = NormalDist().inv_cdf(0.975) * np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    left_out = max(0, int((len(slopes) - reach) / 2))
    return Interval(float(np.median(slopes)), float(slopes[left_out]), float(slopes[len(slopes) - 1 - left_out]))


if __name__ == "__main__":
    start(main)
