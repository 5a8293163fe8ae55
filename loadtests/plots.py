"""Plots as SVG inside HTML: readable without a script, without colour, on a phone and on paper.

`figure` is the one entry. It draws a plot twice, wide and narrow, because the text of a scaled SVG would shrink with
it; the style sheet (`templates/style.css`) shows the one that fits. The style sheet also holds the colours: the palette
of Okabe and Ito (2008), for colour-blind people. Dash patterns tell the lines apart in black and white.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Ink = Literal["text", "blue", "vermillion", "green", "purple", "orange", "sky"]
Stroke = Literal["solid", "dashed", "dotted", "dash-dot"]

INKS: tuple[Ink, ...] = ("blue", "vermillion", "green", "purple", "orange", "sky")
STROKES: tuple[Stroke, ...] = ("solid", "dashed", "dotted", "dash-dot")

Point = tuple[float, float]
Run = list[Point]
"""Neighbouring points without a gap between them."""

CHARACTER = 7.0
"""Width of a digit of a label, in the units of the drawing; a little too wide rather than too narrow."""

LABEL_ROOM = 54.0
"""Space for the labels of the values; the same for all plots of a page, so that their times stand below each other."""

TIME_LABEL = 62.0
"""Width that a label of the time axis needs with the space around it."""

LEAST = 1e-100
"""Values below this are drawn as 0: the range of floating-point numbers ends not far from there."""

TIME_STEPS = (
    *(1, 2, 5, 10, 15, 20, 30),
    *(60, 120, 300, 600, 900, 1200, 1800),
    *(3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400),
)
"""Distances between labels of the time axis, in seconds."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line: a value for each x of its plot. None is a gap, as is a value of 0 or less on a logarithmic axis."""

    label: str
    values: Sequence[float | None]
    ink: Ink
    stroke: Stroke = "solid"
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Several series over the same instants `xs` (seconds), on an axis from 0 to `end` seconds.

    `number` writes a value with its unit; `clock` gives the second label of an instant, or "" where there is none;
    `mark` is an instant to be marked with a text; `shaded` are parts of the axis. Where the x axis is not time,
    `x_number` writes its values; where it is logarithmic it begins at `x_low`.
    """

    key: str
    title: str
    description: str
    xs: Sequence[float]
    end: float
    series: Sequence[Series]
    number: Callable[[float], str]
    log: bool = False
    clock: Callable[[float], str] = lambda _: ""
    mark: tuple[float, str] | None = None
    shaded: Sequence[tuple[float, float]] = ()
    x_number: Callable[[float], str] | None = None
    x_low: float | None = None


@dataclass(frozen=True, slots=True)
class Size:
    """A drawing's size, and the name of the class that the style sheet shows or hides it by."""

    name: str
    width: float
    height: float


SIZES = (Size("wide", 920, 240), Size("narrow", 350, 210))


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle of the axes within a drawing, and how values map to it."""

    left: float
    right: float
    top: float
    bottom: float
    end: float
    low: float
    high: float
    log: bool
    x_low: float | None

    def x(self, instant: float) -> float:
        """Return the horizontal position of an instant."""
        if self.x_low is not None:
            share = math.log(instant / self.x_low) / math.log(self.end / self.x_low)
        else:
            share = instant / self.end
        return self.left + (self.right - self.left) * share

    def y(self, value: float) -> float:
        """Return the vertical position of a value."""
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.bottom - (self.bottom - self.top) * share


def figure(plot: Plot) -> str:
    """Return a plot as an HTML figure: title, legend and drawings."""
    legend = "".join(_legend_entry(plot, series) for series in plot.series)
    drawings = "".join(svg(plot, size) for size in SIZES)
    return (
        f'<figure class="plot" id="{plot.key}"><figcaption><strong>{escape(plot.title)}</strong>'
        f'<ul class="legend">{legend}</ul></figcaption>{drawings}</figure>'
    )


def svg(plot: Plot, size: Size) -> str:
    """Return one drawing of a plot."""
    ticks = _value_ticks(plot)
    labels = [plot.number(tick) for tick in ticks]
    frame = Frame(
        left=max(LABEL_ROOM, max(map(len, labels)) * CHARACTER + 10),
        right=size.width - 30,
        top=14,
        bottom=size.height - 40,
        end=plot.end,
        low=ticks[0],
        high=ticks[-1],
        log=plot.log,
        x_low=plot.x_low,
    )
    parts = [
        *(_shade(frame, *part) for part in plot.shaded),
        *(_value_label(frame, tick, label) for tick, label in zip(ticks, labels, strict=True)),
        *_time_labels(plot, frame),
        _mark(plot, frame),
        *(_line(frame, series, plot) for series in plot.series),
    ]
    if not any(_runs(plot, series) for series in plot.series):
        middle = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
        parts.append(_text("empty", *middle, "nothing was measured"))
    name = f"{plot.key}-{size.name}"
    return (
        f'<svg class="{size.name}" viewBox="0 0 {size.width:g} {size.height:g}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{escape(plot.title)}</title>'
        f'<desc id="{name}-desc">{escape(_description(plot))}</desc>{"".join(parts)}</svg>'
    )


def linear_ticks(high: float, count: int = 5) -> list[float]:
    """Return about `count` evenly spaced round values from 0 to at least `high`.

    Their distance is 1, 2 or 5 times a power of ten.
    """
    if not LEAST < high < math.inf:
        return [0.0, 1.0]
    power = math.floor(math.log10(high / count))
    factor = next(factor for factor in (1, 2, 5, 10) if factor * 10.0**power * count >= high * (1 - 1e-9))
    steps = math.ceil(high / (factor * 10.0**power) * (1 - 1e-9))
    return [float(f"{index * factor}e{power}") for index in range(steps + 1)]


def log_ticks(low: float, high: float, count: int = 7) -> list[float]:
    """Return round values from at most `low` to at least `high`: 1, 2 and 5 times powers of ten, or powers only."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    every = [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in (1, 2, 5)]
    below = max(index for index, tick in enumerate(every) if tick <= low * (1 + 1e-9))
    above = min(index for index, tick in enumerate(every) if tick >= high * (1 - 1e-9) and index > below)
    fine = every[below : above + 1]
    if len(fine) <= count:
        return fine
    stride = math.ceil((last - first) / (count - 1))
    powers = range(first, last + stride, stride)
    return [float(f"1e{power}") for power in powers]


def time_step(end: float, most: int) -> int:
    """Return the smallest round distance (seconds) that puts at most `most` labels between 0 and `end`."""
    fitting = (step for step in TIME_STEPS if end / step <= most)
    return next(fitting, math.ceil(end / most / 86400) * 86400)


def thin(run: Run, columns: int) -> Run:
    """Keep the lowest and the highest point of each of `columns` parts: no peak gets lost, however long the run."""
    if len(run) <= 2 * columns:
        return run
    kept: Run = []
    for column in range(columns):
        part = run[column * len(run) // columns : (column + 1) * len(run) // columns]
        lowest, highest = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept += sorted({lowest, highest})
    return kept


def _runs(plot: Plot, series: Series) -> list[Run]:
    """Split a series at its gaps."""
    runs: list[Run] = [[]]
    for x, value in zip(plot.xs, series.values, strict=True):
        if value is not None and math.isfinite(value) and (value > 0 or not plot.log):
            runs[-1].append((x, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _value_ticks(plot: Plot) -> list[float]:
    values = [value for series in plot.series for run in _runs(plot, series) for _, value in run]
    if not plot.log:
        return linear_ticks(max(values, default=0.0))
    return log_ticks(min(values), max(values)) if values else log_ticks(0.001, 1.0)


def _value_label(frame: Frame, tick: float, label: str) -> str:
    y = frame.y(tick)
    return _path("grid", f"M{frame.left:.1f} {y:.1f}H{frame.right:.1f}") + _text("value", frame.left - 6, y + 4, label)


def _time_labels(plot: Plot, frame: Frame) -> list[str]:
    parts = [_path("axis", f"M{frame.left:.1f} {frame.bottom:.1f}H{frame.right:.1f}")]
    for instant, label in _x_ticks(plot, max(1, int((frame.right - frame.left) / TIME_LABEL))):
        x = frame.x(instant)
        parts.append(_path("axis", f"M{x:.1f} {frame.bottom:.1f}v4"))
        parts.append(_text("time", x, frame.bottom + 17, label))
        parts.append(_text("clock", x, frame.bottom + 32, plot.clock(instant)))
    return parts


def _x_ticks(plot: Plot, most: int) -> list[tuple[float, str]]:
    if plot.x_number is not None:
        low = plot.x_low or 0.0
        ticks = log_ticks(low, plot.end, most) if low else linear_ticks(plot.end, most)
        return [(tick, plot.x_number(tick)) for tick in ticks if low <= tick <= plot.end]
    instants = range(0, math.floor(plot.end + 1e-9) + 1, time_step(plot.end, most))
    return [(instant, f"{instant:,} s") for instant in instants]


def _shade(frame: Frame, start: float, end: float) -> str:
    left, right = frame.x(start), frame.x(end)
    return _path("shade", f"M{left:.1f} {frame.top:.1f}H{right:.1f}V{frame.bottom:.1f}H{left:.1f}Z")


def _mark(plot: Plot, frame: Frame) -> str:
    if plot.mark is None:
        return ""
    x, text = frame.x(plot.mark[0]), plot.mark[1]
    line = _path("mark", f"M{x:.1f} {frame.top - 10:.1f}V{frame.bottom:.1f}")
    if x > (frame.left + frame.right) / 2:
        return line + _text("mark before", x - 5, frame.top - 3, text)
    return line + _text("mark", x + 5, frame.top - 3, text)


def _line(frame: Frame, series: Series, plot: Plot) -> str:
    parts = []
    for run in _runs(plot, series):
        points = [(frame.x(x), frame.y(value)) for x, value in thin(run, int(frame.right - frame.left))]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        if series.filled:
            closed = f"{path}V{frame.bottom:.1f}H{points[0][0]:.1f}Z"
            parts.append(_path(f"area ink-{series.ink}", closed))
        # A run of one point is a line of no length; its round cap makes it a dot.
        dot = "h0" if len(run) == 1 else ""
        parts.append(_path(f"line {series.stroke} ink-{series.ink}", path + dot))
    return "".join(parts)


def _path(kind: str, data: str) -> str:
    return f'<path class="{kind}" d="{data}"/>'


def _text(kind: str, x: float, y: float, content: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>' if content else ""


def _legend_entry(plot: Plot, series: Series) -> str:
    ink = f"ink-{series.ink}"
    area = _path(f"area {ink}", "M1 2H33V14H1Z") if series.filled else ""
    line = _path(f"line {series.stroke} {ink}", "M2 8H32")
    highest = _highest(plot, series)
    extent = f' <span class="extent">up to {escape(highest)}</span>' if highest else ""
    swatch = f'<svg class="swatch" viewBox="0 0 34 16" aria-hidden="true">{area}{line}</svg>'
    return f"<li>{swatch}{escape(series.label)}{extent}</li>"


def _highest(plot: Plot, series: Series) -> str:
    values = [value for run in _runs(plot, series) for _, value in run]
    return plot.number(max(values)) if values else ""


def _description(plot: Plot) -> str:
    """Say in words what the plot shows: for those who do not see it."""
    said = [
        f"{series.label}: up to {highest}" if (highest := _highest(plot, series)) else f"{series.label}: nothing"
        for series in plot.series
    ]
    return f"{plot.description} {'; '.join(said)}."
