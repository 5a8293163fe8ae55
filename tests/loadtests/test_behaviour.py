"""Manner: each decision follows its probability, is fixed by seed and number, and leaves the others as they were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import Behaviour
from loadtests.behaviour import TAB_DELAY, History, Manner, uniform

MANY = 20_000
SEEDS = st.integers(0, 2**63)
NUMBERS = st.integers(0, 2**40)
SHARES = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9, 1.0])


def manner(seed: int = 1, pace: float = 1.0, **behaviour: Any) -> Manner:
    return Manner(Behaviour.model_validate(behaviour), seed, pace)


def close_to(share: float, many: int = MANY) -> Any:
    """Six standard deviations of a count: a test in 500 million fails by chance."""
    return pytest.approx(many * share, abs=6 * (many * share * (1 - share)) ** 0.5)


@given(SEEDS, NUMBERS, st.integers(0, 2**21))
def test_a_draw_is_a_share_that_three_numbers_decide(seed, number, draw):
    """From 0 to 1, 1 excluded, and always the same."""
    value = uniform(seed, number, draw)
    assert 0 <= value < 1
    assert value == uniform(seed, number, draw)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["seed", "number", "draw"])
def test_draws_are_even_and_independent_of_their_neighbours(which):
    """Along seeds, numbers or draws: even over 100 cells, and no cell follows from the one before."""

    def at(index: int) -> float:
        return uniform(*(index if position == which else 7 for position in range(3)))

    values = np.array([at(index) for index in range(100_000)])
    counts = np.histogram(values, bins=100, range=(0, 1))[0]
    chi_square = float(((counts - 1000.0) ** 2 / 1000.0).sum())
    assert chi_square < 99 + 6 * (2 * 99) ** 0.5
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 6 / len(values) ** 0.5


@given(SEEDS, NUMBERS)
def test_patience_is_a_half_to_one_and_a_half_times_the_limit(seed, number):
    """For an answer and in the queue; each person's is always the same, and the two are not one."""
    someone = manner(seed, patience="10s", queue_patience="10s")
    assert 5 <= someone.patience(number) < 15
    assert 5 <= someone.queue_patience(number) < 15
    assert someone.patience(number) != someone.queue_patience(number)
    assert someone.patience(number) == manner(seed, patience="10s").patience(number)
    assert manner(seed).patience(number) == float("inf")


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_so_many_open_a_second_tab(share):
    """The share is met, and the delays lie between their limits, evenly."""
    delays = [delay for number in range(MANY) if (delay := manner(two_tabs=share).second_tab(number)) is not None]
    assert len(delays) == close_to(share)
    if delays:
        assert TAB_DELAY[0] <= min(delays) <= max(delays) < TAB_DELAY[1]
        assert np.mean(delays) == pytest.approx(sum(TAB_DELAY) / 2, abs=6 * 2.6 / len(delays) ** 0.5)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_so_many_have_the_version_with_the_bug(share):
    """All of them open as many needless connections, the others none."""
    buggy = manner(spare_connections={"number": 3, "share": share})
    numbers = [buggy.spare_connections(number) for number in range(MANY)]
    assert set(numbers) <= {0, 3}
    assert numbers.count(3) == close_to(share)
    assert manner().spare_connections(1) == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_after_each_failure_a_share_tries_again(share):
    """The share holds for the first attempt and for every later one."""
    keen = manner(retry={"share": share, "times": 4})
    left = {number: History() for number in range(MANY)}
    for _ in range(4):
        again = {number: keen.after_failure(number, history) for number, history in left.items()}
        gone_on = {number: it.history for number, it in again.items() if it is not None}
        assert len(gone_on) == close_to(share, len(left))
        left = gone_on
    assert not any(keen.after_failure(number, history) for number, history in left.items())


@given(SEEDS, NUMBERS, SHARES, SHARES, st.integers(1, 6), st.integers(1, 4))
def test_everybody_comes_to_an_end(seed, number, keen, patient, times, returns):
    """Never more than `times` retries each time, never more than `times` returns, and each attempt is counted."""
    restless = manner(
        seed,
        retry={"share": keen, "times": times},
        come_back={"share": patient, "after": "1m", "times": returns},
    )
    history, attempts = History(), 1
    while (again := restless.after_failure(number, history)) is not None:
        came_back = again.history.returns > history.returns
        assert again.history.retries == (0 if came_back else history.retries + 1) <= times
        history, attempts = again.history, attempts + 1
        assert history.attempts == attempts
        assert history.returns <= returns
    assert attempts <= (times + 1) * (returns + 1)
    if keen == patient == 1.0:
        assert attempts == (times + 1) * (returns + 1)


@given(SEEDS, NUMBERS, st.integers(0, 5), st.floats(1, 10), SHARES)
def test_pauses_grow_and_spread(seed, number, retries, growth, jitter):
    """It is pause x growth^(n - 1) x U(1 - jitter, 1 + jitter), whatever the pace of the day."""
    retry = {"times": 9, "pause": "2s", "growth": growth, "jitter": jitter}
    history = History(1 + retries, retries, 0)
    again = manner(seed, retry=retry).after_failure(number, history)
    assert again is not None
    middle = 2 * growth**retries
    assert middle * (1 - jitter) * 0.999 <= again.pause <= middle * (1 + jitter) * 1.001
    assert again == manner(seed, pace=0.01, retry=retry).after_failure(number, history)


@given(SEEDS, NUMBERS, st.floats(0.001, 1))
def test_who_comes_back_does_so_sooner_on_a_compressed_day(seed, number, pace):
    """A half to one and a half times as long after, times the pace; and as a new arrival, with retries left."""
    again = manner(seed, pace, come_back={"share": 1.0, "after": "1h"}).after_failure(number, History(4, 3, 0))
    assert again is not None
    assert 1800 * pace <= again.pause < 5400 * pace
    assert again.history == History(5, 0, 1)


def test_pauses_of_one_citizen_differ():
    """No two attempts of a person, and no two persons, repeat in step: a storm would come in waves."""
    restless = manner(retry={"times": 100, "jitter": 1.0})
    histories = [History(1 + retries, retries, 0) for retries in range(100)]
    pauses = {restless.after_failure(number, history).pause for number in range(20) for history in histories}
    assert len(pauses) == 2000


@pytest.mark.parametrize(
    "more",
    [
        {"two_tabs": 0.5},
        {"spare_connections": {"number": 2, "share": 0.5}},
        {"queue_patience": "1m"},
        {"come_back": {"share": 0.5, "after": "1m"}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_a_change_to_one_decision_leaves_the_others(more):
    """Whoever lost patience, tried again or opened a tab before does so still."""
    usual: dict[str, Any] = {"patience": "10s", "retry": {"share": 0.5, "times": 2}, "two_tabs": 0.1}
    before, after = manner(**usual), manner(**usual | more)
    for number in range(1000):
        assert before.patience(number) == after.patience(number)
        again = before.after_failure(number, History())
        if again is not None:
            assert again == after.after_failure(number, History())
        if "two_tabs" not in more:
            assert before.second_tab(number) == after.second_tab(number)


def test_decisions_do_not_hang_together():
    """Who is impatient is no more likely to try again, to open a tab or to have the bug than anyone else."""
    someone = manner(patience="10s", retry={"share": 0.5}, two_tabs=0.5, spare_connections={"number": 1, "share": 0.5})
    decisions = np.array(
        [
            [
                someone.patience(number),
                someone.queue_patience(number),
                someone.after_failure(number, History()) is not None,
                someone.after_failure(number, History(2, 1, 0)) is not None,
                someone.second_tab(number) is not None,
                someone.spare_connections(number),
            ]
            for number in range(MANY)
        ],
        dtype=float,
    )
    together = np.corrcoef(decisions.T) - np.eye(decisions.shape[1])
    assert np.abs(together).max() < 6 / MANY**0.5
