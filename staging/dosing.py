"""A dosed queue: who comes first goes in first, and never more people than the dose.

With a dose of r people a second, admission k+1 follows admission k after at least 1/r seconds, and no earlier than its
holder joined:

    a[k+1] = max(a[k] + 1/r, joined[k+1])

So any interval of length T (its start or its end not counted) holds at most ceil(r T) admissions; there is no burst
after a quiet time. People learn of their admission when they poll; its instant does not depend on when anyone polls.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from staging.expiring import Expiring


@dataclass(frozen=True, slots=True)
class Waiting:
    """Still in the queue. At most `ahead` people go first; those who left without a word are among them."""

    number: int
    ahead: int
    seconds: float
    """Until the expected admission; infinite at a dose of 0."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in. `number` is the place in the order of arrival, None for one who never stood in the queue."""

    number: int | None


@dataclass(slots=True)
class _Place:
    number: int
    joined: float
    seen: float


class DosedQueue:
    """The queue of one channel, `dose` people a second (0 admits no one).

    A ticket is forgotten when its holder has not polled for `patience` seconds, an admission when it was not used
    within `lifetime` seconds. `now` is a clock in seconds that never goes back.
    """

    def __init__(self, dose: float, *, patience: float = 30.0, lifetime: float = 60.0) -> None:
        self._dose = dose
        self._patience = patience
        self._last = -math.inf
        self._not_before = -math.inf
        self._joined = 0
        self._queue: OrderedDict[str, _Place] = OrderedDict()
        self._by_last_poll: OrderedDict[str, _Place] = OrderedDict()
        self._admitted: Expiring[str, Admitted] = Expiring(lifetime)
        self.admitted_in_order = 0
        self.admitted_unqueued = 0

    @property
    def dose(self) -> float:
        """People admitted per second."""
        return self._dose

    def length(self, now: float) -> int:
        """Return how many people wait."""
        self._advance(now)
        return len(self._queue)

    def set_dose(self, dose: float, now: float) -> None:
        """Change the dose from now on; the gap after the last admission is at least that of the new dose."""
        self._advance(now)
        self._not_before = now
        self._dose = dose

    def join(self, ticket: str, now: float) -> Waiting | Admitted:
        """Stand at the end of the queue with a new ticket."""
        self._joined += 1
        place = _Place(self._joined, now, now)
        self._advance(now)
        self._queue[ticket] = place
        self._by_last_poll[ticket] = place
        standing = self.poll(ticket, now)
        assert standing is not None, "a ticket lives longer than no time"
        return standing

    def poll(self, ticket: str, now: float) -> Waiting | Admitted | None:
        """Say where the holder of a ticket stands, and keep the ticket alive; None for a ticket that is not known."""
        self._advance(now)
        place = self._queue.get(ticket)
        if place is None:
            return self._admitted.get(ticket, now)
        place.seen = now
        self._by_last_poll.move_to_end(ticket)
        ahead = place.number - next(iter(self._queue.values())).number
        return Waiting(place.number, ahead, self._earliest() - now + self._time_for(ahead))

    def let_in(self, ticket: str, now: float) -> Admitted:
        """Admit someone who never stood in the queue, as a waiting room does that is not applied."""
        self._advance(now)
        self.admitted_unqueued += 1
        unqueued = Admitted(None)
        self._admitted.put(ticket, unqueued, now)
        return unqueued

    def use(self, ticket: str, now: float) -> bool:
        """Go through the door: tell whether this ticket is admitted, and let no one else in on it."""
        self._advance(now)
        return self._admitted.pop(ticket, now) is not None

    def _advance(self, now: float) -> None:
        """Do what was due until `now`, in the order in which it was due."""
        while self._queue:
            ticket, place = next(iter(self._queue.items()))
            instant = max(self._earliest(), place.joined)
            if self._forget_silent(min(instant, now)):
                continue
            if instant > now:
                return
            self._remove(ticket)
            self._admitted.put(ticket, Admitted(place.number), instant)
            self.admitted_in_order += 1
            self._last = instant

    def _earliest(self) -> float:
        """Return the earliest instant of the next admission."""
        return max(self._last + 1 / self._dose, self._not_before) if self._dose > 0 else math.inf

    def _time_for(self, people: int) -> float:
        return people / self._dose if self._dose > 0 else math.inf

    def _forget_silent(self, now: float) -> bool:
        """Forget the tickets that were not polled in time; tell whether there were any."""
        forgotten = False
        while self._by_last_poll:
            ticket, place = next(iter(self._by_last_poll.items()))
            if place.seen + self._patience >= now:
                break
            self._remove(ticket)
            forgotten = True
        return forgotten

    def _remove(self, ticket: str) -> None:
        del self._queue[ticket]
        del self._by_last_poll[ticket]
