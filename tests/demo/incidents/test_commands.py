"""`piekwacht incident`: what it says before anything runs, and when it cannot go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner, Result

from demo import commands
from demo.incidents import replay
from demo.incidents.chronicle import Chronicle, Happened
from demo.incidents.script import Script, names
from demo.processes import ChildFailedError
from piekwacht import app
from tests.conftest import ROOT


@pytest.fixture
def incident(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the command in this process, whose signals it leaves alone."""
    monkeypatch.setattr(commands, "end_like_ctrl_c", lambda: None)
    monkeypatch.chdir(ROOT)
    return lambda *arguments: CliRunner().invoke(app, ["incident", *map(str, arguments)])


def test_every_incident_is_listed_with_its_title(incident: Callable[..., Result]) -> None:
    assert [line.split()[0] for line in incident("list").stdout.splitlines()] == names()


def test_an_unknown_incident_is_wrong_use(incident: Callable[..., Result]) -> None:
    """And those that exist are named."""
    done = incident("replay", "april-2024")
    assert done.exit_code == 2
    assert done.stderr == f"There is no incident 'april-2024'; there is: {', '.join(names())}\n"


def test_missing_packages_are_named(
    incident: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong use, in one line, before anything is started."""
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "prometheus" else f"/usr/bin/{name}")
    done = incident("replay", names()[0], "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "apt-get install prometheus" in done.stderr


@pytest.mark.parametrize(
    ("trouble", "code", "said"),
    [
        (ChildFailedError("the monitor has ended"), 1, "the monitor has ended"),
        (OSError(28, "No space left on device"), 1, "It cannot go on: [Errno 28] No space left on device"),
        (KeyboardInterrupt(), 3, "Stopped."),
    ],
)
def test_what_ends_a_replay_is_one_line(
    incident: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: BaseException,
    code: int,
    said: str,
) -> None:
    """No traceback, whatever it is; the exit code tells a failure from a stop."""

    def broken(*_: object) -> NoReturn:
        raise trouble

    monkeypatch.setattr(replay, "replay", broken)
    done = incident("replay", names()[0], "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr) == (code, f"{said}\n")


def test_a_post_mortem_that_cannot_be_written_is_one_line(
    incident: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full, or in the way stands something else."""

    def unnoticed(chosen: Script, *_: object) -> Chronicle:
        every = dict.fromkeys([*(each.probe for each in chosen.expect), *chosen.untouched], 2.0)
        times = chosen.timetable(every, chosen.length)
        happened = [Happened(times.second(each.at), each.says, each.on or "", each.off or "") for each in chosen.course]
        return Chronicle(times, every, happened, [])

    page = tmp_path / "post-mortem.html"
    page.mkdir()
    monkeypatch.setattr(replay, "replay", unnoticed)
    done = incident("replay", names()[0], "--out", tmp_path)
    assert (done.exit_code, done.stderr) == (1, f"It cannot go on: [Errno 21] not a regular file: '{page}'\n")
    assert list(tmp_path.iterdir()) == [page]
