"""Whether the generator does what it says, and says what was: `make bench-truth`, about two minutes.

Start lateness, a target that stalls, and a sine of arrivals, each compared with what is known by other means: the plan,
and the clock of the server. The engine runs as in `piekwacht load run`, in a thread beside gevent's hub.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import typer

from loadtests.plan import Plan
from loadtests.shapes import Floats
from tests import nginx
from tests.benchmarks.bench import SERVER, Bench, Generated, generate, start
from tests.benchmarks.plans import plan, sine, website
from tests.children import child
from tests.stalling import Record

WARM_UP = (0.1, 0.2, 0.4, 0.7)
"""Parts of the full rate in the first seconds: a pool of connections fills with those whom earlier citizens leave."""

RATE, STALLED_SECOND, SECONDS, STALL = 500.0, 9, 20, 2.0
"""The stall of 2 s in a run of 20 s at 500/s."""

SHARE, LEAST = 0.02, 0.002
"""How far a figure may be from the truth: 2 %, or 2 ms."""


def main(
    scale: Annotated[float, typer.Option(min=0.01, max=10, help="Multiply rates and times.")] = 1.0,
    only: Annotated[str, typer.Option(help="One part: lateness, stall or sine.")] = "",
) -> None:
    """Compare lateness, response times and arrivals with the truth; lateness needs nginx."""
    parts = {"lateness": lateness, "stall": stall, "sine": waves}
    if only and only not in parts:
        raise typer.BadParameter(f"'{only}' is not one of {', '.join(parts)}", param_hint="--only")
    bench = Bench("truth")
    for name, part in parts.items():
        if only in ("", name):
            with bench.part(name):
                part(bench, scale)
    bench.finish()


def lateness(bench: Bench, scale: float) -> None:
    """Measure how much later than intended arrivals start, on one core, once the full rate is reached."""
    seconds = max(2, round(10 * scale))
    for rate, pooled, most in ((5_000, True, 1.0), (15_000, True, 2.0), (2_000, False, 2.0)):
        with nginx.estate(SERVER) as server:
            full = rate * min(1.0, scale)
            per_second = [*(part * full for part in WARM_UP), *[full] * seconds]
            done = generate(plan("get", website(server.url), per_second, warm_up=len(WARM_UP), pooled=pooled))
        what = f"{full:,.0f}/s {'pooled' if pooled else 'each with a fresh connection'}"
        bench.check(what, done.summary)
        summary = done.summary
        bench.equal(f"{what}: started of those planned", summary.arrivals.started, summary.arrivals.scheduled)
        bench.at_most(f"{what}: start lateness p99", 1000 * summary.steady.lateness_p99, most, "ms", 3)
        bench.tell(f"{what}: start lateness p50, warm-up included", 1000 * summary.lateness.p50, "ms", 3)
        bench.tell(f"{what}: start lateness max, warm-up included", 1000 * summary.lateness.max, "ms", 1)
        bench.tell(f"{what}: cores taken", summary.generator.cpu_mean, "", 2)


# --- a target that stalls


def stall(bench: Bench, scale: float) -> None:
    """Compare response times with those that the server knows, of a run in which it stalls for 2 s.

    Of an arrival at the instant t the server knows: it was answered at a; so nobody can have had the answer before
    a - t. By arithmetic alone, a stall that ends at e makes  max(0, e - t)  of every t within it.
    """
    seconds, before = max(4, round(SECONDS * scale)), max(1, round(STALLED_SECOND * scale))
    order = {"after": round(RATE * before), "seconds": STALL}
    command = [sys.executable, "-m", "tests.stalling", json.dumps(order)]
    with child(command, SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        the_plan = plan("get-own", website(process.stdout.readline().strip()), [RATE] * seconds)
        done = generate(the_plan)
        record = json.loads(process.communicate()[0])
    bench.check("stall", done.summary)
    arrivals = done.summary.arrivals
    bench.equal("stall: started of those planned", arrivals.started, arrivals.scheduled)
    bench.equal("stall: requests that the server saw", len(record["received"]), arrivals.scheduled)
    known, computed = truths(the_plan, done, _record(record))
    ours = done.summary.response
    found = {"p50": ours.p50, "p99": ours.p99, "max": ours.max}
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        _near(bench, f"stall: {name}, by the server's clock", found[name], quantile(known, share))
        _near(bench, f"stall: {name}, by arithmetic", found[name], quantile(computed, share))


def truths(the_plan: Plan, done: Generated, record: Record) -> tuple[Floats, Floats]:
    """Return every response time as the server knows it, and as it follows from the arrivals and the stall alone.

    Without a stall the arithmetic takes what the server usually needed, counted from the intended start.
    """
    intended = done.zero + the_plan.arrivals.instants
    known = np.array([record.answered[number] for number in range(len(intended))]) - intended
    inside = (intended >= record.began) & (intended <= record.ended)
    return known, np.where(inside, record.ended - intended, np.median(known[~inside]))


def quantile(values: Sequence[float] | Floats, share: float) -> float:
    """Return the value that `share` of them do not exceed: one that occurred, as a histogram gives it."""
    ordered = np.sort(values)
    return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])


def _record(data: dict[str, dict[str, float]]) -> Record:
    """Read a record, whose numbers JSON has turned into texts."""
    by_number = {name: {int(number): at for number, at in data[name].items()} for name in ("received", "answered")}
    return Record(**(data | by_number))


def _near(bench: Bench, what: str, found: float, truth: float) -> None:
    """Add a time that has to be within 2 % of the truth, or 2 ms."""
    bench.tell(f"{what}: the truth", 1000 * truth, "ms", 2)
    bench.at_most(f"{what}: off by", 1000 * abs(found - truth), 1000 * max(SHARE * truth, LEAST), "ms", 2)


# --- a sine of arrivals


def waves(bench: Bench, scale: float) -> None:
    """Compare the arrivals started in each second with the plan: 2 % and the noise of a Poisson process.

    A count of mean m is within  0.02 m + 3.3 sqrt(m)  in 999 seconds of 1,000; evenly spaced it has no noise at all.
    """
    seconds = max(4, round(40 * scale))
    per_second = sine(seconds, mean=1000.0, swing=800.0, period=20.0)
    command = [sys.executable, "-m", "tests.stalling", '{"after": 1000000000}']
    with child(command, SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        for spacing in ("poisson", "even"):
            the_plan = plan("get-own", website(url), per_second, spacing=spacing, pooled=True)
            done = generate(the_plan)
            bench.check("sine", done.summary)
            started = np.array([row.started for row in done.summary.timeline[:seconds]])
            means = np.array(per_second)
            noise = 3.3 * np.sqrt(means) if spacing == "poisson" else 1.0
            off = np.abs(started - means)
            bench.equal(f"sine, {spacing}: seconds beyond 2 % and noise", int(np.sum(off > SHARE * means + noise)), 0)
            bench.tell(f"sine, {spacing}: largest deviation of a second", 100 * float(np.max(off / means)), "%", 2)
            bench.tell(f"sine, {spacing}: mean deviation of a second", 100 * float(np.mean(off / means)), "%", 2)


if __name__ == "__main__":
    start(main)
