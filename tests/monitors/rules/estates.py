"""The shipped estate, cut down to some of its systems."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from config import Configuration


def only(configuration: Configuration, *names: str) -> Configuration:
    """Return an estate of these systems alone, which depend on each other at most."""
    systems = {
        name: system.model_copy(update={"depends_on": [one for one in system.depends_on if one in names]})
        for name in names
        for system in [configuration.systems[name]]
    }
    return replace(configuration, systems=systems)


def changed(configuration: Configuration, name: str, **changes: Any) -> Configuration:
    """Return the estate with one system changed."""
    system = configuration.systems[name].model_copy(update=changes)
    return replace(configuration, systems={**configuration.systems, name: system})
