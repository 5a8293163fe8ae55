"""`piekwacht dashboards build`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboards.commands import app
from tests.conftest import ROOT

CONFIG = ["--config", str(ROOT / "config")]


def test_build_writes_every_file_and_names_them(tmp_path: Path) -> None:
    """--json lists what was written, and no temporary file stays behind."""
    result = CliRunner().invoke(app, ["build", "--out", str(tmp_path / "a b"), "--json", *CONFIG])
    assert result.exit_code == 0
    listed = [Path(name) for name in json.loads(result.stdout)["files"]]
    found = sorted(path for path in (tmp_path / "a b").rglob("*") if path.is_file())
    assert listed == found
    assert [path.name for path in found] == [
        *(f"{name}.json" for name in ("campaign", "customs", "login", "overview", "phone")),
        "piekwacht.yaml",
        *(f"{name}.json" for name in ("portals", "prober", "system")),
        "piekwacht.yaml",
    ]


def test_build_again_changes_no_byte(tmp_path: Path) -> None:
    """Dashboards under version control change only when their sources do."""
    contents = []
    for _ in range(2):
        assert CliRunner().invoke(app, ["build", "--out", str(tmp_path), *CONFIG]).exit_code == 0
        contents.append({path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prometheus", "prometheus:9090"], "--prometheus: found 'prometheus:9090', expected a base URL"),
        (["--scrape-interval", "15"], "--scrape-interval: found '15', expected a duration with its unit"),
    ],
)
def test_wrong_options_are_refused_in_words(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit 2 and one line; nothing is written."""
    result = CliRunner().invoke(app, ["build", "--out", str(tmp_path), *arguments, *CONFIG])
    assert result.exit_code == 2
    assert result.stderr.startswith(said)
    assert list(tmp_path.iterdir()) == []


def test_invalid_configuration_exits_with_2(tmp_path: Path) -> None:
    """The problems of the configuration are printed, not a traceback."""
    result = CliRunner().invoke(app, ["build", "--out", str(tmp_path / "out"), "--config", str(tmp_path)])
    assert result.exit_code == 2
    assert "no *.yaml file" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_exits_with_2(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("")
    result = CliRunner().invoke(app, ["build", "--out", str(tmp_path / "taken"), *CONFIG])
    assert result.exit_code == 2
    assert result.stderr.startswith("Cannot write ")
