"""From what was counted to a recording: gaps are told and filled, totals stay."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.sources.counted import (
    Counted,
    SourceError,
    Wanted,
    filled,
    record,
    resampled,
    silences,
    smoothed,
    split,
)

ZONE = ZoneInfo("Europe/Amsterdam")
START = 1_772_319_600.0  # 2026-03-01T00:00:00+01:00
nan = np.nan


def counted(counts, widths=None) -> Counted:
    widths = [60.0] * len(counts) if widths is None else widths
    return Counted(START + np.cumsum([0.0, *widths]), np.array(counts, dtype=float), "a test")


counts_and_widths = st.lists(st.tuples(st.floats(0, 1e6), st.floats(1, 5000)), min_size=1, max_size=40)


@given(counts_and_widths, st.floats(1, 7200))
def test_resampling_keeps_the_total(slots, step):
    """Whatever the slots were and are; and N(t) at every new edge."""
    source = counted(*zip(*slots, strict=True))
    found = resampled(source, step)
    assert found.counts.sum() == pytest.approx(source.counts.sum(), rel=1e-9, abs=1e-6)
    assert found.counts.min() >= 0
    before = np.interp(found.edges, source.edges, np.cumsum([0.0, *source.counts]))
    assert np.cumsum([0.0, *found.counts]) == pytest.approx(before, rel=1e-9, abs=1e-3)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.floats(120, 3600))
def test_smoothing_keeps_the_total_of_every_window(counts, window):
    """The rate runs smoothly, is never negative, and loses nobody."""
    source = counted(counts)
    found = smoothed(source, window)
    assert found.counts.sum() == pytest.approx(source.counts.sum(), rel=1e-9, abs=1e-6)
    assert found.counts.min() >= 0
    whole = int(window // 60)
    if window % 60 == 0 and len(counts) > 2 * whole:
        assert found.counts[:whole].sum() == pytest.approx(source.counts[:whole].sum(), rel=1e-9, abs=1e-6)


def test_smoothing_takes_the_noise_away():
    """What jumps from minute to minute is even within a quarter of an hour."""
    noisy = counted([0.0, 120.0] * 60)
    assert smoothed(noisy, 900).counts == pytest.approx(60, abs=7)


def test_a_gap_is_filled_in_a_straight_line_or_with_nobody():
    """From the rate before to the rate after; the slots that are known stay as they are."""
    source = split(counted([60, 60, nan, 180, 180], [60, 60, 600, 60, 60]), 60)
    line = filled(source, "interpolate")
    assert line.counts[:2].tolist() == [60, 60]
    assert line.counts[2:12] == pytest.approx(np.linspace(66, 174, 10))
    assert filled(source, "zero").counts[2:12].tolist() == [0] * 10
    assert np.isnan(source.counts).sum() == 10


def test_gaps_are_told_with_their_number_and_length():
    """The longest by name, and what was put there."""
    made = record(counted([5, nan, 5, nan, nan, 5]), Wanted(ZONE))
    expected = (
        "gaps: 2, together 180 s, the longest 2026-03-01T00:03:00+01:00 to 2026-03-01T00:05:00+01:00; interpolated"
        " (at the ends: nobody)"
    )
    assert made.warnings == (expected,)
    assert made.recording.total == pytest.approx(30)
    assert "gaps: none" in record(counted([5]), Wanted(ZONE)).comments


def test_a_period_beyond_the_source_is_a_gap():
    """A log of the morning is no log of the night: that is said."""
    wanted = Wanted(ZONE, start=datetime.fromtimestamp(START - 120, ZONE), end=datetime.fromtimestamp(START + 60, ZONE))
    made = record(counted([6, 6]), wanted)
    assert made.recording.counts == [0, 0, 6]
    assert made.warnings[0].startswith("gaps: 1, together 120 s")


def test_a_part_of_a_slot_counts_in_part():
    """Half of a slot, half of its people."""
    wanted = Wanted(ZONE, step=30, start=datetime.fromtimestamp(START + 30, ZONE))
    assert record(counted([6, 8]), wanted).recording.counts == [3, 4, 4]


@pytest.mark.parametrize(
    ("source", "changes", "says"),
    [
        (counted([nan, nan]), {}, ["nothing is known"]),
        (counted([0, 0]), {}, ["nobody came"]),
        (counted([5, -1]), {}, ["a negative rate (-0.0166667 a second) at 2026-03-01T00:01:00+01:00"]),
        (counted([5, 1e12]), {}, ["an absurd rate, 16,666,666,667 a second"]),
        (counted([5], [367 * 86_400]), {}, ["367.0 days; a shape has 366 at most"]),
        (counted([-5, 1e30], [200 * 86_400] * 2), {}, ["400.0 days", "a negative rate", "an absurd rate"]),
        (counted([5], [300 * 86_400]), {"step": 1.0}, ["more than 527,040 steps"]),
        (counted([5]), {"start": datetime(2027, 1, 1, tzinfo=ZONE)}, ["is not before the end"]),
        (
            counted([5]),
            {"start": datetime(2027, 1, 1, tzinfo=ZONE), "end": datetime(2027, 1, 2, tzinfo=ZONE)},
            ["nothing between --from and --to"],
        ),
    ],
)
def test_what_makes_no_recording_is_explained(source, changes, says):
    """Everything at once."""
    with pytest.raises(SourceError) as caught:
        record(source, Wanted(ZONE, **changes))
    assert len(caught.value.problems) == len(says)
    for problem, words in zip(caught.value.problems, says, strict=True):
        assert words in problem


def test_a_silence_that_chance_cannot_explain_is_a_gap():
    """Ten minutes without anyone between minutes of fifty; but not a quiet night."""
    busy = np.array([50.0] * 10 + [0.0] * 10 + [50.0] * 10)
    assert np.isnan(silences(busy)).tolist() == [False] * 10 + [True] * 10 + [False] * 10
    quiet = np.array([1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 1.0])
    assert not np.isnan(silences(quiet)).any()
