"""The dosed queue: never above the dose, first in first out, nobody lost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from staging.dosing import Admitted, DosedQueue, Waiting

TINY = 1e-6

doses = st.floats(0.05, 50.0)
pauses = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60)


@dataclass
class Crowd:
    """People who join, and poll until they are in."""

    queue: DosedQueue
    joined: list[str] = field(default_factory=list)
    admitted: dict[str, float] = field(default_factory=dict)

    def arrive(self, now: float) -> None:
        ticket = f"t{len(self.joined)}"
        self.joined.append(ticket)
        self._note(ticket, self.queue.join(ticket, now), now)

    def poll_all(self, now: float) -> None:
        for ticket in self.joined:
            if ticket not in self.admitted:
                self._note(ticket, self.queue.poll(ticket, now), now)

    def _note(self, ticket: str, standing: Waiting | Admitted | None, now: float) -> None:
        assert standing is not None, f"{ticket} was lost"
        if isinstance(standing, Admitted):
            self.admitted[ticket] = now
            assert self.queue.use(ticket, now)
            assert not self.queue.use(ticket, now)


@given(dose=doses, gaps=pauses, interval=st.floats(0.1, 5.0))
def test_everyone_who_keeps_polling_is_admitted_in_the_order_of_arrival(
    dose: float, gaps: list[float], interval: float
) -> None:
    """Polling in any rhythm, nobody is lost, and people learn of their admission in the order in which they came."""
    crowd, now = Crowd(DosedQueue(dose, patience=1e9)), 0.0
    for gap in gaps:
        now += gap
        crowd.poll_all(now)
        crowd.arrive(now)
    for _ in range(math.ceil(len(gaps) / dose / interval) + 2):
        now += interval
        crowd.poll_all(now)
    assert list(crowd.admitted) == crowd.joined
    assert crowd.queue.admitted_in_order == len(gaps)
    assert crowd.queue.length(now) == 0


@given(dose=doses, gaps=pauses, looks=st.lists(st.floats(0.0, 5.0), min_size=2, max_size=80))
def test_never_more_admissions_than_the_dose_in_any_interval(
    dose: float, gaps: list[float], looks: list[float]
) -> None:
    """Between any two moments at most ceil(dose x length) people are admitted, however quiet it was before."""
    queue, now = DosedQueue(dose, patience=1e9, lifetime=1e9), 0.0
    seen: list[tuple[float, int]] = []
    joining = iter(enumerate(gaps))
    for count, look in enumerate(looks):
        for number, gap in islice(joining, count % 4):
            now += gap
            queue.join(str(number), now)
        now += look
        queue.length(now)
        seen.append((now, queue.admitted_in_order))
    for first, (start, before) in enumerate(seen):
        for end, after in seen[first:]:
            assert after - before <= math.ceil(dose * (end - start) + TINY)


@given(dose=doses, people=st.integers(2, 40))
def test_admissions_of_a_crowd_follow_each_other_at_the_dose(dose: float, people: int) -> None:
    """When everyone comes at once, admission k comes at k / dose: no slot is wasted, none is doubled."""
    queue = DosedQueue(dose, patience=1e9, lifetime=1e9)
    for person in range(people):
        queue.join(str(person), 0.0)
    for person in range(1, people):
        due = person / dose
        queue.length(due * (1 - TINY))
        assert queue.admitted_in_order == person
        queue.length(due * (1 + TINY))
        assert queue.admitted_in_order == person + 1


@given(gaps=pauses, first=doses, second=doses)
def test_a_changed_dose_holds_from_its_change(gaps: list[float], first: float, second: float) -> None:
    """After a change of dose no burst makes up for the time before."""
    queue = DosedQueue(first, patience=1e9, lifetime=1e9)
    for person in range(60):
        queue.join(str(person), 0.0)
    now = 0.0
    for gap in gaps:
        now += gap
        queue.set_dose(second, now)
        before = queue.admitted_in_order
        later = now + 0.7
        queue.length(later)
        assert queue.admitted_in_order - before <= math.ceil(second * 0.7 + TINY)
        now = later


@given(leaves=st.sets(st.integers(0, 19)))
def test_who_leaves_costs_the_others_nothing(leaves: set[int]) -> None:
    """Tickets that are not polled expire and take no admission; those who stay all get in, in order."""
    queue, now, admitted = DosedQueue(0.5, patience=5.0), 0.0, []
    for person in range(20):
        queue.join(str(person), now)
    while queue.length(now):
        now += 1.0
        for person in range(20):
            standing = queue.poll(str(person), now) if person not in leaves else None
            if isinstance(standing, Admitted) and queue.use(str(person), now):
                admitted.append(person)
        assert now < 60
    stayed = [person for person in range(20) if person not in leaves]
    assert admitted == stayed
    assert queue.admitted_in_order <= len(stayed) + 3  # those who left within their first 5 s


def test_a_quiet_time_saves_nothing_up() -> None:
    """After an hour without anyone the dose is still the dose: of ten who come at once one goes in."""
    queue = DosedQueue(1.0)
    now = 3600.0
    standings = [queue.join(str(person), now) for person in range(10)]
    assert [isinstance(standing, Admitted) for standing in standings] == [True] + [False] * 9


def test_a_waiting_person_is_told_the_place_and_the_time() -> None:
    """At one a second the fourth, after the first was admitted, has two ahead and three seconds to wait."""
    queue = DosedQueue(1.0)
    for person in range(3):
        queue.join(str(person), 100.0)
    assert queue.join("me", 100.0) == Waiting(number=4, ahead=2, seconds=3.0)


def test_an_admission_that_is_not_used_expires() -> None:
    """An admission opens the door for its lifetime only."""
    queue = DosedQueue(1.0, lifetime=60.0)
    queue.join("a", 0.0)
    assert queue.poll("a", 59.0) == Admitted(1)
    assert queue.poll("a", 60.0) is None
    assert not queue.use("a", 60.0)


def test_a_ticket_that_was_never_handed_out_opens_nothing() -> None:
    """Inventing a ticket does not help; neither does one that still waits."""
    queue = DosedQueue(1.0)
    queue.join("first", 0.0)
    queue.join("second", 0.0)
    assert not queue.use("invented", 0.0)
    assert not queue.use("second", 0.0)
    assert queue.poll("invented", 0.0) is None


def test_a_dose_of_zero_admits_no_one_and_keeps_everyone() -> None:
    """Closed, people wait without an expected time; opened again, they go in one by one."""
    queue = DosedQueue(0.0, patience=100.0)
    for person in range(3):
        queue.join(str(person), 0.0)
    standing = queue.poll("2", 50.0)
    assert isinstance(standing, Waiting)
    assert standing.seconds == math.inf
    queue.set_dose(1.0, 60.0)
    assert [isinstance(queue.poll(str(person), 60.0), Admitted) for person in range(3)] == [True, False, False]
    assert isinstance(queue.poll("1", 61.0), Admitted)


def test_who_is_let_in_unqueued_has_no_number_and_does_not_delay_the_queue() -> None:
    """The door opens, the counter tells the difference, the queue goes on."""
    queue = DosedQueue(1.0)
    assert queue.let_in("cheat", 0.0) == Admitted(None)
    assert queue.use("cheat", 0.0)
    assert isinstance(queue.join("honest", 0.0), Admitted)
    assert (queue.admitted_in_order, queue.admitted_unqueued) == (1, 1)


def test_memory_of_a_closed_queue_is_bounded_by_those_who_still_poll() -> None:
    """While no one is admitted, tickets of people who left are forgotten, and the loyal head of the queue is kept."""
    queue = DosedQueue(0.0, patience=30.0)
    queue.join("loyal", 0.0)
    for second in range(1, 1000):
        queue.poll("loyal", float(second))
        queue.join(str(second), float(second))
        assert len(queue._queue) <= 32
    assert queue.length(999.0) <= 32
    assert isinstance(queue.poll("loyal", 1000.0), Waiting)
