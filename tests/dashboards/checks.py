"""What every dashboard keeps to: the rules of Grafana's dashboard-linter in our own words, and the house's own.

A check takes a dashboard as plain data and yields a sentence for each thing that is wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from config import Configuration
from config.metric import Metric
from dashboards.layout import COLUMNS
from dashboards.preview.asking import label_values, query_variables
from loadtests import metrics as load
from monitors import metrics
from monitors.rules import queries as recorded
from monitors.rules.burn_rates import burn_rates
from tests.grafana import Asked, panels, queries

Json = dict[str, Any]
Check = Callable[[Json], Iterator[str]]

LEFT_OUT = {
    "template-job-rule": "systems, vantage points, campaigns are our own labels; job and instance are the scraper's",
    "template-instance-rule": "as template-job-rule: a monitor that moves is still the same vantage point",
    "target-job-rule": "as template-job-rule: every metric's name begins with piekwacht_, so none is another job's",
    "target-instance-rule": "as template-instance-rule",
    "target-logql-rule": "nothing is asked of Loki",
    "target-logql-auto-rule": "nothing is asked of Loki",
    "target-promql-rule": "a real Prometheus parses every query: tests/peers/test_prometheus.py",
}
"""Rules of the linter that are no check here, and why."""

DRAWN = {"stat", "timeseries", "bargauge", "state-timeline", "table"}
"""Types of panels that show data."""
BY_GRAFANA = {"__all", "__data", "__field", "__value", "__url_time_range", "__from", "__to"}
BY_GRAFANA |= {"__interval", "__rate_interval", "__range", "__range_s"}
"""Variables that Grafana itself fills in."""
SCRAPED = {"job", "instance", "le"}
"""Labels that Prometheus adds, and that of buckets."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"\b(?:[a-z_]+:)?piekwacht_[\w:]+|\bALERTS(?:_FOR_STATE)?\b|[a-zA-Z_:][\w:]*(?=\s*[{\[])")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_LISTED = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
_RATED = re.compile(r"\b(?:rate|irate|increase)\(([a-zA-Z_:][\w:]*)(\{[^}]*\})?\[([^\]:]+)\]")
_MADE = re.compile(r', "(\w+)", "[^"]*", "\w*", "[^"]*"\)')
"""The label that a label_replace(...) makes."""
_VARIABLE = re.compile(r"\$(?:\{(\w+)|(\w+))")
_TITLED = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Series:
    """What may be asked for: labels by the name of a series; `counters` only as a rate or an increase."""

    labels: Mapping[str, Collection[str]]
    counters: Collection[str]


def known_series(rules: Sequence[Json], declared: Sequence[Metric] = (*metrics.ALL, *load.ALL)) -> Series:
    """Return what is exported, what the rules record, and Prometheus's own series of alerts."""
    labels: dict[str, set[str]] = {metric.name: set(metric.labels) for metric in recorded.RECORDED}
    counters: set[str] = set()
    for metric in declared:
        names = [metric.name]
        if metric.kind == "histogram":
            names = [f"{metric.name}_{part}" for part in ("bucket", "count", "sum")]
        labels |= {name: {*metric.labels, *SCRAPED} for name in names}
        counters |= set(names) if metric.kind in {"counter", "histogram"} else set()
    every = set().union(*labels.values())
    for rule in rules:
        if "record" in rule:
            kept = {name.strip() for listed in _LISTED.findall(rule["expr"]) for name in listed.split(",")}
            of_name = set(rule["record"].partition(":")[0].split("_")) & every
            labels.setdefault(rule["record"], set()).update(kept & every, of_name, rule.get("labels", {}))
    told = set().union(*(rule.get("labels", {}) for rule in rules)) | {"alertname", "alertstate"}
    return Series(labels | dict.fromkeys(["ALERTS", "ALERTS_FOR_STATE"], every | told), counters)


def names_in(expression: str) -> set[str]:
    """Return the names of all series in an expression."""
    return set(_NAME.findall(_STRING.sub('""', expression)))


def texts_of(dashboard: Json) -> Iterator[Asked]:
    """Yield every expression: of panels, annotations and variables."""
    yield from queries(dashboard)
    for variable in query_variables(dashboard):
        yield Asked(f"variable '{variable['name']}'", label_values(variable)[0], instant=True)


def uneditable(dashboard: Json) -> Iterator[str]:
    """uneditable-dashboard: what is code is changed in code."""
    if dashboard["editable"] is not False:
        yield "it can be edited in Grafana"


def template_datasource(dashboard: Json) -> Iterator[str]:
    """template-datasource-rule: exactly one choice of a data source, called what all call it."""
    found = [one for one in dashboard["templating"]["list"] if one["type"] == "datasource"]
    if [(one["name"], one["label"].lower(), one["query"]) for one in found] != [
        ("datasource", "data source", "prometheus")
    ]:
        yield "not exactly one variable 'datasource', 'Data source', for Prometheus"


def template_reload(dashboard: Json) -> Iterator[str]:
    """template-on-time-change-reload-rule: the choices are those of the time on screen."""
    for variable in query_variables(dashboard):
        if variable["refresh"] != 2:
            yield f"variable '{variable['name']}' is not read again when the time changes"


def template_labels(dashboard: Json, known: Series) -> Iterator[str]:
    """template-label-promql-rule: a variable lists a label that the series has; one for many has 'All' as default."""
    for variable in query_variables(dashboard):
        selector, label = label_values(variable)
        if not any(label in known.labels.get(name, ()) for name in names_in(selector)):
            yield f"variable '{variable['name']}': {selector} has no label '{label}'"
        if variable["multi"] and (not variable["includeAll"] or variable["current"].get("value") != ["$__all"]):
            yield f"variable '{variable['name']}' does not begin with 'All'"


def panel_datasource(dashboard: Json) -> Iterator[str]:
    """panel-datasource-rule: every panel and every query asks the data source that was chosen."""
    for panel in panels(dashboard):
        if panel["type"] in DRAWN:
            for place in (panel, *panel.get("targets", [])):
                if place.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
                    yield f"panel '{panel['title']}' asks another data source"


def panel_title_description(dashboard: Json) -> Iterator[str]:
    """panel-title-description-rule, for every type; the description is the question that the panel answers."""
    for panel in panels(dashboard):
        if not panel.get("title"):
            yield f"panel {panel['id']} has no title"
        if "?" not in (panel.get("description") or ""):
            yield f"panel '{panel.get('title')}' asks no question"


def panel_units(dashboard: Json, units: Collection[str]) -> Iterator[str]:
    """panel-units-rule: a unit that Grafana knows, or one that it shows as it is and that is no word (/s, a cross)."""
    for panel in panels(dashboard):
        for where, unit in _units(panel):
            if not unit:
                yield f"panel '{panel['title']}'{where} has no unit"
            elif unit not in units and unit.isalpha():
                yield f"panel '{panel['title']}'{where} has a unit that Grafana does not know: {unit}"


def _units(panel: Json) -> Iterator[tuple[str, str]]:
    """Yield every unit and for which column it is; a panel of names, of texts or of states has none to give."""
    if panel["type"] in {"stat", "timeseries", "bargauge"}:
        yield "", panel["fieldConfig"]["defaults"].get("unit", "")
    if panel["type"] == "table":
        columns = _columns(panel)
        values = {title for name, title in columns.items() if name.startswith("Value")}
        given = {
            override["matcher"]["options"]: item["value"]
            for override in panel["fieldConfig"]["overrides"]
            for item in override["properties"]
            if item["id"] == "unit"
        }
        yield from ((f", column '{title}'", given.get(title, "")) for title in sorted(values))


def _columns(panel: Json) -> Mapping[str, str]:
    """Return how a table calls its fields."""
    return next((one["options"]["renameByName"] for one in panel["transformations"] if one["id"] == "organize"), {})


def panel_targets(dashboard: Json) -> Iterator[str]:
    """panel-no-targets-rule: what shows data asks for it; each query has a name of its own."""
    for panel in panels(dashboard):
        names = [target["refId"] for target in panel.get("targets", [])]
        if panel["type"] in DRAWN and (not names or len(set(names)) != len(names)):
            yield f"panel '{panel['title']}' has no query, or two of one name"


def rate_interval(dashboard: Json, slow: Collection[str] = ()) -> Iterator[str]:
    """target-rate-interval-rule: graphs use $__rate_interval, figures $__range.

    Windows that the burn rates are defined over stay as they are, and so do those for probes that run seldom.
    """
    fixed = {*burn_rates().windows, burn_rates().period, "$__range", *slow}
    for asked in queries(dashboard):
        for name, _, period in _RATED.findall(asked.expression):
            if period not in {"$__rate_interval", *fixed}:
                yield f"{asked.where}: {name}[{period}] depends on how far one zooms"


def counter_aggregated(dashboard: Json, known: Series) -> Iterator[str]:
    """target-counter-agg-rule: a counter by itself says when a process began; only its growth says something."""
    for asked in queries(dashboard):
        rest = _STRING.sub('""', _RATED.sub("", asked.expression))
        for name in sorted(names_in(rest) & set(known.counters)):
            yield f"{asked.where}: {name} without rate or increase"


def metrics_and_labels(dashboard: Json, known: Series) -> Iterator[str]:
    """Every series is exported or recorded, and has the labels that are asked of it."""
    for asked in texts_of(dashboard):
        names = names_in(asked.expression)
        for name in sorted(names - known.labels.keys()):
            yield f"{asked.where}: nothing exports {name}"
        for name, matchers in _SELECTOR.findall(asked.expression):
            used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", _STRING.sub('""', matchers)))
            for label in sorted(used - set(known.labels.get(name, used))):
                yield f"{asked.where}: {name} has no label {label}"
        made = set(_MADE.findall(asked.expression))
        possible = made.union(*(known.labels.get(name, ()) for name in names))
        listed = {label.strip() for text in _LISTED.findall(asked.expression) for label in text.split(",")} - {""}
        for label in sorted(listed - possible):
            yield f"{asked.where}: nothing that is asked for has the label {label}"


def grid(dashboard: Json) -> Iterator[str]:
    """No panel lies on another or sticks out, and none is without a height."""
    taken: dict[tuple[int, int], str] = {}
    for panel in panels(dashboard):
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > COLUMNS or min(place["w"], place["h"]) < 1:
            yield f"panel '{panel['title']}' does not fit the grid"
        cells = [
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        if lies_on := {taken[cell] for cell in cells if cell in taken}:
            yield f"panel '{panel['title']}' lies on {', '.join(sorted(lies_on))}"
        taken.update(dict.fromkeys(cells, panel["title"]))


def variables(dashboard: Json) -> Iterator[str]:
    """Every variable that is named exists, and every one that exists has an effect."""
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    text = json.dumps([dashboard["panels"], dashboard["annotations"], query_variables(dashboard)])
    used = {braced or plain for braced, plain in _VARIABLE.findall(text)} - BY_GRAFANA
    yield from (f"there is no variable '{name}'" for name in sorted(used - known))
    yield from (f"variable '{name}' changes nothing" for name in sorted(known - used))


def annotations(dashboard: Json) -> Iterator[str]:
    """Find marks without a name of their own, a colour, or a query that has the labels of the title."""
    marks = dashboard["annotations"]["list"]
    for mark in marks:
        if sum(other["name"] == mark["name"] for other in marks) > 1:
            yield f"two annotations are called '{mark['name']}'"
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}|[a-z-]+", mark["iconColor"]):
            yield f"annotation '{mark['name']}' has no colour"
        if "expr" not in mark:
            if mark["datasource"]["uid"] != "-- Grafana --" or not mark["target"]["tags"]:
                yield f"annotation '{mark['name']}' asks nothing"
            continue
        if mark["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
            yield f"annotation '{mark['name']}' asks another data source"
        for label in _TITLED.findall(mark["titleFormat"]):
            if label not in mark["expr"]:
                yield f"annotation '{mark['name']}' has no label {label}"


def links(dashboard: Json, others: Mapping[str, Json]) -> Iterator[str]:
    """Find links to dashboards and with variables that are not there, or from columns and labels that are not.

    `others` are all dashboards by uid.
    """
    for link in dashboard["links"]:
        if link["type"] != "dashboards" or not set(link["tags"]) <= set(dashboard["tags"]):
            yield f"link '{link['title']}' does not find the others by their tag"
    for panel in panels(dashboard):
        for url in _urls(panel):
            yield from (f"panel '{panel['title']}': {wrong}" for wrong in _astray(url, panel, others))


def _urls(panel: Json) -> list[str]:
    return re.findall(r'"url": "([^"]*)"', json.dumps(panel | {"panels": []}))


def _astray(url: str, panel: Json, others: Mapping[str, Json]) -> Iterator[str]:
    if found := re.match(r"/d/([\w-]+)", url):
        target = others.get(found[1])
        if target is None:
            yield f"no dashboard has the uid {found[1]}"
            return
        known = {variable["name"] for variable in target["templating"]["list"]}
        yield from (f"{found[1]} has no variable {name}" for name in re.findall(r"var-(\w+)", url) if name not in known)
    elif not re.match(r"(https?://|docs/)", url):
        yield f"{url} leads nowhere"
    columns = _columns(panel).values() if panel["type"] == "table" else ()
    yield from (f"no column {name}" for name in re.findall(r"__data\.fields\.(\w+)", url) if name not in columns)
    text = json.dumps(panel.get("targets", []))
    yield from (f"no label {name}" for name in re.findall(r"__field\.labels\.(\w+)", url) if name not in text)


def checks(
    configuration: Configuration, built: Mapping[str, Json], known: Series, units: Collection[str]
) -> dict[str, Check]:
    """Return every check that needs no server, by its name; those of the linter under the linter's names."""
    others = {data["uid"]: data for data in built.values()}
    slowest = max(probe.interval for _, _, probe in configuration.probes())
    slow = {f"{4 * slowest / 60:g}m"}
    return {
        "uneditable-dashboard": uneditable,
        "template-datasource-rule": template_datasource,
        "template-on-time-change-reload-rule": template_reload,
        "template-label-promql-rule": partial(template_labels, known=known),
        "panel-datasource-rule": panel_datasource,
        "panel-title-description-rule": panel_title_description,
        "panel-units-rule": partial(panel_units, units=units),
        "panel-no-targets-rule": panel_targets,
        "target-rate-interval-rule": partial(rate_interval, slow=slow),
        "target-counter-agg-rule": partial(counter_aggregated, known=known),
        "metrics and labels": partial(metrics_and_labels, known=known),
        "grid": grid,
        "variables": variables,
        "annotations": annotations,
        "links": partial(links, others=others),
    }
