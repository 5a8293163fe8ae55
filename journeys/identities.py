"""Synthetic people: citizen numbers that pass the 11-test and belong to no one, and the accounts they log in with.

Numbers beginning with 999 are kept free for tests. Nine digits d1..d9 pass the 11-test when

    9 d1 + 8 d2 + 7 d3 + 6 d4 + 5 d5 + 4 d6 + 3 d7 + 2 d8 - d9  is a multiple of 11.

The last `RESERVED` of them are set aside for probes: a probe and a load test that run at the same time never are the
same person. In either part every tenth is only ever the partner with whom others file jointly: a partner never is a
citizen of the same run. Every test number has a DigiD account whose secrets follow from the number.
"""

from __future__ import annotations

from functools import cache
from random import Random
from typing import NamedTuple

RESERVED = 1000
PARTNER = 10
"""A tenth is enough: a partner may come back while others still file with them, for no system here keeps that apart."""
_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def passes_eleven_test(bsn: str) -> bool:
    """Tell whether nine digits form a number that could be a BSN."""
    return len(bsn) == 9 and bsn.isdecimal() and sum(map(int.__mul__, _WEIGHTS, map(int, bsn))) % 11 == 0


@cache
def _test_numbers() -> tuple[str, ...]:
    """Every number of the test range, in order. d9 follows from the rest; where it would be 10 there is no number."""
    numbers = []
    for prefix in range(99900000, 100000000):
        last = sum(map(int.__mul__, _WEIGHTS, map(int, str(prefix)))) % 11
        if last < 10:
            numbers.append(f"{prefix}{last}")
    return tuple(numbers)


class Account(NamedTuple):
    """What a citizen logs in with: number, DigiD password, id and PIN of the DigiD app.

    The partner's app and PIN are for those who file jointly. Of an account that is no citizen's, such as a probe's own,
    `user` is the name and only the password is there.
    """

    bsn: str
    password: str
    app: str
    pin: str
    partner_app: str = ""
    partner_pin: str = ""

    @property
    def user(self) -> str:
        """The name to log in with."""
        return self.bsn


def account_of(bsn: str, partner: str = "") -> Account:
    """Return the account of a generated test number, with the app of the number of a `partner`."""
    partner_app, partner_pin = (f"app-{partner}", partner[-5:]) if partner else ("", "")
    return Account(bsn, f"Test-{bsn}", f"app-{bsn}", bsn[-5:], partner_app, partner_pin)


class Identities:
    """The test numbers in an order fixed by `seed`: the same number comes back only after all others were used.

    `reserved` chooses the numbers set aside for probes instead of all others. Partners have an order of their own.
    """

    def __init__(self, seed: int = 0, *, reserved: bool = False) -> None:
        numbers = _test_numbers()[-RESERVED:] if reserved else _test_numbers()[:-RESERVED]
        self._partners = numbers[::PARTNER]
        self._numbers = [bsn for index, bsn in enumerate(numbers) if index % PARTNER]
        Random(f"identities/{seed}").shuffle(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def bsn(self, number: int) -> str:
        """Return the BSN of the citizen with this number (any integer from 0)."""
        return self._numbers[number % len(self._numbers)]

    def account(self, number: int) -> Account:
        """Return the account of the citizen with this number, and the app of the partner."""
        return account_of(self.bsn(number), self._partners[number % len(self._partners)])
