"""`piekwacht load shape`: who will come when, before anyone presses start; on the terminal, as data, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from config.files import write_all
from loadtests import wording
from loadtests.days import Added
from loadtests.plan import Plan
from loadtests.plots import INKS, STROKES, Plot, Series, figure, linear_ticks, time_step
from loadtests.report import page
from loadtests.shapes import Floats, Shape

BLOCKS = " ▁▂▃▄▅▆▇█"
"""From nothing to a full cell, in eighths."""

ROWS = 12
"""Height of the plot on the terminal, in lines."""

CLOCK_ROOM = 12
"""Characters that a time below the plot takes with the space around it."""

WIDE = 100
"""Columns of a terminal in which the table has room for a bar for each hour of a day."""

POINTS = 240
"""Points of a curve, on the page and as data."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest arrival rate (per second), and when it is reached: in seconds of the run and on the clock."""

    rate: float
    second: float
    clock: datetime


def peak(plan: Plan) -> Peak:
    """Return where the rate is highest; the first such place if there are several."""
    shape = plan.shape
    slopes = np.diff(shape.counts) / np.diff(shape.edges)
    highest = int(np.argmax(slopes >= slopes.max() * (1 - 1e-9)))  # equal rates differ by their rounding
    middle = float(shape.edges[highest] + shape.edges[highest + 1]) / 2
    return Peak(float(slopes[highest]), middle, plan.clock(middle))


def rates(shape: Shape, parts: int) -> Floats:
    """Return the mean rate (arrivals a second) in each of `parts` equal parts of a shape.

    rate_i = (N(t_(i+1)) - N(t_i)) / (t_(i+1) - t_i)
    """
    edges = np.linspace(0.0, shape.duration, parts + 1)
    return np.diff(shape.count_at(edges)) / np.diff(edges)


def bars(values: Floats, top: float, rows: int) -> list[str]:
    """Draw each value as a column of block characters, `top` being `rows` lines high; the top line comes first."""
    eighths = np.rint(values / top * rows * 8).astype(int) if top > 0 else np.zeros(len(values), dtype=int)
    levels = range(rows - 1, -1, -1)
    return ["".join(BLOCKS[min(max(height - 8 * level, 0), 8)] for height in eighths.tolist()) for level in levels]


def as_data(plan: Plan) -> dict[str, Any]:
    """Return the shape for a machine: totals, peak, and the mean rate of `POINTS` equal parts of the run."""
    top = peak(plan)
    return {
        "campaign": plan.campaign_id,
        "day": plan.day,
        "first": plan.clock(0).isoformat(),
        "last": plan.clock(plan.duration).isoformat(),
        "seconds": plan.duration,
        "compress": plan.compress,
        "keep": plan.keep,
        "scale": plan.scale,
        "growth": plan.growth,
        "years": plan.years,
        "spacing": plan.spacing,
        "arrivals": plan.shape.total,
        "peak": {"rate": top.rate, "second": top.second, "clock": top.clock.isoformat()},
        "kinds": [
            {"stream": kind.stream, "journey": kind.journey, "channel": kind.channel, "arrivals": shape.total}
            for kind, shape in zip(plan.kinds, plan.shapes, strict=True)
        ],
        "overlays": [
            {
                "title": added.overlay.title,
                "kind": added.overlay.kind,
                "stream": added.overlay.stream,
                "arrivals": added.arrivals,
                "after_midnight": added.after_midnight,
            }
            for added in plan.composed.added
        ],
        "rates": rates(plan.shape, POINTS).tolist(),
    }


def show(plan: Plan, console: Console) -> None:
    """Print the shape: a plot of the rate, what is at its peak, and a table of the kinds of arrival."""
    console.print(Text(plan.campaign.title, "bold"))
    console.print(Text(_headline(plan)), highlight=False)
    console.print()
    for line in _plot_lines(plan, console.width):
        console.print(line, no_wrap=True, overflow="crop")
    console.print()
    console.print(Text(_peak_text(plan)))
    console.print()
    console.print(_kinds(plan, console.width))
    console.print()
    for made in made_of(plan):
        console.print(Text(made))
    for assumption in plan.campaign.assumptions:
        console.print(Text(f"Assumption: {assumption}", "dim"))


def render(plan: Plan) -> str:
    """Return the shape as one self-contained HTML page."""
    return page(
        "shape.html.j2",
        plan=plan,
        headline=_headline(plan),
        peak=_peak_text(plan),
        made_of=made_of(plan),
        plots=[figure(_total_plot(plan)), figure(_kinds_plot(plan))],
        kinds=list(zip(plan.kinds, plan.shapes, strict=True)),
    )


def write(plan: Plan, path: Path) -> None:
    """Write the page to `path`. Raises `OSError`."""
    write_all({path: render(plan)})


def made_of(plan: Plan) -> list[str]:
    """Return, one line each, what the whole day is made of: growth, recordings, splices, overlays; with its source."""
    day = plan.campaign.days[plan.day]
    lines = [f"Day: {plan.day}, {day.source}"]
    if day.season:
        season = plan.campaign.seasons[day.season]
        names = {date: f" ({name})" for date, name in season.holiday_names.items()}
        lines.append(f"Season: {day.season}, its part for {plan.clock(0).date()}{names.get(plan.clock(0).date(), '')}")
    for growth, years, source in (
        (day.growth.per_year if day.growth else {}, day.growth.years if day.growth else 0.0, "the day's"),
        (plan.growth, plan.years, "asked for"),
    ):
        factors = ", ".join(f"{stream} x {wording.number(factor)}" for stream, factor in growth.items())
        if factors:
            lines.append(f"Growth ({source}): {factors} each year; years: {wording.number(years)}")
    lines += [f"Recording: {stream} as counted in {it.shape}" for stream, it in day.recordings.items()]
    lines += [f"Splice: {it.start} to {it.end} from {it.day}, {it.source}" for it in day.splices]
    lines += [_overlay_line(added) for added in plan.composed.added]
    return lines


def _overlay_line(added: Added) -> str:
    overlay = added.overlay
    late = f", {wording.number(round(added.after_midnight))} more after midnight" if added.after_midnight >= 0.5 else ""
    return (
        f"On top ({overlay.kind}): {overlay.title}, {wording.number(round(added.arrivals))} {overlay.stream} in the"
        f" whole day{late}; {overlay.source}"
    )


def _headline(plan: Plan) -> str:
    faster, times = "", wording.number(plan.compress)
    if plan.compress != 1 and plan.keep == "volume":
        faster = f", {times} times faster keeping the volume (the rate rises {times} times)"
    elif plan.compress != 1:
        faster = f", {times} times faster keeping the rate ({times} times fewer arrivals)"
    return (
        f"{wording.span(plan.clock(0), plan.clock(plan.duration))}{faster}, "
        f"{wording.share(plan.scale, 1)} of the arrivals: {wording.number(round(plan.shape.total))} "
        f"in {wording.duration(plan.duration)}{', evenly spaced' if plan.spacing == 'even' else ''}"
    )


def _peak_text(plan: Plan) -> str:
    top = peak(plan)
    mean = plan.shape.total / plan.duration
    return (
        f"Peak: {wording.number(top.rate)} arrivals a second at {top.clock:%H:%M:%S} "
        f"(second {wording.number(round(top.second))} of the run); mean: {wording.number(mean)}."
    )


def _plot_lines(plan: Plan, width: int) -> list[Text]:
    ticks = linear_ticks(peak(plan).rate)
    labels = {int(ROWS * (1 - tick / ticks[-1])): wording.brief(tick) for tick in ticks[1:]}
    room = max(map(len, labels.values()))
    columns = max(10, min(width - room - 2, POINTS))
    lines = []
    for row, cells in enumerate(bars(rates(plan.shape, columns), ticks[-1], ROWS)):
        mark = "┤" if row in labels else "│"
        lines.append(Text.assemble((f"{labels.get(row, ''):>{room}}{mark}", "dim"), (cells, "blue")))
    return [*lines, *(Text(line, "dim") for line in _clock_axis(plan, room, columns))]


def _clock_axis(plan: Plan, room: int, columns: int) -> list[str]:
    """Return the axis with its ticks, and the times of the replayed day below them."""
    step = time_step(plan.duration, max(1, columns // CLOCK_ROOM))
    axis, times = [*" " * room, "└", *"─" * columns], [" "] * (room + 1 + columns)
    for instant in range(0, int(plan.duration) + 1, step):
        place, text = room + 1 + int(instant / plan.duration * (columns - 1)), wording.clock(plan.clock(instant))
        axis[place] = "┴"
        begin = min(place, len(times) - len(text))
        times[begin : begin + len(text)] = text
    return ["".join(axis), "".join(times).rstrip()]


def _kinds(plan: Plan, width: int) -> Table:
    points = 24 if width >= WIDE else 12  # names and numbers come first
    table = Table(
        Column("stream", no_wrap=True),
        Column("journey", no_wrap=True, min_width=max(len(kind.journey) for kind in plan.kinds)),
        Column("channel", no_wrap=True),
        Column("arrivals", justify="right", no_wrap=True, min_width=len("1,000,000")),
        Column("share", justify="right", no_wrap=True, min_width=len("< 0.01 %")),
        Column("over time", no_wrap=True),
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for kind, shape in zip(plan.kinds, plan.shapes, strict=True):
        values = rates(shape, points)
        table.add_row(
            kind.stream,
            kind.journey,
            kind.channel,
            wording.number(round(shape.total)),
            wording.share(shape.total, plan.shape.total),
            Text(bars(values, float(values.max()), 1)[0], "blue"),
        )
    return table


def _total_plot(plan: Plan) -> Plot:
    series = [Series("all arrivals", rates(plan.shape, POINTS).tolist(), "blue", filled=True)]
    return _plot(plan, "rate", "Arrivals per second", "The planned arrival rate over time.", series)


def _kinds_plot(plan: Plan) -> Plot:
    series = [
        Series(
            f"{kind.stream}: {kind.label}",
            rates(shape, POINTS).tolist(),
            INKS[index % len(INKS)],
            STROKES[index % len(STROKES)],
        )
        for index, (kind, shape) in enumerate(zip(plan.kinds, plan.shapes, strict=True))
    ]
    return _plot(plan, "kinds", "By kind of arrival", "The planned arrival rate of each journey and channel.", series)


def _plot(plan: Plan, key: str, title: str, description: str, series: list[Series]) -> Plot:
    step = plan.duration / POINTS
    return Plot(
        key=key,
        title=title,
        description=description,
        xs=[(index + 0.5) * step for index in range(POINTS)],
        end=plan.duration,
        series=series,
        number=wording.brief,
        clock=lambda instant: wording.clock(plan.clock(instant)),
    )
