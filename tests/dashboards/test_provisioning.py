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
from monitors.probes.phone.evidence import Stage
from tests.conftest import ROOT
from tests.grafana import panels

NAMES = ["campaign", "customs", "login", "overview", "phone", "portals", "prober", "system"]


@pytest.fixture(scope="module")
def files(configuration: Configuration) -> dict[str, str]:
    return texts(configuration, "http://127.0.0.1:9090", "15s")


@pytest.fixture(scope="module")
def built(configuration: Configuration) -> dict[str, dict[str, Any]]:
    return dashboards(configuration)


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest, built: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return built[request.param]


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
    """A modern schema, a fixed uid, and no inputs to fill in."""
    assert dashboard["schemaVersion"] >= 39
    assert dashboard["uid"].startswith("piekwacht-")
    assert dashboard["id"] is None
    assert "__inputs" not in dashboard


def test_uids_and_panel_ids_are_unique(built: dict[str, dict[str, Any]]) -> None:
    """Two dashboards or two panels never claim the same address."""
    assert len({data["uid"] for data in built.values()}) == len(built)
    for data in built.values():
        ids = [panel["id"] for panel in panels(data)]
        assert len(set(ids)) == len(ids)


def test_it_opens_with_its_purpose_and_a_strip_of_figures(dashboard: dict[str, Any]) -> None:
    """The first panel says in words what this is for, and where the runbooks are; figures follow."""
    first, *others = dashboard["panels"]
    assert first["type"] == "text"
    assert "docs/runbooks/" in first["options"]["content"]
    strip = [panel for panel in others if panel["gridPos"]["y"] == others[0]["gridPos"]["y"]]
    assert len(strip) >= 4
    assert {panel["type"] for panel in strip} == {"stat"}


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


def probes_asked(dashboard: dict[str, Any], title: str) -> list[str]:
    """Return the probes that the first query of a panel is about."""
    panel = next(panel for panel in panels(dashboard) if panel["title"] == title)
    found = re.search(r'probe=~"([^"]+)"', panel["targets"][0]["expr"])
    assert found
    return sorted(found[1].split("|"))


def choices(dashboard: dict[str, Any], name: str) -> list[str]:
    """Return the systems among which a variable chooses."""
    (variable,) = [one for one in query_variables(dashboard) if one["name"] == name]
    found = re.search(r'system=~"([^"]+)"', variable["query"]["query"])
    assert found
    return found[1].split("|")


def test_login_shows_the_probes_of_the_estate_that_log_in(built: dict[str, dict[str, Any]]) -> None:
    """They come from the configuration, by journey, and each channel has its own line."""
    assert probes_asked(built["login"], "State of each probe") == [
        "activate-app",
        "login-app",
        "login-eherkenning",
        "login-eidas",
        "login-sms",
        "waiting-room-app",
        "waiting-room-web",
    ]
    (channels,) = [panel for panel in panels(built["login"]) if "by channel" in panel["title"]]
    assert [target["legendFormat"] for target in channels["targets"]] == ["web", "app"]


def test_phone_lines_shows_the_lines_of_the_estate(built: dict[str, dict[str, Any]]) -> None:
    """They come from the configuration; 'All' means all lines, not every system of the estate."""
    assert choices(built["phone"], "system") == [
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
    assert sorted(dashboards(website)) == ["campaign", "overview", "portals", "prober", "system"]
