"""Axes of a plot: round ticks for values and for the time of day, and the scale between values and pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from dashboards.preview.values import write

_WIDE, _NARROW = "%mwMW@", "ijltfI.,:;' "

_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000),
)
"""Distances between labels of the time axis, in seconds."""

_END_ZEROS = re.compile(r"\.0+(?!\d)|(\.\d*?[1-9])0+(?!\d)")


@dataclass(frozen=True)
class Tick:
    """A place on an axis and its label."""

    value: float
    label: str


@dataclass(frozen=True)
class Scale:
    """Maps values from `low` to `high` on pixels from `start` to `end`, straight."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the place of a value, in pixels."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def text_width(text: str, size: float = 12.0) -> float:
    """Return about how wide a text is (px) in letters of `size`, a little too wide rather than too narrow."""
    return size * sum(0.95 if letter in _WIDE else 0.36 if letter in _NARROW else 0.64 for letter in text)


def top_of(values: Iterable[float], fixed_top: float | None, soft_top: float | None) -> float:
    """Return the upper end of an axis from 0: fixed, or a tenth above the highest value and not below the soft top."""
    if fixed_top is not None:
        return fixed_top
    highest = max((value for value in values if math.isfinite(value)), default=0.0)
    return max(highest * 1.1, soft_top or 0.0) or 1.0


def value_ticks(top: float, unit: str, height: float) -> list[Tick]:
    """Return round values from 0 to `top`, at least 34 pixels apart on an axis of `height` pixels."""
    rough = top / max(1.0, height / 34)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(round_ * power for round_ in (1, 2, 2.5, 5, 10) if round_ * power >= rough * (1 - 1e-9))
    return [Tick(index * step, _label(index * step, unit)) for index in range(int(top / step + 1e-6) + 1)]


def time_ticks(start: float, end: float, width: float, zone: tzinfo) -> list[Tick]:
    """Return round times of day, at least 90 pixels apart on an axis of `width` pixels."""
    rough = (end - start) / max(1.0, width / 90)
    step = next((step for step in _TIME_STEPS if step >= rough), _TIME_STEPS[-1])
    shape = "%H:%M:%S" if step < 60 else "%H:%M" if end - start <= 86_400 else "%m-%d %H:%M"
    offset = (datetime.fromtimestamp(start, zone).utcoffset() or timedelta()).total_seconds()
    first = math.ceil((start + offset) / step) * step - offset
    instants = [first + index * step for index in range(int((end - first) / step) + 1)] if first <= end else []
    return [Tick(instant, datetime.fromtimestamp(instant, zone).strftime(shape)) for instant in instants]


def _label(value: float, unit: str) -> str:
    """Write a tick without the zeros at its end."""
    return _END_ZEROS.sub(r"\1", write(value, unit, 6))
