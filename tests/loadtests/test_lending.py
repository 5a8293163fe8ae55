"""Citizens with accounts of a pool, walked by the engine: one at a time for each account, from arrival to the end.

The pool is an environment's, or of all generated test numbers.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from journeys import Account, Citizen, Identities, Journey, Think
from journeys.core import fetch
from loadtests.accounts import pool_of
from loadtests.engine import Engine
from loadtests.lending import Lending
from loadtests.second import Second
from loadtests.tenancy import Handover
from tests.crowd import Outcome, Talk, crowd, few_numbers, listening, plan, registered, say

IDENTITIES = Identities(3)


class Portal:
    """A portal that knows who is using an account, and notes whoever comes while another is.

    A walk is /begin/BSN/NUMBER and later /end/BSN/NUMBER; a citizen's first `refusals` walks end with status 503.
    """

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.conflicts: list[str] = []
        self.begun: Counter[str] = Counter()
        self.most_tabs = 0
        self._using: dict[str, Counter[str]] = {}
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def talk(self, it: Talk) -> None:
        while True:
            what, bsn, number = it.request().split(b" ")[1].decode().rsplit("/", 3)[1:]
            with self._lock:
                passes = self._begin(bsn, number) if what == "begin" else self._end(bsn, number)
            it.send(say() if passes else say(status=b"503 Service Unavailable"))

    def _begin(self, bsn: str, number: str) -> bool:
        using = self._using.setdefault(bsn, Counter())
        if set(using) - {number}:
            self.conflicts.append(f"{number} uses the account of {set(using)}")
        using[number] += 1
        self.most_tabs = max(self.most_tabs, using[number])
        self.begun[bsn] += 1
        return True

    def _end(self, bsn: str, number: str) -> bool:
        """Let the account go with the last of a citizen's tabs; it is kept where the citizen will try again."""
        if self._left.setdefault(number, self.refusals):
            self._left[number] -= 1
            self._using[bsn][number] -= 1
            return False
        self._using[bsn][number] -= 1
        if not self._using[bsn][number]:
            del self._using[bsn][number]
        return True


def use_account(citizen: Citizen) -> Journey:
    bsn, number = citizen.account.bsn, citizen.number
    yield from fetch("one", "website", f"/begin/{bsn}/{number}", contains="Hello")
    yield Think(0.12)
    yield from fetch("two", "website", f"/end/{bsn}/{number}", contains="Hello")


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, object]]:
    """Put so many accounts into a variable; return the part of an environment that names it."""

    def make(count: int, **settings: object) -> dict[str, object]:
        lines = [",".join(IDENTITIES.account(number)) for number in range(count)]
        monkeypatch.setenv("POOL", "\n".join([",".join(Account._fields), *lines]))
        return {"secrets": {"pool": "env:POOL"}, "accounts": {"secret": "pool", **settings}}

    return make


def shared(portal: Portal, outcome: Outcome, accounts: int) -> None:
    """Check that each account had one citizen at a time, and that accounts were used again."""
    assert portal.conflicts == []
    assert outcome.completed == outcome.counts["started"]
    assert len(portal.begun) <= accounts
    assert sum(portal.begun.values()) > len(portal.begun)


def test_an_account_has_one_citizen_at_a_time(pool):
    """So few accounts that each is lent as soon as it is back."""
    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(server.url, use_account, citizens=120, seconds=3.0, environment=pool(2))
    shared(portal, outcome, 2)
    assert outcome.engine.lending.lent == 0


def test_a_generated_number_has_one_citizen_at_a_time(monkeypatch):
    """There are twelve for the five or six on their way; each fifth stays for so long that all come round meanwhile."""

    def use_number(citizen: Citizen) -> Journey:
        bsn, number = citizen.account.bsn, citizen.number
        yield from fetch("one", "website", f"/begin/{bsn}/{number}", contains="Hello")
        yield Think(0.02 if number % 5 else 0.6)
        yield from fetch("two", "website", f"/end/{bsn}/{number}", contains="Hello")

    few_numbers(monkeypatch, 12)
    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(server.url, use_number, citizens=120, seconds=3.0)
    shared(portal, outcome, 12)
    assert len(portal.begun) == 12
    assert outcome.counts["due"] == outcome.counts["started"] + outcome.counts["no_account"] == 120
    assert outcome.engine.lending.lent == 0


def test_whoever_finds_all_generated_numbers_taken_is_counted(monkeypatch):
    """Nobody is given a number that another one has."""
    few_numbers(monkeypatch, 2)
    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(server.url, use_account, citizens=240, seconds=2.4)
    shared(portal, outcome, 2)
    assert outcome.counts["no_account"] > 0


def test_a_citizen_who_tries_again_keeps_the_account(pool):
    """Whoever fails twice and passes then does so with one account, which nobody else gets between."""
    portal = Portal(refusals=2)
    retry = {
        "retry": {"share": 1.0, "times": 1, "pause": "50ms"},
        "come_back": {"share": 1.0, "times": 1, "after": "50ms"},
    }
    with listening(portal.talk) as server:
        outcome = crowd(server.url, use_account, citizens=30, seconds=1.5, behaviour=retry, environment=pool(2))
    shared(portal, outcome, 2)
    assert outcome.setbacks == 2 * outcome.counts["started"]
    assert outcome.engine.lending.lent == 0


def test_a_second_tab_keeps_the_account_until_it_is_closed(pool, monkeypatch):
    """The first tab comes to its end before the second does."""
    monkeypatch.setattr("loadtests.behaviour.TAB_DELAY", (0.05, 0.06))
    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(
            server.url, use_account, citizens=30, seconds=1.5, behaviour={"two_tabs": 1.0}, environment=pool(2)
        )
    shared(portal, outcome, 2)
    assert portal.most_tabs == 2
    assert outcome.engine.lending.lent == 0


def test_whoever_finds_no_account_is_counted_apart(pool):
    """Three accounts, kept until the end: seven of ten arrivals are not started, and not dropped either."""

    def stay(citizen: Citizen) -> Journey:
        yield from fetch("one", "website", f"/begin/{citizen.account.bsn}/{citizen.number}", contains="Hello")
        yield Think(60)

    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(server.url, stay, drain=2.0, environment=pool(3))
    counts = outcome.counts
    assert (counts["due"], counts["started"], counts["no_account"], counts["dropped"]) == (10, 3, 7, 0)
    assert outcome.results.total_unfinished == 3
    assert len(portal.begun) == 3


def test_accounts_that_rest_are_not_lent(pool):
    """One citizen for each account where the rest is longer than the run."""
    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(server.url, use_account, citizens=12, seconds=0.5, environment=pool(5, cool_down="1h"))
    assert (outcome.completed, outcome.counts["no_account"]) == (5, 7)
    assert set(portal.begun.values()) == {1}


def test_accounts_used_once_are_used_in_their_order(pool):
    """Everybody has an account, nobody one that another had."""
    portal = Portal()
    with listening(portal.talk) as server:
        outcome = crowd(server.url, use_account, citizens=12, seconds=0.5, environment=pool(12, use="once"))
    assert outcome.completed == 12
    assert set(portal.begun.values()) == {1}
    assert set(portal.begun) == {IDENTITIES.bsn(number) for number in range(12)}


def test_an_engine_parts_with_accounts_and_gets_others(pool):
    """It gives up what is free, says which, and never lends that again; what it is given it lends."""
    portal = Portal()
    with registered(use_account), listening(portal.talk) as server:
        the_plan = plan(server.url, citizens=40, seconds=1.5, environment=pool(40))
        everyone = pool_of(the_plan)
        engine = Engine(the_plan, lending=Lending(the_plan, everyone, range(20)))
        engine.lending.hand_over(Handover(part_with=15))
        engine.lending.hand_over(Handover(accounts=[30, 31, 32]))
        engine.start(time.monotonic() + 0.02)
        end = time.monotonic() + 60
        while not engine.finished:
            assert time.monotonic() < end
            time.sleep(0.01)
        seconds: list[Second] = engine.collect()
    parted = [account for second in seconds for account in second.parted]
    assert len(parted) == len(set(parted)) == 15
    left = {*range(20), 30, 31, 32}.difference(parted)
    last = {everyone.accounts[account].bsn for account in left}
    assert portal.conflicts == []
    assert len(left) == 8
    assert set(portal.begun) & last, "it lends what it has left"
    assert engine.error is None
