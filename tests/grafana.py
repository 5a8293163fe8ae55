"""What Grafana would ask Prometheus for a dashboard: its queries, with variables filled in as Grafana does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dashboards.preview import asking
from dashboards.preview.asking import fill, label_values, query_variables
from tests.prometheus import SCRAPE_INTERVAL, Prometheus
from tests.waiting import eventually

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One query, and where in the dashboard it stands."""

    where: str
    expression: str
    instant: bool


def panels(dashboard: Json) -> list[Json]:
    """Return every panel, those inside collapsed rows included."""
    return [inner for panel in dashboard["panels"] for inner in (panel, *panel.get("panels", []))]


def queries(dashboard: Json) -> Iterator[Asked]:
    """Yield every query of every panel and annotation, variables not yet filled in."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            yield Asked(f"panel '{panel['title']}' {target['refId']}", target["expr"], target["instant"])
    for mark in dashboard["annotations"]["list"]:
        yield Asked(f"annotation '{mark['name']}'", mark["expr"], instant=False)


def times(interval: float, seconds: float) -> dict[str, str]:
    """Return Grafana's own variables for a panel with one point every `interval` over a range of `seconds`."""
    return asking.times(interval, seconds, SCRAPE_INTERVAL)


def complaints(prometheus: Prometheus, dashboard: Json, *, interval: float = 1.0, seconds: float = 60.0) -> list[str]:
    """Ask every query of a dashboard; return one line for each that is empty or not a number.

    As long as there is any it looks again, within reason: on a busy machine a scrape may be lost. A variable with
    'All' stands for all, another for its first value, as when Grafana opens the dashboard.
    """
    found: list[str] = []

    def fine() -> bool:
        found[:] = _look(prometheus, dashboard, interval, seconds)
        return not found

    eventually(fine, within=30.0)
    return found


def _look(prometheus: Prometheus, dashboard: Json, interval: float, seconds: float) -> list[str]:
    found: list[str] = []
    values = times(interval, seconds) | {"datasource": "prometheus"}
    for variable in query_variables(dashboard):
        selector, label = label_values(variable)
        known = prometheus.label_values(label, fill(selector, values))
        if not known:
            found.append(f"variable '{variable['name']}' has no values: {selector}")
        values[variable["name"]] = variable["allValue"] if variable["includeAll"] else [*known, "nothing"][0]
    for asked in queries(dashboard):
        expression = fill(asked.expression, values)
        # A range as short as one step: data of now, not of before the servers were up.
        series = (
            prometheus.query(expression) if asked.instant else prometheus.query_range(expression, interval, interval)
        )
        points = [point for one in series for point in one.get("values", [one.get("value")])]
        if not points:
            found.append(f"{asked.where} is empty: {expression}")
        elif any(math.isnan(float(value)) for _, value in points):
            found.append(f"{asked.where} is not a number: {expression}")
    return found


def figures(prometheus: Prometheus, dashboard: Json, title: str, **values: str) -> list[float]:
    """Return what the first query of an instant panel shows; variables stand for all unless `values` says otherwise."""
    target = next(panel for panel in panels(dashboard) if panel["title"] == title)["targets"][0]
    everything = {variable["name"]: ".+" for variable in query_variables(dashboard)}
    found = prometheus.query(fill(target["expr"], times(1.0, 60.0) | everything | values))
    return [float(series["value"][1]) for series in found]
