"""Tables: a row for each thing, a column for each instant query about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grafanalib.core import Panel

from dashboards import palette
from dashboards.fields import Labels, Steps, links_to, mappings, override, thresholds
from dashboards.grafana import JsonObject
from dashboards.links import Link
from dashboards.panels import Query, targets, visual


@dataclass(frozen=True)
class Column:
    """One column of a table: its title, the instant query behind it, and how its cells are shown."""

    title: str
    expression: str
    unit: str = "short"
    decimals: int | None = None
    steps: Steps = ()
    labels: Labels = field(default_factory=dict)


def table(
    title: str,
    question: str,
    keys: Mapping[str, str],
    columns: Sequence[Column],
    *,
    first: Sequence[str] = (),
    links: Mapping[str, Sequence[Link]] | None = None,
) -> Panel:
    """Make a table with a row for each combination of the labels `keys`, which maps them to headings.

    Two or more columns follow; every expression keeps those labels and no other. `first` names the columns that order
    the rows, the lowest first, or with a minus before it the highest. `links` open from the cells below a heading.
    """
    fields = {f"Value #{chr(ord('A') + index)}": column for index, column in enumerate(columns)}
    order = {name: index for index, name in enumerate([*keys, *fields])}
    return visual(
        "table",
        title,
        question,
        targets([Query(column.expression, instant=True) for column in columns], layout="table"),
        options={
            "cellHeight": "sm",
            "showHeader": True,
            "sortBy": [{"displayName": name.removeprefix("-"), "desc": name.startswith("-")} for name in first],
        },
        field={"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "minWidth": 60}, "noValue": "-"},
        overrides=[
            *(override(title, _heading_cells(label, (links or {}).get(title, ()))) for label, title in keys.items()),
            *(override(column.title, _cells(column)) for column in columns),
        ],
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": order,
                    "renameByName": {**keys, **{name: column.title for name, column in fields.items()}},
                },
            },
        ],
    )


_WIDTHS = {
    "alertname": 175,
    "instance": 150,
    "journey": 170,
    "owner": 140,
    "probe": 220,
    "severity": 70,
    "step": 170,
    "system": 190,
}
"""Pixels that the names of such things need."""

_MEANINGS: Mapping[str, Labels] = {"severity": {"page": ("page", palette.BAD), "ticket": ("ticket", palette.WARNING)}}
"""Colours of names."""


_NOTHING: JsonObject = {
    "type": "special",
    "options": {"match": "null+nan", "result": {"text": "-", "color": palette.UNKNOWN, "index": 0}},
}
"""What is not known has no colour of a threshold: the lowest one would call it bad."""

_AS_TEXT: JsonObject = {"id": "custom.cellOptions", "value": {"type": "color-text"}}
"""A cell shows its colour as that of its letters."""


def _heading_cells(label: str, links: Sequence[Link]) -> list[JsonObject]:
    """Return the settings of a column that says what a row is about."""
    return [
        {"id": "custom.width", "value": _WIDTHS.get(label, 110)},
        *([{"id": "links", "value": links_to(links)}] if links else []),
        *([{"id": "mappings", "value": mappings(_MEANINGS[label])}, _AS_TEXT] if label in _MEANINGS else []),
    ]


def _cells(column: Column) -> list[JsonObject]:
    properties: list[JsonObject] = [{"id": "unit", "value": column.unit}]
    if column.labels or column.steps:
        nothing = [_NOTHING] if column.steps else []
        properties.append({"id": "mappings", "value": mappings(column.labels) + nothing})
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.steps:
        properties += [
            {"id": "color", "value": {"mode": "thresholds"}},
            thresholds(column.steps),
            _AS_TEXT,
        ]
    return properties
