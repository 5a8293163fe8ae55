"""Passing the waiting room, answered by hand and by a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable

import pytest

from journeys import Citizen, JourneyFailed, Mark, Passage, Reason, Request, Response, Wait
from journeys.core import Action
from journeys.identities import account_of
from journeys.waiting_room import pass_waiting_room
from tests.drivers import someone, walk
from tests.replica import Clock, running_replica
from tests.waiting import until


def says(**answer: object) -> Response:
    return Response(200, (), json.dumps(answer).encode())


def queued(**more: object) -> Response:
    return says(status="queued", ticket="t1", number=7, **more)


ADMITTED = says(status="admitted", ticket="t1", number=7)
UNKNOWN = Response(410, (), b'{"error": "ticket_unknown"}')


def answered(citizen: Citizen, answers: Iterable[Response]) -> tuple[list[Action], str | JourneyFailed | None]:
    """Answer the requests of a citizen in the waiting room; return every action, and the ticket or the failure.

    None stands for a citizen who would go on when there are no more answers.
    """
    actions: list[Action] = []
    left = iter(answers)
    walking = pass_waiting_room(citizen)
    answer: Response | None = None
    try:
        while True:
            action = walking.send(answer)
            answer = None
            if isinstance(action, Request):
                answer = next(left, None)
                if answer is None:
                    return actions, None
            actions.append(action)
    except StopIteration as end:
        return actions, end.value
    except JourneyFailed as failure:
        return actions, failure


def marks(actions: Iterable[Action]) -> list[Mark]:
    return [action for action in actions if isinstance(action, Mark)]


def test_it_joins_the_queue_of_its_channel_polls_and_returns_the_ticket() -> None:
    """Join, wait as long as advised, poll by ticket, and go in; each passage is marked as it happens."""
    actions, ticket = answered(someone(channel="app"), [queued(retry_after=3), ADMITTED])
    assert ticket == "t1"
    joining, *others = actions
    assert isinstance(joining, Request)
    assert (joining.step, joining.method, joining.path) == ("join-queue", "POST", "/queue")
    assert json.loads(joining.body) == {"channel": "app"}
    assert others == [
        Mark(Passage.JOINED),
        Mark(Passage.QUEUED),
        Wait(3.0),
        Request("poll-queue", "waiting-room", "/queue?ticket=t1"),
        Mark(Passage.ADMITTED, waited=3.0, pause=3.0),
    ]


def test_the_pause_before_an_admission_is_that_since_the_poll_before() -> None:
    """Admission may have come at any moment of the last pause, not of the whole wait."""
    actions, _ = answered(someone(), [queued(retry_after=3), queued(retry_after=1), ADMITTED])
    assert marks(actions)[-1] == Mark(Passage.ADMITTED, waited=4.0, pause=1.0)


def test_who_finds_no_queue_is_admitted_without_waiting() -> None:
    """With a place in the order of arrival it is an admission like any other, noticed at once."""
    actions, ticket = answered(someone(watchful=True), [ADMITTED])
    assert ticket == "t1"
    assert marks(actions) == [Mark(Passage.JOINED), Mark(Passage.ADMITTED)]


def test_a_queue_answer_never_counts_as_success() -> None:
    """Anything but the word 'admitted' is waiting, also when the answer is a 200 with a ticket."""
    for status in ("queued", "ok", "", None, True, 200):
        actions, ticket = answered(someone(), [says(status=status, ticket="t1")])
        assert ticket is None
        assert isinstance(actions[-1], Wait)
        assert [mark.passage for mark in marks(actions)] == [Passage.JOINED, Passage.QUEUED]


def test_patience_ends() -> None:
    """The citizen waits for exactly as long as its patience, looks once more, and gives up."""
    actions, failure = answered(Citizen(0, account_of("999990019"), "web", patience=10.0), [queued(retry_after=4)] * 4)
    assert [action for action in actions if isinstance(action, Wait)] == [Wait(4.0), Wait(4.0), Wait(2.0)]
    assert isinstance(failure, JourneyFailed)
    assert (failure.reason, failure.step) == (Reason.WAITING_ROOM, "poll-queue")
    assert marks(actions)[-1] == Mark(Passage.GAVE_UP, waited=10.0)


def test_a_ticket_that_is_not_known_any_more_is_a_place_lost() -> None:
    """Answer 410 (or 404): the journey fails with a reason of its own, and the place has expired."""
    for status in (410, 404):
        actions, failure = answered(someone(), [queued(retry_after=3), Response(status, (), UNKNOWN.body)])
        assert isinstance(failure, JourneyFailed)
        assert (failure.reason, failure.step) == (Reason.PLACE_LOST, "poll-queue")
        assert marks(actions)[-1] == Mark(Passage.EXPIRED, waited=3.0)


def test_other_trouble_while_polling_is_no_expired_place() -> None:
    """A broken waiting room fails the journey as what it is."""
    actions, failure = answered(someone(), [queued(), Response(500, (), b"")])
    assert isinstance(failure, JourneyFailed)
    assert failure.reason is Reason.UNEXPECTED_STATUS
    assert [mark.passage for mark in marks(actions)] == [Passage.JOINED, Passage.QUEUED]


def test_standing_behind_more_people_than_before_is_marked() -> None:
    """Lost places are counted each time; the citizen still waits, and may be admitted in the end."""
    aheads = [5, 4, 40, 3, 9]
    actions, ticket = answered(someone(), [*(queued(ahead=ahead, retry_after=1) for ahead in aheads), ADMITTED])
    assert ticket == "t1"
    assert [mark for mark in marks(actions) if mark.passage is Passage.LOST_PLACE] == [
        Mark(Passage.LOST_PLACE, waited=2.0),
        Mark(Passage.LOST_PLACE, waited=4.0),
    ]


def test_a_waiting_room_that_does_not_say_how_many_are_ahead_loses_no_place() -> None:
    """Where nothing is said, or something else than a number, nothing is concluded."""
    aheads = [{"ahead": 5}, {}, {"ahead": "many"}, {"ahead": 9}]
    actions, _ = answered(someone(), [*(queued(retry_after=1, **ahead) for ahead in aheads), ADMITTED])
    assert Passage.LOST_PLACE not in {mark.passage for mark in marks(actions)}


@pytest.mark.parametrize(
    ("advice", "pause"), [(0, 0.1), (-5, 0.1), (1e9, 30.0), (None, 2.0), ("soon", 2.0), (1.5, 1.5)]
)
def test_bad_advice_neither_hammers_nor_stalls(advice: object, pause: float) -> None:
    """Polling stays between a tenth of a second and half a minute, whatever the waiting room says."""
    actions, _ = answered(someone(), [queued(retry_after=advice)])
    assert actions[-1] == Wait(pause)


def test_the_watchful_notice_that_no_one_was_held() -> None:
    """An admission without a number in the queue is a bypass to a probe and good luck to everyone else."""
    for watchful in (True, False):
        actions, end = answered(someone(watchful=watchful), [says(status="admitted", ticket="t1")])
        assert marks(actions) == [Mark(Passage.JOINED), Mark(Passage.UNQUEUED)]
        if watchful:
            assert isinstance(end, JourneyFailed)
            assert (end.reason, end.step) == (Reason.WAITING_ROOM_BYPASSED, "join-queue")
        else:
            assert end == "t1"


async def test_a_real_queue_is_waited_for() -> None:
    """At two a second the second citizen is held until half a second has passed for the system, by polling."""
    clock = Clock()
    async with running_replica(clock, dose_web=2.0) as replica:
        assert await walk("enter-waiting-room", replica.url, someone(0, watchful=True)) == ["join-queue"]
        second = asyncio.create_task(walk("enter-waiting-room", replica.url, someone(1, watchful=True)))
        await until(lambda: replica.replica.state()["waiting_room"]["web"]["queued"] == 1)
        clock.now += 0.5
        steps = await second
    assert steps[0] == "join-queue"
    assert set(steps[1:]) == {"poll-queue"}


async def test_impatience_meets_a_closed_waiting_room() -> None:
    """At a dose of 0 the citizen gives up after its patience, with the right reason."""
    async with running_replica(dose_web=0.0) as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk("log-in-with-app", replica.url, someone(patience=0.3))
    assert (caught.value.reason, caught.value.step) == (Reason.WAITING_ROOM, "poll-queue")


class Leaping(Clock):
    """A clock on which half a minute passes between two looks."""

    def __call__(self) -> float:
        self.now += 40.0
        return self.now


async def test_a_real_waiting_room_forgets_who_is_silent() -> None:
    """Whoever polls too seldom has lost the place."""
    async with running_replica(Leaping(), dose_web=0.0) as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk("enter-waiting-room", replica.url, someone())
    assert (caught.value.reason, caught.value.step) == (Reason.PLACE_LOST, "poll-queue")
