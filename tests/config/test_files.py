"""Generated files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.files import write_all


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
