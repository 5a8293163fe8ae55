"""The generated dashboards as files: stable, complete, and free of what Grafana no longer reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from config import Configuration
from dashboards.preview.asking import query_variables
from dashboards.provisioning import dashboards, texts
from loadtests import metrics as load
from monitors import metrics
from monitors.probes.phone.evidence import Stage
from tests.conftest import ROOT
from tests.grafana import panels, queries, times

NAMES = ["availability", "campaign", "login", "phone"]
DECLARED = {metric.name: metric for metric in (*metrics.ALL, *load.ALL)}


@pytest.fixture(scope="module")
def files(configuration: Configuration) -> dict[str, str]:
    return texts(configuration, "http://127.0.0.1:9090", "15s")


@pytest.fixture(scope="module")
def built(configuration: Configuration) -> dict[str, dict[str, Any]]:
    return dashboards(configuration)


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest, built: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return built[request.param]


def referenced(dashboard: dict[str, Any]) -> set[str]:
    """Return the names of the project's own metrics in all queries, histogram suffixes removed."""
    texts = [asked.expression for asked in queries(dashboard)]
    texts += [variable["query"]["query"] for variable in query_variables(dashboard)]
    return {re.sub(r"_(bucket|count|sum)$", "", name) for text in texts for name in re.findall(r"piekwacht_\w+", text)}


@pytest.mark.parametrize("name", NAMES)
def test_dashboard_equals_its_golden_file(files: dict[str, str], golden: Callable[[str, str], None], name: str) -> None:
    """The same configuration gives the same bytes."""
    golden(f"{name}.json", files[f"dashboards/{name}.json"])


def test_files_are_a_provisioning_folder(files: dict[str, str], built: dict[str, dict[str, Any]]) -> None:
    """Grafana finds one data source, with the uid that dashboards choose, and one provider for the JSON beside it."""
    assert sorted(built) == NAMES
    assert {path for path in files if path.endswith(".json")} == {f"dashboards/{name}.json" for name in NAMES}
    (source,) = yaml.safe_load(files["datasources/piekwacht.yaml"])["datasources"]
    (provider,) = yaml.safe_load(files["dashboards/piekwacht.yaml"])["providers"]
    assert (source["type"], source["url"], source["jsonData"]["timeInterval"]) == (
        "prometheus",
        "http://127.0.0.1:9090",
        "15s",
    )
    assert provider["options"]["path"] == "${GF_PATHS_PROVISIONING}/dashboards"
    for data in built.values():
        assert data["templating"]["list"][0]["current"]["value"] == source["uid"]


def test_json_has_sorted_keys_and_ends_with_a_newline(files: dict[str, str]) -> None:
    """Diffs of generated files stay small."""
    for path, text in files.items():
        if path.endswith(".json"):
            assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_dashboard_is_fit_for_provisioning(dashboard: dict[str, Any]) -> None:
    """A modern schema, a fixed uid, nothing to edit, no inputs to fill in, and links to the others by tag."""
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["uid"].startswith("piekwacht-")
    assert dashboard["editable"] is False
    assert dashboard["id"] is None
    assert "__inputs" not in dashboard
    (link,) = dashboard["links"]
    assert link["type"] == "dashboards"
    assert set(link["tags"]) <= set(dashboard["tags"])


def test_uids_and_panel_ids_are_unique(built: dict[str, dict[str, Any]]) -> None:
    """Two dashboards or two panels never claim the same address."""
    assert len({data["uid"] for data in built.values()}) == len(built)
    for data in built.values():
        ids = [panel["id"] for panel in panels(data)]
        assert len(set(ids)) == len(ids)


def test_panels_do_not_overlap_and_stay_on_the_grid(dashboard: dict[str, Any]) -> None:
    """Every cell of the grid belongs to at most one panel."""
    taken: dict[tuple[int, int], str] = {}
    for panel in panels(dashboard):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken.get((x, y))}"
                taken[x, y] = panel["title"]


def test_it_opens_with_its_purpose_and_a_strip_of_figures(dashboard: dict[str, Any]) -> None:
    """The first panel says in words what this is for, and where the runbooks are; figures follow."""
    first, *others = dashboard["panels"]
    assert first["type"] == "text"
    assert "docs/runbooks/" in first["options"]["content"]
    strip = [panel for panel in others if panel["gridPos"]["y"] == others[0]["gridPos"]["y"]]
    assert len(strip) >= 4
    assert {panel["type"] for panel in strip} == {"stat"}


def test_every_panel_asks_a_question(dashboard: dict[str, Any]) -> None:
    """The description says what the panel answers."""
    for panel in panels(dashboard):
        assert "?" in panel["description"], panel["title"]


def test_nothing_of_the_library_s_old_defaults_is_left(dashboard: dict[str, Any]) -> None:
    """No data-point limit of 100, no interval factor, no threshold "null", no empty text as thresholds."""
    for panel in panels(dashboard):
        assert "maxDataPoints" not in panel
        assert "span" not in panel
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"] if "fieldConfig" in panel else []
        assert isinstance(steps, list)
        assert not steps or steps[0]["value"] is None
        assert all(isinstance(step["value"], int | float) for step in steps[1:])
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert target["range"] is not target["instant"]
            assert "intervalFactor" not in target


def test_every_figure_has_a_unit(dashboard: dict[str, Any]) -> None:
    """A number without a unit is a guess; tables give one for each column."""
    for panel in panels(dashboard):
        if panel["type"] in {"stat", "timeseries", "bargauge"}:
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_every_metric_that_is_asked_for_is_declared(dashboard: dict[str, Any]) -> None:
    """A dashboard cannot show what nothing exports."""
    assert referenced(dashboard) <= set(DECLARED)


def test_every_declared_metric_is_on_a_panel(built: dict[str, dict[str, Any]]) -> None:
    """What is exported is worth seeing."""
    shown = set().union(*(referenced(data) for data in built.values()))
    assert set(DECLARED) - shown == set()


def test_every_variable_is_known_and_used(dashboard: dict[str, Any]) -> None:
    """No query names a variable that the dashboard lacks, and no variable is without effect."""
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([dashboard["panels"], dashboard["annotations"]])))
    used |= set(re.findall(r"\$\{?(\w+)", json.dumps(query_variables(dashboard))))
    given_by_grafana = {"__all", "__data", "__url_time_range", *times(1, 1)}
    assert used - given_by_grafana == known


def test_links_lead_to_dashboards_that_exist(built: dict[str, dict[str, Any]]) -> None:
    """Every address of a dashboard in the JSON is the uid of one of them."""
    uids = {data["uid"] for data in built.values()}
    linked = set(re.findall(r"/d/([\w-]+)", json.dumps(built)))
    assert linked
    assert linked <= uids


def test_texts_name_panels_that_exist(built: dict[str, dict[str, Any]]) -> None:
    """What runbooks and purposes print in italics stands on a dashboard: nobody searches in vain at night."""
    titles = {data["title"] for data in built.values()}
    titles |= {panel["title"] for data in built.values() for panel in panels(data)}
    titles |= {variable["label"] for data in built.values() for variable in query_variables(data)}
    runbooks = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    purposes = [
        panel["options"]["content"] for data in built.values() for panel in panels(data) if panel["type"] == "text"
    ]
    texts = [*runbooks.values(), *purposes]
    named = {word for text in texts for word in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", text)}
    of_prometheus = {"Status, Targets"}
    assert named > {"State of each probe", "Busiest core"}
    unknown = named - runbooks.keys() - of_prometheus
    assert [word for word in sorted(unknown) if not any(title.startswith(word) for title in titles)] == []


def test_login_shows_the_probes_of_the_estate_that_log_in(built: dict[str, dict[str, Any]]) -> None:
    """They come from the configuration, by journey, and each channel has its own line."""
    (variable,) = [one for one in query_variables(built["login"]) if one["name"] == "probe"]
    probes = re.search(r'probe=~"([^"]+)"', variable["query"]["query"])
    assert probes
    assert variable["allValue"] == probes[1], "'All' means all that log in, not every probe of the estate"
    assert sorted(probes[1].split("|")) == [
        "activate-app",
        "login-app",
        "login-sms",
        "waiting-room-app",
        "waiting-room-web",
    ]
    (channels,) = [panel for panel in panels(built["login"]) if "by channel" in panel["title"]]
    assert [target["legendFormat"] for target in channels["targets"]] == ["web", "app"]


def test_phone_lines_shows_the_lines_of_the_estate(built: dict[str, dict[str, Any]]) -> None:
    """They come from the configuration; 'All' means all lines, not every system of the estate."""
    (variable,) = [one for one in query_variables(built["phone"]) if one["name"] == "system"]
    assert variable["allValue"].split("|") == [
        "belastingtelefoon",
        "digid-helpdesk",
        "douanetelefoon",
        "nhd-line",
        "outbound-calls",
    ]


def test_a_call_that_came_further_has_a_higher_number(built: dict[str, dict[str, Any]]) -> None:
    """Each number has its word, in the order of the stages, and every stage but the first and the end is asked for."""
    (panel,) = [panel for panel in panels(built["phone"]) if panel["title"] == "How far the last call came"]
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    words = {int(value): shown["text"] for value, shown in mapping["options"].items()}
    asked = re.findall(r'stage=~"(\w+)"\} \+ (\d+)', panel["targets"][0]["expr"])
    numbers = {int(number): stage for stage, number in asked}
    assert list(numbers.values()) == [stage for stage in Stage if stage not in {Stage.START, Stage.TEARDOWN}]
    assert {number: text.lower().replace(" ", "_") for number, text in words.items() if number} == numbers


def test_an_estate_without_logins_has_no_login_dashboard(configuration: Configuration) -> None:
    """Nothing is drawn about probes that do not exist."""
    from dataclasses import replace

    website = replace(configuration, systems={"website": configuration.systems["website"]})
    assert sorted(dashboards(website)) == ["availability", "campaign"]
