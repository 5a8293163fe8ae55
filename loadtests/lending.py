"""Who a citizen is: a generated test number of one's own, or an account of a pool.

Beyond so many arrivals the generated numbers are such a pool: two people at a time with one number would share what the
system keeps for it, and be refused for what the other did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from journeys import Account
from loadtests.accounts import GeneratedAccounts, Pool, needing
from loadtests.leases import Leases
from loadtests.plan import Plan
from loadtests.tenancy import Handover

NOBODY = Account("", "", "", "")
"""Who reads the website."""


@dataclass(slots=True)
class _Lease:
    """An account that a citizen has, and in how many places: on the way, and in a second tab."""

    account: int
    holders: int = 1


class Lending:
    """Gives the citizens of one engine their accounts, and takes them back at their end.

    Without a pool every arrival has a generated account of its own number. Of a pool that is used `once` the n-th
    arrival that needs an account gets the n-th, in whichever engine. A pool that is leased lends what this engine has:
    `own`, by their place in the pool (None: all). Times are those of any one clock, in seconds.
    """

    def __init__(self, plan: Plan, pool: Pool | None = None, own: Collection[int] | None = None) -> None:
        self._pooled = pool is not None
        self._accounts = GeneratedAccounts(plan.seed) if pool is None else pool.accounts
        self._needing = needing(plan)
        assert self._pooled or not self._needing[len(self._accounts) :].any(), "too few for one each"
        self._places = np.cumsum(self._needing, dtype=np.int32) - 1 if pool is not None and pool.once else None
        self._leases = Leases(0.0 if pool is None else pool.cool_down)
        self._lent: dict[int, _Lease] = {}
        self._handovers: deque[Handover] = deque()
        if pool is not None and not pool.once:
            self._leases.add(range(len(pool)) if own is None else own, -np.inf)

    @property
    def lent(self) -> int:
        """Accounts that citizens have."""
        return len(self._lent)

    def take(self, number: int, now: float) -> Account | None:
        """Return the account of the citizen who arrives as this number; None where none is free."""
        if not self._needing[number]:
            return NOBODY
        if not self._pooled:
            return self._accounts[number]
        if self._places is not None:
            place = self._places[number]
            return self._accounts[place] if place < len(self._accounts) else None
        account = self._leases.lend(now)
        if account is None:
            return None
        self._lent[number] = _Lease(account)
        return self._accounts[account]

    def share(self, number: int) -> None:
        """Have a citizen use the account in one place more."""
        if number in self._lent:
            self._lent[number].holders += 1

    def give_back(self, number: int, now: float) -> None:
        """Take back a citizen's account, once it is not used in any place any more."""
        lease = self._lent.get(number)
        if lease is None:
            return
        lease.holders -= 1
        if not lease.holders:
            del self._lent[number]
            self._leases.give_back(lease.account, now)

    def hand_over(self, handover: Handover) -> None:
        """Take what the conductor says, from any thread; `settle` carries it out."""
        self._handovers.append(handover)

    def settle(self, now: float) -> list[int]:
        """Take over accounts, and return those that were asked for and are free by now."""
        while self._handovers:
            handover = self._handovers.popleft()
            self._leases.add(handover.accounts, now + handover.rest if handover.rest else -np.inf)
            self._leases.owe(handover.part_with)
        return self._leases.part(now)
