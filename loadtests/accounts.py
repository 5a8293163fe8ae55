"""The pool of test accounts of a run: its environment's, or the generated ones where they are too few for one each.

An environment's are a CSV file or a variable, with a header and an account on each line.

    bsn,password,app,pin
    999990019,Test-999990019,app-999990019,90019

`bsn` is always there; of the other columns those that the journeys of the run use: `partner_app` and `partner_pin` for
partners who file jointly, whose numbers are in no other line. Only synthetic people log in: the number begins with 999
and passes the 11-test. No message repeats a value: lines and counts say enough.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import overload

import numpy as np
from numpy.typing import NDArray

from config import ConfigError, Problem
from config.secrets import place_of, read_secret
from config.source import undecodable
from journeys import Account, Identities, definitions
from journeys.core import OWN
from journeys.identities import passes_eleven_test
from loadtests.leases import most_at_once
from loadtests.plan import Plan, PlanError
from loadtests.schedule import LANES

COLUMNS = Account._fields


class GeneratedAccounts(Sequence[Account]):
    """The accounts of all generated test numbers, in the order fixed by `seed`; each is made when it is asked for."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._identities = Identities(seed)
        self._count = len(self._identities)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"{len(self):,} generated accounts of seed {self._seed}"

    @overload
    def __getitem__(self, place: int) -> Account: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Account]: ...
    def __getitem__(self, place: int | slice) -> Account | Sequence[Account]:
        if isinstance(place, slice):
            return tuple(map(self._identities.account, range(self._count)[place]))
        if not 0 <= place < self._count:  # `Identities` would begin anew
            raise IndexError(place)
        return self._identities.account(place)


@dataclass(frozen=True)
class Pool:
    """The accounts in their order, which every process of a run has to have the same, and how they are used.

    `once` the n-th arrival that needs an account has the n-th, and nobody else has; otherwise they are leased, and rest
    `cool_down` seconds between two citizens.
    """

    accounts: Sequence[Account]
    once: bool = False
    cool_down: float = 0.0

    def __len__(self) -> int:
        return len(self.accounts)

    def __repr__(self) -> str:
        return f"Pool of {len(self):,} accounts"

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all accounts in their order; of generated ones that of the words that say which."""
        return hashlib.sha256(json.dumps(self.accounts, default=repr).encode()).hexdigest()


def pool_of(plan: Plan) -> Pool | None:
    """Return the pool of a plan; None where each arrival has the generated account of its own number.

    Raises `ConfigError` with everything that is wrong with the pool that the environment names.
    """
    settings = plan.environment.accounts
    if settings is None:
        return _generated(plan)
    known = definitions()
    needed = frozenset[str]().union(*(known[kind.journey].needs for kind in plan.kinds))
    reference = plan.environment.secrets[settings.secret]
    return read_pool(reference, needed, once=settings.use == "once", cool_down=settings.cool_down)


def _generated(plan: Plan) -> Pool | None:
    """Pool the generated accounts, if arrivals that need one are beyond the last and would share another's.

    If only all arrivals are too many, and not those that need an account, nobody has to give one back.
    """
    accounts, wanted = GeneratedAccounts(plan.seed), needing(plan)
    if not wanted[len(accounts) :].any():
        return None
    return Pool(accounts, once=int(wanted.sum()) <= len(accounts))


def read_pool(reference: str, needed: Collection[str] = OWN, *, once: bool = False, cool_down: float = 0.0) -> Pool:
    """Read accounts of which `needed` fields are used. Raises `ConfigError`."""
    place = place_of(reference)
    try:
        text = read_secret(reference)
    except UnicodeDecodeError as error:
        raise ConfigError([undecodable(place, error, "CSV")]) from None
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise ConfigError([Problem(place, 1, "", found, "test accounts that can be read")]) from None
    reader = _Reader(place, {"bsn", *needed})
    accounts = tuple(reader.read(text))
    if reader.problems:
        raise ConfigError(reader.problems)
    return Pool(accounts, once, cool_down)


def needing(plan: Plan) -> NDArray[np.bool_]:
    """Tell of each arrival whether its citizen needs an account."""
    known = definitions()
    kinds = np.array([bool(known[kind.journey].needs) for kind in plan.kinds], dtype=np.bool_)
    needed: NDArray[np.bool_] = kinds[plan.arrivals.kinds]
    return needed


def check_enough(plan: Plan, pool: Pool | None, processes: int = 1) -> None:
    """Make sure that the accounts are not bound to run out, with so many processes from the start.

    Raises `PlanError`. What depends on how long people take shows in the run only: arrivals without an account are
    counted there.
    """
    if pool is None:
        return
    if pool.once:
        instants = plan.arrivals.instants[needing(plan)]
        if len(instants) > len(pool):
            since = plan.clock(float(instants[len(pool)]))
            raise PlanError(
                f"{len(instants):,} arrivals need an account of their own and the pool has {len(pool):,}:"
                f" the accounts are used up at {since:%H:%M:%S}"
            )
    elif pool.cool_down:
        _check_rest(plan, pool, processes)


def _check_rest(plan: Plan, pool: Pool, processes: int) -> None:
    """Make sure that no process has more arrivals within the rest of an account than it has accounts."""
    rest = pool.cool_down
    lanes = np.arange(len(plan.arrivals)) % LANES % processes
    wanted = needing(plan)
    for index in range(processes):
        own = len(range(index, len(pool), processes))
        most, last = most_at_once(plan.arrivals.instants[wanted & (lanes == index)], rest)
        if most > own:
            part = f" at one of {processes} processes, which has {own:,} of the {len(pool):,}" if processes > 1 else ""
            raise PlanError(
                f"{most:,} arrivals need an account within the {rest:g} s up to {plan.clock(last):%H:%M:%S}{part}:"
                f" with a cool_down of {rest:g} s the pool of {len(pool):,} is too small"
            )


class _Reader:
    """Reads accounts and keeps what is wrong with them."""

    def __init__(self, place: str, needed: Collection[str]) -> None:
        self._place = place
        self._needed = needed
        self._lines: dict[tuple[str, str], int] = {}
        self.problems: list[Problem] = []

    def read(self, text: str) -> Iterator[Account]:
        """Yield the accounts that are well-formed."""
        rows = csv.reader(StringIO(text, newline=""), strict=True)
        header: list[str] | None = None
        count = 0
        try:
            for row in rows:
                if not row:
                    continue
                if header is None:
                    header = self._header(rows.line_num, row)
                    if self.problems:
                        return
                    continue
                count += 1
                account = self._account(rows.line_num, header, row)
                if account is not None:
                    yield account
        except csv.Error:
            self._say(rows.line_num, "", "broken quotation marks", "CSV")
        if not count and not self.problems:
            self._say(max(1, rows.line_num), "", "no account", f"at least one, below the header {','.join(COLUMNS)}")

    def _header(self, line: int, row: list[str]) -> list[str]:
        """Return the names of the columns; they are not repeated, for without a header they are an account."""
        missing = [name for name in COLUMNS if name in self._needed and name not in row]
        if missing:
            self._say(line, "", f"a header without {', '.join(missing)}", f"the columns {','.join(COLUMNS)}")
        elif len(set(row)) < len(row) or not set(row).issubset(COLUMNS):
            self._say(line, "", "other columns, or one twice", f"the columns {','.join(COLUMNS)}")
        return row

    def _account(self, line: int, header: list[str], row: list[str]) -> Account | None:
        before = len(self.problems)
        if len(row) != len(header):
            self._say(line, "", f"{len(row)} values", f"{len(header)}, one for each column of the header")
            return None
        values = dict.fromkeys(COLUMNS, "") | dict(zip(header, row, strict=True))
        for name, value in values.items():
            if not value and name in self._needed:
                self._say(line, name, "nothing", "a value, for journeys of this run use it")
            elif not value.isprintable():
                self._say(line, name, "control characters", "one line of text")
        if values["bsn"]:
            self._check_number(line, values["bsn"])
        for name in ("bsn", "app"):
            first = self._lines.setdefault((name, values[name]), line)
            if values[name] and first != line:
                self._say(line, name, f"the same as on line {first}", "each account once")
        return Account(**values) if len(self.problems) == before else None

    def _check_number(self, line: int, bsn: str) -> None:
        if len(bsn) != 9 or not (bsn.isascii() and bsn.isdecimal()):
            self._say(line, "bsn", "no number of nine digits", "a test number such as 999990019")
        elif not bsn.startswith("999"):
            self._say(line, "bsn", "a number that may be a real person's", "a test number, which begins with 999")
        elif not passes_eleven_test(bsn):
            self._say(line, "bsn", "a number that fails the 11-test", "a test number such as 999990019")

    def _say(self, line: int, column: str, found: str, expected: str) -> None:
        self.problems.append(Problem(self._place, line, column, found, expected))
