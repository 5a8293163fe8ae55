"""Writing generated files so that a reader never sees half of one, and saying which were written."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer

from config.commands import Exit


def write_all(files: Mapping[Path, str]) -> list[Path]:
    """Write every text to its path and return the paths, sorted. Folders are made where they are missing.

    All texts go to temporary files beside their targets first, then each is renamed: an error while writing leaves
    every target as it was, and nothing temporary. A symbolic link stays, the file it points to is replaced. Raises
    `OSError` with the path that could not be written; what is no regular file (a folder, a device) is never replaced.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, text in files.items():
            with _named(path):
                _write_beside(path, text, temporary)
        for path, written in temporary.items():
            with _named(path):
                written.replace(path.resolve())
    finally:
        for written in temporary.values():
            written.unlink(missing_ok=True)
    return sorted(files)


def publish(folder: Path, texts: Mapping[str, str], *, as_json: bool) -> None:
    """Write texts by their path inside `folder` and print the list of files; exit with 2 where that is impossible."""
    try:
        written = write_all({folder / name: text for name, text in texts.items()})
    except OSError as error:
        typer.echo(f"Cannot write {error.filename}: {error.strerror}", err=True)
        raise typer.Exit(Exit.USAGE) from None
    if as_json:
        typer.echo(json.dumps({"files": [str(path) for path in written]}, indent=2))
    else:
        for path in written:
            typer.echo(f"wrote {path}")


def _write_beside(path: Path, text: str, temporary: dict[Path, Path]) -> None:
    """Write to a new file in the folder of `path`, noted in `temporary` before anything can fail."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EISDIR if path.is_dir() else errno.EINVAL, "not a regular file")
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary[path] = Path(name)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(handle, 0o644)  # mkstemp makes it private; Grafana and Prometheus run as other users


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have an `OSError` name the file that was asked for: not the temporary one, and not none (a full disk)."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
