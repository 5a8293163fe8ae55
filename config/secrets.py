"""Reading a secret where its reference says that it is: `file:PATH` or `env:NAME`."""

from __future__ import annotations

import os
from pathlib import Path


def place_of(reference: str) -> str:
    """Name the place for people: the path of the file, or which environment variable."""
    kind, _, place = reference.partition(":")
    return place if kind == "file" else f"environment variable {place}"


def read_secret(reference: str) -> str:
    """Return the secret; a byte order mark at the beginning of a file is left out.

    Raises `OSError`, of which a variable that is not set is one, or `UnicodeDecodeError`.
    """
    kind, _, place = reference.partition(":")
    if kind == "file":
        return Path(place).read_text(encoding="utf-8-sig")
    if place not in os.environ:
        raise FileNotFoundError(None, "it is not set", place)
    return os.environ[place]
