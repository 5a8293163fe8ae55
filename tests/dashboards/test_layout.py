"""Bands and sections on Grafana's grid."""

from __future__ import annotations

import pytest
from grafanalib.core import RowPanel, Text

from dashboards.layout import Band, Section, arrange


def places(panels: list[object]) -> list[tuple[int, int, int, int]]:
    return [(one.gridPos.x, one.gridPos.y, one.gridPos.w, one.gridPos.h) for one in panels]  # type: ignore[attr-defined]


def test_bands_stack_and_share_the_width() -> None:
    """Panels of a band stand side by side, equally wide; the next band begins below."""
    panels = arrange([Band(4, [Text(), Text(), Text()]), Band(8, [Text(), Text()], [16, 8])])
    assert places(panels) == [(0, 0, 8, 4), (8, 0, 8, 4), (16, 0, 8, 4), (0, 4, 16, 8), (16, 4, 8, 8)]


def test_a_section_puts_its_title_above_its_panels() -> None:
    """The row takes one unit; what follows begins below its panels, open or collapsed."""
    for collapsed in (False, True):
        panels = arrange([Section("More", [Band(5, [Text()])], "Why?", collapsed=collapsed), Band(3, [Text()])])
        row = panels[0]
        assert isinstance(row, RowPanel)
        inside = row.panels if collapsed else panels[1:2]
        assert places([row, *inside, panels[-1]]) == [(0, 0, 24, 1), (0, 1, 24, 5), (0, 6, 24, 3)]


@pytest.mark.parametrize("widths", [[12, 13], [24], [8, 8]])
def test_a_band_that_does_not_fill_the_grid_is_refused(widths: list[int]) -> None:
    """Too wide, too narrow, or not one width for each panel."""
    with pytest.raises(ValueError, match="2 panels cannot have the widths"):
        arrange([Band(4, [Text(), Text()], widths)])
