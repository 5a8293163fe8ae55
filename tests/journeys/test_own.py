"""Journeys beside the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config import ConfigError, load
from journeys import core, known_journeys

OWN = """
from journeys import Citizen, Journey, fetch, journey


@journey("{name}", title="Own", steps=["home"], needs=())
def own(citizen: Citizen) -> Journey:
    yield from fetch("home", "website", "/")
"""


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the registry of journeys back afterwards."""
    monkeypatch.setattr(core, "_registry", dict(core._registry))
    return


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder for journeys that only its owner may change."""
    path = tmp_path / "journeys"
    path.mkdir(mode=0o755)
    return path


def problems(root: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        known_journeys(root)
    return [str(problem).removeprefix(f"{root}/") for problem in caught.value.problems]


def test_a_file_beside_the_configuration_adds_its_journeys_once(folder: Path) -> None:
    """It is there at once, beside those of the project, and may be asked for again."""
    (folder / "own.py").write_text(OWN.format(name="own-one"))
    for _ in range(2):
        assert {"own-one", "visit-website"} <= set(known_journeys(folder.parent))


def test_no_folder_is_no_journey_of_ones_own(tmp_path: Path) -> None:
    """Most configurations have none."""
    assert "visit-website" in known_journeys(tmp_path)


def test_every_file_that_cannot_be_loaded_is_told_with_its_line(folder: Path) -> None:
    """A syntax error, an error while loading, a name that is taken; what is right in another file still loads."""
    (folder / "a.py").write_text("import os\n\ndef (:\n")
    (folder / "b.py").write_text("one = 1\ntwo = one / 0\n")
    (folder / "c.py").write_text(OWN.format(name="visit-website"))
    (folder / "d.py").write_text(OWN.format(name="own-two"))
    found = problems(folder.parent)
    assert [line.split(": ")[0] for line in found] == ["journeys/a.py:3", "journeys/b.py:2", "journeys/c.py:5"]
    assert "ZeroDivisionError" in found[1]
    assert "journey 'visit-website' exists already" in found[2]
    assert "own-two" in core.definitions()


@pytest.mark.parametrize("open_to_all", ["file", "folder"])
def test_code_that_anybody_may_change_is_not_run(folder: Path, open_to_all: str) -> None:
    """A file or folder that is writable for everybody is refused before it is read."""
    path = folder / "own.py"
    path.write_text("raise SystemExit('it ran')")
    (path if open_to_all == "file" else folder).chmod(0o777)
    assert problems(folder.parent) == [
        "journeys/own.py:1: found a file or folder that anybody may change, expected one that only its owner may"
    ]


def test_problems_of_journeys_come_with_those_of_the_other_files(folder: Path) -> None:
    """All errors at once."""
    (folder / "broken.py").write_text("1 / 0")
    with pytest.raises(ConfigError) as caught:
        load(folder.parent, known_journeys)
    told = str(caught.value)
    assert "ZeroDivisionError" in told
    assert "estate" in told
