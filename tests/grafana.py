"""What Grafana would ask Prometheus for a dashboard: its queries, with variables filled in as Grafana does."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.preview import asking
from dashboards.preview.asking import fill, label_values, query_variables
from tests.prometheus import SCRAPE_INTERVAL, Prometheus, Series
from tests.waiting import eventually

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One query, and where in the dashboard it stands."""

    where: str
    expression: str
    instant: bool
    legend: str = ""


def panels(dashboard: Json) -> list[Json]:
    """Return every panel, those inside collapsed rows included."""
    return [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", []))]


def queries(dashboard: Json) -> Iterator[Asked]:
    """Yield every query of every panel and annotation, variables not yet filled in."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            where = f"panel '{panel['title']}' {target['refId']}"
            yield Asked(where, target["expr"], target["instant"], target["legendFormat"])
    for mark in dashboard["annotations"]["list"]:
        if "expr" in mark:  # Grafana's own annotations are found by their tags
            yield Asked(f"annotation '{mark['name']}'", mark["expr"], instant=False)


def times(interval: float, seconds: float) -> dict[str, str]:
    """Return Grafana's own variables for a panel with one point every `interval` over a range of `seconds`."""
    return asking.times(interval, seconds, SCRAPE_INTERVAL)


def complaints(
    prometheus: Prometheus,
    dashboard: Json,
    *,
    interval: float = 1.0,
    seconds: float = 60.0,
    silent: Collection[str] = (),
) -> list[str]:
    """Ask every query of a dashboard; return one line for each that is empty or not a number.

    As long as there is any it looks again, within reason: on a busy machine a scrape may be lost. Panels in `silent`
    may be empty; they are asked all the same.
    """
    found: list[str] = []

    def fine() -> bool:
        found[:] = unanswered(prometheus, dashboard, interval, seconds, silent)
        return not found

    eventually(fine, within=30.0)
    return found


def unanswered(
    prometheus: Prometheus,
    dashboard: Json,
    interval: float = 1.0,
    seconds: float = 60.0,
    silent: Collection[str] = (),
) -> list[str]:
    """Ask every query once, as `complaints` does."""
    values, found = chosen(prometheus, dashboard, interval, seconds)
    for asked in queries(dashboard):
        expression = fill(asked.expression, values)
        # A range as short as one step: data of now, not of before the servers were up.
        series = _ask(prometheus, expression, interval, 0 if asked.instant else interval)
        points = [value for one in series for value in _values(one)]
        labels = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", asked.legend))
        if not points and asked.where.split("'")[1] not in silent:
            found.append(f"{asked.where} is empty: {expression}")
        elif any(math.isnan(value) for value in points):
            found.append(f"{asked.where} is not a number: {expression}")
        elif missing := {label for one in series for label in labels if not one["metric"].get(label)}:
            found.append(f"{asked.where} names a series by {', '.join(sorted(missing))}, which it lacks: {expression}")
    return found


def chosen(
    prometheus: Prometheus, dashboard: Json, interval: float, seconds: float
) -> tuple[dict[str, str], list[str]]:
    """Return what every variable stands for when Grafana opens the dashboard, and a line for each without values.

    One with 'All' stands for all: for its `allValue`, or where it has none, for every choice; another for its first.
    """
    values, found = times(interval, seconds) | {"datasource": "prometheus"}, []
    for variable in query_variables(dashboard):
        selector, label = label_values(variable)
        known = prometheus.label_values(label, fill(selector, values))
        if not known:
            found.append(f"variable '{variable['name']}' has no values: {selector}")
        every = variable["allValue"] or "|".join(known)
        values[variable["name"]] = every if variable["includeAll"] else [*known, "nothing"][0]
    return values, found


def _ask(prometheus: Prometheus, expression: str, interval: float, seconds: float) -> list[Series]:
    return prometheus.query_range(expression, seconds, interval) if seconds else prometheus.query(expression)


def _values(series: Series) -> list[float]:
    return [float(value) for _, value in series.get("values", [series.get("value")])]


Reading = frozenset[tuple[tuple[tuple[str, str], ...], str]]
"""What a panel shows, but for how much: its series, and of each the word, the count, or 0, below, above."""


def readings(prometheus: Prometheus, dashboard: Json, seconds: float, interval: float) -> dict[str, Reading]:
    """Return the reading of each panel and annotation by its title, over the last `seconds`.

    What counts probes, systems or runs by state is read exactly. Alerts are left out: they wait for windows of hours.
    """
    values, _ = chosen(prometheus, dashboard, interval, seconds)
    shown = {panel["title"]: panel for panel in panels(dashboard)}
    found: dict[str, set[tuple[tuple[tuple[str, str], ...], str]]] = {}
    for asked in queries(dashboard):
        if "ALERTS" in asked.expression:
            continue
        title = asked.where.split("'")[1]
        words = _words(shown.get(title, {}))
        exact = re.search(r"\b(bool|count)\b", asked.expression) is not None
        for one in _ask(prometheus, fill(asked.expression, values), interval, 0 if asked.instant else seconds):
            labels = tuple(sorted(one["metric"].items()))
            kind = _kind(_values(one), words, exact=exact)
            found.setdefault(title, set()).add((labels, f"{asked.where.rpartition(' ')[2]} {kind}"))
    return {title: frozenset(reading) for title, reading in found.items()}


def _words(panel: Json) -> dict[str, str]:
    mappings = panel.get("fieldConfig", {}).get("defaults", {}).get("mappings", [])
    return {value: shown["text"] for mapping in mappings for value, shown in mapping["options"].items()}


def _kind(values: list[float], words: dict[str, str], *, exact: bool) -> str:
    """Return the last word or count; of other numbers the sign of the one that is farthest from 0."""
    if words or (exact and values[-1].is_integer()):
        return words.get(f"{values[-1]:g}", f"{values[-1]:g}")
    farthest = max(values, key=abs)
    return "0" if farthest == 0 else "above" if farthest > 0 else "below"


def figures(prometheus: Prometheus, dashboard: Json, title: str, **values: str) -> list[float]:
    """Return what the first query of an instant panel shows; variables stand for all unless `values` says otherwise."""
    target = next(panel for panel in panels(dashboard) if panel["title"] == title)["targets"][0]
    everything = {variable["name"]: ".+" for variable in query_variables(dashboard)}
    found = prometheus.query(fill(target["expr"], times(1.0, 60.0) | everything | values))
    return [float(series["value"][1]) for series in found]
