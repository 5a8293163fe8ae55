"""Writing generated files so that a reader never sees half of one, and saying which were written."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import typer

from config.commands import Exit


def write_all(files: Mapping[Path, str]) -> list[Path]:
    """Write every text to its path and return the paths, sorted. Folders are made where they are missing.

    All texts go to temporary files beside their targets first, then each is renamed: an error while writing leaves
    every target as it was. Raises `OSError`.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, text in files.items():
            temporary[path] = _write_beside(path, text)
        for path, written in temporary.items():
            written.replace(path)
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)
    return sorted(files)


def publish(folder: Path, texts: Mapping[str, str], *, as_json: bool) -> None:
    """Write texts by their path inside `folder` and print the list of files; exit with 2 where that is impossible."""
    try:
        written = write_all({folder / name: text for name, text in texts.items()})
    except OSError as error:
        typer.echo(f"Cannot write to {folder}: {error.strerror}", err=True)
        raise typer.Exit(Exit.USAGE) from None
    if as_json:
        typer.echo(json.dumps({"files": [str(path) for path in written]}, indent=2))
    else:
        for path in written:
            typer.echo(f"wrote {path}")


def _write_beside(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(handle, 0o644)  # mkstemp makes it private; Grafana and Prometheus run as other users
    return Path(name)
