"""The example for Alertmanager: who is told, and what silences what. What Alertmanager makes of it: tests/peers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import Configuration
from monitors.metrics import WINDOW_ACTIVE
from monitors.rules import alertmanager, markers, rules
from monitors.rules.burn_rates import burn_rates
from monitors.rules.queries import OPERATOR
from monitors.rules.rules_commands import texts


@pytest.fixture
def built(configuration: Configuration) -> dict[str, Any]:
    return alertmanager.build(configuration)


def depending(configuration: Configuration, **on: list[str]) -> Configuration:
    """Return an estate with other dependencies; names with _ for -."""
    changed = {
        name: system.model_copy(update={"depends_on": on.get(name.replace("-", "_"), [])})
        for name, system in configuration.systems.items()
    }
    return replace(configuration, systems=changed)


def test_it_equals_its_golden_file(configuration: Configuration, golden: Callable[[str, str], None]) -> None:
    """The same estate gives the same bytes."""
    golden("piekwacht.alertmanager.yml", texts(configuration)["alertmanager/piekwacht.alertmanager.yml"])


def test_each_owner_has_a_receiver_for_pages_and_one_for_tickets(
    configuration: Configuration, built: dict[str, Any]
) -> None:
    """And so has the operator; markers are delivered to nobody."""
    owners = {owner.id for owner in configuration.owner_of.values()} | {OPERATOR}
    assert len(owners) > 2
    receivers = {receiver["name"]: receiver for receiver in built["receivers"]}
    assert set(receivers) == {f"{owner}-{kind}" for owner in owners for kind in ("page", "ticket")} | {"nobody"}
    assert list(receivers["nobody"]) == ["name"]


def test_placeholders_are_obvious_and_no_secret_is_written(built: dict[str, Any]) -> None:
    """Every URL is of a name that never resolves; every token is in a file."""
    text = yaml.safe_dump(built)
    urls = re.findall(r"https?://\S+", text)
    assert urls
    assert all(url.startswith("https://replace-me.example/") for url in urls)
    files = re.findall(r"(\w+): (/etc/prometheus/secrets/\S+)", text)
    assert len(files) == len(urls)
    assert {key for key, _ in files} == {"credentials_file"}


def test_dependents_are_found_however_many_steps_away(configuration: Configuration) -> None:
    """A platform under the access service silences the portal, which depends on the latter only."""
    estate = depending(
        configuration, mijn_belastingdienst=["access-service"], access_service=["website"], digid_app=["access-service"]
    )
    assert markers.dependents(estate) == {
        "access-service": ["digid-app", "mijn-belastingdienst"],
        "website": ["access-service", "digid-app", "mijn-belastingdienst"],
    }


def test_systems_that_depend_on_each_other_silence_nobody(configuration: Configuration) -> None:
    """Each would silence the other, and nobody would be woken."""
    estate = depending(configuration, website=["access-service"], access_service=["website"], digid_app=["website"])
    assert markers.dependents(estate) == {"access-service": ["digid-app"], "website": ["digid-app"]}


def test_an_estate_without_dependencies_has_no_such_inhibition(configuration: Configuration) -> None:
    """No rule with an empty list of systems, which would fit nothing or everything."""
    estate = depending(configuration)
    assert [rule["alert"] for rule in markers.build(estate)] == [markers.PLANNED_WINDOW]
    without, whole = (len(alertmanager.build(each)["inhibit_rules"]) for each in (estate, configuration))
    assert whole - without == len(markers.dependents(configuration)) > 0


def test_every_alert_that_is_named_exists(configuration: Configuration, built: dict[str, Any]) -> None:
    """An inhibition by an alert that nobody makes would never hold."""
    made = {
        rule["alert"]
        for group in rules.build(configuration, burn_rates())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    matchers = [matcher for rule in built["inhibit_rules"] for key in rule for matcher in rule[key] if key != "equal"]
    named = {name for one in matchers if one.startswith("alertname") for name in one.split('"')[1].split("|")}
    assert named >= {
        markers.BURNS_FAST,
        markers.OVERRUNS,
        markers.PLANNED_WINDOW,
        markers.DEPENDENCY_DOWN,
        "MonitorDown",
    }
    assert named <= made


def test_nothing_silences_itself(configuration: Configuration, built: dict[str, Any]) -> None:
    """No system is among those that its own outage silences."""
    for name, ones in markers.dependents(configuration).items():
        assert name not in ones
    behind = markers.dependents(configuration)["waiting-room"]
    assert {"access-service", "digid-app", "digid-sms", "mijn-belastingdienst"} <= set(behind)
    assert not {"website", "digid-activation"} & set(behind)


@pytest.mark.peer
def test_promtool_finds_that_markers_mark(
    peer: Callable[[str], str], configuration: Configuration, tmp_path: Path
) -> None:
    """A dependency counts as down for five minutes after its page, a leaf never, a window while it is planned."""
    page = f'ALERTS{{alertname="{markers.BURNS_FAST}", alertstate="firing", system="SYSTEM", pair="1h/5m"}}'
    window = f'{WINDOW_ACTIVE}{{system="website", window="SORT", instance="here"}}'
    test = {
        "interval": "15s",
        "input_series": [
            {"series": page.replace("SYSTEM", "access-service"), "values": "1+0x40 stale"},
            {"series": page.replace("SYSTEM", "mijn-belastingdienst"), "values": "1+0x40 stale"},
            {"series": window.replace("SORT", "planned"), "values": "0+0x20 1+0x20 0+0x80"},
            {"series": window.replace("SORT", "overrun"), "values": "0+0x40 1+0x80"},
        ],
        "alert_rule_test": [
            fires(markers.DEPENDENCY_DOWN, "1m", "access-service"),
            fires(markers.DEPENDENCY_DOWN, "14m", "access-service"),
            fires(markers.DEPENDENCY_DOWN, "17m"),
            fires(markers.PLANNED_WINDOW, "4m"),
            fires(markers.PLANNED_WINDOW, "9m", "website"),
            fires(markers.PLANNED_WINDOW, "12m"),
        ],
    }
    groups = {"groups": [{"name": "markers", "rules": markers.build(configuration)}]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(groups))
    tests = {"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    command = [peer("promtool"), "test", "rules", tmp_path / "tests.yml"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def fires(name: str, when: str, *systems: str) -> dict[str, Any]:
    """Return what promtool must find at an instant."""
    summaries = {
        markers.DEPENDENCY_DOWN: "{} is down, and so may be what depends on it",
        markers.PLANNED_WINDOW: "{} is in a planned window",
    }
    expected = [
        {
            "exp_labels": {"severity": "none", "system": system},
            "exp_annotations": {"summary": summaries[name].format(system)},
        }
        for system in systems
    ]
    return {"eval_time": when, "alertname": name, "exp_alerts": expected}
