"""How values look: thresholds, texts, colours by name and links, as Grafana's field settings write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboards import palette
from dashboards.grafana import JsonObject
from dashboards.links import Link

Labels = Mapping[float | str, tuple[str, str]]
"""What a value means: (text, colour)."""

Steps = Sequence[tuple[float | None, str]]
"""Thresholds: (from this value on, colour); the first value is None."""


def below(limit: float) -> Steps:
    """Return the steps of a value that is good below a limit, and bad from it on."""
    return [(None, palette.GOOD), (limit, palette.BAD)]


def written(steps: Steps) -> list[JsonObject]:
    """Return thresholds as a list of steps."""
    return [{"value": value, "color": colour} for value, colour in steps]


def thresholds(steps: Steps) -> JsonObject:
    """Return thresholds as a property of an override."""
    return {"id": "thresholds", "value": {"mode": "absolute", "steps": written(steps)}}


def look(unit: str, steps: Steps, decimals: int | None) -> JsonObject:
    """Return unit, thresholds and decimals, coloured by threshold."""
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": written(steps)}}
    return field if decimals is None else field | {"decimals": decimals}


def mappings(labels: Labels) -> list[JsonObject]:
    """Return what stands in the place of values."""
    options = {
        value if isinstance(value, str) else f"{value:g}": {"text": name, "color": colour, "index": index}
        for index, (value, (name, colour)) in enumerate(labels.items())
    }
    return [{"type": "value", "options": options}] if options else []


def override(name: str, properties: list[JsonObject]) -> JsonObject:
    """Return properties for the series or column of a name."""
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def coloured(colours: Mapping[str, str]) -> list[JsonObject]:
    """Return an override for each name that has a colour."""
    return [
        override(name, [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}])
        for name, colour in colours.items()
    ]


def links_to(links: Sequence[Link]) -> list[JsonObject]:
    """Return links as Grafana writes them; those that leave it open a page of their own."""
    return [{"title": title, "url": url, "targetBlank": "://" in url} for title, url in links]
