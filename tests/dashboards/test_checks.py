"""Every dashboard passes every check, and every check fails where a dashboard is broken."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable

import pytest
import yaml

from config import Configuration
from dashboards.provisioning import dashboards
from loadtests import metrics as load
from monitors import metrics
from monitors.rules.rules_commands import texts
from tests.dashboards.checks import LEFT_OUT, Check, Json, checks, known_series, names_in, texts_of
from tests.dashboards.schema import problems, units
from tests.grafana import panels

LINTER = {
    *("template-datasource-rule", "template-job-rule", "template-instance-rule", "template-label-promql-rule"),
    *("template-on-time-change-reload-rule", "panel-datasource-rule", "panel-title-description-rule"),
    *("panel-units-rule", "panel-no-targets-rule", "target-logql-rule", "target-logql-auto-rule", "target-promql-rule"),
    *("target-rate-interval-rule", "target-job-rule", "target-instance-rule", "target-counter-agg-rule"),
    "uneditable-dashboard",
}
"""The rules of dashboard-linter, as its index lists them."""


@pytest.fixture(scope="module")
def built(configuration: Configuration) -> dict[str, Json]:
    return dashboards(configuration)


@pytest.fixture(scope="module")
def rules(configuration: Configuration) -> list[Json]:
    groups = yaml.safe_load(texts(configuration)["rules/piekwacht.rules.yml"])["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def every(configuration: Configuration, built: dict[str, Json], rules: list[Json]) -> dict[str, Check]:
    return checks(configuration, built, known_series(rules), units()) | {"schema": problems}


def wrong(dashboard: Json, every: dict[str, Check]) -> list[str]:
    return [f"{name}: {each}" for name, check in every.items() for each in check(dashboard)]


def test_every_dashboard_passes_every_check(built: dict[str, Json], every: dict[str, Check]) -> None:
    """The rules of the linter, the schema, and what the house adds."""
    assert {name: found for name, data in built.items() if (found := wrong(data, every))} == {}


def test_every_rule_of_the_linter_is_a_check_or_left_out_for_a_reason(every: dict[str, Check]) -> None:
    """None is forgotten."""
    assert LINTER - every.keys() == LEFT_OUT.keys()
    assert all(LEFT_OUT.values())


def first(dashboard: Json, kind: str) -> Json:
    """Return the first panel of a type that is in sight."""
    return next(panel for panel in panels(dashboard) if panel["type"] == kind)


def renamed(dashboard: Json) -> None:
    """Break a metric's name, as if a declaration had been renamed and a panel not."""
    target = first(dashboard, "state-timeline")["targets"][0]
    target["expr"] = target["expr"].replace(metrics.SUCCESS.name, "piekwacht_probe_succeeded")


def relabelled(dashboard: Json) -> None:
    target = first(dashboard, "state-timeline")["targets"][0]
    target["expr"] = target["expr"].replace("vantage=~", "vantage_point=~")


def grouped_by_what_is_not_there(dashboard: Json) -> None:
    first(dashboard, "stat")["targets"][0]["expr"] = f"sum by (city) ({metrics.SUCCESS})"


def without_type_of_field(dashboard: Json) -> None:
    first(dashboard, "timeseries")["fieldConfig"]["defaults"]["custom"]["lineWidth"] = "thick"


def with_unknown_mode(dashboard: Json) -> None:
    first(dashboard, "stat")["options"]["colorMode"] = "rainbow"


def overlapping(dashboard: Json) -> None:
    one, other = dashboard["panels"][1:3]
    other["gridPos"] = dict(one["gridPos"])


def beyond_the_edge(dashboard: Json) -> None:
    first(dashboard, "timeseries")["gridPos"]["x"] = 20


def without_description(dashboard: Json) -> None:
    first(dashboard, "timeseries")["description"] = ""


def without_title(dashboard: Json) -> None:
    first(dashboard, "stat")["title"] = ""


def without_unit(dashboard: Json) -> None:
    first(dashboard, "timeseries")["fieldConfig"]["defaults"]["unit"] = ""


def with_a_unit_of_nobody(dashboard: Json) -> None:
    first(dashboard, "timeseries")["fieldConfig"]["defaults"]["unit"] = "seconds"


def with_a_column_without_unit(dashboard: Json) -> None:
    for override in first(dashboard, "table")["fieldConfig"]["overrides"]:
        override["properties"] = [item for item in override["properties"] if item["id"] != "unit"]


def with_its_own_source(dashboard: Json) -> None:
    first(dashboard, "timeseries")["targets"][0]["datasource"] = {"type": "prometheus", "uid": "mine"}


def without_a_query(dashboard: Json) -> None:
    first(dashboard, "timeseries")["targets"] = []


def with_a_fixed_rate(dashboard: Json) -> None:
    first(dashboard, "timeseries")["targets"][0]["expr"] = f"sum(rate({metrics.RUNS}[7m]))"


def with_a_bare_counter(dashboard: Json) -> None:
    first(dashboard, "stat")["targets"][0]["expr"] = f"sum({metrics.FAILURES})"


def linked_astray(dashboard: Json) -> None:
    first(dashboard, "state-timeline")["links"] = [{"title": "x", "url": "/d/piekwacht-elsewhere"}]


def linked_with_a_variable_of_nobody(dashboard: Json) -> None:
    first(dashboard, "state-timeline")["links"] = [{"title": "x", "url": f"/d/{dashboard['uid']}?var-city=x"}]


def linked_from_a_column_of_nobody(dashboard: Json) -> None:
    first(dashboard, "table")["links"] = [{"title": "x", "url": f"/d/{dashboard['uid']}?${{__data.fields.City}}"}]


def with_a_variable_of_nobody(dashboard: Json) -> None:
    first(dashboard, "timeseries")["title"] += " of $city"


def with_an_idle_variable(dashboard: Json) -> None:
    dashboard["templating"]["list"].append({**dashboard["templating"]["list"][-1], "name": "idle"})


def with_a_label_of_nobody(dashboard: Json) -> None:
    variable = dashboard["templating"]["list"][-1]
    variable["query"]["query"] = f"label_values({metrics.LOOP_LAG}, city)"


def read_once(dashboard: Json) -> None:
    dashboard["templating"]["list"][-1]["refresh"] = 1


def with_two_sources(dashboard: Json) -> None:
    dashboard["templating"]["list"].append({**dashboard["templating"]["list"][0], "name": "other"})


def editable(dashboard: Json) -> None:
    dashboard["editable"] = True


def marked_without_a_label(dashboard: Json) -> None:
    next(mark for mark in dashboard["annotations"]["list"] if "expr" in mark)["titleFormat"] = "{{city}}"


def marked_twice(dashboard: Json) -> None:
    dashboard["annotations"]["list"].append(dashboard["annotations"]["list"][0])


SEEDED: dict[Callable[[Json], None], tuple[str, ...]] = {
    renamed: ("metrics and labels: panel", "nothing exports piekwacht_probe_succeeded"),
    relabelled: ("metrics and labels: panel", "has no label vantage_point"),
    grouped_by_what_is_not_there: ("nothing that is asked for has the label city",),
    without_type_of_field: ("schema: ", "thick"),
    with_unknown_mode: ("schema: ", "rainbow"),
    overlapping: ("grid: panel", " lies on "),
    beyond_the_edge: ("grid: panel", "does not fit the grid"),
    without_description: ("panel-title-description-rule: panel", "asks no question"),
    without_title: ("panel-title-description-rule: panel", "has no title"),
    without_unit: ("panel-units-rule: panel", "has no unit"),
    with_a_unit_of_nobody: ("panel-units-rule: panel", "does not know: seconds"),
    with_a_column_without_unit: ("panel-units-rule: panel", "column", "has no unit"),
    with_its_own_source: ("panel-datasource-rule: panel", "another data source"),
    without_a_query: ("panel-no-targets-rule: panel", "has no query"),
    with_a_fixed_rate: ("target-rate-interval-rule: panel", "[7m] depends on how far one zooms"),
    with_a_bare_counter: ("target-counter-agg-rule: panel", "without rate or increase"),
    linked_astray: ("links: panel", "no dashboard has the uid piekwacht-elsewhere"),
    linked_with_a_variable_of_nobody: ("links: panel", "has no variable city"),
    linked_from_a_column_of_nobody: ("links: panel", "no column City"),
    with_a_variable_of_nobody: ("variables: there is no variable 'city'",),
    with_an_idle_variable: ("variables: variable 'idle' changes nothing",),
    with_a_label_of_nobody: ("template-label-promql-rule: variable", "has no label 'city'"),
    read_once: ("template-on-time-change-reload-rule: variable", "is not read again"),
    with_two_sources: ("template-datasource-rule: not exactly one",),
    editable: ("uneditable-dashboard: it can be edited",),
    marked_without_a_label: ("annotations: annotation", "has no label city"),
    marked_twice: ("annotations: two annotations",),
}
"""What is broken, and the words that the complaint has."""


@pytest.mark.parametrize("seed", SEEDED, ids=lambda seed: seed.__name__)
def test_a_broken_dashboard_is_found(
    built: dict[str, Json], every: dict[str, Check], seed: Callable[[Json], None]
) -> None:
    """In the first dashboard that has what is broken; the complaint says where and what."""
    for data in built.values():
        broken = copy.deepcopy(data)
        with contextlib.suppress(StopIteration):  # it has no such panel
            seed(broken)
        if broken != data:
            found = wrong(broken, every)
            assert [line for line in found if all(words in line for words in SEEDED[seed])], found
            return
    pytest.fail("no dashboard has what is to be broken")


ELSEWHERE: dict[str, str] = {}
"""Exported or recorded series that are on no panel and in no alert, and why."""


def test_everything_exported_or_recorded_is_on_a_panel_or_has_a_reason(
    built: dict[str, Json], rules: list[Json]
) -> None:
    """What is exported is worth seeing, by itself or as a part of what is recorded; what is recorded serves someone."""
    recorded: dict[str, str] = {}
    for rule in rules:
        if "record" in rule:  # one name may have a rule for each period
            recorded[rule["record"]] = recorded.get(rule["record"], "") + "\n" + rule["expr"]
    alerting = set().union(*(names_in(rule["expr"]) for rule in rules if "alert" in rule))
    shown = set().union(*(names_in(asked.expression) for data in built.values() for asked in texts_of(data)))
    exported = {metric.name for metric in (*metrics.ALL, *load.ALL)}
    seen = {re.sub(r"_(bucket|count|sum)$", "", name) for name in whence(shown, recorded)}
    used = whence(shown | alerting, recorded)
    assert sorted((exported - seen - whence(shown, recorded)) | (recorded.keys() - used)) == sorted(ELSEWHERE)
    assert all(ELSEWHERE.values())


def whence(names: set[str], recorded: dict[str, str]) -> set[str]:
    """Return these series and all from which they are recorded."""
    parts = set().union(*(names_in(recorded[name]) for name in names & recorded.keys()))
    return names if parts <= names else whence(names | parts, recorded)
