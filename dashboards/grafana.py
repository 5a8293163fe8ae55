"""grafanalib for today's Grafana: the one place that knows what the library writes wrongly.

grafanalib 0.7.1 writes schema version 12, 100 data points, an interval factor of 2, the text "null" as a threshold,
empty text as Stat thresholds, `__inputs` (which breaks provisioning), and an old form of stats, bar gauges and tables.
So targets, variables and those panels (`Visual`) write their own JSON here, thresholds are plain data, and `dashboard`
drops what Grafana no longer reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from config.metric import Metric
from config.promql import select
from dashboards.layout import Band, Section, arrange

SCHEMA_VERSION = 39
TAG = "piekwacht"
FOLDER, FOLDER_UID = "Piekwacht", TAG
"""Where in Grafana the dashboards are."""
DATASOURCE_UID = "piekwacht-prometheus"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
ANY = ".+"
"""A label value that is not empty, as a regular expression."""

JsonObject = dict[str, Any]


class Target(core.Target):  # type: ignore[misc] # grafanalib has no types
    """A target without the fields that Prometheus never had or has lost."""

    def to_json_data(self) -> JsonObject:
        """Return what Grafana reads."""
        return {
            "datasource": DATASOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "format": self.format,
            "instant": self.instant,
            "legendFormat": self.legendFormat,
            "range": not self.instant,
            "refId": self.refId,
        }


class Visual(core.Panel):  # type: ignore[misc] # grafanalib has no types
    """A panel whose type, options and field settings are all in `extraJson`."""

    def to_json_data(self) -> JsonObject:
        """Return the fields that all panels share, with `extraJson` over them."""
        data: JsonObject = self.panel_json({})
        return data


def variable(
    name: str, metric: Metric, *, many: bool = True, everything: str | None = ANY, **labels: str
) -> core.Template:
    """Make a variable with the values that the label `name` has on `metric`; with `many`, all of them by default.

    `everything` is what the choice 'All' stands for in a query; None: all values that the variable has, joined by |,
    so that one variable can narrow another.
    """
    query = f"label_values({select(metric, **labels)}, {name})"
    return _Variable(
        name=name,
        label=name.capitalize(),
        query={"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        dataSource=DATASOURCE,
        includeAll=many,
        multi=many,
        allValue=everything if many else None,
        refresh=2,  # when the time range changes
    )


class _Variable(core.Template):  # type: ignore[misc] # grafanalib has no types
    """A variable without the fields of other kinds, and with a choice that Grafana understands."""

    def to_json_data(self) -> JsonObject:
        data: JsonObject = super().to_json_data()
        everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
        for key in ("auto", "auto_count", "auto_min", "tagsQuery", "tagValuesQuery", "useTags"):
            del data[key]
        del data["current"]
        return data | ({"current": everything} if self.includeAll else {}) | {"options": [], "regex": ""}


_DATASOURCE_VARIABLE: JsonObject = {
    "current": {"selected": True, "text": "Piekwacht", "value": DATASOURCE_UID},
    "hide": 0,
    "includeAll": False,
    "label": "Data source",
    "multi": False,
    "name": "datasource",
    "options": [],
    "query": "prometheus",
    "refresh": 1,
    "regex": "",
    "type": "datasource",
}


def annotation(name: str, expression: str, colour: str, title: str, tags: Sequence[str] = ()) -> JsonObject:
    """Mark the time during which `expression` is above 0; `title` may name labels as {{label}}."""
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "expr": expression,
        "iconColor": colour,
        "name": name,
        "step": "15s",
        "tagKeys": ",".join(tags),
        "textFormat": "",
        "titleFormat": title,
    }


def told_annotation(name: str, colour: str, tags: Sequence[str]) -> JsonObject:
    """Show what someone told Grafana by its API: its own annotations that have all of the tags."""
    return {
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "iconColor": colour,
        "name": name,
        "target": {"limit": 100, "matchAny": False, "tags": list(tags), "type": "tags"},
    }


def dashboard(
    uid: str,
    title: str,
    purpose: str,
    parts: Sequence[Band | Section],
    *,
    variables: Sequence[core.Template],
    annotations: Sequence[JsonObject],
    period: str,
    refresh: str,
) -> JsonObject:
    """Return a dashboard as plain data. `period` is how far it looks back, such as 6h."""
    made = core.Dashboard(
        uid=uid,
        title=title,
        description=purpose,
        tags=[TAG],
        editable=False,
        graphTooltip=1,  # one crosshair for all panels
        schemaVersion=SCHEMA_VERSION,
        panels=arrange(parts),
        templating=core.Templating([_DATASOURCE_VARIABLE, *variables]),
        annotations=core.Annotations(list(annotations)),
        # Without variables: a system that the other dashboard does not show would leave it empty.
        links=[core.DashboardLink(title="Piekwacht", tags=[TAG], includeVars=False, keepTime=True)],
        time=core.Time(f"now-{period}", "now"),
        refresh=refresh,
        timezone="browser",
    ).auto_panel_ids()
    data: JsonObject = json.loads(json.dumps(made.to_json_data(), cls=DashboardEncoder))
    for panel in _with_nested(data["panels"]):
        for key in _OLD_PANEL_KEYS + _NOT_IN.get(panel["type"], ()):
            panel.pop(key, None)
    return {key: value for key, value in data.items() if key not in _OLD_DASHBOARD_KEYS}


_OLD_DASHBOARD_KEYS = {"__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style", "timepicker"}
_OLD_PANEL_KEYS = (
    *("cacheTimeout", "editable", "error", "height", "hideTimeOverride", "interval", "maxDataPoints", "maxPerRow"),
    *("minSpan", "repeat", "repeatDirection", "span", "timeFrom", "timeShift"),
)

_NOT_IN = {
    "row": ("datasource", "fieldConfig", "links", "targets", "transformations", "transparent"),
    "text": ("datasource", "fieldConfig", "targets"),
}
"""What the library writes for every panel, and panels of these types do not have."""


def _with_nested(panels: list[JsonObject]) -> list[JsonObject]:
    return [inner for panel in panels for inner in (panel, *panel.get("panels", []))]
