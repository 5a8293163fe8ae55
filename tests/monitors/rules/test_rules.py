"""Prometheus rules: generated from the estate, and judged by promtool itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from config import Configuration, Objective
from monitors.metrics import ALL
from monitors.rules import queries, rule_tests, rules
from monitors.rules.burn_rates import BurnRates, burn_rates
from monitors.rules.rules_commands import app, texts
from monitors.verdict import Window
from tests.conftest import ROOT


def flat(configuration: Configuration, rates: BurnRates) -> list[dict[str, Any]]:
    return [rule for group in rules.build(configuration, rates)["groups"] for rule in group["rules"]]


@pytest.fixture
def alerts(configuration: Configuration) -> list[dict[str, Any]]:
    return [rule for rule in flat(configuration, burn_rates()) if "alert" in rule]


@pytest.fixture
def voting(configuration: Configuration) -> Configuration:
    """Return an estate of two systems, of which two vantage points must see the website burn."""
    website, login = (configuration.systems[name] for name in ("website", "digid-app"))
    return replace(configuration, systems={"website": website.model_copy(update={"quorum": 2}), "digid-app": login})


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
    website = configuration.systems["website"]
    stricter = website.model_copy(update={"objective": Objective(target=99.95, measured_by=["home-page"])})
    estate = replace(configuration, systems={**configuration.systems, "website": stricter})
    budgets = {
        rule["labels"]["system"]: rule for rule in flat(estate, burn_rates()) if rule.get("record") == rules.BUDGET
    }
    assert set(budgets) == set(configuration.systems)
    assert budgets["website"]["expr"] == "vector(0.0005)"
    assert budgets["website"]["labels"] == {"system": "website", "owner": "kis", "objective": "99.95"}
    assert budgets["digid-app"]["expr"] == "vector(0.001)"


def test_every_division_is_guarded_and_nothing_is_averaged(configuration: Configuration) -> None:
    """`> 0` on every denominator, and ratios are of increases."""
    for rule in flat(configuration, burn_rates()):
        assert rule["expr"].count(" / ") == len(re.findall(r" / \(.* > 0\)", rule["expr"])), rule
        assert "avg" not in rule["expr"]
        assert "rate(" not in rule["expr"]


def test_every_burn_rate_alert_has_a_floor(alerts: list[dict[str, Any]]) -> None:
    """Few failures never alert, however large their share."""
    burning = [alert for alert in alerts if alert["alert"].startswith("AvailabilityBurns")]
    assert len(burning) == len(burn_rates().pairs)
    for alert in burning:
        assert f">= {burn_rates().min_failures}" in alert["expr"]


def test_every_alert_says_what_a_person_needs(alerts: list[dict[str, Any]]) -> None:
    """Summary, description, severity, owner (given, or brought by the budget) and a runbook that exists."""
    for alert in alerts:
        notes = alert["annotations"]
        assert notes["summary"]
        assert notes["description"].endswith(".")
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert "owner" in alert["labels"] or rules.BUDGET in alert["expr"]
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
        known = {metric.name for metric in ALL} | {rule["record"] for rule in built if "record" in rule}
        for rule in built:
            assert set(re.findall(r"(?:system\w*:)?piekwacht_[\w:]+", rule["expr"])) <= known


def test_only_pages_wait_for_a_quorum(voting: Configuration) -> None:
    """Each pair that pages does so by quorum or by all runs together, never by both; tickets need no quorum."""
    burning = [rule for rule in flat(voting, burn_rates()) if rule.get("alert", "").startswith("AvailabilityBurns")]
    by_quorum = [rule for rule in burning if rules.VOTES in rule["expr"]]
    by_runs = [rule for rule in burning if "unless on (system) " + rules.BUDGET + '{system=~"website"}' in rule["expr"]]
    pages = [pair for pair in burn_rates().pairs if pair.severity == "page"]
    assert [rule["labels"]["pair"] for rule in by_quorum] == [f"{pair.long}/{pair.short}" for pair in pages]
    assert [rule["labels"]["pair"] for rule in by_runs] == [f"{pair.long}/{pair.short}" for pair in pages]
    assert len(burning) == len(pages) + len(burn_rates().pairs)


def test_build_writes_both_files(tmp_path: Path) -> None:
    """`rules build` says where they are."""
    result = CliRunner().invoke(app, ["build", "--out", str(tmp_path), "--config", str(ROOT / "config")])
    assert result.exit_code == 0
    assert sorted(path.name for path in (tmp_path / "rules").iterdir()) == [
        "piekwacht.rules.yml",
        "piekwacht.tests.yml",
    ]
    assert result.stdout.count("wrote ") == 2


def run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def written(folder: Path, rule_file: dict[str, Any], test_file: dict[str, Any]) -> Path:
    (folder / "piekwacht.rules.yml").write_text(yaml.safe_dump(rule_file))
    tests = folder / "piekwacht.tests.yml"
    tests.write_text(yaml.safe_dump(test_file))
    return tests


def cases(configuration: Configuration, words: str) -> dict[str, Any]:
    """Return the test file with only the cases whose name contains `words`."""
    everything = rule_tests.build(configuration, "piekwacht.rules.yml")
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
@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("planned time counts", "planned window"),
        ("no floor", "single failed run"),
        ("no alert on silence", "dead exporter"),
        ("no guard", "without runs"),
    ],
)
def test_promtool_notices_when_a_rule_is_broken(
    peer: Callable[[str], str], configuration: Configuration, tmp_path: Path, broken: str, words: str
) -> None:
    """The cases are able to fail: each defect is found by the case that is about it."""
    text = yaml.safe_dump(rules.build(configuration, burn_rates()), width=10_000)
    damaged = {
        "planned time counts": lambda: text.replace(queries.UNPLANNED, queries.COUNTED),
        "no floor": lambda: text.replace(f">= {burn_rates().min_failures}", ">= 0"),
        "no alert on silence": lambda: text.replace("absent(", "absent(vector(1) or "),
        "no guard": lambda: re.sub(r"/ \((system:\S+) > 0\)", r"/ \1", text),
    }[broken]()
    assert damaged != text
    tests = written(tmp_path, yaml.safe_load(damaged), cases(configuration, words))
    found = run([peer("promtool"), "test", "rules", tests])
    assert found.returncode == 1
    assert "FAILED" in found.stdout + found.stderr


@pytest.mark.peer
@pytest.mark.parametrize("quorum", [2, 3])
def test_promtool_finds_that_a_quorum_decides(
    peer: Callable[[str], str], voting: Configuration, tmp_path: Path, quorum: int
) -> None:
    """Fewer than the quorum make a ticket, as many as it page; who is blind has no vote."""
    website = voting.systems["website"].model_copy(update={"quorum": quorum})
    estate = replace(voting, systems={**voting.systems, "website": website})
    tests = written(tmp_path, rules.build(estate, burn_rates()), cases(estate, "website: "))
    found = run([peer("promtool"), "test", "rules", tests])
    assert found.returncode == 0, found.stderr + found.stdout


@pytest.mark.peer
@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        (", 2)", ", 1)", "1 of 3 vantage points"),
        (", 2)", ", 3)", "2 of 3 vantage points"),
        ("clamp_max(count by (system) (", "clamp_min(count by (system) (", "is blind"),
        (f"unless on (system) {rules.BUDGET}", "unless on (system) none", "1 of 3 vantage points"),
    ],
    ids=["one is enough", "all must see it", "the blind have a vote", "all runs page too"],
)
def test_promtool_notices_when_a_quorum_is_broken(
    peer: Callable[[str], str], voting: Configuration, tmp_path: Path, right: str, wrong: str, words: str
) -> None:
    """These cases are able to fail, too."""
    text = yaml.safe_dump(rules.build(voting, burn_rates()), width=10_000)
    assert right in text
    tests = written(tmp_path, yaml.safe_load(text.replace(right, wrong)), cases(voting, words))
    found = run([peer("promtool"), "test", "rules", tests])
    assert found.returncode == 1
    assert "FAILED" in found.stdout + found.stderr
