"""Accounts on the move: whoever comes and goes, no account is ever owned by two engines, and none is forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.leases import Leases
from loadtests.tenancy import ABANDONED, Handover, Handovers, Tenancy


class Engine:
    """An engine as pure state: its accounts, those its citizens have, what it was told and has not read yet."""

    def __init__(self) -> None:
        self.leases = Leases()
        self.lent: list[int] = []
        self.here: set[int] = set()
        self.post: list[Handover] = []
        self.parted: list[int] = []

    def add(self, accounts, now: float) -> None:
        self.leases.add(accounts, now)
        assert not self.here.intersection(accounts), "it was given what it has"
        self.here.update(accounts)


class House:
    """A conductor's bookkeeping and engines that hear of it late."""

    def __init__(self, total: int, engines: int) -> None:
        self.tenancy = Tenancy(total)
        self.engines = {engine: Engine() for engine in range(engines)}
        self.next = engines
        self.now = 0.0
        for engine, accounts in self.tenancy.begin(self.engines).items():
            self.engines[engine].add(accounts, self.now)

    def send(self, handovers: Handovers) -> None:
        for engine, handover in handovers:
            self.engines[engine].post.append(handover)

    def pick(self, number: int) -> Engine:
        return self.engines[self.name(number)]

    def name(self, number: int) -> int:
        return sorted(self.engines)[number % len(self.engines)]

    def read(self, engine: Engine) -> None:
        """Let an engine do the oldest thing that it was told, and part with what it owes and has."""
        if engine.post:
            handover = engine.post.pop(0)
            engine.add(handover.accounts, self.now + handover.rest)
            engine.leases.owe(handover.part_with)
        parted = engine.leases.part(self.now)
        engine.here.difference_update(parted)
        engine.parted += parted

    def report(self, number: int) -> None:
        engine = self.pick(number)
        parted, engine.parted = engine.parted, []
        self.send(self.tenancy.report(self.name(number), parted))

    def lend(self, engine: Engine) -> None:
        account = engine.leases.lend(self.now)
        if account is not None:
            assert account in engine.here
            engine.lent.append(account)

    def give_back(self, engine: Engine) -> None:
        if engine.lent:
            engine.leases.give_back(engine.lent.pop(0), self.now)

    def join(self) -> None:
        self.engines[self.next] = Engine()
        self.send(self.tenancy.join(self.next))
        self.next += 1

    def kill(self, number: int) -> None:
        name = self.name(number)
        del self.engines[name]
        self.send(self.tenancy.leave(name))

    def step(self, what: str, number: int) -> None:
        match what:
            case "time":
                self.now += number
            case "join" if len(self.engines) < 8:
                self.join()
            case "kill" if len(self.engines) > 1:
                self.kill(number)
            case "lend":
                self.lend(self.pick(number))
            case "give back":
                self.give_back(self.pick(number))
            case "read":
                self.read(self.pick(number))
            case "report":
                self.report(number)

    def check(self) -> None:
        """Nobody has what another has or is being sent."""
        everywhere = [
            [*engine.here, *(account for handover in engine.post for account in handover.accounts)]
            for engine in self.engines.values()
        ]
        flat = [account for own in everywhere for account in own]
        assert len(flat) == len(set(flat)), "two engines have the same account"
        owned = [account for name in self.engines for account in self.tenancy.owned_by(name)]
        assert len(owned) == len(set(owned)), "two engines own the same account"
        for name, own in zip(self.engines, everywhere, strict=True):
            assert set(own) <= self.tenancy.owned_by(name), "an engine has what it does not own"


WHAT = ["lend", "lend", "give back", "read", "read", "report", "report", "join", "kill", "time"]


@settings(max_examples=300)
@given(
    total=st.integers(0, 40),
    engines=st.integers(1, 4),
    steps=st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 100)), max_size=80),
)
def test_no_account_is_ever_owned_by_two_engines(total, engines, steps):
    """Lending, joins, kills and messages in any order: never two owners, and at the end every account is somewhere."""
    house = House(total, engines)
    for what, number in steps:
        house.step(what, number)
        house.check()
    house.now += 1000
    for _ in range(total + len(steps)):
        for number in range(len(house.engines)):
            house.give_back(house.pick(number))
            house.read(house.pick(number))
            house.report(number)
            house.check()
    found = sorted(account for engine in house.engines.values() for account in engine.here)
    assert found == list(range(total))


def test_accounts_are_dealt_out_by_index():
    """The i-th of k engines has every k-th account from the i-th on."""
    assert Tenancy(7).begin([4, 9, 11]) == {4: [0, 3, 6], 9: [1, 4], 11: [2, 5]}


def test_a_newcomer_gets_an_even_part_as_soon_as_others_can_spare_it():
    """What is lent now follows when it is free."""
    house = House(12, 2)
    for engine in house.engines.values():
        for _ in range(5):
            house.lend(engine)
    house.join()
    for _ in range(2):
        for number in range(3):
            house.read(house.pick(number))
            house.report(number)
    newcomer = house.engines[2]
    assert len(newcomer.here) == 2, "the two that nobody had"
    for number in range(2):
        house.give_back(house.pick(number))
        house.give_back(house.pick(number))
    for _ in range(2):
        for number in range(3):
            house.read(house.pick(number))
            house.report(number)
    assert [len(engine.here) for engine in house.engines.values()] == [4, 4, 4]


def test_what_a_lost_engine_leaves_rests_before_others_get_it():
    """It may not know yet that it is lost."""
    tenancy = Tenancy(5)
    tenancy.begin([1, 2, 3])
    assert tenancy.leave(1) == [(2, Handover([0], ABANDONED)), (3, Handover([3], ABANDONED))]


def test_the_accounts_of_the_last_engine_wait_for_the_next():
    """Nobody is left who could have them; whoever comes next gets them all."""
    tenancy = Tenancy(3)
    tenancy.begin([1])
    assert tenancy.leave(1) == []
    assert tenancy.join(2) == [(2, Handover([0, 1, 2], ABANDONED))]


def test_what_was_asked_for_an_engine_that_has_gone_is_not_lost():
    """It goes to those who are there."""
    tenancy = Tenancy(4)
    tenancy.begin([1])
    assert tenancy.join(2) == [(1, Handover(part_with=2))]
    assert tenancy.leave(2) == []
    assert tenancy.report(1, [0, 1]) == [(1, Handover([0, 1]))]


def test_nobody_gives_up_what_is_not_theirs():
    """A message that names others' accounts moves nothing."""
    tenancy = Tenancy(4)
    tenancy.begin([1, 2])
    assert tenancy.report(1, [1, 3]) == []
    assert tenancy.owned_by(2) == {1, 3}
