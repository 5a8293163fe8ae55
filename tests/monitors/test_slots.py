"""When a probe is due: exact in whole milliseconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitors.slots import Revision, Schedule, Slots, slot_of, slots_owed

NOW = 1_700_000_000_000
slots = st.builds(
    lambda interval, part: Slots(interval, int(part * interval)),
    st.integers(1, 600_000),
    st.floats(0, 1, exclude_max=True),
)
moments = st.integers(NOW, NOW + 3_600_000)


@given(slots, moments)
def test_the_next_slot_is_the_first_one_later(slots: Slots, moment: int) -> None:
    """It is due, lies within one interval, and nothing lies between."""
    following = slots.next(moment)
    assert moment < following <= moment + slots.interval_ms
    assert (following - slots.phase_ms) % slots.interval_ms == 0
    assert slots.count(moment + 1, following) == 0


@given(slots, moments, moments, moments)
def test_counting_is_additive(slots: Slots, a: int, b: int, c: int) -> None:
    """Parts of a period count as much as the whole; an empty period counts nothing."""
    a, b, c = sorted((a, b, c))
    assert slots.count(a, b) + slots.count(b, c) == slots.count(a, c)
    assert slots.count(c, a) == 0 or a == c


@given(slots, moments, st.integers(0, 599_999))
def test_a_run_belongs_to_one_slot_however_late(slots: Slots, moment: int, late: int) -> None:
    """Runs of neighbouring slots never share one, as long as each starts well before the next is due."""
    slot = slots.next(moment)
    late %= max(1, slots.interval_ms - slots.interval_ms // 4)
    assert slots.at(slot + late) == slot
    assert slots.at(slot - min(slots.interval_ms // 4, 1000)) == slot


@given(slots, slots, moments, moments, moments)
def test_each_moment_is_owed_under_one_revision(old: Slots, new: Slots, start: int, change: int, end: int) -> None:
    """Around a change of schedule nothing is counted twice, and what is not settled is not owed."""
    start, change, end = sorted((start, change, end))
    history = [Revision(start, old), Revision(change, new), Revision(end, None)]
    assert slots_owed(history, 0, 2 * NOW, 2 * NOW) == old.count(start, change) + new.count(change, end)
    assert slots_owed(history, 0, 2 * NOW, start) == 0


def test_a_schedule_is_rounded_to_milliseconds() -> None:
    assert Slots.of(Schedule("website", "home-page", 0.5, 7.1234)) == Slots(500, 123)


def test_a_run_belongs_to_the_revision_in_force_at_its_slot() -> None:
    """Around a reload: the last slot before it, or the first after it; where nothing was due there is none."""
    history = [Revision(10_000, Slots(15_000, 3_000)), Revision(60_000, Slots(30_000, 1_000)), Revision(120_000, None)]
    moments = {
        9_000: None,
        18_100: 18_000,
        59_000: 48_000,
        60_500: 61_000,
        61_200: 61_000,
        119_000: 91_000,
        120_000: None,
    }
    assert {started: slot_of(history, started) for started in moments} == moments
    assert slot_of([], 5_000) is None
    assert slot_of(history[:2], 60_100) == 61_000, "a little early, as every run may be"
