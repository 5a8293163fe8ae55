"""What each minute says of a system: for quorums of vantage points and for chains of systems. Pure.

    not due (0)  <  up (1)  <  blind (2)  <  down (3)

A probe sees a minute down when at least half of its runs with a verdict failed in it, and is blind in a minute in which
it should have run and has no verdict. What several of them say together is the largest: down if any is down, else
unknown if any is blind. The same holds for the probes of a system and for the systems of a chain.

Of several vantage points those that are not blind vote: a system is down in a minute in which at least `quorum` of them
see it down. With fewer votes than the quorum nobody can tell: the minute is not covered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from monitors.availability.accounting import Chain, Counts
from monitors.availability.timeline import Stretch
from monitors.verdict import Window

States = NDArray[np.uint8]
"""The state of each minute of a period."""
NOT_DUE, UP, BLIND, DOWN = range(4)

QUORUM_RULE = (
    "Seen from several vantage points, the unit is the minute. A vantage point sees a system down in a minute in which "
    "at least half of the runs with a verdict failed, for any probe that measures it. Vantage points without a verdict "
    "are blind and do not vote. The system is down when as many of them as its quorum see it down; with fewer votes "
    "than its quorum the minute is not covered. Maintenance overruns until every probe has passed from as many of them."
)
CHAIN_RULE = (
    "A chain is a system with everything it depends on; its unit is the minute. It is down in a minute in which any of "
    "them is down, and the minute is put down to the deepest of them that is down: the cause. The system itself is the "
    "cause where everything below it works. Windows and hours are those of the system at the top; what is closed below "
    "it does no harm."
)


def state(good: int, bad: int) -> int:
    """Return what a minute says in which a probe was due."""
    if not good + bad:
        return BLIND
    return DOWN if bad >= good else UP


def together(parts: Sequence[States]) -> States:
    """Return what probes of one system say from one vantage point."""
    return reduce(np.maximum, parts)


def merge(views: Sequence[States], quorum: int) -> States:
    """Return what vantage points say together."""
    down = np.sum([view == DOWN for view in views], axis=0)
    votes = np.sum([(view == DOWN) | (view == UP) for view in views], axis=0)
    merged = np.where(down >= quorum, DOWN, UP).astype(np.uint8)
    merged[votes < quorum] = BLIND
    merged[together(views) == NOT_DUE] = NOT_DUE
    return merged


def tally(states: States, origin: int, stretches: Sequence[Stretch]) -> list[Counts]:
    """Count the minutes of each stretch; `origin` is the minute of the first state."""
    found = []
    for start, end, _ in stretches:
        part = states[start - origin : end - origin]
        up, blind, down = (int(np.count_nonzero(part == kind)) for kind in (UP, BLIND, DOWN))
        found.append(Counts(up, down, blind, up + down + blind))
    return found


def closed(states: States, origin: int, stretches: Sequence[Stretch]) -> States:
    """Return states in which closed time is not due."""
    found = states.copy()
    for start, end, kind in stretches:
        if kind is Window.CLOSED:
            found[start - origin : end - origin] = NOT_DUE
    return found


def depths(system: str, depends_on: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return everything a system depends on, itself included, with the longest way to it; the nearest first.

    A circle of dependencies is followed once.
    """
    found: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        found[name] = max(found.get(name, 0), len(path))
        for below in depends_on.get(name, ()):
            if below != name and below not in path:
                visit(below, (*path, name))

    visit(system, ())
    return dict(sorted(found.items(), key=lambda item: item[1]))


def chains(
    system: str, order: Mapping[str, int], states: Mapping[str, States], origin: int, stretches: Sequence[Stretch]
) -> list[Chain]:
    """Sum up a chain in each stretch of the system's own time.

    `order` are the systems of the chain with their depths (`depths`), `states` what is known of each. Where two of the
    same depth are down, the one that stands first in `order` is the cause.
    """
    whole = together([states[name] for name in order]).copy()
    whole[states[system] == NOT_DUE] = NOT_DUE
    edges = [*(start - origin for start, _, _ in stretches), *(end - origin for _, end, _ in stretches[-1:])]
    causes = _causes(whole, order, states, edges)
    found = []
    for index, ((_, _, kind), counts) in enumerate(zip(stretches, tally(whole, origin, stretches), strict=True)):
        down = {(kind, cause): minutes for cause, minutes in causes.get(index, {}).items()}
        found.append(Chain(system, {kind: counts}, down))
    return found


def _causes(
    whole: States, order: Mapping[str, int], states: Mapping[str, States], edges: Sequence[int]
) -> dict[int, Counter[str]]:
    """Count the minutes down by cause, and by the stretch in which they lie: -1 and the last edge are outside."""
    minutes = np.flatnonzero(whole == DOWN)
    deepest = sorted(order, key=lambda name: -order[name])
    cause = np.zeros(len(minutes), dtype=np.intp)
    for index in reversed(range(len(deepest))):
        cause[states[deepest[index]][minutes] == DOWN] = index
    where = np.searchsorted(np.array(edges), minutes, side="right") - 1
    found: dict[int, Counter[str]] = {}
    for (stretch, index), count in Counter(zip(where.tolist(), cause.tolist(), strict=True)).items():
        found.setdefault(stretch, Counter())[deepest[index]] += count
    return found
