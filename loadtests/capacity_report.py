"""The result of a capacity search as data (`capacity.json`), as one self-contained page, and on the terminal.

All rates are journeys a second, all times seconds, all shares from 0 to 1. `Capacity.model_json_schema()` is the schema
of the file.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from pathlib import Path
from statistics import median
from typing import Literal

import numpy as np
from pydantic import AwareDatetime, Field
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from config import Channel
from config.files import write_all
from config.source import Strict
from loadtests import wording
from loadtests.capacity import (
    LOWEST_PRECISION,
    Knee,
    Limits,
    Phase,
    highest_share,
    journeys_to_prove,
    locate_knee,
    resolution,
)
from loadtests.plan import Plan
from loadtests.plots import Ink, Plot, Series, Stroke, figure
from loadtests.report import page
from loadtests.terminal import COLOURS, SYMBOLS
from loadtests.verdict import Outcome

End = Literal["found", "at-cap", "too-low", "not-recovered", "budget", "generator", "interrupted"]

ENDS: Mapping[End, str] = {
    "found": "the bracket is as narrow as asked, and both its ends stood when they were tried again",
    "at-cap": "no rate up to the highest allowed one (--to-rate) failed",
    "too-low": "even the lowest rate failed, or the target was not healthy at rest",
    "not-recovered": "the target did not become healthy again after a hold that failed",
    "budget": "the budget of failed journeys is spent",
    "generator": "no sound measurement was possible: the generator or its warm-up, not the system, was the limit",
    "interrupted": "the search was interrupted",
}
"""Why a search ended."""


class Settings(Strict):
    """What was asked for. `warm_up` None: as long as a journey takes at rest."""

    journey: str
    channel: Channel
    environment: str
    limits: Limits
    from_rate: float = Field(gt=0, allow_inf_nan=False)
    to_rate: float = Field(gt=0, allow_inf_nan=False)
    hold: int = Field(ge=2, le=3600)
    warm_up: int | None = Field(ge=0, le=3600)
    precision: float = Field(ge=LOWEST_PRECISION, le=1)
    confirmations: int = Field(ge=0, le=20)
    budget: int = Field(ge=1)
    recovery: float = Field(ge=0, le=3600)
    think: float = Field(ge=0, le=1000)
    timeout: float = Field(gt=0, le=3600)
    seed: int = Field(ge=0)
    processes: int = Field(ge=1)


class Forecast(Strict):
    """The rate that is expected, and where it comes from."""

    rate: float
    source: str


def peak_of(plan: Plan, journey: str) -> Forecast | None:
    """Return the highest rate of a journey, over all its channels, in a plan; None where nobody makes it."""
    shapes = [shape for kind, shape in zip(plan.kinds, plan.shapes, strict=True) if kind.journey == journey]
    if not shapes:
        return None
    shape = reduce(operator.add, shapes)
    return Forecast(
        rate=float(max(np.diff(shape.counts) / np.diff(shape.edges))), source=f"peak of {plan.campaign_id}, {plan.day}"
    )


class Hold(Strict):
    """One hold: `seconds` of its steady part, after `warm_up`. Percentiles are those of the response times.

    `failed_share` is that of the journeys that came to an end after the warm-up; of all where none did.
    """

    number: int
    phase: Phase
    rate: float
    warm_up: int
    seconds: int
    outcome: Outcome
    reasons: list[str]
    started: int
    ended: int
    completed: int
    failed: int
    failed_share: float
    p50: float
    p95: float
    p99: float
    in_flight: float
    lateness_p99: float
    cpu: float
    failures: dict[str, int]

    @property
    def ended_rate(self) -> float | None:
        """Journeys that came to an end, a second; None where the hold was broken off in its warm-up.

        Counted against those who arrived, at a known rate: a hold that was broken off ends within a second.
        """
        return self.rate * self.ended / self.started if self.started else None


class Probe(Strict):
    """A few citizens sent to a target at rest, before the first hold and after each that failed."""

    after_hold: int
    healthy: bool
    started: int
    completed: int
    failed: int
    p95: float
    failures: dict[str, int]

    def __str__(self) -> str:
        """Say what they met."""
        if self.completed == self.started > 0:
            return f"the 95th percentile was {wording.duration(self.p95)}"
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.failures.items())
        told = f"{self.completed} of {self.started} citizens came to the end"
        return f"{told}, {self.failed} failed" + (f" ({reasons})" if reasons else "")


class Capacity(Strict):
    """The whole result.

    The capacity is at least `passing` (None: no rate passed) and below `failing` (None: no rate failed). `knee` is
    where every other hold would fail; `failed_share_below` bounds the failed share at `passing` with 95 % confidence;
    `smallest_overload` is the share of the rate beyond which a growing queue shows in one hold.
    """

    schema_version: Literal[1] = 1
    outcome: Outcome
    end: End
    end_meaning: str
    answer: str
    began: AwareDatetime
    seconds: float
    passing: float | None
    failing: float | None
    holds_at_passing: int
    passes_at_passing: int
    failed_share_below: float | None
    smallest_overload: float | None
    knee: Knee | None
    forecast: Forecast | None
    headroom: float | None
    failures: int
    settings: Settings
    warm_up: int
    holds: list[Hold]
    probes: list[Probe]
    endpoints: dict[str, str]
    command: str
    versions: dict[str, str]


def conclude(end: End, passing: float | None, forecast: Forecast | None) -> Outcome:
    """Return whether the capacity is known and enough; "invalid" where the search could not come to its end."""
    if end == "too-low":
        return "failed"
    if end not in {"found", "at-cap"}:
        return "invalid"
    return "failed" if forecast is not None and (passing or 0.0) < forecast.rate else "passed"


def summarise(
    settings: Settings,
    end: End,
    passing: float | None,
    failing: float | None,
    *,
    warm_up: int,
    holds: list[Hold],
    probes: list[Probe],
    forecast: Forecast | None,
    failures: int,
    began: AwareDatetime,
    seconds: float,
    endpoints: dict[str, str],
    command: str,
    versions: dict[str, str],
) -> Capacity:
    """Make the result of a search that ended with a bracket from `passing` to `failing`."""
    judged = [hold for hold in holds if hold.outcome != "invalid"]
    there = [hold for hold in judged if hold.rate == passing]
    ended, failed = sum(hold.completed + hold.failed for hold in there), sum(hold.failed for hold in there)
    return Capacity(
        outcome=conclude(end, passing, forecast),
        end=end,
        end_meaning=ENDS[end],
        answer=answer(end, passing, failing),
        began=began,
        seconds=seconds,
        passing=passing,
        failing=failing,
        holds_at_passing=len(there),
        passes_at_passing=sum(hold.outcome == "passed" for hold in there),
        failed_share_below=highest_share(ended, failed) if there else None,
        smallest_overload=resolution(passing, max(hold.seconds for hold in there)) if passing and there else None,
        knee=locate_knee([(hold.rate, hold.outcome == "passed") for hold in judged]),
        forecast=forecast,
        headroom=passing / forecast.rate - 1 if forecast and passing else None,
        failures=failures,
        settings=settings,
        warm_up=warm_up,
        holds=holds,
        probes=probes,
        endpoints=endpoints,
        command=command,
        versions=versions,
    )


def answer(end: End, passing: float | None, failing: float | None) -> str:
    """Say what is known of the capacity, in one sentence."""
    if passing is None:
        return f"Below {per_second(failing)}." if failing else "Nothing is known of the capacity."
    if failing is None:
        return f"At least {per_second(passing)}; nothing above it has failed."
    if end == "found":
        return f"{per_second(passing)}; {per_second(failing)} is too much."
    return f"At least {per_second(passing)}, below {per_second(failing)}."


def against_forecast(capacity: Capacity) -> str:
    """Compare the capacity with the forecast, in one sentence; an empty text where there is none."""
    if capacity.forecast is None:
        return ""
    said = f"The forecast is {per_second(capacity.forecast.rate)} ({capacity.forecast.source})"
    if capacity.headroom is None:
        return f"{said}."
    side = "above it" if capacity.headroom >= 0 else "short of it"
    least = "" if capacity.end == "found" else "at least " if capacity.headroom >= 0 else "up to "
    return f"{said}: the capacity is {least}{abs(capacity.headroom):.0%} {side}."


def confidence(capacity: Capacity) -> list[str]:
    """Say how sure the answer is, one sentence for each ground."""
    said = []
    if capacity.holds_at_passing:
        held, passes = capacity.holds_at_passing, capacity.passes_at_passing
        said.append(f"{per_second(capacity.passing)} passed in {passes} of {held} hold{'s' if held > 1 else ''}.")
    if capacity.failed_share_below is not None:
        share, allowed = capacity.failed_share_below, capacity.settings.limits.failed_share
        least = journeys_to_prove(allowed)
        proof = f"which alone proves the objective ({allowed:.3%})"
        if share > allowed:
            proof = f"compatible with the objective ({allowed:.3%}), but no proof of it"
            proof += f": that takes {least:,} journeys without a failure" if least else ""
        said.append(f"With 95 % confidence fewer than {share:.3%} of the journeys fail there: {proof}.")
    if capacity.smallest_overload is not None:
        said.append(
            f"A hold of this length shows a growing queue once {capacity.smallest_overload:.1%} more arrive than the"
            " system can take; a longer hold is finer."
        )
    if capacity.knee is not None:
        knee = capacity.knee
        said.append(
            f"Over all holds, every other one fails at {per_second(knee.rate)} (90 % credible interval"
            f" {wording.number(rounded(knee.low))} to {per_second(knee.high)})."
        )
    return said


def per_second(rate: float | None) -> str:
    """Write a rate: 37.8/s."""
    return wording.NOTHING if rate is None else f"{wording.number(rounded(rate))}/s"


def rounded(rate: float) -> float:
    """Return a rate with the four digits that the search uses."""
    return float(f"{rate:.4g}")


# --- the page


def write(capacity: Capacity, folder: Path) -> list[Path]:
    """Write capacity.json and capacity.html to `folder`, both or neither; return their paths. Raises `OSError`."""
    data = capacity.model_dump_json(indent=2) + "\n"
    return write_all({folder / "capacity.json": data, folder / "capacity.html": render(capacity)})


def render(capacity: Capacity) -> str:
    """Return the page."""
    return page(
        "capacity.html.j2",
        capacity=capacity,
        settings=capacity.settings,
        forecast=against_forecast(capacity),
        at_rest=at_rest(capacity),
        confidence=confidence(capacity),
        plots=[figure(plot) for plot in _plots(capacity)],
        per_second=per_second,
    )


def _plots(capacity: Capacity) -> list[Plot]:
    holds: defaultdict[float, list[Hold]] = defaultdict(list)
    for hold in sorted(capacity.holds, key=lambda hold: hold.rate):
        if hold.outcome != "invalid":
            holds[hold.rate].append(hold)
    end = 1.05 * max(holds, default=capacity.settings.to_rate)

    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if known else None

    def series(label: str, of: Callable[[Hold], float | None], ink: Ink, stroke: Stroke = "solid") -> Series:
        return Series(label, [middle(map(of, same)) for same in holds.values()], ink, stroke)

    def plot(key: str, title: str, description: str, number: Callable[[float], str], *lines: Series) -> Plot:
        return Plot(
            key=key,
            title=title,
            description=description,
            xs=list(holds),
            end=end,
            series=lines,
            number=number,
            log=number is wording.duration,
            mark=(capacity.passing, f"holds {per_second(capacity.passing)}") if capacity.passing else None,
            x_number=lambda rate: f"{wording.brief(rate)}/s",
        )

    return [
        plot(
            "knee",
            "Response time",
            "Percentiles of the response times of each hold over its arrival rate; logarithmic.",
            wording.duration,
            series("99th percentile", lambda hold: hold.p99 or None, "vermillion", "dashed"),
            series("95th percentile", lambda hold: hold.p95 or None, "purple", "dash-dot"),
            series("median", lambda hold: hold.p50 or None, "blue"),
            Series("limit of the 95th", [capacity.settings.limits.p95] * len(holds), "text", "dotted"),
        ),
        plot(
            "failed",
            "Failed journeys",
            "Share of the journeys of each hold that failed, over its arrival rate.",
            lambda share: f"{wording.number(round(100 * share, 3))} %",
            series("failed", lambda hold: hold.failed_share, "vermillion"),
        ),
        plot(
            "throughput",
            "Journeys that came to an end per second",
            "Arrivals and ends per second of each hold over its arrival rate; where the lines part, a queue grows.",
            wording.brief,
            series("arrivals", lambda hold: hold.rate, "text", "dashed"),
            series("came to an end", lambda hold: hold.ended_rate, "green"),
        ),
    ]


def at_rest(capacity: Capacity) -> str:
    """Say what was wrong with the target at rest when it was last looked at; nothing where it was healthy."""
    asked = capacity.end != "generator"  # else nothing is known
    unhealthy = [probe for probe in capacity.probes[-1:] if asked and not probe.healthy]
    return "".join(f"At rest: {probe}." for probe in unhealthy)


# --- the terminal


def show(capacity: Capacity, console: Console) -> None:
    """Print the answer, how sure it is, and every hold."""
    colour = COLOURS[capacity.outcome]
    head = Text.assemble((f"{SYMBOLS[capacity.outcome]} {capacity.answer}", f"bold {colour}"))
    why = f"The search ended because {capacity.end_meaning}."
    lines = [against_forecast(capacity), why, at_rest(capacity), *confidence(capacity)]
    parts = [head, *(Text(f"  • {line}") for line in lines if line)]
    title = f"Capacity: {capacity.settings.journey} ({capacity.settings.channel})"
    console.print(Panel(Group(*parts), title=Text(title), title_align="left", border_style=colour))
    console.print(holds_table(capacity))


def holds_table(capacity: Capacity) -> Table:
    """Return every hold as a row."""
    left, right = ("phase", "", "why"), ("rate", "ended", "failed", "p50", "p95", "p99")
    columns = [
        Column(left[0]),
        *(Column(name, justify="right", no_wrap=True) for name in right),
        *(Column(name) for name in left[1:]),
    ]
    table = Table(*columns, box=None, header_style="dim", padding=(0, 2, 0, 0))
    for hold in capacity.holds:
        table.add_row(
            hold.phase,
            per_second(hold.rate),
            wording.number(hold.completed + hold.failed),
            wording.number(hold.failed),
            *(wording.duration(value) if value else wording.NOTHING for value in (hold.p50, hold.p95, hold.p99)),
            Text(SYMBOLS[hold.outcome], COLOURS[hold.outcome]),
            Text("; ".join(hold.reasons)),
        )
    return table
