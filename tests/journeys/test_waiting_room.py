"""Passing the waiting room, answered by hand and by a real one."""

from __future__ import annotations

import json

import pytest

from journeys import Citizen, JourneyFailed, Reason, Request, Response, Wait
from journeys.waiting_room import pass_waiting_room
from tests.drivers import someone, walk
from tests.replica import running_replica


def says(**answer: object) -> Response:
    return Response(200, (), json.dumps(answer).encode())


def queued(**more: object) -> Response:
    return says(status="queued", ticket="t1", number=7, **more)


def test_it_joins_the_queue_of_its_channel_polls_and_returns_the_ticket() -> None:
    """Join, wait as long as advised, poll by ticket, and go in."""
    walking = pass_waiting_room(someone(channel="app"))
    joining = next(walking)
    assert isinstance(joining, Request)
    assert (joining.step, joining.path, joining.body) == ("join-queue", "/queue", b'{"channel": "app"}')
    assert walking.send(queued(retry_after=3)) == Wait(3.0)
    assert next(walking) == Request("poll-queue", "waiting-room", "/queue?ticket=t1")
    with pytest.raises(StopIteration) as end:
        walking.send(says(status="admitted", ticket="t1", number=7))
    assert end.value.value == "t1"


def test_a_queue_answer_never_counts_as_success() -> None:
    """Anything but the word 'admitted' is waiting, also when the answer is a 200 with a ticket."""
    for status in ("queued", "ok", "", None, True, 200):
        walking = pass_waiting_room(someone())
        next(walking)
        assert isinstance(walking.send(says(status=status, ticket="t1")), Wait)


def test_patience_ends() -> None:
    """The citizen waits for exactly as long as its patience, looks once more, and gives up."""
    walking = pass_waiting_room(Citizen(0, "", "web", patience=10.0))
    next(walking)
    waits = [walking.send(queued(retry_after=4))]
    for _ in range(2):
        next(walking)
        waits.append(walking.send(queued(retry_after=4)))
    assert waits == [Wait(4.0), Wait(4.0), Wait(2.0)]
    next(walking)
    with pytest.raises(JourneyFailed) as caught:
        walking.send(queued(retry_after=4))
    assert (caught.value.reason, caught.value.step) == (Reason.WAITING_ROOM, "poll-queue")


@pytest.mark.parametrize(
    ("advice", "pause"), [(0, 0.1), (-5, 0.1), (1e9, 30.0), (None, 2.0), ("soon", 2.0), (1.5, 1.5)]
)
def test_bad_advice_neither_hammers_nor_stalls(advice: object, pause: float) -> None:
    """Polling stays between a tenth of a second and half a minute, whatever the waiting room says."""
    walking = pass_waiting_room(someone())
    next(walking)
    assert walking.send(queued(retry_after=advice)) == Wait(pause)


def test_the_watchful_notice_that_no_one_was_held() -> None:
    """An admission without a number in the queue is a bypass to a probe and good luck to everyone else."""
    for watchful in (True, False):
        walking = pass_waiting_room(someone(watchful=watchful))
        next(walking)
        with pytest.raises(JourneyFailed if watchful else StopIteration) as end:
            walking.send(says(status="admitted", ticket="t1"))
        if isinstance(end.value, JourneyFailed):
            assert (end.value.reason, end.value.step) == (Reason.WAITING_ROOM_BYPASSED, "join-queue")


async def test_a_real_queue_is_waited_for() -> None:
    """At two a second the second citizen is held for half a second, by polling."""
    async with running_replica(dose_web=2.0) as replica:
        assert await walk("enter-waiting-room", replica.url, someone(0, watchful=True)) == ["join-queue"]
        assert await walk("enter-waiting-room", replica.url, someone(1, watchful=True)) == ["join-queue", "poll-queue"]


async def test_impatience_meets_a_closed_waiting_room() -> None:
    """At a dose of 0 the citizen gives up after its patience, with the right reason."""
    async with running_replica(dose_web=0.0) as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk("log-in-with-app", replica.url, someone(patience=0.3))
    assert (caught.value.reason, caught.value.step) == (Reason.WAITING_ROOM, "poll-queue")
