"""What a dashboard asks: its variables filled in as Grafana does, and the answers of its queries."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from dashboards.grafana import JsonObject
from dashboards.preview.prometheus import Point, Prometheus, QueryError, Series

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")


@dataclass(frozen=True)
class View:
    """A look at a server: the time on screen (seconds since 1970), its zone, and the scrape interval (seconds)."""

    prometheus: Prometheus
    start: float
    end: float
    zone: tzinfo
    scrape: float


@dataclass(frozen=True)
class Answer:
    """The series of one query of a panel; `refused` holds Prometheus's words if it refused the query."""

    target: JsonObject
    series: Sequence[Series]
    step: float
    refused: str = ""


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of $name and ${name}. Raises `KeyError` for a variable without a value."""
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def times(step: float, seconds: float, scrape: float) -> dict[str, str]:
    """Return Grafana's own variables for a panel with a point every `step` over a range of `seconds`.

    $__rate_interval = max(step + scrape, 4 * scrape).
    """
    return {
        "__interval": _duration(step),
        "__rate_interval": _duration(max(step + scrape, 4 * scrape)),
        "__range": f"{seconds:.0f}s",
        "__range_s": f"{seconds:.0f}",
    }


def _duration(seconds: float) -> str:
    """Write seconds as PromQL reads them: whole numbers only."""
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{1000 * seconds:.0f}ms"


def query_variables(dashboard: JsonObject) -> list[JsonObject]:
    """Return the variables whose values Prometheus gives."""
    return [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]


def label_values(variable: JsonObject) -> tuple[str, str]:
    """Return the selector and the label of a variable's query. Raises `ValueError` for another kind of query."""
    query = variable["query"]["query"]
    match = _LABEL_VALUES.fullmatch(query)
    if match is None:
        raise ValueError(f"not label_values(selector, label): {query}")
    return match[1], match[2]


def choices(dashboard: JsonObject, view: View) -> dict[str, tuple[str, str]]:
    """Return for each variable what is shown as its choice, and its value in a query.

    As when Grafana opens a dashboard: one with 'All' stands for all, another for its first value. What 'All' is in a
    query the variable says; if it does not, all its values.
    Raises `PrometheusError`.
    """
    found = {"datasource": ("Prometheus", "")}
    for variable in query_variables(dashboard):
        selector, label = label_values(variable)
        if variable["includeAll"] and variable["allValue"] is not None:
            found[variable["name"]] = ("All", variable["allValue"])
            continue
        values = {name: value for name, (_, value) in found.items()}
        known = view.prometheus.label_values(label, fill(selector, values), view.start, view.end)
        if variable["includeAll"]:
            found[variable["name"]] = ("All", "|".join(known))
        else:
            found[variable["name"]] = (known[0], known[0]) if known else ("None", "")
    return found


def ask(panel: JsonObject, values: Mapping[str, str], view: View, width: float) -> list[Answer]:
    """Ask every query of a panel that is `width` pixels wide. Raises `PrometheusError`; a refused query is an answer.

    A graph gets a point for each pixel, but not more often than Prometheus scrapes.
    """
    seconds = view.end - view.start
    step = max(view.scrape, float(math.ceil(seconds / max(1.0, width))))
    known = {**values, **times(step, seconds, view.scrape)}
    return [_ask(target, fill(target["expr"], known), view, step) for target in panel.get("targets", [])]


def ask_mark(mark: JsonObject, values: Mapping[str, str], view: View) -> list[Answer]:
    """Ask for the points of an annotation; those that were told to Grafana itself are not to be had here."""
    if "expr" not in mark:
        return []
    step = max(view.scrape, (view.end - view.start) / 250)
    known = {**values, **times(step, view.end - view.start, view.scrape)}
    return [_ask({"instant": False, "legendFormat": mark["titleFormat"]}, fill(mark["expr"], known), view, step)]


def name(series: Series, legend: str) -> str:
    """Return the name of a series: its legend with {{label}} filled in, or its labels."""
    if legend:
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: series.labels.get(match[1], ""), legend).strip()
    return ", ".join(f"{label}={value}" for label, value in sorted(series.labels.items())) or "Value"


def stretches(points: Sequence[Point], step: float) -> list[list[Point]]:
    """Cut points where one is missing or is not a number: nothing may be drawn across a gap."""
    runs: list[list[Point]] = []
    previous = -math.inf
    for point in points:
        if math.isnan(point[1]):
            continue
        if point[0] - previous > 1.5 * step:
            runs.append([])
        runs[-1].append(point)
        previous = point[0]
    return runs


def _ask(target: JsonObject, expression: str, view: View, step: float) -> Answer:
    try:
        if target["instant"]:
            return Answer(target, view.prometheus.query(expression, view.end), step)
        # As Grafana: points stand on multiples of the step, and do not move when the page is drawn again.
        start, end = (math.floor(instant / step) * step for instant in (view.start, view.end))
        return Answer(target, view.prometheus.query_range(expression, start, end, step), step)
    except QueryError as error:
        return Answer(target, [], step, str(error))
