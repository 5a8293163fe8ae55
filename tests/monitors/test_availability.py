"""`piekwacht availability`, from a real ledger to what a person or a machine reads."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from config import Configuration
from journeys import Reason
from monitors.accounting import Account
from monitors.availability import Report, availability, percent, report
from monitors.ledger import Ledger, Schedule
from monitors.verdict import Cause, Fail, Pass, Run, Unknown, Window

ROOT = Path(__file__).resolve().parents[2]
START = 1_700_000_000 // 60 * 60
BAD = Fail(Reason.TIMEOUT, "home")

app = typer.Typer()
app.command()(availability)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(ROOT / "config"), *arguments])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def fill(path: Path, configuration: Configuration, start: float, *, bad: int = 0, skip: str = "") -> None:
    """Write ten undisturbed minutes of every probe but those of the system `skip`; `bad` runs of each fail."""
    probes = [(system, probe) for system, probe, _ in configuration.probes() if system != skip]
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule(*probe, 15, start) for probe in probes], start)
        for probe in probes:
            ledger.record([Run(*probe, start + 15 * k, 0.1, BAD if k < bad else Pass()) for k in range(40)])


def answer(path: Path, configuration: Configuration, start: float, end: float, now: float | None = None) -> Report:
    with Ledger.open(path, read_only=True) as ledger:
        return report(ledger, configuration, start, end, end if now is None else now)


def of(system: str, found: Report) -> Account:
    return next(account for account in found.accounts if account.system == system)


def test_the_period_is_what_was_scheduled(path: Path, configuration: Configuration) -> None:
    """Thirty days are asked for, ten minutes are on record: budget and coverage are those of ten minutes."""
    fill(path, configuration, START, bad=1)
    found = answer(path, configuration, START - 30 * 86_400, START + 600)
    website = of("website", found)
    assert (found.start, found.end) == (START, START + 600)
    assert (website.good, website.bad, website.coverage) == (39, 1, 1.0)
    assert website.budget_minutes == pytest.approx(0.01)
    assert website.budget_minutes_left == pytest.approx(0.01 - 10 / 40)


def test_a_moment_in_the_middle_of_a_minute_takes_the_minute_whole(path: Path, configuration: Configuration) -> None:
    """Counts are kept by the minute, so both ends of a period are rounded outwards, and the report says so."""
    fill(path, configuration, START)
    found = answer(path, configuration, START + 100, START + 130, now=START + 10_000)
    assert (found.start, found.end) == (START + 60, START + 180)
    assert {account.coverage for account in found.accounts} == {1.0}


def test_planned_time_is_shown_both_ways(path: Path, configuration: Configuration) -> None:
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule("website", "home-page", 15, START)], START)
        ledger.record([Run("website", "home-page", START + 15 * k, 0.1, Pass()) for k in range(4)])
        ledger.record([Run("website", "home-page", START + 60 + 15 * k, 0.1, BAD, Window.PLANNED) for k in range(4)])
        ledger.record([Run("website", "home-page", START + 120, 0.1, Unknown(Cause.OVERLOADED))])
    found = answer(path, configuration, START, START + 180, now=START + 1000)
    website = of("website", found)
    assert (website.including_planned, website.excluding_planned) == (0.5, 1.0)
    assert website.coverage == pytest.approx(8 / 12)


def test_good_means_every_objective_is_met(path: Path, configuration: Configuration) -> None:
    """Exit 0, a row for each system, and the rule in words."""
    fill(path, configuration, time.time() // 60 * 60 - 660)
    result = invoke("--ledger", str(path))
    assert result.exit_code == 0, result.output
    for system in configuration.systems:
        assert f"{system} " in result.output
    assert "100.000 %" in result.output
    assert "the share of probe runs that passed" in " ".join(result.output.split())


def test_a_missed_objective_is_no(path: Path, configuration: Configuration) -> None:
    """Exit 1, also when another system has no data."""
    fill(path, configuration, time.time() // 60 * 60 - 660, bad=1, skip="digid-app")
    result = invoke("--ledger", str(path), "--last", "1h")
    assert result.exit_code == 1, result.output
    assert "97.500 %" in result.output
    assert "no data" in result.output


def test_missing_data_is_no_answer(path: Path, configuration: Configuration) -> None:
    """Nothing is missed, but one system was never measured: exit 3, and never 100 %."""
    fill(path, configuration, time.time() // 60 * 60 - 660, skip="digid-app")
    result = invoke("--ledger", str(path), "--json")
    assert result.exit_code == 3
    systems = {item["system"]: item for item in json.loads(result.output)["systems"]}
    assert systems["digid-app"]["availability_including_planned"] is None
    assert systems["digid-app"]["met"] is None
    assert systems["website"]["met"] is True


def test_a_machine_reads_the_same(path: Path, configuration: Configuration) -> None:
    """JSON holds the period, the rule and every number of the table."""
    fill(path, configuration, START, bad=4)
    result = invoke("--ledger", str(path), "--from", "2023-11-14T22:13:00Z", "--to", "2023-11-14T22:23:00Z", "--json")
    data = json.loads(result.output)
    assert result.exit_code == 1
    assert (data["from"], data["to"], data["vantage"]) == (
        "2023-11-14T22:13:00+00:00",
        "2023-11-14T22:23:00+00:00",
        "local",
    )
    website = next(item for item in data["systems"] if item["system"] == "website")
    assert website == {
        "system": "website",
        "objective": 0.999,
        "met": False,
        "availability_excluding_planned": 0.9,
        "availability_including_planned": 0.9,
        "coverage": 1.0,
        "budget_left": pytest.approx(-99),
        "budget_minutes": pytest.approx(0.01),
        "budget_minutes_left": pytest.approx(-0.99),
        "good": 36,
        "bad": 4,
        "unknown": 0,
        "expected": 40,
    }
    assert "Availability is" in data["rule"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-03-01"], "a time with its offset"),
        (["--from", "yesterday"], "a time with its offset"),
        (["--to", "2026-03-01T00:00"], "a time with its offset"),
        (["--last", "30"], "a duration with its unit"),
        (["--last", "30d", "--from", "2026-03-01T00:00Z"], "not both"),
        (["--from", "2026-03-02T00:00Z", "--to", "2026-03-01T00:00Z"], "begin before it ends"),
        (["--from", "2999-01-01T00:00Z"], "begin before it ends"),
    ],
)
def test_wrong_use_is_explained(path: Path, configuration: Configuration, arguments: list[str], message: str) -> None:
    fill(path, configuration, START)
    result = invoke("--ledger", str(path), *arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.replace("│", "").split())


def test_an_unused_ledger_has_no_data(path: Path) -> None:
    """However long the period: there is no data, and no figure."""
    Ledger.open(path).close()
    result = invoke("--ledger", str(path), "--last", "99999999d", "--json")
    assert result.exit_code == 3
    assert {item["coverage"] for item in json.loads(result.output)["systems"]} == {None}


def test_a_missing_ledger_is_wrong_use(tmp_path: Path) -> None:
    result = invoke("--ledger", str(tmp_path / "nothing.sqlite"))
    assert result.exit_code == 2
    assert result.output == f"there is no ledger at {tmp_path / 'nothing.sqlite'}\n"


def test_percentages_are_cut_not_rounded() -> None:
    """One failure in a million is not 100 %; what is exact stays exact."""
    assert percent(999_999 / 1_000_000) == "99.999 %"
    assert percent(9_999_999 / 10_000_000) == "99.999 %"
    assert percent(0.999) == "99.900 %"
    assert percent(0.57) == "57.000 %"
    assert percent(1.0) == "100.000 %"
    assert percent(0.9999, 1) == "99.9 %"
    assert percent(None) == "no data"
