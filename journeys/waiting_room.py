"""Dosed access: everyone who logs in passes the waiting room by this one generator.

The answer of a waiting room is a 200 whether one is let in or not. So nothing but the word 'admitted' counts.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from journeys.core import Action, Citizen, Journey, JourneyFailed, Mark, Passage, Wait, fetch_json, journey
from journeys.reasons import Reason

WAITING_ROOM_STEPS = ("join-queue", "poll-queue")
WAITING_ROOM_REASONS = (Reason.PLACE_LOST, Reason.WAITING_ROOM_BYPASSED)

# Seconds between two polls when the waiting room asks for less, more, or nothing sensible.
_SHORTEST, _LONGEST, _USUAL = 0.1, 30.0, 2.0


def pass_waiting_room(citizen: Citizen) -> Generator[Action, Any, str]:
    """Queue on the citizen's channel until admitted and return the ticket that opens the door, once.

    Raises `JourneyFailed`: WAITING_ROOM when patience ends in the queue; PLACE_LOST when the ticket is not known any
    more; WAITING_ROOM_BYPASSED for a watchful citizen who is admitted without a place in the queue.
    """
    answer = yield from fetch_json(
        "join-queue", "waiting-room", "/queue", data={"channel": citizen.channel}, keys=("status", "ticket")
    )
    yield Mark(Passage.JOINED)
    waited = pause = 0.0
    if answer["status"] != "admitted":
        answer, waited, pause = yield from _queue(citizen, answer)
    queued = isinstance(answer.get("number"), int)
    yield Mark(Passage.ADMITTED if queued else Passage.UNQUEUED, waited, pause)
    if citizen.watchful and not queued:
        step = "poll-queue" if waited else "join-queue"
        raise JourneyFailed(Reason.WAITING_ROOM_BYPASSED, step, f"the {citizen.channel} channel admits without a queue")
    return str(answer["ticket"])


def _queue(citizen: Citizen, answer: dict[str, Any]) -> Generator[Action, Any, tuple[dict[str, Any], float, float]]:
    """Poll until admitted; return the answer, the seconds waited in all and since the poll before."""
    yield Mark(Passage.QUEUED)
    step, waited, ahead = "join-queue", 0.0, answer.get("ahead")
    while True:
        pause = min(_pause(answer), citizen.patience - waited)
        if pause <= 0:
            yield Mark(Passage.GAVE_UP, waited)
            raise JourneyFailed(Reason.WAITING_ROOM, step, f"not admitted after {waited:.1f} s")
        yield Wait(pause)
        step, waited = "poll-queue", waited + pause
        try:
            answer = yield from _poll(answer)
        except JourneyFailed as failure:
            if failure.reason is Reason.PLACE_LOST:
                yield Mark(Passage.EXPIRED, waited)
            raise
        if answer["status"] == "admitted":
            return answer, waited, pause
        before, ahead = ahead, answer.get("ahead")
        if isinstance(before, int) and isinstance(ahead, int) and ahead > before:
            yield Mark(Passage.LOST_PLACE, waited)


def _poll(answer: Mapping[str, Any]) -> Generator[Action, Any, dict[str, Any]]:
    path = f"/queue?ticket={answer['ticket']}"
    gone = dict.fromkeys((404, 410), Reason.PLACE_LOST)
    return fetch_json("poll-queue", "waiting-room", path, keys=("status", "ticket"), refusals=gone)


def _pause(answer: Mapping[str, Any]) -> float:
    """Return the seconds until the next poll, as the waiting room advises."""
    advice = answer.get("retry_after")
    return min(max(float(advice), _SHORTEST), _LONGEST) if isinstance(advice, int | float) else _USUAL


@journey(
    "enter-waiting-room",
    title="Pass the waiting room",
    steps=WAITING_ROOM_STEPS,
    needs=(),
    reasons=WAITING_ROOM_REASONS,
)
def enter_waiting_room(citizen: Citizen) -> Journey:
    """Queue until admitted, and leave."""
    yield from pass_waiting_room(citizen)
