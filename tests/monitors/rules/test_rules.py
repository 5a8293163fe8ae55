"""Prometheus rules: generated from the estate, and judged by promtool itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from config import Configuration, Objective
from loadtests import metrics as load
from monitors.metrics import ALL
from monitors.rules import queries, rule_cases, rules
from monitors.rules.burn_rates import BurnRates, burn_rates
from monitors.rules.rules_commands import app, texts
from monitors.verdict import Window
from tests.conftest import ROOT
from tests.monitors.rules.estates import changed, only
from tests.prometheus import UNHURRIED

TOLD = {"page", "ticket"}


def denominators(expression: str) -> Iterator[str]:
    """Yield what stands after each division: all that is within its parenthesis."""
    for found in re.finditer(r"(?:^|\s)/ (?:on \([^)]*\) group_left \([^)]*\) )?", expression):
        depth, text = 0, ""
        for character in expression[found.end() :]:
            depth += (character == "(") - (character == ")")
            text += character
            if depth == 0:
                break
        yield text


def flat(configuration: Configuration, rates: BurnRates) -> list[dict[str, Any]]:
    return [rule for group in rules.build(configuration, rates)["groups"] for rule in group["rules"]]


@pytest.fixture
def alerts(configuration: Configuration) -> list[dict[str, Any]]:
    return [rule for rule in flat(configuration, burn_rates()) if rule.get("labels", {}).get("severity") in TOLD]


@pytest.fixture
def voting(configuration: Configuration) -> Configuration:
    """Return an estate of two systems, of which two vantage points must see the website burn."""
    return changed(only(configuration, "website", "digid-app"), "website", quorum=2)


def test_rules_equal_their_golden_file(configuration: Configuration, golden: Callable[[str, str], None]) -> None:
    """The same estate gives the same bytes."""
    golden("piekwacht.rules.yml", texts(configuration)["rules/piekwacht.rules.yml"])


def test_rule_tests_equal_their_golden_file(configuration: Configuration, golden: Callable[[str, str], None]) -> None:
    """The same estate gives the same bytes."""
    golden("piekwacht.tests.yml", texts(configuration)["rules/piekwacht.tests.yml"])


def test_an_estate_with_a_quorum_equals_its_golden_files(
    voting: Configuration, golden: Callable[[str, str], None]
) -> None:
    """Rules and their tests; what has no quorum keeps the rules that it had."""
    for path, text in texts(voting).items():
        golden(Path(path).name.replace("piekwacht", "quorum"), text)


def test_burn_rates_are_those_of_the_workbook() -> None:
    """The pairs and the budget that each spends, as table 5-8 of the SRE workbook gives them; the file names it."""
    rates = burn_rates()
    assert "sre.google/workbook" in rates.source
    assert [
        (pair.severity, pair.long, pair.short, pair.factor, round(rates.spent(pair), 9)) for pair in rates.pairs
    ] == [
        ("page", "1h", "5m", 14.4, 0.02),
        ("page", "6h", "30m", 6, 0.05),
        ("ticket", "1d", "2h", 3, 0.1),
        ("ticket", "3d", "6h", 1, 0.1),
    ]
    assert rates.windows == ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]


def test_every_window_counts_where_the_protocol_says() -> None:
    """Unplanned and planned together are every window but closed; overrun and aftermath are unplanned."""
    assert set(queries.UNPLANNED.split("|")) == {Window.NONE, Window.OVERRUN, Window.AFTERMATH}
    assert set(queries.COUNTED.split("|")) == set(Window) - {Window.CLOSED}


def test_only_the_probes_of_an_objective_are_counted(configuration: Configuration) -> None:
    """visit-website probes the website and measures no objective."""
    measuring = queries.measuring_probes(configuration).split("|")
    assert "home-page" in measuring
    assert "visit-website" not in measuring


def test_each_system_has_a_budget_of_its_own(configuration: Configuration) -> None:
    """1 - objective, with owner and objective as labels, whatever the objective is."""
    estate = changed(configuration, "website", objective=Objective(target=99.95, measured_by=["home-page"]))
    budgets = {
        rule["labels"]["system"]: rule
        for rule in flat(estate, burn_rates())
        if rule.get("record") == str(queries.BUDGET)
    }
    assert set(budgets) == set(configuration.systems)
    assert budgets["website"]["expr"] == "vector(0.0005)"
    assert budgets["website"]["labels"] == {"system": "website", "owner": "kis", "objective": "99.95"}
    assert budgets["digid-app"]["expr"] == "vector(0.001)"


def test_every_division_is_guarded_and_nothing_is_averaged(configuration: Configuration) -> None:
    """`> 0` on every denominator, and ratios are of increases."""
    for rule in flat(configuration, burn_rates()):
        for text in denominators(rule["expr"]):
            assert text.endswith(" > 0)"), rule
        assert "avg" not in rule["expr"]
        assert "rate(" not in rule["expr"]


def test_every_burn_rate_alert_has_a_floor(alerts: list[dict[str, Any]]) -> None:
    """Few failures never alert, however large their share."""
    burning = [alert for alert in alerts if alert["alert"].startswith("AvailabilityBurns")]
    assert {alert["labels"]["pair"].split("/")[0] for alert in burning} == {pair.long for pair in burn_rates().pairs}
    for alert in burning:
        assert f">= {burn_rates().min_failures}" in alert["expr"]


def test_every_alert_says_what_a_person_needs(alerts: list[dict[str, Any]]) -> None:
    """Summary, description, severity, owner (given, or brought by the budget) and a runbook that exists."""
    for alert in alerts:
        notes = alert["annotations"]
        assert notes["summary"]
        assert notes["description"].endswith(".")
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert "owner" in alert["labels"] or str(queries.BUDGET) in alert["expr"]
        assert "$value" in notes["summary"] + notes["description"] or alert["alert"] in {
            "MonitorDown",
            "SystemNotMeasured",
        }
        runbook = ROOT / notes["runbook_url"]
        assert runbook.is_file(), runbook
        for heading in ("## What it means", "## First look", "## Usual causes", "## To silence it rightly"):
            assert heading in runbook.read_text(encoding="utf-8")


def test_every_runbook_belongs_to_an_alert(alerts: list[dict[str, Any]]) -> None:
    """No page is left behind when an alert goes."""
    names = {alert["alert"] for alert in alerts}
    assert {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} == names


def test_rules_refer_to_declared_metrics_and_own_records_only(
    configuration: Configuration, voting: Configuration
) -> None:
    """A rule on a series that nothing makes would be quiet for ever."""
    for estate in (configuration, voting):
        built = flat(estate, burn_rates())
        known = {metric.name for metric in (*ALL, *load.ALL)} | {rule["record"] for rule in built if "record" in rule}
        for rule in built:
            assert set(re.findall(r"(?:system\w*:)?piekwacht_[\w:]+", rule["expr"])) <= known


def test_only_pages_wait_for_a_quorum(voting: Configuration) -> None:
    """Each pair that pages does so by quorum or by all runs together, never by both; tickets need no quorum."""
    burning = [rule for rule in flat(voting, burn_rates()) if rule.get("alert", "").startswith("AvailabilityBurns")]
    by_quorum = [rule for rule in burning if str(queries.VOTES) in rule["expr"]]
    by_runs = [rule for rule in burning if queries.BUDGET.name + '{system=~"digid-app"}' in rule["expr"]]
    pages = [pair for pair in burn_rates().pairs if pair.severity == "page"]
    assert [rule["labels"]["pair"] for rule in by_quorum] == [f"{pair.long}/{pair.short}" for pair in pages]
    assert [rule["labels"]["pair"] for rule in by_runs] == [f"{pair.long}/{pair.short}" for pair in pages]
    assert len(burning) == len(pages) + len(burn_rates().pairs)


def with_interval(configuration: Configuration, system: str, seconds: float) -> Configuration:
    """Return the estate with one system whose probes run that often."""
    probes = configuration.systems[system].probes
    slower = {name: probe.model_copy(update={"interval": seconds}) for name, probe in probes.items()}
    return changed(configuration, system, probes=slower)


@pytest.mark.parametrize(
    ("seconds", "pairs"),
    [
        (15, ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]),
        (75, ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]),
        (76, ["1h/6m", "6h/30m", "1d/2h", "3d/6h"]),
        (300, ["1h/20m", "6h/30m", "1d/2h", "3d/6h"]),
        (600, ["1h/40m", "6h/40m", "1d/2h", "3d/6h"]),
        (900, ["6h/60m", "1d/2h", "3d/6h"]),
    ],
)
def test_short_windows_hold_four_runs_of_the_slowest_probe(
    configuration: Configuration, seconds: float, pairs: list[str]
) -> None:
    """And each window that an alert compares is recorded; a pair whose windows would meet is left out."""
    built = flat(with_interval(only(configuration, "website"), "website", seconds), burn_rates())
    burning = [rule for rule in built if rule.get("alert", "").startswith("AvailabilityBurns")]
    assert [rule["labels"]["pair"] for rule in burning] == pairs
    recorded = {rule["record"] for rule in built if "record" in rule}
    for rule in burning:
        assert set(re.findall(r"system:piekwacht_probe_\w+:\w+", rule["expr"])) <= recorded


def test_a_system_that_is_probed_too_seldom_is_refused(configuration: Configuration) -> None:
    """Rather than left without any alert about its budget."""
    with pytest.raises(ValueError, match="too seldom for any burn rate: website"):
        rules.build(with_interval(configuration, "website", 18 * 3600), burn_rates())


def test_slow_and_quick_systems_have_their_own_rules(configuration: Configuration) -> None:
    """The shipped telephone lines are called every five minutes; each system is judged once by each page's pair."""
    lines = {name for name, system in configuration.systems.items() if system.is_line}
    assert lines
    burning = [rule for rule in flat(configuration, burn_rates()) if rule.get("alert") == "AvailabilityBurnsFast"]
    chosen = {
        rule["labels"]["pair"]: set(re.findall(r'system=~"([^"]+)"', rule["expr"])[0].split("|"))
        for rule in burning
        if "system=~" in rule["expr"]
    }
    assert chosen["1h/20m"] >= lines
    assert chosen["1h/5m"] == set(configuration.systems) - chosen["1h/20m"]


def test_an_environment_has_its_own_intervals(configuration: Configuration) -> None:
    """Staging calls every ten minutes; a system none of whose probes can run there has no rules."""
    here = rules.narrowed(configuration, "staging")
    assert {probe.interval for _, _, probe in here.probes()} == {60.0, 600.0}
    nowhere = replace(
        configuration,
        environments={"local": configuration.environments["local"].model_copy(update={"trunks": {}, "asterisks": {}})},
    )
    left = rules.narrowed(nowhere, "local")
    assert set(left.systems) == {name for name, system in configuration.systems.items() if not system.is_line}
    assert rules.build(left, burn_rates())


def test_runbooks_can_be_elsewhere(configuration: Configuration) -> None:
    """The base that a build is given stands before the name of the page."""
    built = rules.build(configuration, burn_rates(), "https://wiki.example/piekwacht/")
    found = {
        rule["annotations"]["runbook_url"]
        for group in built["groups"]
        for rule in group["rules"]
        if rule.get("labels", {}).get("severity") in TOLD
    }
    assert "https://wiki.example/piekwacht/MonitorDown.md" in found
    assert all(url.startswith("https://wiki.example/piekwacht/") for url in found)


def test_build_writes_rules_and_tests(tmp_path: Path) -> None:
    """`rules build` says where they are; an environment that does not exist is wrong use."""
    arguments = ["build", "--out", str(tmp_path), "--config", str(ROOT / "config")]
    result = CliRunner().invoke(app, [*arguments, "--env", "staging"])
    assert result.exit_code == 0
    assert {path.name for path in (tmp_path / "rules").iterdir()} == {"piekwacht.rules.yml", "piekwacht.tests.yml"}
    assert CliRunner().invoke(app, [*arguments, "--env", "nowhere"]).exit_code == 2


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=UNHURRIED)


def written(folder: Path, rule_file: dict[str, Any], test_file: dict[str, Any]) -> Path:
    (folder / "piekwacht.rules.yml").write_text(yaml.safe_dump(rule_file))
    tests = folder / "piekwacht.tests.yml"
    tests.write_text(yaml.safe_dump(test_file))
    return tests


def cases(configuration: Configuration, words: str) -> dict[str, Any]:
    """Return the test file with only the cases whose name contains `words`."""
    everything = rule_cases.build(configuration, "piekwacht.rules.yml")
    found = [test for test in everything["tests"] if words in test["name"]]
    assert found
    return {**everything, "tests": found}


@pytest.mark.peer
def test_promtool_accepts_the_rules(
    peer: Callable[[str], str], configuration: Configuration, voting: Configuration, tmp_path: Path
) -> None:
    """Without a single remark."""
    rule_file = tmp_path / "piekwacht.rules.yml"
    for estate in (configuration, voting):
        rule_file.write_text(texts(estate)["rules/piekwacht.rules.yml"])
        found = run([peer("promtool"), "check", "rules", "--lint-fatal", rule_file])
        assert found.returncode == 0, found.stderr + found.stdout


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_promtool_finds_every_case_as_described(
    peer: Callable[[str], str], configuration: Configuration, tmp_path: Path
) -> None:
    """Outages page; planned windows, single failures and idle systems do not; a dead exporter does."""
    for name, text in texts(configuration).items():
        (tmp_path / Path(name).name).write_text(text)
    tests = tmp_path / "piekwacht.tests.yml"
    found = run([peer("promtool"), "test", "rules", tests])
    assert found.returncode == 0, found.stderr + found.stdout


@pytest.mark.peer
@pytest.mark.parametrize("quorum", [2, 3])
def test_promtool_finds_that_a_quorum_decides(
    peer: Callable[[str], str], voting: Configuration, tmp_path: Path, quorum: int
) -> None:
    """Fewer than the quorum make a ticket, as many as it page; who is blind has no vote."""
    estate = changed(voting, "website", quorum=quorum)
    tests = written(tmp_path, rules.build(estate, burn_rates()), cases(estate, "website: "))
    found = run([peer("promtool"), "test", "rules", tests])
    assert found.returncode == 0, found.stderr + found.stdout
