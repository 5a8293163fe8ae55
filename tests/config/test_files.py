"""Generated files appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.files import write_all
from tests.conftest import ROOT


def test_files_are_written_readable_for_others(tmp_path: Path) -> None:
    """Grafana and Prometheus run as other users; folders are made on the way."""
    paths = write_all({tmp_path / "b" / "two.yml": "2 é\n", tmp_path / "one.json": "1\n"})
    assert paths == [tmp_path / "b" / "two.yml", tmp_path / "one.json"]
    assert paths[0].read_text(encoding="utf-8") == "2 é\n"
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o644}
    assert len(list(tmp_path.rglob("*"))) == 3


def test_an_error_leaves_every_target_as_it_was(tmp_path: Path) -> None:
    """The first file is not replaced when the second cannot be written, and nothing temporary remains."""
    good = tmp_path / "good.json"
    good.write_text("old\n")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_all({good: "new\n", tmp_path / "file" / "bad.json": "x\n"})
    assert good.read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "good.json"]


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    """A pipe (as a device would) and a folder stay what they are; the error names them."""
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for special in (pipe, folder):
        with pytest.raises(OSError, match=f"not a regular file: '{special}'"):
            write_all({tmp_path / "good.json": "new\n", special: "x\n"})
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that a symbolic link points to is replaced, not the link."""
    file, link = tmp_path / "file.json", tmp_path / "link.json"
    file.write_text("old\n")
    link.symlink_to(file.name)
    assert write_all({link: "new\n"}) == [link]
    assert link.is_symlink()
    assert file.read_text() == "new\n"


def test_a_full_disk_leaves_nothing_temporary(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the error names the file, the old one is still there."""
    (tmp_path / "large.json").write_text("old\n")
    program = """
import resource, sys
from pathlib import Path
from config.files import write_all
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_all({Path(sys.argv[1]) / "small.json": "x", Path(sys.argv[1]) / "large.json": "x" * 100_000})
except OSError as error:
    print(error)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == f"[Errno 27] File too large: '{tmp_path / 'large.json'}'\n"
    assert [path.name for path in tmp_path.iterdir()] == ["large.json"]
    assert (tmp_path / "large.json").read_text() == "old\n"
