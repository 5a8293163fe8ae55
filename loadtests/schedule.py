"""Who starts which arrival: every arrival lies in a lane, and every lane belongs to one engine at a time.

    arrival     0    1    2   ...  1023  1024  1025   ...         in order of time
    lane        0    1    2   ...  1023     0     1   ...         number % LANES

Every engine draws the whole plan, which the seed makes the same everywhere, and starts the arrivals of its own lanes.
An order moves lanes from one engine to another as of a number; numbers are exact where instants would only be close.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from math import inf
from typing import Literal, cast

from loadtests.arrivals import Arrivals

LANES = 1024
"""Into so many parts the arrivals of a run can be divided."""


@dataclass(frozen=True)
class Order:
    """Lanes that an engine gets or gives up: the arrivals of these lanes with since <= number < end."""

    id: int
    action: Literal["give", "release"]
    lanes: Collection[int]
    since: int
    end: int


@dataclass(frozen=True)
class Done:
    """An order as it was carried out: from which number on, and at which second of the plan."""

    id: int
    since: int
    at: float


class Schedule:
    """The arrivals that one engine still has to start, in order.

    A heap holds for each lane what is left of it as [next number, end]: giving and releasing lanes costs the same
    however many arrivals they hold, so the engine can do it between two citizens.
    """

    def __init__(self, arrivals: Arrivals) -> None:
        self.total = len(arrivals)
        self.passed = 0
        self._beyond = 0  # more than every number that was started
        self._instants = cast("Sequence[float]", arrivals.instants.data)  # quicker than numpy, and no copy
        self._kinds = cast("Sequence[int]", arrivals.kinds.data)
        self._left: list[list[int]] = []

    @property
    def reached(self) -> int:
        """The lowest number still to be started; all lower ones of these lanes are. `total` where none is left."""
        return self._left[0][0] if self._left else self.total

    @property
    def instant(self) -> float:
        """When the next arrival is due, in seconds of the plan; infinity where none is left."""
        return self._instants[self._left[0][0]] if self._left else inf

    def __len__(self) -> int:
        """How many are left."""
        return sum(len(range(number, end, LANES)) for number, end in self._left)

    def pop(self) -> tuple[int, float, int]:
        """Take the next arrival: its number, instant and kind. Raises `IndexError` where none is left."""
        lane = self._left[0]
        number, end = lane
        lane[0] = number + LANES
        if lane[0] < end:
            heapreplace(self._left, lane)
        else:
            heappop(self._left)
        self.passed += 1
        self._beyond = max(self._beyond, number + 1)
        return number, self._instants[number], self._kinds[number]

    def carry_out(self, order: Order, now: float) -> Done:
        """Give or release lanes at second `now` of the plan."""
        if order.action == "give":
            self.give(order.lanes, order.since, order.end)
            return Done(order.id, order.since, now)
        return Done(order.id, self.release(order.lanes, order.since), now)

    def give(self, lanes: Collection[int], since: int, end: int) -> None:
        """Add the arrivals of `lanes` with since <= number < end; those already due come first."""
        for lane in lanes:
            first = since + (lane - since) % LANES
            if first < end:
                heappush(self._left, [first, end])

    def release(self, lanes: Collection[int], since: int) -> int:
        """Take away the arrivals of `lanes` from a number on: `since`, or later if that has passed. Return which."""
        since = max(since, self._beyond)
        wanted = set(lanes)
        for lane in self._left:
            if lane[0] % LANES in wanted:
                lane[1] = min(lane[1], since)
        self._left = [lane for lane in self._left if lane[0] < lane[1]]
        heapify(self._left)
        return since
