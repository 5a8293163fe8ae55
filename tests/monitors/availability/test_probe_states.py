"""What a ledger says of each minute, found by hours and indexes, is what reading every minute gives."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from monitors.availability.minute_states import BLIND, DOWN, NOT_DUE, UP, state
from monitors.availability.probe_states import probe_states
from monitors.record.ledger import WRITE_DELAY, Ledger, Schedule
from monitors.slots import slots_owed
from monitors.verdict import Cause, Pass, Run, Unknown, Verdict
from tests.monitors.records import BAD, FIRST, HOME, SETTLED, START, schedule

HOURS = 9
PASS, BLINDED = Pass(), Unknown(Cause.OVERLOADED)


def by_every_minute(ledger: Ledger, start: int, end: int, now: float, interval: float) -> list[int]:
    """Return the same the slow way: minute after minute, each holding until the next that says something."""
    history = ledger.schedules(HOME)
    rows = {minute: (good, bad) for minute, good, bad, _ in ledger.minutes_of(HOME, start - 120, end)}
    settled_ms = round((now - WRITE_DELAY) * 1000)
    step = max(1, -(-round(interval) // 60))
    said = {}
    for minute in range(start - step, end):
        owed = slots_owed(history, minute * 60_000, minute * 60_000 + 60_000, settled_ms)
        if minute in rows:
            said[minute] = state(*rows[minute])
        elif owed:
            said[minute] = BLIND
    return [
        next((said[earlier] for earlier in range(minute, minute - step, -1) if earlier in said), NOT_DUE)
        for minute in range(start, end)
    ]


def fill(ledger: Ledger, interval: float, seed: int) -> None:
    """Write some hours: quiet ones, one without the monitor, one all blind, and some in which anything happens."""
    chance = random.Random(seed)
    ledger.expect([schedule(interval)], START + chance.choice([0, 1234]))
    moods = ["quiet", "off", "blind", *(chance.choice(["quiet", "odd", "odd", "lossy"]) for _ in range(HOURS - 3))]
    chance.shuffle(moods)
    likely: dict[str, tuple[Sequence[Verdict | None], Sequence[float]]] = {
        "quiet": ([PASS], [1]),
        "off": ([None], [1]),
        "blind": ([BLINDED, None], [4, 1]),
        "odd": ([PASS, BAD, BLINDED, None], [5, 2, 2, 2]),
        "lossy": ([PASS, BAD, None], [300, 1, 2]),
    }
    runs = []
    for number in range(int(HOURS * 3600 / interval)):
        at = START + 3 + interval * number
        verdicts, weights = likely[moods[int((at - START) // 3600)]]
        (verdict,) = chance.choices(verdicts, weights)
        if verdict is not None:
            runs.append(Run(*HOME, at, 0.1, verdict))
    ledger.record(runs)


@pytest.mark.parametrize("interval", [7, 15, 45, 60, 75, 300, 3600])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_what_every_minute_says(tmp_path: Path, interval: int, seed: int) -> None:
    """In hours of every kind, from and to any minute, asked long after or in the middle."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        fill(ledger, interval, seed)
        for start, end, now in [
            *[(FIRST, FIRST + 60 * HOURS, SETTLED), (FIRST + 17, FIRST + 60 * HOURS + 200, SETTLED)],
            *[(FIRST - 90, FIRST + 301, SETTLED), (FIRST + 60, FIRST + 545, START + 545 * 60 - 13.0)],
        ]:
            found = probe_states(ledger, HOME, start, end, now=now)
            assert found.tolist() == by_every_minute(ledger, start, end, now, interval)


def test_a_changed_schedule_is_followed(tmp_path: Path) -> None:
    """From every five minutes to every fifteen seconds, then none: each run speaks for its own interval."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.expect([Schedule(*HOME, 300, START)], START)
        ledger.record([Run(*HOME, START + 300 * k, 0.1, BAD if k == 11 else PASS) for k in range(12)])
        ledger.expect([Schedule(*HOME, 15, START)], START + 3600)
        ledger.record([Run(*HOME, START + 3600 + 15 * k, 0.1, PASS) for k in range(239)])
        ledger.expect([], START + 7200)
        found = probe_states(ledger, HOME, FIRST, FIRST + 180, now=SETTLED).tolist()
    assert found[:60] == [UP] * 55 + [DOWN] * 5
    assert found[60:120] == [UP] * 60
    assert found[125:] == [NOT_DUE] * 55


def test_a_probe_that_was_never_scheduled_is_not_due(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.expect([schedule()], START)
        assert set(probe_states(ledger, ("website", "other"), FIRST, FIRST + 100, now=SETTLED).tolist()) == {NOT_DUE}
