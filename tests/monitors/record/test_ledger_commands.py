"""`piekwacht ledger`: what a person at a terminal sees of the record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from monitors.record.ledger import Ledger
from monitors.record.ledger_commands import app
from monitors.record.ledger_schema import SCHEMA_VERSION
from monitors.verdict import Cause, Unknown
from tests.monitors.record.test_ledger_file import VERSION_1
from tests.monitors.records import BAD, HOME, START, run, schedule, slot, sql


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, vantage="utrecht") as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(0)), run(slot(1), BAD), run(slot(2), Unknown(Cause.OVERLOADED)), run(slot(0))], [HOME])
    return path


def test_a_sound_ledger_is_said_to_be_sound(path: Path) -> None:
    """While a monitor has it open, too."""
    with Ledger.open(path, vantage="utrecht"):
        result = invoke("check", "--ledger", path)
    assert (result.exit_code, result.output) == (0, f"{path} is sound\n")
    assert json.loads(invoke("check", "--ledger", path, "--json").output) == {
        "ledger": str(path),
        "sound": True,
        "problems": [],
    }


def test_what_is_wrong_is_said(path: Path) -> None:
    sql(path, "UPDATE hours SET bad = 7")
    result = invoke("check", "--ledger", path)
    assert result.exit_code == 1
    assert "2 7 1 (good, bad, unknown) is stored, its minutes make 2 1 1" in result.output
    assert result.output.endswith(f"{path}: 2 problem(s)\n")
    assert len(json.loads(invoke("check", "--ledger", path, "--json").output)["problems"]) == 2


def test_a_file_that_cannot_be_read_is_not_sound(path: Path, tmp_path: Path) -> None:
    """Damage so deep that nothing can be asked is a 'no'; a file that is not there is wrong use."""
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    result = invoke("check", "--ledger", path)
    assert result.exit_code == 1
    assert "malformed" in result.output
    result = invoke("check", "--ledger", tmp_path / "nothing")
    assert (result.exit_code, result.output) == (2, f"there is no ledger at {tmp_path / 'nothing'}\n")


def test_a_copy_says_its_size(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "ledger.sqlite"
    result = invoke("backup", target, "--ledger", path)
    assert (result.exit_code, result.output) == (0, f"{target}: {target.stat().st_size:,} bytes, checked\n")
    assert invoke("check", "--ledger", target).exit_code == 0
    result = invoke("backup", path, "--ledger", path)
    assert (result.exit_code, result.output) == (2, f"{path} is the ledger itself\n")


def test_what_is_in_it_is_described(path: Path) -> None:
    data = json.loads(invoke("info", "--ledger", path, "--json").output)
    assert data["bytes"] > 4096
    assert {**data, "bytes": 0} == {
        "ledger": str(path),
        "vantage": "utrecht",
        "version": SCHEMA_VERSION,
        "first_scheduled": "2023-11-14T23:00:00+01:00",
        "last_run": "2023-11-14T23:00:03+01:00",
        "probes": 1,
        "runs": 3,
        "failures": 1,
        "unknown": 1,
        "not_started": 1,
        "repeated_by_the_clock": 0,
        "windows": 0,
        "window_revisions": 0,
        "bytes": 0,
    }
    shown = invoke("info", "--ledger", path).output
    assert "vantage" in shown
    assert "utrecht" in shown


def test_an_older_ledger_is_upgraded_once(tmp_path: Path) -> None:
    old = shutil.copyfile(VERSION_1, tmp_path / "old.sqlite")
    result = invoke("info", "--ledger", old)
    assert result.exit_code == 2
    assert f"of the older version 1; bring it up to date: piekwacht ledger upgrade --ledger {old}" in result.output
    assert invoke("upgrade", "--ledger", old).output == f"{old}: version 1 is version {SCHEMA_VERSION} now\n"
    assert invoke("upgrade", "--ledger", old).output == f"{old}: version {SCHEMA_VERSION}\n"
    assert invoke("check", "--ledger", old).exit_code == 0
