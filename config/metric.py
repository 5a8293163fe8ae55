"""How a room declares the metrics it exports, so that dashboards and rules name them by reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One exported metric: its full name (a counter's ends in `_total`), what it says, and its labels in order.

    `buckets` are the upper bounds of a histogram, in the unit of the name.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def __str__(self) -> str:
        return self.name
