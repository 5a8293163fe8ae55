"""The body of a panel as HTML: one function for each type of panel that dashboards here use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dashboards import palette
from dashboards.grafana import JsonObject
from dashboards.preview.asking import Answer, name
from dashboards.preview.axes import text_width
from dashboards.preview.markdown import to_html
from dashboards.preview.plots import Canvas, Line, Style, graph, states
from dashboards.preview.prometheus import Series
from dashboards.preview.values import colour_at, write

environment = Environment(
    loader=PackageLoader("dashboards.preview"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)

LINE = 18.0
"""Height of a line of a legend, px."""


@dataclass(frozen=True)
class Settings:
    """The field settings of one series or column: the panel's defaults, with what overrides them by name.

    A key such as `custom.lineWidth` reaches into a group; what is not set is None.
    """

    defaults: Mapping[str, Any]
    overrides: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        if key in self.overrides:
            return self.overrides[key]
        outer, _, inner = key.partition(".")
        value = self.defaults.get(outer)
        return value.get(inner) if value and inner else value

    @property
    def steps(self) -> Sequence[dict[str, Any]]:
        """The thresholds."""
        steps: list[dict[str, Any]] = self["thresholds"]["steps"] if self["thresholds"] else []
        return steps or [{"value": None, "color": palette.UNKNOWN}]

    def look(self, value: float) -> tuple[str, str]:
        """Return the text and the colour of a value: its mapping, else figure and threshold."""
        for mapping in self["mappings"] or []:
            found = mapping["options"].get(f"{value:g}")
            if found:
                return found["text"], found["color"]
        return write(value, self["unit"] or "none", self["decimals"]), self.colour or colour_at(value, self.steps)

    @property
    def colour(self) -> str | None:
        """The fixed colour, if there is one."""
        colour = self["color"] or {}
        return str(colour["fixedColor"]) if colour.get("mode") == "fixed" else None


def settings(panel: JsonObject, called: str = "") -> Settings:
    """Return the settings of a panel's series or column `called` so."""
    config = panel["fieldConfig"]
    overrides = {
        each["id"]: each["value"]
        for override in config["overrides"]
        if override["matcher"] == {"id": "byName", "options": called}
        for each in override["properties"]
    }
    return Settings(config["defaults"], overrides)


def body(panel: JsonObject, answers: Sequence[Answer], canvas: Canvas) -> Markup:
    """Return what stands inside a panel. Raises `ValueError` for a type of panel that cannot be drawn."""
    draw = _KINDS.get(panel["type"])
    if draw is None:
        raise ValueError(f"no preview of a panel of type {panel['type']}")
    if panel["type"] not in {"text", "stat"} and not any(answer.series for answer in answers):
        return Markup('<p class="empty">No data</p>')
    return draw(panel, answers, canvas)


def _text(panel: JsonObject, _answers: Sequence[Answer], _canvas: Canvas) -> Markup:
    return Markup('<div class="markdown">{}</div>').format(Markup(to_html(panel["options"]["content"])))  # noqa: S704


def _stat(panel: JsonObject, answers: Sequence[Answer], canvas: Canvas) -> Markup:
    """Large figures side by side, as large as the space and the longest text allow."""
    filled = panel["options"]["colorMode"] != "value"
    mode = panel["options"]["textMode"]
    tiles = []
    for called, series in _named(answers):
        text, colour = settings(panel, called).look(series.points[-1][1])
        heading, figure = {"value": ("", text), "name": ("", called), "value_and_name": (called, text)}[mode]
        tiles.append((heading, figure, colour))
    if not tiles:
        tiles = [("", settings(panel)["noValue"], palette.UNKNOWN)]
    room = canvas.width / len(tiles) - 24
    wanted = panel["options"]["text"]
    value = _fitting((text for _, text, _ in tiles), room, wanted["valueSize"])
    title = _fitting((called for called, _, _ in tiles), room, wanted["titleSize"])
    return _macro("stat", tiles=tiles, filled=filled, value_size=value, name_size=title)


def _fitting(texts: Iterable[str], width: float, tallest: float) -> float:
    """Return the size of letters (px) at which the longest text fits."""
    return min(tallest, width / max(1.0, *(text_width(text, 1) for text in texts)))


def _bars(panel: JsonObject, answers: Sequence[Answer], _canvas: Canvas) -> Markup:
    rows = []
    for called, series in _named(answers):
        text, colour = settings(panel, called).look(series.points[-1][1])
        rows.append((called, series.points[-1][1], text, colour))
    top = max((value for _, value, _, _ in rows), default=0.0) or 1.0
    return _macro("bars", rows=[(called, value / top, text, colour) for called, value, text, colour in rows])


def _table(panel: JsonObject, answers: Sequence[Answer], _canvas: Canvas) -> Markup:
    """One row for each set of labels, one column for each query, named and ordered as the panel says."""
    organize = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    fields = [label for label in organize["indexByName"] if not label.startswith("Value #")]
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for answer in answers:
        for series in answer.series:
            key = tuple(series.labels.get(label, "") for label in fields)
            rows.setdefault(key, {})[f"Value #{answer.target['refId']}"] = series.points[-1][1]
    columns = [column for column in organize["indexByName"] if column not in fields]
    heads = [organize["renameByName"].get(column, column) for column in [*fields, *columns]]
    ordered = sorted(rows.items())
    for order in reversed(panel["options"]["sortBy"]):
        place = heads.index(order["displayName"])
        ordered.sort(key=lambda row: _of_column(row, place, columns), reverse=order["desc"])
    cells = [
        [
            *(_named_cell(panel, head, key) for head, key in zip(heads, keys, strict=False)),
            *(_cell(panel, organize["renameByName"][column], values.get(column)) for column in columns),
        ]
        for keys, values in ordered
    ]
    return _macro(
        "table", heads=[(head, settings(panel, head)["custom.width"]) for head in heads], rows=cells, keys=len(fields)
    )


def _of_column(row: tuple[tuple[str, ...], dict[str, float]], place: int, columns: Sequence[str]) -> str | float:
    """Return what orders a row: one of its names, or one of its values."""
    names, values = row
    return names[place] if place < len(names) else values.get(columns[place - len(names)], -math.inf)


def _named_cell(panel: JsonObject, title: str, name: str) -> tuple[str, str]:
    """Return a name and its colour, if it has one."""
    options = [mapping["options"] for mapping in settings(panel, title)["mappings"] or []]
    return name, next((found[name]["color"] for found in options if name in found), "")


def _cell(panel: JsonObject, title: str, value: float | None) -> tuple[str, str]:
    rules = settings(panel, title)
    if value is None or math.isnan(value):
        return rules["noValue"] or "", ""
    text, colour = rules.look(value)
    return text, colour if rules["custom.cellOptions"]["type"] == "color-text" else ""


def _time_series(panel: JsonObject, answers: Sequence[Answer], canvas: Canvas) -> Markup:
    lines = _lines(panel, answers)
    rules = settings(panel)
    dashed = rules["custom.thresholdsStyle"]["mode"] == "dashed"
    style = Style(
        unit=rules["unit"],
        top=rules["max"],
        soft_top=rules["custom.axisSoftMax"],
        stacked=rules["custom.stacking"]["mode"] == "normal",
        opacity=rules["custom.fillOpacity"] / 100,
        thresholds=[(step["value"], step["color"]) for step in rules.steps[1:]] if dashed else [],
    )
    legend = panel["options"]["legend"]
    entries = _legend(panel, lines, style.unit) if legend["showLegend"] else []
    beside = legend["placement"] == "right"
    if beside:
        width = min(0.6 * canvas.width, _legend_width(entries))
        plot = graph(lines, style, replace(canvas, width=canvas.width - width - 8))
    else:
        below = min(_legend_rows([entry.name for entry in entries], canvas.width) * LINE, 0.35 * canvas.height)
        plot = graph(lines, style, replace(canvas, height=canvas.height - below))
    return _macro("graph", plot=Markup(plot), entries=entries, beside=beside)  # noqa: S704 - escaped by `graph`


@dataclass(frozen=True)
class Entry:
    """One series in a legend, with what is computed of it."""

    name: str
    colour: str
    figures: Mapping[str, str] = field(default_factory=dict)


_CALCULATIONS: Mapping[str, tuple[str, Callable[[Sequence[float]], float]]] = {
    "max": ("Max", max),
}
"""Calculations of a legend by Grafana's name: the heading of their column, and what they do."""


def _legend(panel: JsonObject, lines: Sequence[Line], unit: str) -> list[Entry]:
    options = panel["options"]["legend"]
    found: list[tuple[Line, dict[str, float]]] = []
    for line in lines:
        values = [value for _, value in line.points if math.isfinite(value)]
        work = map(_CALCULATIONS.__getitem__, options["calcs"])
        found.append((line, {heading: calculate(values) for heading, calculate in work if values}))
    if order := options.get("sortBy"):
        found.sort(key=lambda each: each[1].get(order, -math.inf), reverse=options["sortDesc"])
    decimals = settings(panel)["decimals"]
    return [
        Entry(line.name, line.colour, {heading: write(value, unit, decimals) for heading, value in figures.items()})
        for line, figures in found
    ]


def _legend_width(entries: Sequence[Entry]) -> float:
    columns = [[entry.name for entry in entries]]
    columns += [[heading, *(entry.figures[heading] for entry in entries)] for heading in entries[0].figures]
    return sum(max(map(text_width, column)) + 14 for column in columns) + 24


def _legend_rows(names: Sequence[str], width: float) -> int:
    """Count the lines that entries beside each other need."""
    rows, used = int(bool(names)), 0.0
    for text in names:
        room = text_width(text) + 34
        if used and used + room > width:
            rows, used = rows + 1, 0.0
        used += room
    return rows


def _timeline(panel: JsonObject, answers: Sequence[Answer], canvas: Canvas) -> Markup:
    rules = settings(panel)
    plot = states(_lines(panel, answers), rules.look, replace(canvas, height=canvas.height - LINE))
    seen = {rules.look(value) for answer in answers for series in answer.series for _, value in series.points}
    entries = [Entry(text, colour) for text, colour in sorted(seen)]
    return _macro("graph", plot=Markup(plot), entries=entries, beside=False)  # noqa: S704 - escaped by `states`


def _named(answers: Sequence[Answer]) -> list[tuple[str, Series]]:
    return [(name(series, answer.target["legendFormat"]), series) for answer in answers for series in answer.series]


def _lines(panel: JsonObject, answers: Sequence[Answer]) -> list[Line]:
    """Return the series; one without a fixed colour gets one of its own."""
    named = _named(answers)
    others = palette.spread(called for called, _ in named if not settings(panel, called).colour)
    found = []
    for called, series in named:
        rules = settings(panel, called)
        bars = rules["custom.drawStyle"] == "bars"
        found.append(Line(called, series.points, rules.colour or others[called], bars, rules["custom.lineWidth"]))
    return found


def _macro(called: str, **values: object) -> Markup:
    return Markup(getattr(environment.get_template("panels.html.j2").module, called)(**values))  # noqa: S704


_KINDS: Mapping[str, Callable[[JsonObject, Sequence[Answer], Canvas], Markup]] = {
    "bargauge": _bars,
    "stat": _stat,
    "state-timeline": _timeline,
    "table": _table,
    "text": _text,
    "timeseries": _time_series,
}
