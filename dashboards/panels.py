"""Panels as functions: a title, the question that the panel answers, queries, and how to show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafanalib.core import Panel, StateTimeline, Text, TimeSeries

from dashboards import palette
from dashboards.grafana import DATASOURCE, JsonObject, Target, Visual

Labels = Mapping[float, tuple[str, str]]
"""What a value means: (text, colour)."""

Steps = Sequence[tuple[float | None, str]]
"""Thresholds: (from this value on, colour); the first value is None."""

NOTHING = "none"
"""Name of the series that stands at 0 while nothing happens."""

_LAST: JsonObject = {"calcs": ["lastNotNull"], "fields": "", "values": False}


@dataclass(frozen=True)
class Query:
    """One query of a panel; `legend` may name labels as {{label}}. An instant query asks for now only.

    `steps` are thresholds for this query alone; its legend is then a plain name.
    """

    expression: str
    legend: str = ""
    instant: bool = False
    steps: Steps = ()


@dataclass(frozen=True)
class Column:
    """One column of a table: its title, the instant query behind it, and how its cells are shown."""

    title: str
    expression: str
    unit: str = "short"
    decimals: int | None = None
    steps: Steps = ()


def below(limit: float) -> Steps:
    """Return the steps of a value that is good below a limit, and bad from it on."""
    return [(None, palette.GOOD), (limit, palette.BAD)]


def text(title: str, question: str, content: str) -> Panel:
    """Make a panel of Markdown."""
    return Text(title=title, description=question, content=content.strip(), mode="markdown", dataSource=DATASOURCE)


def stat(
    title: str,
    question: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    steps: Steps,
    decimals: int | None = None,
    labels: Labels | None = None,
    show: str = "value",
    none: str = "no data",
) -> Panel:
    """Make a panel of large figures.

    `labels` replaces values by texts and fills the background; `show` is value, name or value_and_name; `none` is the
    text where there is no data.
    """
    return _visual(
        "stat",
        title,
        question,
        _targets(queries),
        options={
            "colorMode": "background_solid" if labels else "value",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "reduceOptions": _LAST,
            # The same size everywhere: by itself Grafana makes short figures huge and long ones small.
            "text": {"titleSize": 14, "valueSize": 20 if labels else 32},
            "textMode": show,
            "wideLayout": False,
        },
        field=_field(unit, steps, decimals) | {"mappings": _mappings(labels or {}), "noValue": none},
        overrides=[_override(query.legend, [_thresholds(query.steps)]) for query in queries if query.steps],
    )


def bars(
    title: str,
    question: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    colours: Mapping[str, str] | None = None,
    other: str = palette.NEUTRAL,
    decimals: int | None = None,
) -> Panel:
    """Make one horizontal bar for each series, named by its legend; `other` colours those not in `colours`."""
    return _visual(
        "bargauge",
        title,
        question,
        _targets(queries),
        options={
            "displayMode": "basic",
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": _LAST,
            "showUnfilled": True,
            "sizing": "auto",
            "valueMode": "color",
        },
        field=_field(unit, [(None, other)], decimals) | {"min": 0},
        overrides=_coloured(colours or {}),
    )


def table(
    title: str,
    question: str,
    key: str,
    columns: Sequence[Column],
    *,
    first: str = "",
    link: tuple[str, str] | None = None,
) -> Panel:
    """Make a table with a row for each value of the label `key`, and two or more columns.

    Every expression keeps that label and no other. `first` names the column that orders the rows, the lowest first, or
    with a minus before it the highest. `link` (title, URL) opens from the first cell of a row.
    """
    fields = {f"Value #{chr(ord('A') + index)}": column for index, column in enumerate(columns)}
    heading = key.capitalize()
    opening: list[JsonObject] = [{"id": "custom.width", "value": 160}]
    if link:
        opening.append({"id": "links", "value": [{"title": link[0], "url": link[1]}]})
    order = {name: index for index, name in enumerate([key, *fields])}
    return _visual(
        "table",
        title,
        question,
        _targets([Query(column.expression, instant=True) for column in columns], layout="table"),
        options={
            "cellHeight": "sm",
            "footer": {"show": False},
            "showHeader": True,
            "sortBy": [{"displayName": first.removeprefix("-"), "desc": first.startswith("-")}] if first else [],
        },
        field={"custom": {"align": "auto", "cellOptions": {"type": "auto"}, "minWidth": 60}, "noValue": "-"},
        overrides=[_override(heading, opening), *(_override(column.title, _cells(column)) for column in columns)],
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": order,
                    "renameByName": {key: heading} | {name: column.title for name, column in fields.items()},
                },
            },
        ],
    )


def time_series(
    title: str,
    question: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    colours: Mapping[str, str],
    stacked: bool = False,
    lines_at: Steps = (),
    top: int | None = None,
    ranked: bool = False,
    decimals: int | None = None,
) -> Panel:
    """Make a graph over time, from 0. `colours` maps a series' name to its colour; `stacked` draws bars.

    `lines_at` draws dashed lines at thresholds, which stay in sight; `top` fixes the upper end of the axis. `ranked`
    lists many series beside the graph, the highest first; a single one needs no legend.
    """
    alone = len(queries) == 1 and "{{" not in queries[0].legend
    highest = max((value for value, _ in lines_at if value is not None), default=None)
    return TimeSeries(
        title=title,
        description=question,
        dataSource=DATASOURCE,
        targets=_targets(queries),
        unit=unit,
        valueMin=0,
        valueMax=top,
        valueDecimals=decimals,
        drawStyle="bars" if stacked else "line",
        fillOpacity=70 if stacked else 8,
        lineWidth=1 if stacked else 2,
        showPoints="never",
        stacking={"mode": "normal" if stacked else "none", "group": "A"},
        thresholds=_steps(lines_at or [(None, palette.NEUTRAL)]),
        thresholdsStyleMode="dashed" if lines_at else "off",
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=_coloured(colours) + ([_override(NOTHING, _AS_LINE)] if stacked else []),
        extraJson={
            "options": {"legend": {"showLegend": not alone} | (_RANKED if ranked else {})},
            # grafanalib takes whole numbers only.
            "fieldConfig": {"defaults": {"custom": {"axisSoftMax": highest and 1.1 * highest}}},
        },
    )


_AS_LINE: list[JsonObject] = [
    {"id": "custom.drawStyle", "value": "line"},
    {"id": "custom.lineWidth", "value": 2},
]
"""A bar of height 0 would not be seen."""

_RANKED: JsonObject = {
    "calcs": ["max"],
    "displayMode": "table",
    "placement": "right",
    "sortBy": "Max",
    "sortDesc": True,
}


def timeline(
    title: str,
    question: str,
    queries: Sequence[Query],
    *,
    labels: Labels,
    links: Sequence[tuple[str, str]] = (),
) -> Panel:
    """Make one row of coloured stretches for each series. `labels` maps values to (text, colour)."""
    return StateTimeline(
        title=title,
        description=question,
        dataSource=DATASOURCE,
        targets=_targets(queries),
        mappings=_mappings(labels),
        thresholds=_steps([(None, palette.UNKNOWN)]),
        showValue="never",
        tooltipMode="multi",
        links=[{"title": name, "url": url, "targetBlank": False} for name, url in links],
        extraJson={"options": {"legend": {"showLegend": True}}},
    )


def _visual(
    kind: str,
    title: str,
    question: str,
    targets: list[Target],
    *,
    options: JsonObject,
    field: JsonObject,
    overrides: Sequence[JsonObject] = (),
    transformations: Sequence[JsonObject] = (),
) -> Panel:
    return Visual(
        title=title,
        description=question,
        dataSource=DATASOURCE,
        targets=targets,
        transformations=list(transformations),
        extraJson={
            "type": kind,
            "options": options,
            "fieldConfig": {"defaults": field, "overrides": list(overrides)},
        },
    )


def _targets(queries: Sequence[Query], layout: str = "time_series") -> list[Target]:
    return [
        Target(
            expr=query.expression,
            legendFormat=query.legend,
            instant=query.instant,
            format=layout,
            refId=chr(ord("A") + index),
        )
        for index, query in enumerate(queries)
    ]


def _steps(steps: Steps) -> list[JsonObject]:
    return [{"value": value, "color": colour} for value, colour in steps]


def _thresholds(steps: Steps) -> JsonObject:
    return {"id": "thresholds", "value": {"mode": "absolute", "steps": _steps(steps)}}


def _field(unit: str, steps: Steps, decimals: int | None) -> JsonObject:
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": _steps(steps)}}
    return field if decimals is None else field | {"decimals": decimals}


def _mappings(labels: Labels) -> list[JsonObject]:
    options = {
        f"{value:g}": {"text": name, "color": colour, "index": index}
        for index, (value, (name, colour)) in enumerate(labels.items())
    }
    return [{"type": "value", "options": options}] if options else []


def _override(name: str, properties: list[JsonObject]) -> JsonObject:
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def _coloured(colours: Mapping[str, str]) -> list[JsonObject]:
    return [
        _override(name, [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}])
        for name, colour in colours.items()
    ]


def _cells(column: Column) -> list[JsonObject]:
    properties: list[JsonObject] = [{"id": "unit", "value": column.unit}]
    if column.decimals is not None:
        properties.append({"id": "decimals", "value": column.decimals})
    if column.steps:
        properties += [
            {"id": "color", "value": {"mode": "thresholds"}},
            _thresholds(column.steps),
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
    return properties
