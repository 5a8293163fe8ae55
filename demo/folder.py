"""The folder of the demo: everything it writes goes there, and only what it wrote itself is ever removed."""

from __future__ import annotations

import shutil
from pathlib import Path

MARK = ".piekwacht-demo"
"""The file by which the demo knows a folder as its own."""

OWN_FILES = ("config", "calls", "logs", "load", "grafana", "prometheus", "alertmanager", "demo.json", "stack.json",
    "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite-lock")  # fmt: skip
"""What the demo writes in its folder, and removes at its next start; anything else there is left alone."""


class FolderError(Exception):
    """The demo cannot use this folder; the message says which and why, for people."""


def prepare(folder: Path, config: Path) -> None:
    """Make `folder` ready for a demo that reads the configuration in `config`.

    A new or empty folder is marked as the demo's own; in a marked one the files of the last demo are removed. Raises
    `FolderError` for any other folder, and for one that holds the configuration.
    """
    if config.resolve().is_relative_to(folder.resolve()):
        raise FolderError(f"{folder} holds the configuration {config}: give the demo another folder")
    mark = folder / MARK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.is_file():
            if any(folder.iterdir()):
                raise FolderError(f"{folder} holds files that are not the demo's: give it an empty or a new folder")
            mark.write_text("Made by `piekwacht demo`, which replaces its own files here each time it starts.\n")
        for name in OWN_FILES:
            _remove(folder / name)
        (folder / "logs").mkdir()
    except OSError as error:
        raise FolderError(f"{folder} cannot be used: {error.strerror}") from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
