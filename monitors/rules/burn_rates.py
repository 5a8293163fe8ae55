"""The burn rates at which an alert fires, read from `burn_rates.yaml` with their source."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.fields import parse_duration
from config.source import Strict, expected, read, validate

Severity = Literal["page", "ticket"]

Period = Annotated[str, Field(pattern=r"^[1-9]\d*[mhd]$")]
"""A duration as both people and PromQL write it: 5m, 1h, 30d."""


RUNS_SEEN = 4
"""Runs of the slowest probe that a window must hold to say something."""


class Pair(Strict):
    """Two windows that must both burn at `factor`: the long one says that it matters, the short one that it goes on."""

    alert: str = Field(pattern=r"^[A-Z][A-Za-z]+$")
    severity: Severity
    long: Period
    short: Period
    factor: float = Field(gt=0)

    @model_validator(mode="after")
    def _order(self) -> Self:
        if parse_duration(self.short) >= parse_duration(self.long):
            raise expected(f"a short window below the long one ({self.long}), not {self.short}")
        return self

    def fitted(self, interval: float) -> Pair | None:
        """Return the pair for a system whose slowest counting probe runs every `interval` seconds.

            short = max(short, RUNS_SEEN * interval)

        In less time no run may have ended, and a ratio of nothing would end the alert. None: the short window would
        reach the long one. How soon an alert fires is up to the floor: after `min_failures` failed runs.
        """
        short = at_least(self.short, interval)
        return None if parse_duration(short) >= parse_duration(self.long) else self.model_copy(update={"short": short})


class BurnRates(Strict):
    """The whole file. `min_failures` is the number of failed runs in the long window below which nothing fires."""

    source: str = Field(min_length=1)
    period: Period
    min_failures: int = Field(ge=2)
    pairs: list[Pair] = Field(min_length=1)

    @property
    def windows(self) -> list[str]:
        """Every window of every pair, shortest first."""
        return sorted({window for pair in self.pairs for window in (pair.long, pair.short)}, key=parse_duration)

    def spent(self, pair: Pair) -> float:
        """Return the part of the budget of `period` that is spent when a pair's factor lasts for its long window.

        factor * long / period; 14.4 * 1 h / 720 h = 2 %.
        """
        return pair.factor * parse_duration(pair.long) / parse_duration(self.period)


def at_least(window: Period, interval: float) -> Period:
    """Return `window`, or as many whole minutes as hold `RUNS_SEEN` runs, where those are more."""
    needed = RUNS_SEEN * interval
    return window if parse_duration(window) >= needed else f"{math.ceil(needed / 60)}m"


@cache
def burn_rates() -> BurnRates:
    """Return the shipped burn rates."""
    return validate(read(Path(__file__).with_suffix(".yaml")), BurnRates)
