"""Dosed access: everyone who logs in passes the waiting room by this one generator.

The answer of a waiting room is a 200 whether one is let in or not. So nothing but the word 'admitted' counts.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from journeys.core import Action, Citizen, Journey, JourneyFailed, Wait, fetch_json, journey
from journeys.reasons import Reason

WAITING_ROOM_STEPS = ("join-queue", "poll-queue")

# Seconds between two polls when the waiting room asks for less, more, or nothing sensible.
_SHORTEST, _LONGEST, _USUAL = 0.1, 30.0, 2.0


def pass_waiting_room(citizen: Citizen) -> Generator[Action, Any, str]:
    """Queue on the citizen's channel until admitted and return the ticket that opens the door, once.

    Raises `JourneyFailed`: WAITING_ROOM when patience ends in the queue; WAITING_ROOM_BYPASSED for a watchful citizen
    who is admitted without a place in the queue.
    """
    step, waited = "join-queue", 0.0
    answer = yield from fetch_json(
        step, "waiting-room", "/queue", data={"channel": citizen.channel}, keys=("status", "ticket")
    )
    while answer["status"] != "admitted":
        pause = min(_pause(answer), citizen.patience - waited)
        if pause <= 0:
            raise JourneyFailed(Reason.WAITING_ROOM, step, f"not admitted after {waited:.1f} s")
        yield Wait(pause)
        step, waited = "poll-queue", waited + pause
        path = f"/queue?ticket={answer['ticket']}"
        answer = yield from fetch_json(step, "waiting-room", path, keys=("status", "ticket"))
    if citizen.watchful and not isinstance(answer.get("number"), int):
        raise JourneyFailed(Reason.WAITING_ROOM_BYPASSED, step, f"the {citizen.channel} channel admits without a queue")
    return str(answer["ticket"])


def _pause(answer: Mapping[str, Any]) -> float:
    """Return the seconds until the next poll, as the waiting room advises."""
    advice = answer.get("retry_after")
    return min(max(float(advice), _SHORTEST), _LONGEST) if isinstance(advice, int | float) else _USUAL


@journey("enter-waiting-room", title="Pass the waiting room", steps=WAITING_ROOM_STEPS)
def enter_waiting_room(citizen: Citizen) -> Journey:
    """Queue until admitted, and leave."""
    yield from pass_waiting_room(citizen)
