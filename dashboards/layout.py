"""Where panels stand: bands from top to bottom on Grafana's grid of 24 columns, so that nothing overlaps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import attr
from grafanalib.core import GridPos, Panel, RowPanel

COLUMNS = 24


@dataclass(frozen=True)
class Band:
    """Panels side by side. `height` is in units of 30 px; `widths` in columns, equal parts where it is empty."""

    height: int
    panels: Sequence[Panel]
    widths: Sequence[int] = ()

    def place(self, top: int) -> Iterator[Panel]:
        """Yield the panels with their positions. Raises `ValueError` unless the widths fill the grid exactly."""
        widths = self.widths or [COLUMNS // len(self.panels)] * len(self.panels)
        if sum(widths) != COLUMNS or len(widths) != len(self.panels):
            raise ValueError(f"{len(self.panels)} panels cannot have the widths {list(widths)}")
        left = 0
        for panel, width in zip(self.panels, widths, strict=True):
            yield attr.evolve(panel, gridPos=GridPos(h=self.height, w=width, x=left, y=top))
            left += width


@dataclass(frozen=True)
class Section:
    """A titled row above bands; a collapsed one keeps them until someone opens it."""

    title: str
    bands: Sequence[Band]
    question: str
    collapsed: bool = False


def arrange(parts: Sequence[Band | Section]) -> list[Panel]:
    """Stack bands and sections."""
    panels: list[Panel] = []
    top = 0
    for part in parts:
        if isinstance(part, Band):
            panels += part.place(top)
            top += part.height
            continue
        header = GridPos(h=1, w=COLUMNS, x=0, y=top)
        top += 1
        inside: list[Panel] = []
        for band in part.bands:
            inside += band.place(top)
            top += band.height
        row = RowPanel(title=part.title, description=part.question, gridPos=header, collapsed=part.collapsed)
        panels += [attr.evolve(row, panels=inside)] if part.collapsed else [row, *inside]
    return panels


def rows_high(rows: int, *, least: int, most: int) -> int:
    """Return the height of a table or timeline with so many rows: 36 px each, and 84 px for title and headings or axis.

    A panel of h units is 38 h - 8 px high: a unit of 30 px and what lies between two.
    """
    return max(least, min(most, math.ceil((36 * rows + 84 + 8) / 38)))
