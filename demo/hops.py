"""From a fault to a page: the instants on the way, and the share of each hop. Pure.

The instants: fault on, first failed run, failed runs enough, scraped, rule fires, delivered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Tally = Sequence[tuple[float, Mapping[str, int]]]
"""Failed runs of each probe so far, looked at again and again: (instant, runs by probe), oldest first."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One part of the way."""

    name: str
    seconds: float
    remark: str


@dataclass(frozen=True, slots=True)
class Way:
    """The whole way of one page: its alert, its system, to whom, the hops; they add up to `seconds`."""

    alert: str
    system: str
    receiver: str
    hops: tuple[Hop, ...]

    @property
    def seconds(self) -> float:
        """From the fault to the delivered page."""
        return sum(hop.seconds for hop in self.hops)


def reached(tally: Tally, probes: Collection[str], number: int) -> float | None:
    """Return when the failed runs of some probes were first seen to be `number` more than at the first look."""
    base = sum(tally[0][1].get(probe, 0) for probe in probes)
    return next(
        (instant for instant, runs in tally if sum(runs.get(probe, 0) for probe in probes) - base >= number), None
    )


def hops(
    on: float, tally: Tally, probes: Collection[str], scraped: tuple[float, int], fired: float, arrived: float
) -> tuple[Hop, ...]:
    """Split the way from `on` to `arrived` (seconds of the epoch).

    `scraped` is the last scrape before the rule fired, and how many failed runs it brought. What is seen of the monitor
    is seen a moment late; an instant is therefore never put behind the next one.
    """
    at, number = scraped
    first, enough = reached(tally, probes, 1), reached(tally, probes, number)
    instants = [on, first or at, enough or at, at, fired, arrived]
    for index in range(len(instants) - 2, 0, -1):
        instants[index] = max(on, min(instants[index], instants[index + 1]))
    names = (
        ("probe", "until the first run failed"),
        ("more runs", f"until the rule had {number} failed runs"),
        ("scrape", "until Prometheus fetched them"),
        ("rule", "until it was evaluated and held"),
        ("group wait", "until Alertmanager had waited for more, and delivered"),
    )
    return tuple(
        Hop(name, after - before, remark)
        for (name, remark), (before, after) in zip(names, pairwise(instants), strict=True)
    )
