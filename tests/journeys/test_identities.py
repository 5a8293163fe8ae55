from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys.identities import RESERVED, Identities, account_of, passes_eleven_test
from staging.accounts import Accounts

identities = cache(Identities)


@given(seed=st.integers(0, 3), number=st.integers(0, 10**9), reserved=st.booleans())
def test_every_citizen_has_a_number_of_the_test_range_that_passes_the_eleven_test(
    seed: int, number: int, reserved: bool
) -> None:
    """Nine digits, beginning with 999, valid: whoever is asked for."""
    bsn = identities(seed, reserved=reserved).bsn(number)
    assert len(bsn) == 9
    assert bsn.startswith("999")
    assert passes_eleven_test(bsn)


@given(bsn=st.integers(0, 10**9 - 1).map(lambda number: f"{number:09}"), other=st.integers(1, 9))
def test_the_eleven_test_catches_every_single_wrong_digit_at_the_end(bsn: str, other: int) -> None:
    """Of two numbers that differ in the last digit only, at most one passes."""
    wrong = f"{bsn[:-1]}{(int(bsn[-1]) + other) % 10}"
    assert not (passes_eleven_test(bsn) and passes_eleven_test(wrong))


def test_the_eleven_test_knows_good_and_bad_numbers() -> None:
    """Worked by hand: 9*1+8*1+7*1+6*2+5*2+4*2+3*3+2*3-3 = 66, six times eleven."""
    assert passes_eleven_test("111222333")
    for bad in ("111222334", "123456789", "11122233", "1112223330", "11122233x", "", "²11222333"):
        assert not passes_eleven_test(bad)


def test_no_number_comes_twice_before_all_have_come() -> None:
    """A crowd of as many people as there are numbers has each number once."""
    people = Identities(3)
    count = len(people)
    assert 75_000 < count < 85_000
    assert len({people.bsn(number) for number in range(count)}) == count
    assert people.bsn(count) == people.bsn(0)


def test_load_and_probes_share_no_one() -> None:
    """The reserved numbers are in no load, whatever the seeds."""
    load, probes = Identities(1), Identities(2, reserved=True)
    assert len(probes) == RESERVED * 9 // 10
    assert not {load.bsn(n) for n in range(len(load))} & {probes.bsn(n) for n in range(len(probes))}


@pytest.mark.parametrize("reserved", [False, True])
def test_a_partner_is_never_a_citizen(reserved: bool) -> None:
    """Whoever files jointly does so with someone else, who logs in nowhere else: neither in this run nor in another."""
    people = Identities(1, reserved=reserved)
    everybody = {people.account(number).app for number in range(len(people))}
    partners = {people.account(number).partner_app for number in range(len(people))}
    others = Identities(2, reserved=not reserved)
    assert abs(len(partners) * 9 - len(everybody)) < 9
    assert not partners & everybody
    assert not partners & {others.account(number).app for number in range(len(others))}
    assert not partners & {others.account(number).partner_app for number in range(len(others))}


def test_a_partner_can_log_in() -> None:
    """App and PIN are those of one account."""
    account = Identities(1).account(7)
    assert Accounts(1.0).owner_of_app(account.partner_app, account.partner_pin, 0.0) == account.partner_app[-9:]


def test_the_seed_fixes_the_order() -> None:
    """The same seed gives the same people, another seed gives others."""
    first, again, other = Identities(1), Identities(1), Identities(2)
    assert [first.bsn(n) for n in range(50)] == [again.bsn(n) for n in range(50)]
    assert [first.bsn(n) for n in range(50)] != [other.bsn(n) for n in range(50)]


@given(number=st.integers(0, 10**6))
def test_every_test_number_has_the_account_that_journeys_use(number: int) -> None:
    """Password, app and PIN of the journeys are those that the replica knows."""
    bsn, accounts = identities().bsn(number), Accounts(1.0)
    account = account_of(bsn)
    assert accounts.accepts_password(bsn, account.password)
    assert accounts.owner_of_app(account.app, account.pin, 0.0) == bsn
