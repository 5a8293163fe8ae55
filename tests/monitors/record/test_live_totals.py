"""Counters in memory that never differ from those on disk."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from journeys import Reason
from monitors.record.ledger import Ledger
from monitors.record.live_totals import LiveTotals
from monitors.slots import Schedule
from monitors.verdict import Called, Cause, Fail, Pass, Phases, Run, Unknown, Verdict, Window

PROBES = [("website", "home-page"), ("website", "news"), ("access-service", "login")]
START = 1_700_000_000.0


def some_runs(source: random.Random, at: float) -> list[Run]:
    """Return a batch of runs of any kind, each probe's in order."""
    verdicts: list[Verdict] = [Pass(), Fail(source.choice([*Reason]), "a-step"), Unknown(source.choice([*Cause]))]
    return [
        Run(
            *source.choice(PROBES),
            at + number,
            source.expovariate(1.0),
            source.choice(verdicts),
            source.choice([*Window]),
            Phases(*(source.expovariate(10.0) for _ in range(4))),
            called=source.choice([None, Called(result="answered"), Called(result="cut_off"), Called(skipped="denied")]),
        )
        for number in range(source.randrange(1, 12))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_they_are_those_of_the_ledger_to_the_last_bit(tmp_path: Path, seed: int) -> None:
    """After any batches, also when it was read half-way: a counter that comes back a bit lower would be a reset."""
    source = random.Random(seed)
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.expect([Schedule(*probe, 1.0, 0.0) for probe in PROBES], START)
        live = LiveTotals(ledger.totals())
        for number in range(40):
            if number == source.randrange(40):
                live = LiveTotals(ledger.totals())
            runs = some_runs(source, START + 20 * number)
            skipped = source.sample(PROBES, source.randrange(3))
            ledger.record(runs, skipped)
            live.add(runs, skipped)
        found, expected = live.now(), ledger.totals()
    assert found.durations == expected.durations
    assert found.states == expected.states
    for name in ("runs", "failures", "unknown", "reasons", "steps", "phases", "calls", "calls_skipped", "skipped"):
        assert getattr(found, name) == getattr(expected, name), name


def test_what_was_taken_does_not_change(tmp_path: Path) -> None:
    """A scrape that is being rendered shows one moment."""
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        live = LiveTotals(ledger.totals())
    before = live.now()
    live.add([Run("website", "home-page", START, 0.2, Pass())], [])
    assert not before.runs
    assert not before.durations
    assert live.now().runs == {("website", "home-page", "none"): 1.0}
