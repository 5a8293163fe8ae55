"""The strip of 90 days as shapes: a bar a day, as high as the part of the day that was measured. Pure.

Never by colour alone: a day below the objective has a dot under its bar, one far below it a triangle, one without a
measurement is a hollow box. Days that are alike and nothing to look at make one shape, so a page stays small.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from monitors.web.status_page.view import Day, Level

STEP, BAR = 10, 7.6
"""Widths of a day and of its bar, in units of the drawing."""
TALL, HEIGHT = 32.0, 42.0
"""Heights of a bar and of the whole, with the marks."""
WHOLE = 0.995
"""The coverage from which on a day counts as measured wholly."""


class Shape(NamedTuple):
    """Days that are drawn and described as one: `ghost` is the outline of the whole day, `mark` stands below."""

    first: Day
    last: Day
    bars: str
    ghost: str
    mark: str

    @property
    def level(self) -> Level:
        """What the days were."""
        return self.first.level


def shapes(days: Sequence[Day]) -> list[Shape]:
    """Return the shapes of a strip, oldest first."""
    found = []
    for noted, group in groupby(enumerate(days), key=lambda each: (each[0] if notable(each[1]) else -1, each[1].level)):
        members = list(group)
        first, last = members[0], members[-1]
        found.append(
            Shape(
                first[1],
                last[1],
                " ".join(_bar(index, _height(day)) for index, day in members),
                " ".join(_bar(index, TALL) for index, _ in members) if noted[0] >= 0 else "",
                _mark(*first),
            )
        )
    return found


def notable(day: Day) -> bool:
    """Tell whether a day is worth a line of its own: it missed the objective, or was measured in part."""
    missed = day.level in (Level.SHORT, Level.FAR_SHORT)
    return missed or (day.coverage is not None and day.coverage < WHOLE and day.level is not Level.NO_DATA)


def _height(day: Day) -> float:
    if day.level in (Level.NO_DATA, Level.CLOSED):
        return TALL
    return TALL * max(0.08, day.coverage or 0.0)


def _bar(index: int, height: float) -> str:
    return f"M{index * STEP + (STEP - BAR) / 2:g} {TALL:g}h{BAR:g}v{-height:.3g}h{-BAR:g}z"


def _mark(index: int, day: Day) -> str:
    middle = index * STEP + STEP / 2
    if day.level is Level.SHORT:
        return f"M{middle - 2.5:g} 36h5v5h-5z"
    return f"M{middle:g} 34.5l4.6 7.5h-9.2z" if day.level is Level.FAR_SHORT else ""
