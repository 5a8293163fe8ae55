"""Graphs over time and state timelines as SVG; colours of text and grid come from the page's style sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape

from dashboards.preview.asking import stretches
from dashboards.preview.axes import Scale, Tick, text_width, time_ticks, top_of, value_ticks
from dashboards.preview.prometheus import Point

_BOTTOM = 22.0
"""Height of the labels below a plot, px."""


@dataclass(frozen=True)
class Line:
    """One series to be drawn, as bars or as a line of some width."""

    name: str
    points: Sequence[Point]
    colour: str
    bars: bool
    width: float


@dataclass(frozen=True)
class Region:
    """A stretch of time to be marked behind a graph."""

    start: float
    end: float
    colour: str
    title: str


@dataclass(frozen=True)
class Canvas:
    """What all plots of a page share, and the size of this one (px)."""

    width: float
    height: float
    start: float
    end: float
    step: float
    zone: tzinfo
    regions: Sequence[Region] = ()


@dataclass(frozen=True)
class Style:
    """How a graph is drawn: its unit, the end of its axis, stacked or not, areas, and lines at thresholds."""

    unit: str
    top: float | None
    soft_top: float | None
    stacked: bool
    opacity: float
    thresholds: Sequence[tuple[float, str]] = ()


def graph(lines: Sequence[Line], style: Style, canvas: Canvas) -> str:
    """Draw series over time."""
    layers = _stack(lines) if style.stacked else [[(at, 0.0, value) for at, value in line.points] for line in lines]
    top = top_of((high for layer in layers for _, _, high in layer), style.top, style.soft_top)
    ticks = value_ticks(top, style.unit, canvas.height - _BOTTOM)
    left = max(text_width(tick.label) for tick in ticks) + 10
    x = Scale(canvas.start, canvas.end, left, canvas.width - 8)
    y = Scale(0, top, canvas.height - _BOTTOM, 8)
    parts = [_grid(ticks, x, y), _times(x, canvas), *(_region(region, x, y) for region in canvas.regions)]
    parts += [
        _bars(line, layer, canvas, x, y) if line.bars else _curve(line, layer, style, canvas.step, x, y)
        for line, layer in zip(lines, layers, strict=True)
    ]
    parts += [
        f'<path class="threshold" d="M{x.start:.1f} {y(value):.1f}H{x.end:.1f}" stroke="{colour}"/>'
        for value, colour in style.thresholds
        if 0 < value <= top
    ]
    return _svg(parts, canvas)


def states(lines: Sequence[Line], look: Callable[[float], tuple[str, str]], canvas: Canvas) -> str:
    """Draw a row of coloured stretches for each series; `look` gives the text and the colour of a value."""
    left = max((text_width(line.name) for line in lines), default=0) + 14
    x = Scale(canvas.start, canvas.end, left, canvas.width - 8)
    row = (canvas.height - _BOTTOM) / max(1, len(lines))
    parts = [_times(x, canvas)]
    for index, line in enumerate(lines):
        middle = (index + 0.5) * row
        parts.append(f'<text x="{left - 8:.1f}" y="{middle + 4:.1f}" text-anchor="end">{escape(line.name)}</text>')
        for start, end, value in _spans(line.points, canvas):
            text, colour = look(value)
            title = f"{line.name} {text} {_clock(start, canvas.zone)} to {_clock(end, canvas.zone)}"
            parts.append(
                f'<rect x="{x(start):.1f}" y="{middle - 0.45 * row:.1f}" width="{max(1.0, x(end) - x(start)):.1f}"'
                f' height="{0.9 * row:.1f}" fill="{colour}" opacity="0.85"><title>{escape(title)}</title></rect>'
            )
    return _svg(parts, canvas)


Layer = list[tuple[float, float, float]]
"""For each instant: where a series begins and ends on the axis of values."""


def _stack(lines: Sequence[Line]) -> list[Layer]:
    height: dict[float, float] = {}
    layers: list[Layer] = []
    for line in lines:
        layer = [(at, height.get(at, 0.0), height.get(at, 0.0) + value) for at, value in line.points]
        height |= {at: high for at, _, high in layer}
        layers.append(layer)
    return layers


def _curve(line: Line, layer: Layer, style: Style, step: float, x: Scale, y: Scale) -> str:
    """Draw a line with a faint area below; a point without neighbours becomes a dot."""
    parts = []
    for run in stretches([(at, high) for at, _, high in layer], step):
        places = [(x(at), y(value)) for at, value in run]
        path = "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
        if len(places) == 1:
            parts.append(f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="2.5" fill="{line.colour}"/>')
            continue
        parts.append(
            f'<path d="M{places[0][0]:.1f} {y(0):.1f}L{path}V{y(0):.1f}Z" fill="{line.colour}"'
            f' opacity="{style.opacity:g}"/>'
            f'<path d="M{path}" fill="none" stroke="{line.colour}" stroke-width="{line.width:g}"'
            ' stroke-linejoin="round"/>'
        )
    return "".join(parts)


def _bars(line: Line, layer: Layer, canvas: Canvas, x: Scale, y: Scale) -> str:
    wide = max(1.0, 0.7 * (x(canvas.start + canvas.step) - x(canvas.start)))
    return "".join(
        f'<rect x="{x(at) - wide / 2:.1f}" y="{y(high):.1f}" width="{wide:.1f}" height="{y(low) - y(high):.1f}"'
        f' fill="{line.colour}"/>'
        for at, low, high in layer
        if high > low and canvas.start <= at <= canvas.end
    )


def _spans(points: Sequence[Point], canvas: Canvas) -> Iterable[tuple[float, float, float]]:
    """Yield (start, end, value) for neighbouring points with the same value; each point holds for one step."""
    for run in stretches(points, canvas.step):
        begun, value = run[0]
        for at, other in run[1:]:
            if other != value:
                yield max(begun, canvas.start), at, value
                begun, value = at, other
        yield max(begun, canvas.start), min(run[-1][0] + canvas.step, canvas.end), value


def _grid(ticks: Sequence[Tick], x: Scale, y: Scale) -> str:
    return "".join(
        f'<path class="grid" d="M{x.start:.1f} {y(tick.value):.1f}H{x.end:.1f}"/>'
        f'<text x="{x.start - 6:.1f}" y="{y(tick.value) + 4:.1f}" text-anchor="end">{escape(tick.label)}</text>'
        for tick in ticks
    )


def _times(x: Scale, canvas: Canvas) -> str:
    bottom = canvas.height - _BOTTOM
    return "".join(
        f'<path class="grid" d="M{x(tick.value):.1f} 0V{bottom:.1f}"/>'
        f'<text x="{x(tick.value):.1f}" y="{canvas.height - 6:.1f}" text-anchor="middle">{tick.label}</text>'
        for tick in time_ticks(canvas.start, canvas.end, x.end - x.start, canvas.zone)
        if x.start + 24 <= x(tick.value) <= x.end - 24
    )


def _region(region: Region, x: Scale, y: Scale) -> str:
    start, end = (min(max(x(instant), x.start), x.end) for instant in (region.start, region.end))
    return (
        f'<g stroke="{region.colour}" fill="{region.colour}"><title>{escape(region.title)}</title>'
        f'<rect x="{start:.1f}" y="{y.end:.1f}" width="{max(1.0, end - start):.1f}" height="{y.start - y.end:.1f}"'
        ' opacity="0.1" stroke="none"/>'
        f'<path class="mark" d="M{start:.1f} {y.end:.1f}V{y.start:.1f}M{end:.1f} {y.end:.1f}V{y.start:.1f}"/></g>'
    )


def _clock(instant: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(instant, zone).strftime("%H:%M:%S")


def _svg(parts: Sequence[str], canvas: Canvas) -> str:
    size = f"{canvas.width:.0f} {canvas.height:.0f}"
    return f'<svg viewBox="0 0 {size}" width="{canvas.width:.0f}" height="{canvas.height:.0f}">{"".join(parts)}</svg>'
