"""Accounts that citizens borrow from one engine."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadtests.leases import PARTED_AT_ONCE, Leases, most_at_once


def test_the_account_that_has_been_free_for_longest_comes_first():
    """Each is lent once at a time; when all are, there is none."""
    leases = Leases()
    leases.add([5, 3], 0.0)
    assert [leases.lend(1.0) for _ in range(3)] == [3, 5, None]
    leases.give_back(5, 2.0)
    leases.give_back(3, 3.0)
    assert [leases.lend(4.0) for _ in range(3)] == [5, 3, None]


def test_an_account_rests_after_each_citizen():
    """It is there again when the time is over, to the instant."""
    leases = Leases(cool_down=10.0)
    leases.add([1], 0.0)
    assert leases.lend(0.0) == 1
    leases.give_back(1, 5.0)
    assert leases.lend(14.9) is None
    assert leases.lend(15.0) == 1


def test_what_is_owed_is_given_up_when_it_is_free():
    """Not what is lent or rests; and no more than was asked for."""
    leases = Leases(cool_down=10.0)
    leases.add([1, 2, 3], 0.0)
    assert leases.lend(0.0) == 1
    leases.owe(2)
    leases.give_back(1, 0.0)
    assert leases.part(0.0) == [2, 3]
    assert leases.part(20.0) == []
    leases.owe(5)
    assert leases.part(9.0) == []
    assert leases.part(20.0) == [1]
    assert len(leases) == 0


def test_of_many_that_are_owed_some_are_given_up_at_a_time():
    """Half of the generated accounts in one go would keep citizens waiting who are due; none is lost over it."""
    leases = Leases()
    leases.add(range(2500), 0.0)
    leases.owe(2200)
    parts = [leases.part(1.0) for _ in range(4)]
    assert [len(part) for part in parts] == [PARTED_AT_ONCE, PARTED_AT_ONCE, 200, 0]
    assert sorted(account for part in parts for account in part) == list(range(2200))
    assert len(leases) == 300


@given(
    instants=st.lists(st.integers(0, 200), max_size=60).map(sorted),
    hold=st.integers(1, 100),
)
def test_most_at_once_is_what_counting_gives(instants, hold):
    """Arrivals within `hold` seconds up to and with each of them; one exactly `hold` earlier is over."""
    expected = max((sum(last - hold < one <= last for one in instants) for last in instants), default=0)
    most, last = most_at_once(np.array(instants, dtype=np.float64), float(hold))
    assert most == expected
    if instants:
        assert sum(last - hold < one <= last for one in instants) == most


@given(instants=st.lists(st.integers(0, 100), min_size=1, max_size=40).map(sorted), hold=st.integers(1, 40))
def test_so_many_accounts_do_where_people_take_no_time(instants, hold):
    """With as many accounts as there are at most at once nobody finds none; with one less somebody does."""

    def refused(accounts: int) -> int:
        leases = Leases(cool_down=hold)
        leases.add(range(accounts), -np.inf)
        none = 0
        for instant in instants:
            account = leases.lend(instant)
            if account is None:
                none += 1
            else:
                leases.give_back(account, instant)
        return none

    most, _ = most_at_once(np.array(instants, dtype=np.float64), hold)
    assert refused(most) == 0
    assert refused(most - 1) > 0
