"""Panels as functions: a title, the question that the panel answers, queries, and how to show them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from grafanalib.core import Panel, StateTimeline, Text, TimeSeries

from dashboards import palette
from dashboards.fields import Labels, Steps, coloured, links_to, look, mappings, override, thresholds, written
from dashboards.grafana import DATASOURCE, JsonObject, Target, Visual
from dashboards.links import Link

NOTHING = "none"
"""Name of the series that stands at 0 while nothing happens."""

_LAST: JsonObject = {"calcs": ["lastNotNull"], "fields": "", "values": False}


@dataclass(frozen=True)
class Query:
    """One query of a panel; `legend` may name labels as {{label}}. An instant query asks for now only.

    `steps` are thresholds and `unit` is the unit for this query alone; its legend is then a plain name.
    """

    expression: str
    legend: str = ""
    instant: bool = False
    steps: Steps = ()
    unit: str = ""


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
    return visual(
        "stat",
        title,
        question,
        targets(queries),
        options={
            "colorMode": "background_solid" if labels else "value",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "reduceOptions": _LAST,
            # The same size everywhere: by itself Grafana makes short figures huge and long ones small.
            "text": {"titleSize": 12 if labels else 14, "valueSize": 18 if labels else 22},
            "textMode": show,
            "wideLayout": False,
        },
        field=look(unit, steps, decimals) | {"mappings": mappings(labels or {}), "noValue": none},
        overrides=[override(query.legend, _own_settings(query)) for query in queries if query.steps or query.unit],
    )


def bars(
    title: str,
    question: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    colours: Mapping[str, str] | None = None,
    steps: Steps = ((None, palette.NEUTRAL),),
    decimals: int | None = None,
) -> Panel:
    """Make one horizontal bar for each series, named by its legend; `steps` colour those not in `colours`."""
    return visual(
        "bargauge",
        title,
        question,
        targets(queries),
        options={
            "displayMode": "basic",
            "maxVizHeight": 24,
            "minVizHeight": 16,
            "minVizWidth": 8,
            "namePlacement": "left",
            "orientation": "horizontal",
            "reduceOptions": _LAST,
            "showUnfilled": True,
            "sizing": "manual",
            # By itself Grafana makes letters as high as the bars, and leaves room for names in letters of 12 px.
            "text": {"titleSize": 12, "valueSize": 14},
            "valueMode": "color",
        },
        field=look(unit, steps, decimals) | {"min": 0},
        overrides=coloured(colours or {}),
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
    links: Sequence[Link] = (),
) -> Panel:
    """Make a graph over time, from 0. `colours` maps a series' name to its colour; `stacked` draws bars.

    `lines_at` draws dashed lines at thresholds, which stay in sight; `top` fixes the upper end of the axis. `ranked`
    lists many series beside the graph, the highest first; a single one needs no legend. `links` open from a series.
    """
    alone = len(queries) == 1 and "{{" not in queries[0].legend
    highest = max((value for value, _ in lines_at if value is not None), default=None)
    at_least = 1.1 * highest if highest else None if top else _AT_LEAST.get(unit)
    return TimeSeries(
        title=title,
        description=question,
        dataSource=DATASOURCE,
        targets=targets(queries),
        unit=unit,
        valueMin=0,
        valueMax=top,
        valueDecimals=decimals,
        drawStyle="bars" if stacked else "line",
        fillOpacity=70 if stacked else 0 if ranked else 8,
        lineWidth=1 if stacked else 2,
        showPoints="never",
        stacking={"mode": "normal" if stacked else "none", "group": "A"},
        thresholds=written(lines_at or [(None, palette.NEUTRAL)]),
        thresholdsStyleMode="dashed" if lines_at else "off",
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=coloured(colours) + ([override(NOTHING, _AS_LINE)] if stacked else []),
        extraJson={
            "options": {"legend": {"showLegend": not alone} | (_ranked(colours) if ranked else {})},
            # grafanalib takes whole numbers only.
            "fieldConfig": {
                "defaults": {
                    "custom": {"axisSoftMax": at_least},
                    # Names that nobody knew before, such as those of vantage points: Grafana's own palette is not safe.
                    "color": {"mode": "shades", "fixedColor": palette.NEUTRAL},
                    "links": links_to(links),
                }
            },
        },
    )


_AT_LEAST = {"percentunit": 0.05, "s": 0.01, "short": 1.0, "/s": 1.0}
"""How far an axis goes at least: where everything is 0, Grafana draws one to 100."""

_AS_LINE: list[JsonObject] = [
    {"id": "custom.drawStyle", "value": "line"},
    {"id": "custom.lineWidth", "value": 2},
]
"""A bar of height 0 would not be seen."""


def _ranked(names: Collection[str]) -> JsonObject:
    """List the highest first beside the graph, as wide as the longest of the names needs."""
    letters = max(map(len, names), default=20)
    return _RANKED | {"width": min(270, 110 + 7 * letters)}


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
    links: Sequence[Link] = (),
) -> Panel:
    """Make one row of coloured stretches for each series, which `links` open from.

    `labels` maps values to (text, colour).
    """
    return StateTimeline(
        title=title,
        description=question,
        dataSource=DATASOURCE,
        targets=targets(queries),
        mappings=mappings(labels),
        thresholds=written([(None, palette.UNKNOWN)]),
        showValue="never",
        tooltipMode="multi",
        extraJson={
            "options": {"legend": {"showLegend": True}},
            "fieldConfig": {"defaults": {"links": links_to(links)}},
        },
    )


def _own_settings(query: Query) -> list[JsonObject]:
    return [
        *([thresholds(query.steps)] if query.steps else []),
        *([{"id": "unit", "value": query.unit}] if query.unit else []),
    ]


def visual(
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
    """Make a panel whose JSON is written here, not by grafanalib."""
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


def targets(queries: Sequence[Query], layout: str = "time_series") -> list[Target]:
    """Return the queries, named A, B, ...; `layout` is time_series or table."""
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
