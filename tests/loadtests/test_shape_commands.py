"""`load shape`, `load season`, `load import-shape` as a person uses them: what they print, and their exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import journeys
from config import load
from loadtests.plan import make_plan
from piekwacht import app
from tests.conftest import ROOT

runner = CliRunner()


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    """Return what is printed on standard output and on standard error."""
    result = runner.invoke(app, ["load", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def words(*arguments: str) -> str:
    """Return what is printed, without its line breaks."""
    return " ".join(run(*arguments, "--config", str(ROOT / "config"))[0].split())


def data(*arguments: str) -> dict:
    return json.loads(run(*arguments, "--config", str(ROOT / "config"), "--json")[0])


def test_compressing_keeps_the_volume_or_the_rate():
    """The headline says which; the figures agree with it."""
    shape = ("shape", "aangifte-2023-03-01", "--from", "10:00", "--to", "11:00")
    real, volume = data(*shape), data(*shape, "--compress", "60")
    rate = data(*shape, "--compress", "60", "--keep", "rate")
    assert volume["arrivals"] == pytest.approx(real["arrivals"])
    assert volume["peak"]["rate"] == pytest.approx(60 * real["peak"]["rate"])
    assert rate["arrivals"] == pytest.approx(real["arrivals"] / 60)
    assert rate["peak"]["rate"] == pytest.approx(real["peak"]["rate"])
    assert "60 times faster keeping the volume (the rate rises 60 times)" in words(*shape, "--compress", "60")
    assert "keeping the rate (60 times fewer arrivals)" in words(*shape, "--compress", "60", "--keep", "rate")
    assert "evenly spaced" in words(*shape, "--even")


def test_growth_of_the_command_line_is_for_all_streams_or_one():
    """The factor of 2022 to 2023, applied to the day of 2022, gives the day of 2023; it stays in the data."""
    shape = ("shape", "aangifte-2023-03-01", "--day", "march-2022")
    grown = data(*shape, "--growth", "sms-logins=2.3333333333333335", "--growth", "1.5", "--years", "2")
    arrivals: dict[str, float] = {}
    for kind in grown["kinds"]:
        arrivals[kind["stream"]] = arrivals.get(kind["stream"], 0) + kind["arrivals"]
    assert arrivals["sms-logins"] == pytest.approx(600_000 * (7 / 3) ** 2)
    assert arrivals["app-logins"] == pytest.approx(2_200_000 * 1.5**2)
    assert grown["growth"]["visits"] == 1.5
    assert grown["years"] == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--growth", "much"], "--growth much: 'much' is not a factor"),
        (["--growth", "logins=2"], "there is no stream 'logins'; there is: activations"),
        (["--growth", "nan"], "--growth nan: 'nan' is not a factor"),
        (["--growth", "-1"], "--growth -1: '-1' is not a factor"),
        (["--growth", "101"], "growth: Input should be"),
        (["--keep", "both"], "keep: Input should be 'volume' or 'rate'"),
        (["--day", "2027-03-01"], "has no day '2027-03-01'; it has: march-2023, march-2022"),
    ],
)
def test_options_that_cannot_be_are_explained(options, says):
    """Exit code 2, and no traceback."""
    assert says in run("shape", "aangifte-2023-03-01", *options, "--config", ROOT / "config", code=2)[1]


def test_any_date_of_a_season_can_be_shown():
    """By its date alone; the plan keeps the name of the season."""
    shown = data("shape", "aangifte-forecast", "--day", "2027-04-27")
    assert shown["day"] == "filing-2027-2027-04-27"
    season = data("season", "aangifte-forecast")
    (day,) = [day for day in season["days"] if day["date"] == "2027-04-27"]
    assert day["holiday"] == "King's Day"
    assert shown["arrivals"] == pytest.approx(sum(day["totals"].values()))
    assert sum(day["totals"]["app-logins"] for day in season["days"]) == pytest.approx(70_000_000)
    error = run("shape", "aangifte-forecast", "--day", "2027-05-01", "--config", ROOT / "config", code=2)[1]
    assert "any date of filing-2027 (2027-03-01 to 2027-04-30)" in error


def test_a_season_is_shown_with_its_holidays_and_its_deadline():
    """A line for each day."""
    text, _ = run("season", "aangifte-forecast", "--config", ROOT / "config")
    assert "108,500,000 arrivals from 2027-03-01 to 2027-04-30" in text
    assert "Easter Monday" in text
    assert "deadline" in text
    assert run("season", "smoke", "--config", ROOT / "config", code=2)[1] == "smoke has no season\n"
    assert "no season 'x'" in run("season", "aangifte-forecast", "x", "--config", ROOT / "config", code=2)[1]


def test_what_a_day_is_made_of_is_said():
    """Growth, overlays with their arrivals and sources, splices, seasons."""
    text = words("shape", "aangifte-forecast")
    for said in ("Growth (the day's): app-logins x 1.05", "On top (again): The second partner", "more after midnight"):
        assert said in text
    text = words("shape", "aangifte-forecast", "--day", "busy-evening")
    for said in ("Splice: 18:00 to 24:00 from march-2027, assumption", "Season: filing-2027, its part for 2027-03-15"):
        assert said in text


@pytest.fixture
def house(tmp_path) -> Path:
    """Copy the configuration, and add a day that was recorded."""
    root = tmp_path / "config"
    for folder in ("estate", "campaigns", "environments"):
        shutil.copytree(ROOT / "config" / folder, root / folder)
    campaign = root / "campaigns" / "smoke.yaml"
    recorded = """  recorded-day:
    start: 2027-03-01T00:00:00+01:00
    source: counted
    totals: {returns: 1000}
    recordings: {logins: {shape: portal, date: 2026-03-01}, returns: {shape: portal, date: 2026-03-01}}
hourly_profile"""
    campaign.write_text(campaign.read_text().replace("hourly_profile", recorded, 1))
    return root


def test_from_a_csv_file_to_a_run(house, tmp_path):
    """Counted in another system, imported, named by a campaign: then a plan has it, on every worker."""
    rows = [f"2026-03-01T{hour:02d}:00,{100 + hour}" for hour in range(24) if hour != 5]
    (tmp_path / "in.csv").write_text("\n".join(["time,count", *rows]))
    out = house / "shapes" / "portal.csv"
    said, told = run("import-shape", "--csv", tmp_path / "in.csv", "--out", out)
    assert "warning: gaps: 1, together 3,600 s" in said
    assert told == f"written: {out}\n"
    assert "# gaps: 1, together 3,600 s" in out.read_text()
    plan = make_plan(load(house, journeys.definitions()), "smoke", "local", day="recorded-day")
    arrivals = dict(zip([kind.stream for kind in plan.kinds], plan.shapes, strict=True))
    assert 2 * arrivals["logins"].total == pytest.approx(sum(range(100, 124)), rel=0.01)
    assert 2 * arrivals["returns"].total == pytest.approx(1000)
    again = type(plan).model_validate_json(plan.model_dump_json())
    assert again.arrivals.digest() == plan.arrivals.digest()
    out.unlink()
    error = run("shape", "smoke", "--day", "recorded-day", "--config", house, code=2)[1]
    assert f"{out}:1: found No such file" in error
    result = runner.invoke(app, ["validate", "--config", str(house)])
    assert result.exit_code == 1
    assert "found 'portal', expected a file shapes/portal.csv" in result.stderr


def test_the_peak_of_an_import_is_told_in_full(tmp_path):
    """No power of ten: 1,790 a second, not 1.79e+03."""
    (tmp_path / "in.csv").write_text("start,seconds,count\n2026-03-01T07:00,60,60\n2026-03-01T07:01,60,107400\n")
    said = run("import-shape", "--csv", tmp_path / "in.csv", "--out", tmp_path / "out.csv")[0]
    assert "at most 1,790 a second" in said


def test_an_import_is_smooth_if_asked_and_says_what_it_did(tmp_path):
    """As data for a machine; the total is the same either way."""
    path = tmp_path / "in.csv"
    path.write_text("time,count\n" + "".join(f"{60 * minute},{minute % 2 * 10}\n" for minute in range(120)))
    plain = json.loads(run("import-shape", "--csv", path, "--out", tmp_path / "a.csv", "--json")[0])
    smooth = json.loads(
        run("import-shape", "--csv", path, "--out", tmp_path / "b.csv", "--smooth", "15m", "--step", "5m", "--json")[0]
    )
    assert plain["arrivals"] == smooth["arrivals"] == pytest.approx(600)
    assert (plain["slots"], smooth["slots"]) == (120, 24)
    assert "noise: kept" in plain["comments"]
    assert "noise: smoothed; every 900 s keep their total" in smooth["comments"]
    assert plain["warnings"] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], ["found no source, expected one of --csv, --access-log, --prometheus"]),
        (["--csv", "a", "--access-log", "b"], ["found --csv and --access-log, expected one of"]),
        (
            ["--csv", "a", "--step", "60", "--zone", "Europe/Atlantis", "--gaps", "guess", "--from", "noon"],
            ["--step: found", "--zone: found", "--gaps: found", '--from: found "noon", expected a time such as'],
        ),
        (
            ["--prometheus", "http://127.0.0.1:1"],
            ["--query: found nothing", "--from: ", "--to: ", "found neither, expected --rate or --counter"],
        ),
        (["--prometheus", "ftp://x", "--query", "up"], ['--prometheus: found "ftp://x", expected a base URL']),
        (["--csv", "a", "--smooth", "90s"], ["--smooth: found 90s, expected at least two steps, 120s"]),
        (["--csv", "a", "--step", "0.5s"], ["--step: found"]),
        (["--access-log", "a", "--format", "iis"], ["--format: found"]),
        (
            ["--access-log", "a", "--path-regex", "("],
            ['--path-regex: found "(", expected a regular expression (missing'],
        ),
        (["--access-log", "a", "--path-regex", "(?u)x"], ["expected a regular expression (bad inline flags"]),
        (["--access-log", "a", "--path-regex", "x{9999999999}"], ["expected a regular expression (the repetition"]),
        (["--access-log", "a", "--path-regex", "(" * 3000 + ")" * 3000], ["expected a regular expression (maximum"]),
        (["--access-log", "a", "--path-regex", "\udcff"], ['found "\\udcff", expected a regular expression (']),
    ],
)
def test_wrong_options_are_told_all_at_once(tmp_path, options, says):
    """Exit code 2; nothing is read or written."""
    told = run("import-shape", *options, "--out", tmp_path / "out.csv", code=2)[1].splitlines()
    assert len(told) == len(says), told
    for expected in says:
        assert any(expected in line for line in told), told
    assert not (tmp_path / "out.csv").exists()


def test_a_source_that_is_of_no_use_leaves_nothing_behind(tmp_path):
    """Exit code 2, every problem in a line, no file."""
    (tmp_path / "in.csv").write_text("time,count\n0,-1\nx,2\n")
    told = run("import-shape", "--csv", tmp_path / "in.csv", "--out", tmp_path / "out.csv", code=2)[1]
    assert [line.split("in.csv")[1][:3] for line in told.splitlines()] == [":2:", ":3:"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv"]


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    """A folder in its place, a path through a file: exit code 2, nothing half written."""
    (tmp_path / "in.csv").write_text("time,count\n0,1\n60,2\n")
    (tmp_path / "folder").mkdir()
    for out in (tmp_path / "folder", tmp_path / "in.csv" / "out.csv"):
        assert f"cannot write {out}" in run("import-shape", "--csv", tmp_path / "in.csv", "--out", out, code=2)[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in.csv"]


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    """The disk's own words; the old file stays as it was."""
    import errno
    import tempfile

    (tmp_path / "in.csv").write_text("time,count\n0,1\n60,2\n")
    (tmp_path / "out.csv").write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    out = tmp_path / "out.csv"
    told = run("import-shape", "--csv", tmp_path / "in.csv", "--out", out, code=2)[1]
    assert told == f"cannot write {out}: No space left on device\n"
    assert out.read_text() == "old"
