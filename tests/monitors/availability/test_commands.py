"""`piekwacht availability`, from real ledgers to what a person or a machine reads."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from config import Configuration
from monitors.availability.commands import availability
from monitors.availability.view import percent
from monitors.record.ledger import Ledger
from tests.monitors.availability.pictures import HOME, START, fill, picture, planned

ROOT = Path(__file__).resolve().parents[3]


app = typer.Typer()
app.command()(availability)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(ROOT / "config"), *arguments])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def an_hour_ago() -> float:
    """Return the whole minute since which there is room for an hour of runs."""
    return time.time() // 60 * 60 - 61 * 60


def test_good_means_every_objective_is_met(path: Path, configuration: Configuration) -> None:
    """Exit 0, a row for each system, and the rules in words."""
    fill(path, configuration, an_hour_ago(), minutes=60)
    result = invoke("--ledger", str(path))
    assert result.exit_code == 0, result.output
    for system in configuration.systems:
        assert f"{system} " in result.output
    assert "100.000 %" in result.output
    words = " ".join(result.output.split())
    assert "the share of probe runs that passed" in words
    assert "A chain is a system with everything it depends on" in words
    assert "vantage points vote" not in words


def test_a_missed_objective_is_no(path: Path, configuration: Configuration) -> None:
    """Exit 1, also when another system has no data."""
    fill(path, configuration, an_hour_ago(), minutes=60, bad=1, skip="digid-app")
    result = invoke("--ledger", str(path), "--last", "2h")
    assert result.exit_code == 1, result.output
    assert "99.583 %" in result.output
    assert "no data" in result.output


def test_missing_data_is_no_answer(path: Path, configuration: Configuration) -> None:
    """Nothing is missed, but one system was never measured: exit 3, and never 100 %."""
    fill(path, configuration, an_hour_ago(), minutes=60, skip="digid-app")
    result = invoke("--ledger", str(path), "--json")
    assert result.exit_code == 3
    systems = {item["system"]: item for item in json.loads(result.output)["systems"]}
    assert systems["digid-app"]["availability_including_planned"] is None
    assert systems["digid-app"]["met"] is None
    assert systems["website"]["met"] is True


def test_too_little_coverage_is_no_answer(tmp_path: Path) -> None:
    """A figure of which half was measured is shown, said to be not judged, and exits with 3."""
    path = picture(tmp_path, "local", {HOME: "uuuuu-----"})
    result = invoke(*since_start(path, 10), "--system", "website")
    assert result.exit_code == 3, result.output
    assert "100.000 %" in result.output
    assert "website: 50.0 % was measured, less than 90.0 %: the figure is shown, not judged." in result.output


def since_start(path: Path, minutes: int) -> list[str]:
    moments = [datetime.fromtimestamp(START + 60 * at).astimezone().isoformat() for at in (0, minutes)]
    return ["--ledger", str(path), "--from", moments[0], "--to", moments[1]]


def test_a_machine_reads_the_same(path: Path, configuration: Configuration) -> None:
    """JSON holds the period, the rules and every number of the tables."""
    fill(path, configuration, START, bad=4)
    result = invoke(*since_start(path, 10), "--json", "--system", "website")
    data = json.loads(result.output)
    assert result.exit_code == 1
    assert (data["from"], data["to"]) == ("2023-11-14T00:00:00+00:00", "2023-11-14T00:10:00+00:00")
    assert (data["vantage_points"], data["unit"], data["as_known_at"]) == (["local"], "runs", None)
    (website,) = data["systems"]
    assert website == {
        "system": "website",
        "objective": 0.999,
        "met": False,
        "availability_excluding_planned": 0.9,
        "availability_including_planned": 0.9,
        "coverage": 1.0,
        "min_coverage": 0.9,
        "budget_left": pytest.approx(-99),
        "budget_minutes": pytest.approx(0.01),
        "budget_minutes_left": pytest.approx(-0.99),
        "good": 36,
        "bad": 4,
        "unknown": 0,
        "expected": 40,
        "minutes": {"none": 10, "planned": 0, "overrun": 0, "aftermath": 0, "closed": 0},
        "counts": {"none": {"good": 36, "bad": 4, "unknown": 0, "expected": 40}},
        "chain": {
            "availability_excluding_planned": 0.9,
            "availability_including_planned": 0.9,
            "coverage": 1.0,
            "down_minutes": 1,
            "own_minutes": 1,
            "caused_by": {},
        },
        "runs_out_at_pace_of_last_24h": None,
        "runs_out_at_pace_of_period": None,
        "parts": [],
    }
    assert "Availability is" in data["rule"]
    assert set(data["rules"]) == {"availability", "chain", "pace"}


def test_every_field_is_documented(path: Path, configuration: Configuration) -> None:
    """docs/availability.md names each key of the JSON and each rule of merging."""
    fill(path, configuration, START)
    data = json.loads(invoke(*since_start(path, 10), "--json", "--by", "day").output)
    documented = (ROOT / "docs" / "availability.md").read_text(encoding="utf-8")
    keys = {*data, *data["rules"], *data["systems"][0], *data["systems"][0]["chain"], *data["systems"][0]["parts"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []


def test_several_ledgers_are_merged_and_say_so(tmp_path: Path) -> None:
    """The rule of the quorum stands under the table; a vantage point has one vote."""
    first, second = (picture(tmp_path, vantage, {HOME: "uDuu"}) for vantage in ("amsterdam", "utrecht"))
    result = invoke(*since_start(first, 4), "--ledger", str(second), "--system", "website")
    assert result.exit_code == 1, result.output
    words = " ".join(result.output.split())
    assert "seen from amsterdam, utrecht" in words
    assert "The system is down when as many of them as its quorum see it down" in words
    assert "75.000 %" in words
    twice = invoke(*since_start(first, 4), "--ledger", str(first))
    assert twice.exit_code == 2
    assert "are both of vantage point 'amsterdam'" in twice.output


def test_parts_of_a_period_are_rows(tmp_path: Path) -> None:
    """The table and CSV; the whole stands last in the table."""
    path = picture(tmp_path, "local", {HOME: "u" * 1500 + "D"}, interval=60)
    place = [*since_start(path, 1501), "--system", "website", "--by", "day"]
    table = invoke(*place).output
    assert [line.split()[0] for line in table.splitlines() if " website " in line][:3] == [
        *["2023-11-14", "2023-11-15", "whole"]
    ]
    rows = list(csv.DictReader(io.StringIO(invoke(*place, "--csv").output)))
    assert [(row["period"], row["system"], row["bad"], row["chain_own_minutes"]) for row in rows] == [
        ("2023-11-14", "website", "0", "0"),
        ("2023-11-15", "website", "1", "1"),
    ]


@pytest.mark.parametrize(
    ("arguments", "minutes"),
    [
        (["--year", "2023"], 47 * 1440 + 23 * 60),
        (["--quarter", "2023-Q4"], 47 * 1440 + 23 * 60),
        (["--month", "2023-11"], 16 * 1440 + 23 * 60),
        (["--day", "2023-11-14"], 23 * 60),
        (["--day", "2023-11-15"], 1440),
    ],
)
def test_periods_of_the_calendar(path: Path, configuration: Configuration, arguments: list[str], minutes: int) -> None:
    """They begin at midnight in Amsterdam, which is 23:00 in UTC; the record begins at 00:00 in UTC."""
    fill(path, configuration, START)
    (website,) = json.loads(invoke("--ledger", str(path), *arguments, "--json", "--system", "website").output)[
        "systems"
    ]
    assert website["minutes"]["none"] == minutes


def test_as_known_on_asks_at_the_end_of_that_day(path: Path, configuration: Configuration) -> None:
    """The year as it was printed on its 320th day: until then, with the windows of then."""
    fill(path, configuration, START)
    with Ledger.open(path) as ledger:
        ledger.add_window(planned(0, 10, "website"), START + 2 * 86_400.0, by="J. Jansen", why="late")
    asked = ["--ledger", str(path), "--year", "2023", "--system", "website", "--json", "--as-known-on"]
    before, after = (json.loads(invoke(*asked, day).output) for day in ("2023-11-15", "2023-11-16"))
    assert (before["to"], after["to"]) == ("2023-11-15T23:00:00+00:00", "2023-11-16T23:00:00+00:00")
    assert [data["systems"][0]["minutes"]["planned"] for data in (before, after)] == [0, 10]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-03-01"], "a time with its offset"),
        (["--from", "yesterday"], "a time with its offset"),
        (["--to", "2026-03-01T00:00"], "a time with its offset"),
        (["--last", "30"], "a duration with its unit"),
        (["--last", "30d", "--from", "2026-03-01T00:00Z"], "not both"),
        (["--year", "2026", "--month", "2026-03"], "give --year or --month, not both"),
        (["--year", "2026", "--to", "2026-03-01T00:00Z"], "give --year or --to, not both"),
        (["--quarter", "2026-5"], "--quarter: expected a quarter such as 2026-Q1, not '2026-5'"),
        (["--day", "2026-02-30"], "--day: expected a day such as 2026-03-29, not '2026-02-30'"),
        (["--from", "2026-03-02T00:00Z", "--to", "2026-03-01T00:00Z"], "begin before it ends"),
        (["--from", "2999-01-01T00:00Z"], "begin before it ends"),
        (["--year", "2999"], "begin before it ends"),
        (["--as-known-on", "soon"], "--as-known-on: expected a day such as"),
        (["--json", "--csv"], "give --json or --csv, not both"),
        (["--system", "intranet"], "There is no system 'intranet'"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], message: str) -> None:
    """Before any ledger is opened."""
    result = invoke(*arguments)
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


def test_a_broken_configuration_is_wrong_use(path: Path, tmp_path: Path) -> None:
    """It is not a missed objective."""
    result = CliRunner().invoke(app, ["--config", str(tmp_path), "--ledger", str(path)])
    assert result.exit_code == 2
    assert "found no *.yaml file" in result.output


def test_percentages_are_cut_not_rounded() -> None:
    """One failure in a million is not 100 %; what is exact stays exact."""
    assert percent(999_999 / 1_000_000) == "99.999 %"
    assert percent(9_999_999 / 10_000_000) == "99.999 %"
    assert percent(0.999) == "99.900 %"
    assert percent(0.57) == "57.000 %"
    assert percent(1.0) == "100.000 %"
    assert percent(0.9999, 1) == "99.9 %"
    assert percent(None) == "no data"
