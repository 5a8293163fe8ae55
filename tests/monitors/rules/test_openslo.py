"""OpenSLO: what is written is well-formed and says what the rules say; what is read pages as the estate does."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import Configuration
from config.imported import read_objectives
from config.openslo import KINDS
from config.source import read_documents, validate
from monitors.rules import openslo, queries, rules
from monitors.rules.burn_rates import burn_rates
from monitors.rules.rules_commands import texts
from tests.config.test_imported import GOOD
from tests.prometheus import UNHURRIED

WRITTEN = "openslo/piekwacht.openslo.yml"


@pytest.fixture
def documents(configuration: Configuration) -> list[dict[str, Any]]:
    return openslo.build(configuration, burn_rates())


@pytest.fixture
def importing(configuration: Configuration, tmp_path: Path) -> Configuration:
    """Return the shipped estate with an imported objective, `payments-accepted` of 99.5 %."""
    (tmp_path / "bank.yaml").write_text(GOOD, encoding="utf-8")
    return replace(configuration, imported=read_objectives(tmp_path, {}))


def of_kind(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in documents if each["kind"] == kind}


def test_what_is_written_can_be_read(configuration: Configuration, tmp_path: Path) -> None:
    """Every document of the file fits the specification of its kind."""
    path = tmp_path / "piekwacht.yaml"
    path.write_text(texts(configuration)[WRITTEN], encoding="utf-8")
    found = read_documents(path)
    assert [document.data for document in found] == openslo.build(configuration, burn_rates())
    for document in found:
        validate(document, KINDS[document.data["kind"]])


def test_names_are_unique_and_every_reference_leads_somewhere(documents: list[dict[str, Any]]) -> None:
    """Whoever reads the file needs no other."""
    named = [(each["kind"], each["metadata"]["name"]) for each in documents]
    assert len(set(named)) == len(named)
    for slo in of_kind(documents, "SLO").values():
        spec = slo["spec"]
        assert ("Service", spec["service"]) in named
        for policy in spec.get("alertPolicies", []):
            assert ("AlertPolicy", policy["alertPolicyRef"]) in named
        for part in ("bad", "total"):
            source = spec["indicator"]["spec"]["ratioMetric"][part]["metricSource"]
            assert ("DataSource", source["metricSourceRef"]) in named
    for policy in of_kind(documents, "AlertPolicy").values():
        assert ("AlertCondition", policy["spec"]["conditions"][0]["conditionRef"]) in named
        assert ("AlertNotificationTarget", policy["spec"]["notificationTargets"][0]["targetRef"]) in named


def test_every_system_has_its_objective_over_each_period(
    configuration: Configuration, documents: list[dict[str, Any]]
) -> None:
    """30 days rolling, and month and year of the calendar where the estate is."""
    slos = of_kind(documents, "SLO")
    assert len(slos) == 3 * len(configuration.systems)
    for name, system in configuration.systems.items():
        windows = [slos[f"{name}-{period}"]["spec"]["timeWindow"][0] for period in ("30d", "month", "year")]
        assert [window["duration"] for window in windows] == ["30d", "1M", "1Y"]
        assert windows[0]["isRolling"]
        assert {window["calendar"]["timeZone"] for window in windows[1:]} == {"Europe/Amsterdam"}
        targets = {slos[f"{name}-{period}"]["spec"]["objectives"][0]["targetPercent"] for period in ("30d", "year")}
        assert targets == {system.objective.target}


def test_burn_rates_are_those_of_the_rules(documents: list[dict[str, Any]]) -> None:
    """One condition for each pair, with its severity."""
    conditions = [each["spec"] for each in of_kind(documents, "AlertCondition").values()]
    assert [
        (each["severity"], each["condition"]["threshold"], each["condition"]["lookbackWindow"]) for each in conditions
    ] == [(pair.severity, pair.factor, pair.long) for pair in burn_rates().pairs]


def test_without_files_nothing_changes(configuration: Configuration, importing: Configuration) -> None:
    """An imported objective adds rules; those about measuring the estate name its systems then, and no other."""
    before, after = (rules.build(each, burn_rates())["groups"] for each in (configuration, importing))
    added = [group for group in after if group["name"] not in {one["name"] for one in before}]
    assert [group["name"] for group in added] == ["piekwacht-imported"]
    records = {rule["record"] for rule in added[0]["rules"]}
    assert {str(queries.BUDGET), str(queries.BUDGET_LEFT), str(queries.AVAILABILITY)} <= records
    assert {queries.runs_record(window) for window in burn_rates().windows} <= records
    for group in after:
        for rule in group["rules"]:
            if rule.get("alert") == "SystemNotMeasured":
                assert "payments-accepted" not in rule["expr"]
                assert 'system=~"' in rule["expr"]


def test_alertmanager_knows_the_owner_of_an_imported_objective(importing: Configuration) -> None:
    """Its pages go to treasury, not to whoever runs the monitor."""
    written = yaml.safe_load(texts(importing)["alertmanager/piekwacht.alertmanager.yml"])
    assert "treasury-page" in {receiver["name"] for receiver in written["receivers"]}


@pytest.mark.peer
def test_promtool_accepts_imported_rules(peer: Callable[[str], str], importing: Configuration, tmp_path: Path) -> None:
    """Without a remark."""
    path = tmp_path / "piekwacht.rules.yml"
    path.write_text(texts(importing)["rules/piekwacht.rules.yml"], encoding="utf-8")
    found = promtool(peer, "check", "rules", "--lint-fatal", path)
    assert found.returncode == 0, found.stdout + found.stderr


def promtool(peer: Callable[[str], str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([peer("promtool"), *arguments], capture_output=True, text=True, check=False, env=UNHURRIED)


def case(failed: str, alert: list[dict[str, Any]]) -> dict[str, Any]:
    """Two payments a second for an hour, and `failed` of them; what pages after 60 minutes."""
    return {
        "interval": "1m",
        "input_series": [
            {"series": 'payments_total{outcome="accepted"}', "values": "0+120x70"},
            {"series": 'payments_total{outcome="failed"}', "values": failed},
        ],
        "promql_expr_test": [
            {
                "expr": f'{queries.BUDGET}{{system="payments-accepted"}}',
                "eval_time": "60m",
                "exp_samples": [
                    {
                        "labels": f'{queries.BUDGET}{{system="payments-accepted", owner="treasury", objective="99.5"}}',
                        "value": 0.005,
                    }
                ],
            }
        ],
        "alert_rule_test": [{"eval_time": "60m", "alertname": "AvailabilityBurnsFast", "exp_alerts": alert}],
    }


@pytest.mark.peer
@pytest.mark.parametrize("failed", ["0+120x70", "0+0x70"], ids=["half fail", "all is well"])
def test_an_imported_objective_pages(
    peer: Callable[[str], str], importing: Configuration, tmp_path: Path, failed: str
) -> None:
    """Half of all payments fail: both pages of the estate fire for it, with its owner; without failures none does."""
    built = rules.build(importing, burn_rates())
    # The texts of alerts are the estate's, and tested there.
    for rule in (rule for group in built["groups"] for rule in group["rules"] if "alert" in rule):
        rule["annotations"] = {}
    kept = [group for group in built["groups"] if group["name"] in {"piekwacht-imported", "piekwacht-availability"}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": kept}, width=10_000), encoding="utf-8")
    labels = {"system": "payments-accepted", "owner": "treasury", "objective": "99.5", "severity": "page"}
    pages = [pair for pair in burn_rates().pairs if pair.severity == "page"]
    alerts = [{"exp_labels": {**labels, "pair": f"{pair.long}/{pair.short}"}} for pair in pages]
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [case(failed, alerts if failed.startswith("0+120") else [])],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    found = promtool(peer, "test", "rules", tmp_path / "tests.yml")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.peer
def test_promtool_reads_every_query_that_is_written(
    peer: Callable[[str], str], documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    """With a window in place of the placeholder, which only queries of counters have."""
    records = []
    for name, slo in of_kind(documents, "SLO").items():
        ratio = slo["spec"]["indicator"]["spec"]["ratioMetric"]
        for part in ("bad", "total"):
            query = ratio[part]["metricSource"]["spec"]["query"]
            assert ("[{{.window}}]" in query) == ratio["counter"]
            labels = {"slo": name, "part": part}
            records.append({"record": "slo:query", "expr": query.replace("{{.window}}", "5m"), "labels": labels})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": records}]}))
    found = promtool(peer, "check", "rules", "--lint-fatal", tmp_path / "rules.yml")
    assert found.returncode == 0, found.stdout + found.stderr
