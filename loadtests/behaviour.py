"""What a citizen does when it fails: pure decisions, each fixed by the run's seed and the citizen's number.

Every decision takes a number of its own from a counter-based source, so that no citizen carries a generator and a
change to one decision leaves the others as they were:

    u(seed, number, draw) = mix(seed, number, draw) / 2^64      (mix: SplitMix64, Steele, Lea and Flood, 2014)
"""

from __future__ import annotations

from typing import NamedTuple

from config import Behaviour
from config.behaviour import ComeBack, Retry

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15

# Which decision a draw is for; those that repeat add their number to the last two.
_PATIENCE, _QUEUE_PATIENCE, _TABS, _TAB_DELAY, _SPARE = range(5)
_AGAIN, _PAUSE = 1_000, 1_000_000

TAB_DELAY = (1.0, 10.0)
"""Seconds after which the second tab is opened: drawn between these two."""


def uniform(seed: int, number: int, draw: int) -> float:
    """Return a number from 0 to 1 (excluded) that only these three decide."""
    state = (seed * _GOLDEN + number) & _MASK
    for value in (number, draw):
        state = (state + _GOLDEN * (value + 1)) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state / 2**64


class History(NamedTuple):
    """What a citizen has tried: attempts in all, retries since the last arrival, times come back."""

    attempts: int = 1
    retries: int = 0
    returns: int = 0


class Again(NamedTuple):
    """The next attempt: after how many seconds, and the history it will have."""

    pause: float
    history: History


class Manner:
    """How the citizens of one channel behave; `pace` multiplies the time until someone comes back (1 / compress)."""

    def __init__(self, behaviour: Behaviour, seed: int, pace: float = 1.0) -> None:
        self._behaviour = behaviour
        self._seed = seed
        self._pace = pace

    def patience(self, number: int) -> float:
        """Return the seconds that a citizen waits for one answer; infinite without a limit."""
        limit = self._behaviour.patience
        return float("inf") if limit is None else limit * (0.5 + uniform(self._seed, number, _PATIENCE))

    def queue_patience(self, number: int) -> float:
        """Return the seconds that a citizen stands in a waiting room."""
        return self._behaviour.queue_patience * (0.5 + uniform(self._seed, number, _QUEUE_PATIENCE))

    def second_tab(self, number: int) -> float | None:
        """Return after how many seconds a citizen opens a second tab; None for most."""
        if uniform(self._seed, number, _TABS) >= self._behaviour.two_tabs:
            return None
        earliest, latest = TAB_DELAY
        return earliest + (latest - earliest) * uniform(self._seed, number, _TAB_DELAY)

    def spare_connections(self, number: int) -> int:
        """Return how many needless connections a citizen's app opens beside each one that it needs."""
        spare = self._behaviour.spare_connections
        return spare.number if spare is not None and uniform(self._seed, number, _SPARE) < spare.share else 0

    def after_failure(self, number: int, history: History) -> Again | None:
        """Return what a citizen does after a failed attempt: try again, come back later, or give up (None)."""
        attempts, retries, returns = history
        retry, come_back = self._behaviour.retry, self._behaviour.come_back
        if retry is not None and retries < retry.times and self._luck(number, _AGAIN + 2 * attempts) < retry.share:
            return Again(self._retry_pause(retry, number, history), History(attempts + 1, retries + 1, returns))
        if come_back is None or returns >= come_back.times:
            return None
        if self._luck(number, _AGAIN + 2 * attempts + 1) < come_back.share:
            return Again(self._absence(come_back, number, attempts), History(attempts + 1, 0, returns + 1))
        return None

    def _retry_pause(self, retry: Retry, number: int, history: History) -> float:
        spread = 1 + retry.jitter * (2 * self._luck(number, _PAUSE + history.attempts) - 1)
        return retry.pause * retry.growth**history.retries * spread

    def _absence(self, come_back: ComeBack, number: int, attempts: int) -> float:
        return come_back.after * (0.5 + self._luck(number, _PAUSE + attempts)) * self._pace

    def _luck(self, number: int, draw: int) -> float:
        return uniform(self._seed, number, draw)
