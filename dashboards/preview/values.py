"""Figures as Grafana writes them: its units, its rounding, its thresholds.

The rules are those of `@grafana/data` 13.2 (`valueFormats`, Apache-2.0); only the units that dashboards here use are
known, and any other text stands behind the figure, as there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

_THOUSANDS = ("", " K", " Mil", " Bil", " Tri")
_TIMES = (
    *((1e-6, 1e-9, " ns"), (1e-3, 1e-6, " µs"), (1.0, 1e-3, " ms"), (60.0, 1.0, " s"), (3600.0, 60.0, " min")),
    *((86_400.0, 3600.0, " hour"), (604_800.0, 86_400.0, " day"), (31_536_000.0, 604_800.0, " week")),
    (math.inf, 31_556_900.0, " year"),
)
"""(below this many seconds, one unit is so many seconds, its name)"""


def write(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a figure with its unit; without `decimals` it has about three digits."""
    if not math.isfinite(value):
        return str(value)
    if unit == "s":
        return _seconds(value, decimals)
    if unit == "short":
        return _short(value, decimals)
    if unit == "percentunit":
        return fixed(100 * value, decimals) + "%"
    if unit == "bool_yes_no":
        return "Yes" if value else "No"
    return fixed(value, decimals) + ("" if unit == "none" else f" {unit}")


def fixed(value: float, decimals: int | None = None) -> str:
    """Round half up to `decimals`, or to as many as a value of this size needs."""
    digits = _decimals(value) if decimals is None else decimals
    factor = 10.0**digits
    return f"{math.floor(value * factor + 0.5) / factor:.{digits}f}"


def colour_at(value: float, steps: Sequence[dict[str, Any]]) -> str:
    """Return the colour of the highest threshold that `value` reaches."""
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return str(reached[-1])


def _decimals(value: float) -> int:
    """Return how many decimals show about three digits: floor(log10 |v|) = 0 gives 1, and 2 where v > 2.25."""
    if value == math.floor(value):
        return 0
    size = math.floor(math.log10(abs(value)))
    return max(0, 1 - size + (abs(value) * 10.0 ** (1 - size) > 2.25))


def _seconds(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0 s"
    _, size, name = next(row for row in _TIMES if abs(value) < row[0])
    plural = "s" if size >= 60 and abs(value / size) > 1 else ""
    return fixed(value / size, decimals) + name + plural


def _short(value: float, decimals: int | None) -> str:
    thousands = 0 if abs(value) < 1 else math.floor(math.log10(abs(value)) / 3)
    thousands = min(thousands, len(_THOUSANDS) - 1)
    return fixed(value / 1000.0**thousands, decimals) + _THOUSANDS[thousands]
