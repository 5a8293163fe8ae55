"""Grafana's own schema of a dashboard and of the panels in use, and the units that it knows; whence: README.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from tests.grafana import panels

FOLDER = Path(__file__).parent

OPTIONS = {
    "stat": "stat",
    "timeseries": "timeseries",
    "table": "table",
    "bargauge": "bargauge",
    "state-timeline": "stateTimeline",
    "text": "text",
}
"""What the schema calls the options of each type of panel; a row has none."""


@cache
def _schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each of the types in types.ts, by the name it has there."""
    schemas: dict[str, dict[str, Any]] = json.loads((FOLDER / "grafana.schema.json").read_text(encoding="utf-8"))[
        "properties"
    ]
    return schemas


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator(_schemas()[name])


@cache
def units() -> frozenset[str]:
    """Return the ids of the units that Grafana knows."""
    return frozenset(json.loads((FOLDER / "units.json").read_text(encoding="utf-8")))


def problems(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield what does not fit: of the dashboard without its panels, of each panel, of its options and field options."""
    yield from _said("dashboard", dashboard | {"panels": []}, "the dashboard")
    for panel in panels(dashboard):
        where, kind = f"panel '{panel['title']}'", panel["type"]
        if kind == "row":
            # A row's description is for the preview; Grafana has no place for it.
            shown = {key: value for key, value in panel.items() if key != "description"}
            yield from _said("row", shown | {"panels": []}, where)
            continue
        yield from _said("panel", panel, where)
        if kind not in OPTIONS:
            yield f"{where} has a type that nobody vendored: {kind}"
            continue
        yield from _said(OPTIONS[kind], panel["options"], f"{where}, options")
        custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
        if f"{OPTIONS[kind]}Field" in _schemas():
            yield from _said(f"{OPTIONS[kind]}Field", custom, f"{where}, custom")
        elif custom:
            yield f"{where} has field options, and its type has none"


def _said(name: str, data: Any, where: str) -> Iterator[str]:
    """Yield every error; null stands for what is not given, as in Grafana's own exports."""
    for error in _validator(name).iter_errors(data):
        if error.validator == "type" and error.instance is None:
            continue
        found = best_match([error]) or error
        path = ".".join(map(str, found.absolute_path))
        yield f"{where}, {path}: {found.message}" if path else f"{where}: {found.message}"
