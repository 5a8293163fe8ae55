"""The plots of a run's report: which there are, and what they show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile
from zoneinfo import ZoneInfo

import numpy as np

from loadtests import wording
from loadtests.blocks import Track
from loadtests.plots import INKS, STROKES, Ink, Plot, Series, Stroke, log_ticks
from loadtests.summary import PlanFacts, SecondRow, StepRow, Summary, WaitingRoomRow

SLOWEST = 4
"""Steps that are drawn one by one."""

PARTS = 60
"""Parts of the run at most in which the percentiles of a step are drawn: with more, each would have few answers."""


VISIBLE = 1e-3
"""Height of a bar, as part of the highest, from which it can be seen."""


def plots_of(summary: Summary) -> list[Plot]:
    """Return the plots of a report; what did not happen in the run has none."""
    sheet = _Sheet(summary)
    return [
        *_arrivals(sheet),
        *_response(sheet),
        *_failures(sheet),
        *_attempts(sheet),
        *(_admissions(sheet, row) for row in summary.waiting_room),
        *_generator(sheet),
    ]


def duration_of(plan: PlanFacts) -> float:
    """Return the seconds from the first to the last possible arrival.

    From one instant to the other: the difference of two local times would be an hour off where the clock changes.
    """
    return (plan.last.timestamp() - plan.first.timestamp()) / plan.compress


def clock_labels(plan: PlanFacts) -> Callable[[float], str]:
    """Return what tells the replayed time of day at an instant of a run; "" after its last arrival."""
    first, zone, duration = plan.first.timestamp(), ZoneInfo(plan.zone), duration_of(plan)

    def label(instant: float) -> str:
        if instant > duration:
            return ""
        return wording.clock(datetime.fromtimestamp(first + instant * plan.compress, zone))

    return label


@dataclass(frozen=True)
class _Sheet:
    """What most plots of a report share: the seconds of the run on the x axis, its replayed clock, its last arrival."""

    summary: Summary

    @property
    def duration(self) -> float:
        return duration_of(self.summary.plan)

    @property
    def end(self) -> float:
        """Where the axis ends: with the last arrival, or with what came after it."""
        rows = self.summary.timeline
        return max(1.0, self.duration, rows[-1].second + 1 if rows else 0.0)

    def plot(
        self,
        key: str,
        title: str,
        description: str,
        *series: Series,
        xs: Sequence[float] | None = None,
        time: bool = False,
    ) -> Plot:
        """Return a plot over the seconds of the run, or over `xs`; of times on a logarithmic axis, or of numbers."""
        return Plot(
            key=key,
            title=title,
            description=description,
            xs=[row.second + 0.5 for row in self.summary.timeline] if xs is None else xs,
            end=self.end,
            series=series,
            number=wording.duration if time else wording.brief,
            log=time,
            clock=clock_labels(self.summary.plan),
            mark=self._mark(),
            shaded=self._not_judged(),
        )

    def values(self, of: Callable[[SecondRow], float | None]) -> list[float | None]:
        return [of(row) for row in self.summary.timeline]

    def any(self, of: Callable[[SecondRow], float]) -> bool:
        return any(map(of, self.summary.timeline))

    def _mark(self) -> tuple[float, str] | None:
        if self.summary.arrivals.not_due:
            return (self.summary.seconds, "ended early") if self.summary.seconds < self.end else None
        return (self.duration, "last arrival") if self.duration < self.end - 0.5 else None

    def _not_judged(self) -> list[tuple[float, float]]:
        """Return the parts of the axis before and after the steady part."""
        steady = self.summary.steady
        parts = (0.0, min(float(steady.start), self.end)), (min(float(steady.end), self.end), self.end)
        return [(start, end) for start, end in parts if start < end]


def _arrivals(sheet: _Sheet) -> Iterator[Plot]:
    dropped = Series("dropped", sheet.values(lambda row: row.dropped), "vermillion", "dotted")
    yield sheet.plot(
        "arrivals",
        "Arrivals per second",
        "Arrivals that the plan asked for and arrivals that were started, per second.",
        Series("started", sheet.values(lambda row: row.started), "blue", filled=True),
        Series("planned", sheet.values(lambda row: row.planned), "text", "dashed"),
        *([dropped] if sheet.any(lambda row: row.dropped) else []),
    )
    yield sheet.plot(
        "in-flight",
        "Citizens on their way",
        "Citizens who had begun a journey and not yet ended it, at the end of each second.",
        Series("on their way", sheet.values(lambda row: row.in_flight), "green", filled=True),
    )


def _response(sheet: _Sheet) -> Iterator[Plot]:
    yield sheet.plot(
        "response",
        "Response time over time",
        "Percentiles of the response times within each second, counted from the intended start; logarithmic.",
        Series("99th percentile", sheet.values(lambda row: row.response_p99), "vermillion", "dashed"),
        Series("median", sheet.values(lambda row: row.response_p50), "blue"),
        time=True,
    )
    if sheet.summary.histogram:
        yield _histogram(sheet.summary)
    if len(sheet.summary.steps) > 1:
        yield _slowest(sheet)


def _histogram(summary: Summary) -> Plot:
    """Draw each bar from its left to its right limit, the outline beginning and ending on the axis.

    It begins with the first bar that can be seen: single answers that came sooner would stretch the axis.
    """
    highest = max(max(bar.response, bar.service) for bar in summary.histogram)
    bars = list(dropwhile(lambda bar: max(bar.response, bar.service) < VISIBLE * highest, summary.histogram))
    ticks = log_ticks(bars[0].low, bars[-1].high)

    def outline(counts: Sequence[int]) -> list[float | None]:
        return [0, *(count for count in counts for _side in range(2)), 0]

    return Plot(
        key="histogram",
        title="Histogram of the answers by time",
        description="How many answers took how long; the axis of the times is logarithmic.",
        xs=[bars[0].low, *(limit for bar in bars for limit in (bar.low, bar.high)), bars[-1].high],
        end=ticks[-1],
        series=[
            Series("response time", outline([bar.response for bar in bars]), "blue", filled=True),
            Series("service time", outline([bar.service for bar in bars]), "text", "dashed"),
        ],
        number=wording.brief,
        mark=(summary.response.p95, "95th percentile") if summary.response.p95 > 0 else None,
        x_number=wording.duration,
        x_low=ticks[0],
    )


def _slowest(sheet: _Sheet) -> Plot:
    slowest = sorted(sheet.summary.steps, key=lambda row: row.response.p95, reverse=True)[:SLOWEST]
    longest = max((block.seconds for row in slowest for block in row.blocks), default=1)
    width = longest * math.ceil(sheet.end / PARTS / longest)
    length = math.ceil(sheet.end / width)
    return sheet.plot(
        "slowest",
        "The slowest steps",
        f"95th percentile of the response times within {wording.duration(width)}; logarithmic.",
        *(
            Series(f"{row.journey}: {row.step}", _percentiles(row, width, length), ink, stroke)
            for row, ink, stroke in zip(slowest, INKS, STROKES, strict=False)
        ),
        xs=[min((part + 0.5) * width, sheet.end) for part in range(length)],
        time=True,
    )


def _percentiles(row: StepRow, width: float, length: int) -> list[float | None]:
    """Return the 95th percentile of the response times in each part of the run; None where there were no answers."""
    track = Track(row.blocks)
    filled = np.flatnonzero(track.joined(width, length)).tolist()
    found = dict(zip(filled, np.exp(track.percentiles(width, filled, 0.95)).tolist(), strict=True))
    return [found.get(part) for part in range(length)]


def _failures(sheet: _Sheet) -> Iterator[Plot]:
    setbacks = sheet.any(lambda row: row.setbacks)
    if sheet.any(lambda row: row.failed) or setbacks:
        tried_again = Series(
            "attempts that were made again", sheet.values(lambda row: row.setbacks), "orange", "dashed"
        )
        yield sheet.plot(
            "failures",
            "Failed per second",
            "Journeys that failed within each second, and failed attempts after which somebody tried again.",
            Series("journeys", sheet.values(lambda row: row.failed), "vermillion", filled=True),
            *([tried_again] if setbacks else []),
        )


def _attempts(sheet: _Sheet) -> Iterator[Plot]:
    if not sheet.summary.attempts.attempts > sheet.summary.arrivals.started:
        return
    arriving = sheet.summary.steady.end
    yield sheet.plot(
        "attempts",
        "Attempts per second",
        "Journeys begun in each second, retries and second tabs included, and arrivals.",
        Series("attempts", sheet.values(lambda row: row.attempts), "orange", filled=True),
        Series("arrivals", sheet.values(lambda row: row.started), "text", "dashed"),
    )
    yield sheet.plot(
        "amplification",
        "Amplification: attempts for each journey that passes",
        "Within the ten seconds up to each second, as long as people arrive.",
        Series("attempts", sheet.values(lambda row: row.amplification if row.second < arriving else None), "orange"),
    )


def _admissions(sheet: _Sheet, row: WaitingRoomRow) -> Plot:
    def admitted(second: SecondRow) -> int:
        return second.admitted.get(row.channel, 0)

    dose = Series("dose", sheet.values(lambda _: row.dose), "text", "dashed")
    return sheet.plot(
        f"admissions-{row.channel}",
        f"Admitted per second, {row.channel} channel",
        "Citizens who noticed in each second that they were admitted, at the end of a pause between two polls.",
        Series("admitted", sheet.values(admitted), "sky", filled=True),
        *([dose] if row.dose is not None else []),
    )


def _generator(sheet: _Sheet) -> Iterator[Plot]:
    def line(label: str, of: Callable[[SecondRow], float], ink: Ink = "purple", stroke: Stroke = "solid") -> Series:
        return Series(label, sheet.values(of), ink, stroke)

    yield sheet.plot(
        "lateness",
        "Start lateness and loop lag",
        "How late the generator started arrivals in each second, and how late its event loop was; logarithmic.",
        line("start lateness, 99th percentile", lambda row: row.lateness_p99),
        line("loop lag", lambda row: row.loop_lag, "text", "dashed"),
        time=True,
    )
    yield sheet.plot(
        "cpu",
        "Cores",
        "Processor time that the busiest generator process used, and what the host of its machine withheld, in cores.",
        Series("used by the busiest process", sheet.values(lambda row: row.cpu), "purple", filled=True),
        line("withheld by the host", lambda row: row.stolen, "text", "dashed"),
    )
    yield sheet.plot(
        "connections",
        "Open connections",
        "Connections that were open at the end of each second, over all processes.",
        Series("open", sheet.values(lambda row: row.open_connections), "purple", filled=True),
    )
