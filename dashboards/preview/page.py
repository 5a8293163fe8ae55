"""A whole dashboard as one HTML page that needs nothing else, drawn as it would stand in a window of a given width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from markupsafe import Markup

from config.fields import write_duration
from dashboards.grafana import JsonObject
from dashboards.layout import COLUMNS
from dashboards.preview.asking import Answer, View, ask, ask_mark, choices, name, query_variables, stretches
from dashboards.preview.panels import body, environment
from dashboards.preview.plots import Canvas, Region

Theme = Literal["auto", "light", "dark"]
"""How a page opens; auto: as the browser prefers."""

_CELL, _GAP, _PADDING = 30, 8, 16
"""Grafana's grid, in pixels: height of a row, space between cells, space around the page."""

_FRAME, _HEADER = 18, 42
"""What a panel's border and padding take of its width, and those and its title of its height."""

_TOP, _ROW = 88, 38
"""Heights of what stands above the first panel, and of the title of a row with the space below it."""


@dataclass(frozen=True)
class Hand:
    """Who draws what stands inside the panels: words that say so, and HTML that they need at a page's end."""

    words: str = "drawn without Grafana"
    body: Callable[[JsonObject, Sequence[Answer], Canvas], Markup] = body
    tail: str = ""


@dataclass(frozen=True)
class Drawn:
    """A panel, ready to be placed; `problems` are the words of refused queries."""

    title: str
    question: str
    x: int
    y: int
    w: int
    h: int
    body: Markup
    problems: Sequence[str]
    empty: bool


@dataclass
class Part:
    """Panels below a row, or above the first one; `y` is where the grid of this part begins."""

    title: str = ""
    question: str = ""
    open: bool = True
    y: int = 0
    panels: list[Drawn] = field(default_factory=list)

    @property
    def height(self) -> int:
        """The height in pixels, with the gap above."""
        rows = max((panel.y + panel.h for panel in self.panels), default=0) if self.open else 0
        return (_ROW + _GAP if self.title else 0) + rows * (_CELL + _GAP) - (_GAP if rows else 0)


@dataclass(frozen=True)
class Page:
    """The HTML, and a line for each panel without data and each query that Prometheus refused."""

    html: str
    complaints: Sequence[str]


def draw(
    dashboard: JsonObject,
    view: View,
    width: int,
    others: Mapping[str, str],
    theme: Theme = "auto",
    hand: Hand = Hand(),
) -> Page:
    """Draw a dashboard in a window of `width` pixels; `others` are the titles of all previews by their files.

    Raises `PrometheusError` where the server does not answer; a refused query shows in its panel.
    """
    chosen = choices(dashboard, view)
    values = {name: value for name, (_, value) in chosen.items()}
    marks = dashboard["annotations"]["list"]
    regions = [region for mark in marks for region in _regions(mark, ask_mark(mark, values, view))]
    canvas = Canvas(0, 0, view.start, view.end, view.scrape, view.zone, regions)
    parts = _parts(dashboard["panels"], lambda panel, top: _draw(panel, top, values, view, canvas, width, hand))
    panels = [panel for part in parts for panel in part.panels]
    html = environment.get_template("page.html.j2").render(
        title=dashboard["title"],
        theme=theme,
        hand=hand,
        width=width,
        height=_TOP + sum(part.height for part in parts) + _PADDING,
        others=others.items(),
        period=_period(view),
        choices=[(variable["label"], chosen[variable["name"]][0]) for variable in query_variables(dashboard)],
        marks=[(mark["name"], mark["iconColor"]) for mark in marks],
        sections=parts,
    )
    complaints = [f"'{panel.title}': {problem}" for panel in panels for problem in panel.problems]
    return Page(html, complaints + [f"'{panel.title}' has no data" for panel in panels if panel.empty])


def _parts(panels: Sequence[JsonObject], draw_one: Callable[[JsonObject, int], Drawn]) -> list[Part]:
    """Split panels at rows; a row that is not collapsed holds the panels that follow it."""
    parts = [Part()]
    for panel in panels:
        if panel["type"] != "row":
            parts[-1].panels.append(draw_one(panel, parts[-1].y))
            continue
        part = Part(panel["title"], panel["description"], not panel["collapsed"], panel["gridPos"]["y"] + 1)
        part.panels = [draw_one(inner, part.y) for inner in panel.get("panels", [])]
        parts.append(part)
    return parts


def _draw(
    panel: JsonObject, top: int, values: Mapping[str, str], view: View, canvas: Canvas, width: int, hand: Hand
) -> Drawn:
    place = panel["gridPos"]
    column = (width - 2 * _PADDING - (COLUMNS - 1) * _GAP) / COLUMNS
    wide = place["w"] * column + (place["w"] - 1) * _GAP - _FRAME
    high = place["h"] * _CELL + (place["h"] - 1) * _GAP - _HEADER
    answers = ask(panel, values, view, wide)
    step = max((answer.step for answer in answers), default=view.scrape)
    return Drawn(
        panel["title"],
        panel["description"],
        place["x"],
        place["y"] - top,
        place["w"],
        place["h"],
        hand.body(panel, answers, replace(canvas, width=wide, height=high, step=step)),
        [answer.refused for answer in answers if answer.refused],
        bool(answers) and not any(answer.series for answer in answers),
    )


def _regions(mark: JsonObject, answers: Iterable[Answer]) -> Iterator[Region]:
    """Yield the stretches during which an annotation's query is above 0."""
    for answer in answers:
        for series in answer.series:
            above = [point for point in series.points if point[1] > 0]
            for run in stretches(above, answer.step):
                yield Region(run[0][0], run[-1][0], mark["iconColor"], name(series, mark["titleFormat"]))


def _period(view: View) -> str:
    end = datetime.fromtimestamp(view.end, view.zone)
    return f"last {write_duration(view.end - view.start)}, until {end:%Y-%m-%d %H:%M:%S %Z}"
