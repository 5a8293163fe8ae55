"""Which engine owes which arrivals, as the conductor knows it: pure bookkeeping, so that each arrival is started once.

A share is what one engine owes: the arrivals of some lanes up to an end.

    number   0 . . . . . . reached . . . . . . . . . end
                started           to be started            its engine has said so up to `reached`

An engine that leaves passes on its shares from `reached` on: what it started without saying so is started again, and
counted once. Shares move by orders; one that is on its way does not count as started before the engine has taken it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import count

from loadtests.schedule import LANES, Done, Order


@dataclass
class Share:
    """Arrivals that an engine owes; `order` gives it to the engine and is None once that has taken it."""

    engine: int
    lanes: frozenset[int]
    reached: int
    end: int
    order: int | None = None


@dataclass(frozen=True)
class _Request:
    """Lanes that one engine was asked to release for another."""

    engine: int
    lanes: frozenset[int]
    newcomer: int


Orders = list[tuple[int, Order]]
"""Orders and the engines they are for."""


class Allotment:
    """The arrivals of one run, 0 to `total`, among engines that come and go."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._engines: set[int] = set()
        self._shares: list[Share] = []
        self._orphans: list[Share] = []
        self._requests: dict[int, _Request] = {}
        self._ids = count(1)

    @property
    def done(self) -> bool:
        """Whether every arrival was started or dropped, as far as the engines have said."""
        return not self._orphans and all(share.reached >= share.end for share in self._shares)

    def begin(self, engines: Collection[int]) -> dict[int, list[int]]:
        """Divide all lanes; return those of each engine, which has to start them without an order."""
        self._engines = set(engines)
        lanes = {engine: range(index, LANES, len(engines)) for index, engine in enumerate(engines)}
        self._shares = [Share(engine, frozenset(own), 0, self.total) for engine, own in lanes.items()]
        return {engine: list(own) for engine, own in lanes.items()}

    def join(self, newcomer: int, since: int) -> Orders:
        """Ask each engine for an even part of its lanes, from number `since` on; what it releases is the newcomer's."""
        others = sorted(self._engines)
        self._engines.add(newcomer)
        orders = self._adopt()
        for engine in others:
            lanes = sorted(self._movable(engine))
            surplus = len(lanes) - LANES // len(self._engines)
            if surplus > 0:
                chosen = frozenset(lanes[index * len(lanes) // surplus] for index in range(surplus))
                order = Order(next(self._ids), "release", sorted(chosen), since, self.total)
                self._requests[order.id] = _Request(engine, chosen, newcomer)
                orders.append((engine, order))
        return orders

    def report(self, engine: int, reached: int, done: Iterable[Done] = ()) -> Orders:
        """Note what an engine says: orders carried out, then that it has started all it owes below `reached`."""
        orders: Orders = []
        for item in done:
            request = self._requests.pop(item.id, None)
            if request is not None:
                orders += self._move(request, item.since)
            for share in self._shares:
                if share.order == item.id:
                    share.order = None
        for share in self._shares:
            if share.engine == engine and share.order is None:
                share.reached = max(share.reached, min(reached, share.end))
        return orders

    def leave(self, engine: int) -> Orders:
        """Give the shares of an engine that is gone to the others; they wait for the next one if there is none."""
        self._engines.discard(engine)
        self._orphans += [share for share in self._shares if share.engine == engine and share.reached < share.end]
        self._shares = [share for share in self._shares if share.engine != engine]
        self._requests = {key: request for key, request in self._requests.items() if request.engine != engine}
        return self._adopt()

    def _movable(self, engine: int) -> frozenset[int]:
        """Lanes whose future an engine owns for certain, and that nobody has asked for."""
        owned = frozenset[int]().union(
            *(
                share.lanes
                for share in self._shares
                if share.engine == engine and share.end == self.total and share.order is None
            )
        )
        asked = (request.lanes for request in self._requests.values() if request.engine == engine)
        return owned.difference(*asked)

    def _move(self, request: _Request, since: int) -> Orders:
        """Cut the shares of an engine at the number from which it has released lanes; the rest is the newcomer's."""
        for share in [share for share in self._shares if share.engine == request.engine and share.end > since]:
            moved = share.lanes & request.lanes
            if moved:
                share.lanes -= moved
                self._shares.append(Share(request.engine, moved, share.reached, since, share.order))
                self._orphans.append(Share(request.newcomer, moved, since, share.end))
        self._shares = [share for share in self._shares if share.lanes]
        return self._adopt([request.newcomer])

    def _adopt(self, heirs: Collection[int] = ()) -> Orders:
        """Deal out what nobody owns: among `heirs` who are there, or else among all."""
        heirs = sorted(self._engines.intersection(heirs) or self._engines)
        if not heirs:
            return []
        orders = []
        for orphan in self._orphans:
            for index, heir in enumerate(heirs):
                lanes = sorted(orphan.lanes)[index :: len(heirs)]
                if lanes:
                    order = Order(next(self._ids), "give", lanes, orphan.reached, orphan.end)
                    self._shares.append(Share(heir, frozenset(lanes), orphan.reached, orphan.end, order.id))
                    orders.append((heir, order))
        self._orphans.clear()
        return orders
