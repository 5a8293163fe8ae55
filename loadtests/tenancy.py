"""Which engine owns which test accounts, as the conductor knows it: pure bookkeeping, so that no two own the same.

An account changes engines only when its owner has said that it has given it up, or is gone. What is on its way belongs
to the engine it was sent to. An engine that was lost may still walk citizens until it notices, so what it leaves rests
before anyone else is given it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

ABANDONED = 10.0
"""Seconds that accounts of an engine that has left rest: more than it takes a worker to find that nobody hears it."""


@dataclass(frozen=True)
class Handover:
    """What an engine is told: accounts that it gets and that rest for so many seconds, and how many to part with."""

    accounts: Sequence[int] = ()
    rest: float = 0.0
    part_with: int = 0


Handovers = list[tuple[int, Handover]]
"""What is to be told, and the engines it is for."""


@dataclass
class _Request:
    """Accounts that one engine still has to give up for another."""

    engine: int
    newcomer: int
    count: int


class Tenancy:
    """The accounts of one run, 0 to `total`, among engines that come and go."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._owned: dict[int, set[int]] = {}
        self._orphans: list[int] = []
        self._requests: list[_Request] = []

    def owned_by(self, engine: int) -> frozenset[int]:
        """Return the accounts of an engine, those on their way to it included."""
        return frozenset(self._owned.get(engine, ()))

    def begin(self, engines: Collection[int]) -> dict[int, list[int]]:
        """Deal out all accounts; return those of each engine, which has them from the start."""
        dealt = {engine: list(range(index, self.total, len(engines))) for index, engine in enumerate(engines)}
        self._owned = {engine: set(accounts) for engine, accounts in dealt.items()}
        return dealt

    def join(self, newcomer: int) -> Handovers:
        """Ask each engine for what it has above an even part; what it gives up is the newcomer's."""
        others = sorted(self._owned)
        self._owned[newcomer] = set()
        orphans, self._orphans = self._orphans, []
        handovers = self._give(orphans, [newcomer], ABANDONED)
        for engine in others:
            promised = sum(request.count for request in self._requests if request.engine == engine)
            surplus = len(self._owned[engine]) - promised - self.total // len(self._owned)
            if surplus > 0:
                self._requests.append(_Request(engine, newcomer, surplus))
                handovers.append((engine, Handover(part_with=surplus)))
        return handovers

    def report(self, engine: int, parted: Sequence[int]) -> Handovers:
        """Note which accounts an engine has given up, and pass them on to those they were asked for.

        What was asked for an engine that has gone goes to all.
        """
        given = [account for account in parted if account in self._owned.get(engine, ())]
        self._owned.get(engine, set()).difference_update(given)
        handovers: Handovers = []
        for request in [request for request in self._requests if request.engine == engine]:
            part, given = given[: request.count], given[request.count :]
            request.count -= len(part)
            handovers += self._give(part, {request.newcomer}.intersection(self._owned) or self._owned, 0.0)
        self._requests = [request for request in self._requests if request.count]
        return handovers + self._give(given, self._owned, 0.0)

    def leave(self, engine: int) -> Handovers:
        """Give the accounts of an engine that is gone to the others; they wait for the next one if there is none."""
        orphans = sorted(self._owned.pop(engine, ()))
        self._requests = [request for request in self._requests if request.engine != engine]
        if not self._owned:
            self._orphans += orphans
            return []
        return self._give(orphans, self._owned, ABANDONED)

    def _give(self, accounts: Sequence[int], heirs: Collection[int], rest: float) -> Handovers:
        handovers: Handovers = []
        for index, heir in enumerate(sorted(heirs)):
            part = accounts[index :: len(heirs)]
            if part:
                self._owned[heir].update(part)
                handovers.append((heir, Handover(part, rest)))
        return handovers
