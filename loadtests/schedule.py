"""Who starts which arrival: every arrival lies in a lane, and every lane belongs to one engine at a time.

    arrival     0    1    2   ...  1023  1024  1025   ...         in order of time
    lane        0    1    2   ...  1023     0     1   ...         number % LANES

Every engine draws the whole plan, which the seed makes the same everywhere, and starts the arrivals of its own lanes.
An order moves lanes from one engine to another as of a number; numbers are exact where instants would only be close.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from math import inf
from typing import Literal, cast

from loadtests.arrivals import Arrivals

LANES = 1024
"""Into so many parts the arrivals of a run can be divided."""

_END = 2**32 - 1
_NEXT = LANES << 32  # what takes a lane from one number to the next


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

    A heap holds for each lane what is left of it, its next number and its end: giving and releasing lanes costs the
    same however many arrivals they hold, so the engine can do it between two citizens. Both are kept in one integer,
    number * 2^32 + end, because comparing and replacing integers is most of what the heap costs.
    """

    def __init__(self, arrivals: Arrivals) -> None:
        self.total = len(arrivals)
        self.passed = 0
        self.instant = inf
        """When the next arrival is due, in seconds of the plan; infinity where none is left."""
        self._beyond = 0  # more than every number that was started
        self._instants = cast("Sequence[float]", arrivals.instants.data)  # quicker than numpy, and no copy
        self._kinds = cast("Sequence[int]", arrivals.kinds.data)
        self._left: list[int] = []

    @property
    def reached(self) -> int:
        """The lowest number still to be started; all lower ones of these lanes are. `total` where none is left."""
        return self._left[0] >> 32 if self._left else self.total

    def __len__(self) -> int:
        """How many are left."""
        return sum(len(range(number, end, LANES)) for number, end in map(_parted, self._left))

    def pop(self) -> tuple[int, float, int]:
        """Take the next arrival: its number, instant and kind. Raises `IndexError` where none is left."""
        left = self._left
        lane = left[0]
        number, end = lane >> 32, lane & _END
        if number + LANES < end:
            heapreplace(left, lane + _NEXT)
        else:
            heappop(left)
        self.instant = self._instants[left[0] >> 32] if left else inf
        self.passed += 1
        if number >= self._beyond:
            self._beyond = number + 1
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
                self._left.append((first << 32) + end)
        self._put_in_order()

    def release(self, lanes: Collection[int], since: int) -> int:
        """Take away the arrivals of `lanes` from a number on: `since`, or later if that has passed. Return which."""
        since = max(since, self._beyond)
        wanted = set(lanes)
        parts = [
            (number, min(end, since) if number % LANES in wanted else end) for number, end in map(_parted, self._left)
        ]
        self._left = [(number << 32) + end for number, end in parts if number < end]
        self._put_in_order()
        return since

    def _put_in_order(self) -> None:
        heapify(self._left)
        self.instant = self._instants[self.reached] if self._left else inf


def _parted(lane: int) -> tuple[int, int]:
    return lane >> 32, lane & _END
