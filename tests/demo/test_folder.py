"""The demo removes what it wrote itself, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.folder import MARK, FolderError, prepare
from tests.conftest import ROOT

CONFIG = ROOT / "config"


def test_a_folder_with_files_of_others_is_refused_untouched(tmp_path: Path) -> None:
    """`--out .` in a project with its own config/ and logs/ deletes neither."""
    for name in ("config", "logs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FolderError, match="holds files that are not the demo's"):
        prepare(tmp_path, CONFIG)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_next_demo_replaces_its_own_files_only(tmp_path: Path) -> None:
    """A folder that the demo made is used again; what was added there, or is linked from there, stays."""
    folder, outside = tmp_path / "new" / "demo", tmp_path / "outside"
    outside.mkdir()
    (outside / "mine.txt").write_text("mine")
    prepare(folder, CONFIG)
    (folder / "logs" / "old.log").write_text("old")
    (folder / "ledger.sqlite").write_text("old")
    (folder / "notes.txt").write_text("mine")
    (folder / "load").symlink_to(outside)
    prepare(folder, CONFIG)
    assert sorted(path.name for path in folder.rglob("*")) == [MARK, "logs", "notes.txt"]
    assert (outside / "mine.txt").read_text() == "mine"


def test_a_folder_that_holds_the_configuration_is_refused(tmp_path: Path) -> None:
    """The copy that an earlier demo made is its own, but it cannot be read and replaced at once."""
    prepare(tmp_path, CONFIG)
    (tmp_path / "config").mkdir()
    with pytest.raises(FolderError, match="holds the configuration"):
        prepare(tmp_path, tmp_path / "config")
    assert (tmp_path / "config").is_dir()


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "demo"):
        with pytest.raises(FolderError, match=f"{folder} cannot be used: "):
            prepare(folder, CONFIG)
