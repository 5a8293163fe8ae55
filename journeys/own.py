"""Journeys of one's own: Python files in `journeys/` of the configuration's folder, beside the estate.

A file of the configuration is code and runs as such, so it is loaded only if nobody but its owner and group can
change it.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from config.source import ConfigError, Problem
from journeys.core import JourneyDefinition, definitions

FOLDER = "journeys"
_OTHERS_MAY_WRITE = 0o002


def known_journeys(root: Path) -> Mapping[str, JourneyDefinition]:
    """Return every journey by name: the project's and those of the configuration in `root`, each loaded once.

    Raises `ConfigError` with every file that cannot be loaded, the line, and why.
    """
    problems: list[Problem] = []
    for path in sorted((root / FOLDER).glob("*.py")):
        name = "own_journeys_" + hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
        if name not in sys.modules and (problem := _load(path, name)) is not None:
            problems.append(problem)
    if problems:
        raise ConfigError(problems)
    return definitions()


def _load(path: Path, name: str) -> Problem | None:
    """Run one file; return what is wrong with it."""
    if any(place.stat().st_mode & _OTHERS_MAY_WRITE for place in (path, path.parent)):
        return Problem(str(path), 1, "", "a file or folder that anybody may change", "one that only its owner may")
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is in that file
        del sys.modules[name]
        return Problem(str(path), _line(error, path), "", f"{type(error).__name__}: {error}", "journeys")
    return None


def _line(error: Exception, path: Path) -> int:
    """Return the last line of the file that took part in an error."""
    if isinstance(error, SyntaxError):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else 1) or 1
