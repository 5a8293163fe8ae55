"""What is counted of calls, whatever the clock does and whatever stands in the file."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from monitors.probes.phone.safety.counts import CLOCK, DATES_KEPT, Counts, Hold, Spent, date_of
from monitors.probes.phone.safety.numbers import Skipped

NOON = datetime(2026, 3, 2, 12, tzinfo=CLOCK).timestamp()
DAY = 86_400.0


def again(counts: Counts, now: float) -> Counts:
    """Return what another process reads of it."""
    return Counts.parse(counts.text(now))


@pytest.mark.parametrize("ahead", [DAY / 2 + 1, DAY, 2 * DAY, 400 * DAY])
def test_a_clock_that_was_ahead_for_a_while_opens_no_budget(ahead: float) -> None:
    """Today's account is as it was; what was called a day ahead counts for it too, what was called later does not."""
    counts = Counts()
    counts.charge("t", date_of(NOON), calls=900, seconds=60.0)
    counts = again(counts, NOON)
    assert counts.spent("t", NOON + ahead) == Spent()
    counts.charge("t", date_of(NOON + ahead), calls=1, seconds=5.0)
    spent = again(counts, NOON + ahead).spent("t", NOON)
    assert spent == (Spent(901, 65.0) if ahead <= DAY else Spent(900, 60.0))


def test_a_clock_that_goes_back_a_day_finds_what_was_called_just_now() -> None:
    """The day before has no account; the calls of the day that was there too early count."""
    counts = Counts()
    counts.charge("t", date_of(NOON), calls=3)
    assert counts.spent("t", NOON - DAY) == Spent(3)
    assert counts.spent("other", NOON) == Spent()


def test_the_dates_that_were_used_last_are_kept() -> None:
    """A clock that steps for ever fills no disk, and does not lose the date to which it always comes back."""
    counts = Counts()
    for step in range(100):
        counts.charge("t", date_of(NOON), calls=1)
        counts.charge("t", date_of(NOON + 400 * DAY * (step % 20)), calls=1, seconds=-1.0)
        counts = again(counts, NOON)
    assert counts.spent("t", NOON) == Spent(105)
    assert len(json.loads(counts.text(NOON))["dates"]["t"]) == DATES_KEPT


def test_a_hold_outlives_a_small_step_back_and_no_large_one() -> None:
    """Who does not want to be called is left alone when the clock is set back by a second, and not for a year."""
    counts = Counts()
    counts.hold("n", Hold(NOON, NOON + 3600, Skipped.REJECTED))
    for step, holds in ((-1.0, True), (-3600.0, True), (-3601.0, False), (3599.0, True), (3600.0, False)):
        assert (counts.held("n", NOON + step) is not None) is holds, step
    counts = again(counts, NOON - 1)
    assert counts.held("n", NOON) is not None
    assert again(counts, NOON + 3600).held("n", NOON) is None, "what is over is not kept"


def test_the_longer_hold_counts() -> None:
    """A minimum interval does not shorten what the far end asked for, unless that is from another time."""
    counts = Counts()
    counts.hold("n", Hold(NOON, NOON + 600, Skipped.RETRY_AFTER))
    counts.hold("n", Hold(NOON + 1, NOON + 11, Skipped.TOO_SOON))
    held = counts.held("n", NOON + 30)
    assert held is not None
    assert held.reason is Skipped.RETRY_AFTER
    counts.hold("n", Hold(NOON - DAY, NOON - DAY + 10, Skipped.TOO_SOON))
    held = counts.held("n", NOON - DAY)
    assert held is not None
    assert held.reason is Skipped.TOO_SOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"dates": {}}',
        '{"dates": [], "holds": {}}',
        '{"dates": {"t": {"2026-03-02": 5}}, "holds": {}}',
        '{"dates": {"t": {"2026-03-02": {"calls": 1e400, "seconds": 0}}}, "holds": {}}',
        '{"dates": {"t": {"2026-03-02": {"calls": 1, "seconds": NaN}}}, "holds": {}}',
        '{"dates": {}, "holds": {"n": {"since": 0, "until": 1, "reason": "whim"}}}',
        '{"dates": {}, "holds": {"n": {"since": null, "until": 1, "reason": "rejected"}}}',
        "[" * 100_000,
    ],
)
def test_what_is_something_else_has_one_error(text: str) -> None:
    """Valid JSON of another shape must not stop every call with an exception of its own."""
    with pytest.raises(ValueError, match=r"counts|JSON|Expecting|number|Skipped"):
        Counts.parse(text)
