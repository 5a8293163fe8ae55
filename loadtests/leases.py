"""Test accounts that citizens borrow: one citizen at a time for each account, over all engines of a run.

A staging environment has so many accounts and no more. Each engine owns some of them, by their place in the pool, and
lends them in the order in which they came back; accounts change engines by messages of the conductor
(`loadtests.tenancy`). Which citizen gets which account depends on when others have finished, so it is the one thing
that a seed does not fix.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush

import numpy as np

from loadtests.shapes import Floats

PARTED_AT_ONCE = 1000
"""Accounts that an engine gives up in one go, which takes a millisecond: citizens are due meanwhile."""


class Leases:
    """The accounts of one engine, by their place in the pool.

    After a citizen an account rests for `cool_down` seconds. Times are those of any one clock, in seconds.
    """

    def __init__(self, cool_down: float = 0.0) -> None:
        self._cool_down = cool_down
        self._here: list[tuple[float, int]] = []  # a heap of (from when it is free, which)
        self._owed = 0

    def __len__(self) -> int:
        """Accounts that are not lent, rested or not."""
        return len(self._here)

    def add(self, accounts: Iterable[int], free_from: float) -> None:
        """Take over accounts that nobody has."""
        for account in accounts:
            heappush(self._here, (free_from, account))

    def lend(self, now: float) -> int | None:
        """Return the account that has been free for longest; None where all are lent or resting."""
        if not self._here or self._here[0][0] > now:
            return None
        return heappop(self._here)[1]

    def give_back(self, account: int, now: float) -> None:
        """Take an account back from a citizen who has come to the end."""
        heappush(self._here, (now + self._cool_down, account))

    def owe(self, count: int) -> None:
        """Promise to part with so many accounts as soon as they are free."""
        self._owed += count

    def part(self, now: float) -> list[int]:
        """Give up accounts that were promised and are free now; of many only so many that nobody is kept waiting."""
        parted: list[int] = []
        while self._owed and len(parted) < PARTED_AT_ONCE and (account := self.lend(now)) is not None:
            self._owed -= 1
            parted.append(account)
        return parted


def most_at_once(instants: Floats, hold: float) -> tuple[int, float]:
    """Return how many arrivals there are at most within `hold` seconds, and when that is: the last of them.

    Each account is taken for at least its rest, so no fewer accounts can do. `instants` are rising, in seconds.
    """
    if not len(instants):
        return 0, 0.0
    first = np.searchsorted(instants, instants - hold, side="right")
    within = np.arange(1, len(instants) + 1) - first
    last = int(within.argmax())
    return int(within[last]), float(instants[last])
