"""Lanes on the move: whatever comes and goes, each arrival is started exactly once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.allotment import Allotment, Orders
from loadtests.arrivals import Arrivals
from loadtests.schedule import LANES, Done, Order, Schedule


def arrivals(total: int) -> Arrivals:
    """`total` arrivals, one a second."""
    numbers = np.arange(total)
    return Arrivals(numbers.astype(np.float64), (numbers % 3).astype(np.int16))


def drain(schedule: Schedule, until: float = np.inf) -> list[int]:
    """Start everyone who is due before `until`; return their numbers."""
    numbers = []
    while schedule.instant < until:
        number, instant, kind = schedule.pop()
        assert (instant, kind) == (number, number % 3)
        numbers.append(number)
    return numbers


def test_all_lanes_are_all_arrivals_in_order():
    """One schedule that owns every lane starts everyone, in order."""
    schedule = Schedule(arrivals(3000))
    schedule.give(range(LANES), 0, 3000)
    assert len(schedule) == 3000
    assert drain(schedule) == list(range(3000))
    assert (schedule.passed, len(schedule), schedule.reached) == (3000, 0, 3000)


@pytest.mark.parametrize("total", [0, 1, 1023, 1024, 1025, 5000])
def test_lanes_divide_the_arrivals(total):
    """Any number of arrivals is divided over any lanes without rest."""
    parts = []
    for index in range(3):
        schedule = Schedule(arrivals(total))
        schedule.give(range(index, LANES, 3), 0, total)
        parts += drain(schedule)
    assert sorted(parts) == list(range(total))


def test_what_is_given_late_comes_first():
    """Arrivals whose instant has passed are started before those to come."""
    schedule = Schedule(arrivals(3 * LANES))
    schedule.give([7], 0, 3 * LANES)
    assert drain(schedule, 100) == [7]
    schedule.give([5], 0, 3 * LANES)
    assert schedule.reached == 5
    assert drain(schedule) == [5, LANES + 5, LANES + 7, 2 * LANES + 5, 2 * LANES + 7]


def test_a_release_says_from_where_it_holds():
    """What has been started cannot be released any more: the number says so."""
    schedule = Schedule(arrivals(3 * LANES))
    schedule.give(range(LANES), 0, 3 * LANES)
    drain(schedule, 1500)
    assert schedule.carry_out(Order(1, "release", [3], 200, 3 * LANES), 1500.0) == Done(1, 1500, 1500.0)
    assert schedule.carry_out(Order(2, "release", [4], 1600, 3 * LANES), 1500.0) == Done(2, 1600, 1500.0)
    gone = {2 * LANES + 3, 2 * LANES + 4}
    assert drain(schedule) == [number for number in range(1500, 3 * LANES) if number not in gone]


class House:
    """Engines as pure state: schedules, orders on their way, and what was last reported."""

    def __init__(self, total: int, engines: int) -> None:
        self.total = total
        self.arrivals = arrivals(total)
        self.allotment = Allotment(total)
        self.schedules: dict[int, Schedule] = {}
        self.post: dict[int, list[Order]] = {}
        self.done: dict[int, list[Done]] = {}
        self.unsaid: dict[int, list[int]] = {}
        self.counted: Counter[int] = Counter()
        self.now = 0
        self.next = engines
        for engine, lanes in self.allotment.begin(range(engines)).items():
            self._open(engine)
            self.schedules[engine].give(lanes, 0, total)

    def _open(self, engine: int) -> None:
        self.schedules[engine] = Schedule(self.arrivals)
        self.post[engine], self.done[engine], self.unsaid[engine] = [], [], []

    def _send(self, orders: Orders) -> None:
        for engine, order in orders:
            self.post[engine].append(order)

    def pick(self, number: int) -> int:
        return sorted(self.schedules)[number % len(self.schedules)]

    def run(self, engine: int) -> None:
        """Let an engine carry out the oldest of its orders, and start whoever is due."""
        if self.post[engine]:
            order = self.post[engine].pop(0)
            self.done[engine].append(self.schedules[engine].carry_out(order, float(self.now)))
        self.unsaid[engine] += drain(self.schedules[engine], self.now)

    def report(self, engine: int) -> None:
        """Let an engine say what it has done."""
        self.counted.update(self.unsaid[engine])
        orders = self.allotment.report(engine, self.schedules[engine].reached, self.done[engine])
        self.unsaid[engine], self.done[engine] = [], []
        self._send(orders)

    def join(self, ahead: int) -> None:
        self._open(self.next)
        self._send(self.allotment.join(self.next, min(self.total, self.now + ahead)))
        self.next += 1

    def kill(self, engine: int) -> None:
        """Let an engine go with all it has not said; the last one stays."""
        if len(self.schedules) > 1:
            del self.schedules[engine]
            self._send(self.allotment.leave(engine))


steps = st.lists(
    st.tuples(st.sampled_from(["time", "run", "run", "report", "report", "join", "kill"]), st.integers(0, 700)),
    max_size=60,
)


@settings(max_examples=200)
@given(total=st.integers(0, 5000), engines=st.integers(1, 4), steps=steps)
def test_whoever_comes_and_goes_each_arrival_is_counted_once(total, engines, steps):
    """Joins, kills, orders and reports in any order: at the end each arrival was said to be started exactly once."""
    house = House(total, engines)
    for what, number in steps:
        match what:
            case "time":
                house.now += number
            case "run":
                house.run(house.pick(number))
            case "report":
                house.report(house.pick(number))
            case "join" if len(house.schedules) < 8:
                house.join(number)
            case "kill":
                house.kill(house.pick(number))
    house.now = total + 1
    for _ in range(400):
        if house.allotment.done:
            break
        for engine in sorted(house.schedules):
            house.run(engine)
            house.report(engine)
    assert house.allotment.done
    assert all(not len(schedule) for schedule in house.schedules.values())
    assert house.counted == Counter(range(total))


def test_a_newcomer_gets_an_even_share():
    """Four engines that came one after the other own about a quarter of the lanes each."""
    house = House(100 * LANES, 1)
    for _ in range(3):
        house.join(0)
        for _ in range(6):
            for engine in sorted(house.schedules):
                house.run(engine)
                house.report(engine)
    left = [len(schedule) for schedule in house.schedules.values()]
    assert sum(left) == 100 * LANES
    assert max(left) - min(left) <= 3 * 100


def test_the_lanes_of_the_last_engine_wait_for_the_next():
    """When all are gone nothing is done; whoever comes next gets everything."""
    allotment = Allotment(5000)
    allotment.begin([1])
    assert allotment.leave(1) == []
    assert not allotment.done
    ((engine, order),) = allotment.join(2, 3000)
    assert (engine, order.action, order.since, order.end, sorted(order.lanes)) == (
        2,
        "give",
        0,
        5000,
        list(range(LANES)),
    )
