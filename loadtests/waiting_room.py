r"""Did the waiting room keep its dose? Accounting of the admissions of one channel, without false alarms.

Citizens learn of their admission when they poll, so what is counted in second i, a(i), are admissions *noticed* in it.
Each was given at most D before it was noticed. A waiting room that admits d people a second, one after the other, gives
at most d L + 1 admissions in any interval of length L. Those noticed within n seconds were given within n + D, so

    a(i) + ... + a(i + n - 1)  <=  d (n + D) + 1         for every i and n

The dose was exceeded exactly if the largest surplus of any interval is more than that leaves, with a second for
the clock, because a second of the count may begin a little late or be a little long:

    max  sum(a - d)  >  d (D + 1 s) + 1                  found in one pass (Kadane's algorithm)

    a  |      ____
       |  ___|    |___
    d  |-|--|+++++|---|----      the surplus of the marked seconds
       +-------------------> t

D is the longest pause between two polls of a citizen who was then admitted, plus the answers to both polls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config import Channel
from journeys import Passage
from journeys.waiting_room import WAITING_ROOM_STEPS
from loadtests.results import Results
from loadtests.timeline import CHANNELS

CLOCK = 1.0
"""Seconds by which the counted seconds may be off."""


@dataclass(frozen=True)
class Surplus:
    """The interval of a run that has the most admissions above the dose: from second `start`, `seconds` long.

    `above` is by how many the admissions exceed the dose there, `allowed` how many that may be; `rate` is in people a
    second.
    """

    start: int
    seconds: int
    admitted: int
    above: float
    allowed: float

    @property
    def exceeded(self) -> bool:
        """Whether no waiting room that keeps the dose could have done this."""
        return self.above > self.allowed

    @property
    def rate(self) -> float:
        """Admissions a second."""
        return self.admitted / self.seconds if self.seconds else 0.0


def largest_surplus(admitted: Sequence[int], dose: float, delay: float) -> Surplus:
    """Find the interval with the largest surplus over the dose (people a second).

    `admitted` counts the admissions noticed in each second; `delay` is the longest time in seconds that an admission
    may have gone unnoticed.
    """
    best, best_start, best_end = 0.0, 0, 0
    above, start = 0.0, 0
    for index, count in enumerate(admitted):
        above += count - dose
        if above > best:
            best, best_start, best_end = above, start, index + 1
        if above <= 0:
            above, start = 0.0, index + 1
    return Surplus(
        start=best_start,
        seconds=best_end - best_start,
        admitted=sum(admitted[best_start:best_end]),
        above=best,
        allowed=dose * (delay + CLOCK) + 1,
    )


def surpluses(results: Results, doses: Mapping[Channel, float]) -> dict[Channel, Surplus]:
    """Return the largest surplus of each channel that has a dose, over the whole run."""
    admitted = results.timeline.all()["admitted"]
    return {
        channel: largest_surplus(admitted[:, CHANNELS.index(channel)].tolist(), dose, _unnoticed(results, channel))
        for channel, dose in doses.items()
    }


def unqueued(results: Results, channel: Channel) -> int:
    """Return how many were let in without a place in the queue."""
    return results.passages[channel, Passage.UNQUEUED]


def _unnoticed(results: Results, channel: Channel) -> float:
    """Return the longest time that an admission may have gone unnoticed: a pause and the answers around it."""
    pause = results.longest_pause.get(channel, 0.0)
    answer = max((row.response.maximum for row in results.steps.values() if row.step in WAITING_ROOM_STEPS), default=0)
    return pause + 2 * answer
