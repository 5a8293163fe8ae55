"""The record of the monitor: durable, never doubled, and honest about what was not measured."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.availability.accounting import Counts
from monitors.metrics import DURATION
from monitors.record.ledger import WRITE_DELAY, Ledger, LedgerError, Schedule
from monitors.verdict import Cause, Pass, Phases, Unknown, Verdict, Window
from tests.monitors.records import BAD, FIRST, HOME, SETTLED, START, counted, coverage, run, schedule, slot, sql


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data with spaces" / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path) as opened:
        yield opened


def test_every_counter_is_kept(ledger: Ledger) -> None:
    """Runs, failures, causes, reasons, steps, phases, durations and skips are counted; unknown runs are no runs."""
    ledger.record(
        [
            run(START, duration=DURATION.buckets[0]),
            run(START + 15, BAD, Window.OVERRUN, duration=3.0),
            run(START + 30, Unknown(Cause.OVERLOADED), duration=99.0),
        ],
        skipped=[HOME, HOME],
    )
    totals = ledger.totals()
    assert totals.runs == {(*HOME, "none"): 1, (*HOME, "overrun"): 1}
    assert totals.failures == {(*HOME, "overrun"): 1}
    assert totals.unknown == {(*HOME, "overloaded"): 1}
    assert totals.reasons == {(*HOME, "timeout"): 1}
    assert totals.steps == {(*HOME, "home"): 1}
    assert totals.phases == pytest.approx(
        {(*HOME, phase): value for phase, value in zip(Phases.__slots__, (0.02, 0.04, 0.06, 0.08), strict=True)}
    )
    assert totals.skipped == {HOME: 2}
    histogram = totals.durations[HOME]
    assert histogram.buckets[0] == (str(DURATION.buckets[0]), 1), "a duration equal to a bound belongs below it"
    assert dict(histogram.buckets)["2.5"] == 1
    assert dict(histogram.buckets)["5.0"] == 2
    assert histogram.buckets[-1] == ("+Inf", 2)
    assert histogram.sum == pytest.approx(3.0 + DURATION.buckets[0])


def test_the_state_of_a_probe_is_that_of_its_last_verdict(ledger: Ledger) -> None:
    """An unknown run moves the time of the last run, not the verdict."""
    ledger.record([run(START), run(START + 30, BAD)])
    ledger.record([run(START + 45, Unknown(Cause.OWN_NETWORK))])
    state = ledger.totals().states[HOME]
    assert (state.last_run, state.last_success, state.passed) == (START + 45, START, False)


def test_the_state_follows_a_clock_set_back(ledger: Ledger) -> None:
    """The last run is the one recorded last: an outage shows at once, not when the old time is reached again."""
    ledger.record([run(START)])
    ledger.record([run(START - 3600, BAD)])
    state = ledger.totals().states[HOME]
    assert (state.last_run, state.last_success, state.passed) == (START - 3600, START, False)


def test_a_probe_without_a_verdict_has_none(ledger: Ledger) -> None:
    ledger.record([run(START, Unknown(Cause.BROKEN_PROBE))])
    state = ledger.totals().states[HOME]
    assert (state.last_run, state.last_success, state.passed) == (START, None, None)


def test_everything_survives_a_restart(path: Path) -> None:
    """Counters go on where they were."""
    for number in range(3):
        with Ledger.open(path) as ledger:
            ledger.expect([schedule()], START)
            ledger.record([run(slot(2 * number)), run(slot(2 * number + 1), BAD)])
    with Ledger.open(path, read_only=True) as reader:
        assert reader.totals().runs == {(*HOME, "none"): 6}
        assert reader.totals().failures == {(*HOME, "none"): 3}
        assert counted(reader, 2) == [Counts(2, 2, 0, 4), Counts(1, 1, 0, 4)]


def test_an_undisturbed_run_is_covered_completely_at_every_moment(ledger: Ledger) -> None:
    """From a partial first minute to a partial last one, coverage is 100 % whenever somebody asks."""
    begin = START + 17.2
    ledger.expect([schedule()], begin)
    for number in range(1, 40):
        if slot(number) < begin:
            continue
        late = (slot(number) % 7) / 10
        ledger.record([run(slot(number) + late, BAD if number % 4 == 0 else Pass())])
        for wait in (10.0, 14.9):  # the run took up to 10 s
            counts = counted(ledger, 60, slot(number) + wait)
            assert coverage(counts) == 1.0
            assert all(each.good + each.bad == each.expected for each in counts)
    assert counts[0].expected == 3, "18, 33, 48; 3 lies before the start"
    assert counts[1].expected == 4


def test_a_run_belongs_to_the_minute_of_its_slot(ledger: Ledger) -> None:
    """A start that slips over the edge of a minute, either way, does not make one minute poor and the next rich."""
    ledger.expect([schedule(phase=0.0)], START)
    ledger.record([run(START + 14.999 + 15 * k) for k in range(4)])  # a little early: slots 15 to 60
    ledger.record([run(START + 75 + 14.0 - 0.001)])  # late: slot 75
    assert [each.good for each in counted(ledger, 2)] == [3, 2]


def test_a_run_brought_forward_takes_the_place_of_its_slot(ledger: Ledger) -> None:
    """The run that confirms a failure counts for the next slot, at which nothing runs."""
    ledger.expect([schedule()], START)
    ledger.record([run(slot(3), BAD), replace(run(slot(3) + 2, BAD), due=slot(4)), run(slot(5))])
    assert [(each.good, each.bad) for each in counted(ledger, 2)] == [(0, 1), (1, 1)]
    assert ledger.totals().repeated == {}


def test_time_in_which_the_monitor_was_dead_is_missing(path: Path) -> None:
    """Between the last run and the next start every slot was expected; a restart with the same schedule has no seam."""
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(k)) for k in range(8)])  # two minutes
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START + 301)
        ledger.record([run(slot(20 + k)) for k in range(4)])
        assert [each.good for each in counted(ledger, 6)] == [4, 4, 0, 0, 0, 4]
        assert [each.expected for each in counted(ledger, 6)] == [4] * 6


def test_a_monitor_that_never_comes_back_is_missing_too(ledger: Ledger) -> None:
    """A run is owed an interval and the delay of writing after its slot, not before."""
    ledger.expect([schedule()], START)
    owed = START + 3 + 15 + WRITE_DELAY
    assert [counted(ledger, 1, now)[0].expected for now in (owed - 0.5, owed + 0.5, SETTLED)] == [0, 1, 4]


def test_a_changed_schedule_counts_from_its_revision_on(ledger: Ledger) -> None:
    """A reload that changes interval or removes a probe changes what is expected from then on, not before."""
    other = ("website", "other")
    ledger.expect([schedule(15), Schedule(*other, 60, 0)], START)
    ledger.expect([schedule(30)], START + 60)
    ledger.expect([], START + 120)
    assert [each.expected for each in counted(ledger, 5)] == [4, 2, 0, 0, 0]
    assert ledger.counts(other, [FIRST, FIRST + 1, FIRST + 5], now=SETTLED) == [Counts(expected=1), Counts()]


def test_a_run_that_was_not_due_is_in_the_counters_only(ledger: Ledger) -> None:
    """Before the first schedule and after the removal of a probe its minutes have no slot to fill."""
    ledger.record([run(START - 60)])
    ledger.expect([schedule()], START)
    ledger.record([run(START - 60), run(slot(0))])
    ledger.expect([], START + 60)
    ledger.record([run(slot(3)), run(slot(5))])  # the first was under way when the probe was removed
    totals = ledger.totals()
    assert totals.runs == {(*HOME, "none"): 5}
    assert totals.repeated == {HOME: 3}
    assert counted(ledger, 4, start=FIRST - 2) == [Counts(), Counts(), Counts(good=2, expected=4), Counts()]


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_set_by_an_hour_and_back_doubles_no_minute(ledger: Ledger, hours: int) -> None:
    """Five hours by the right clock, with the clock wrong in the second: each minute has its four runs or fewer.

    What was measured first in a minute stands. The hour for which there was no clock is missing, either way.
    """
    ledger.expect([schedule()], START)
    for number in range(0, 5 * 240, 3):
        wrong = 3600 * hours if 240 <= number < 480 else 0
        ledger.record([run(slot(number + k) + wrong, BAD if wrong else Pass()) for k in range(3)])
    hourly = ledger.counts(HOME, range(FIRST, FIRST + 301, 60), now=SETTLED)
    failed = {1: [0, 0, 240, 0, 0], -1: [0] * 5}[hours]
    assert [each.good for each in hourly] == [
        good - bad for good, bad in zip([240, 0, 240, 240, 240], failed, strict=True)
    ]
    assert [each.bad for each in hourly] == failed
    assert [each.expected for each in hourly] == [240] * 5
    assert all(each.good + each.bad <= 4 for each in counted(ledger, 300))
    totals = ledger.totals()
    assert totals.repeated == {HOME: 240}
    assert totals.runs == {(*HOME, "none"): 1200}, "the counters go on all the time"


def test_a_clock_set_back_does_not_rewrite_the_past(ledger: Ledger) -> None:
    """A revision never begins before the one it follows."""
    ledger.expect([schedule(15)], START + 60)
    ledger.expect([schedule(30)], START)
    assert [each.expected for each in counted(ledger, 2)] == [0, 2]


def test_a_removal_after_the_clock_was_set_back_keeps_what_was_measured(ledger: Ledger) -> None:
    """Minutes that came too early were due when they were measured: a later revision begins after them."""
    ledger.expect([schedule()], START)
    ledger.record([run(slot(number)) for number in range(4 * 60)])
    ledger.expect([], START + 600)
    ledger.record([run(slot(240))])
    counts = counted(ledger, 70)
    assert sum(counts, Counts()) == Counts(good=240, expected=240)
    assert ledger.problems() == []


def test_the_record_begins_with_the_first_schedule(ledger: Ledger) -> None:
    assert ledger.first_scheduled() is None
    ledger.expect([schedule()], START + 0.25)
    ledger.expect([schedule(30)], START + 60)
    assert ledger.first_scheduled() == START + 0.25


verdicts = st.sampled_from([Pass(), BAD, Unknown(Cause.OVERLOADED)])
runs_in_slots = st.lists(st.tuples(st.integers(0, 799), verdicts), unique_by=lambda item: item[0], max_size=200)


@settings(max_examples=40, deadline=None)
@given(runs_in_slots, st.lists(st.integers(-30, 230), min_size=2, max_size=9, unique=True), st.integers(0, 14_999))
def test_any_period_is_the_sum_of_its_minutes(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[int, Verdict]], marks: list[int], phase_ms: int
) -> None:
    """Whatever ran: hours and minutes say the same, each run is in exactly one period, and expected is what was due."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    edges = [FIRST + mark for mark in sorted(marks)]
    with Ledger.open(path) as ledger:
        ledger.expect([schedule(15, phase_ms / 1000)], START)
        ledger.record([run(START + phase_ms / 1000 + 15 * number, verdict) for number, verdict in done])
        each = counted(ledger, 300, start=FIRST - 40)
        for (start, end), counts in zip(pairwise(edges), ledger.counts(HOME, edges, now=SETTLED), strict=True):
            parts = each[start - FIRST + 40 : end - FIRST + 40]
            assert counts == sum(parts, Counts())
            rows = ledger.minutes_of(HOME, start, end)
            assert ledger.odd_minutes(HOME, start, end) == [row for row in rows if row[2] or row[3]]
            assert rows == sorted(rows)
            assert [sum(column) for column in zip(*rows, strict=True)][1:] == (
                [counts.good, counts.bad, counts.unknown] if rows else []
            )
        whole = sum(each, Counts())
        kinds = [type(verdict) for _, verdict in done]
        assert (whole.good, whole.unknown, len(kinds)) == (
            kinds.count(Pass),
            kinds.count(Unknown),
            whole.good + whole.bad + whole.unknown,
        )
        assert whole.expected == 260 * 4


@settings(max_examples=40, deadline=None)
@given(runs_in_slots, st.integers(-10, 230))
def test_the_first_pass_is_found(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[int, Verdict]], minute: int
) -> None:
    """Across hours without a pass too; None where there is none."""
    with Ledger.open(tmp_path_factory.mktemp("ledger") / "ledger.sqlite") as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(number), verdict) for number, verdict in done])
        passed = [number // 4 for number, verdict in done if verdict == Pass() and number // 4 >= minute]
        expected = FIRST + min(passed) if passed else None
        assert ledger.first_good(HOME, FIRST + minute) == expected


def test_an_unknown_probe_has_nothing(ledger: Ledger) -> None:
    probe = ("website", "unheard-of")
    assert ledger.counts(probe, [FIRST, FIRST + 90], now=SETTLED) == [Counts()]
    assert ledger.minutes_of(probe, FIRST, FIRST + 90) == []
    assert ledger.first_good(probe, FIRST) is None
    assert ledger.evidence(probe) == []


def test_other_probes_do_not_count(ledger: Ledger) -> None:
    other = Schedule("website", "other", 15, 3)
    ledger.expect([schedule(), other], START)
    ledger.record([run(slot(0)), run(slot(1), BAD)])
    assert ledger.counts(("website", "other"), [FIRST, FIRST + 90], now=SETTLED) == [Counts(expected=360)]
    assert ledger.minutes_of(("website", "other"), FIRST, FIRST + 90) == []


def test_failures_are_kept_longer_than_other_runs(path: Path) -> None:
    """The newest twenty failures and five others of each probe, newest first, across a restart."""
    verdicts = ("pass", "fail", "unknown")
    with Ledger.open(path) as ledger:
        for number in range(90):
            ledger.keep_evidence(HOME, START + number, json.dumps({"verdict": verdicts[number % 3], "number": number}))
        ledger.keep_evidence(("website", "other"), START, '{"verdict": "pass"}')
    with Ledger.open(path) as ledger:
        kept = [(started - START, json.loads(text)["number"]) for started, text in ledger.evidence(HOME)]
        failures = [number for number in range(90) if number % 3 == 1][-20:]
        others = [number for number in range(90) if number % 3 != 1][-5:]
        assert kept == [(number, number) for number in sorted(failures + others, reverse=True)]
        assert ledger.evidence(("website", "other")) == [(START, '{"verdict": "pass"}')]


def test_a_failed_batch_leaves_nothing(ledger: Ledger) -> None:
    """When the last table of a batch cannot be written, nothing of it stays in the others, and the next batch works."""
    ledger.expect([schedule()], START)
    ledger.record([run(slot(0))])
    sql(ledger.path, "CREATE TRIGGER full BEFORE UPDATE ON states BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite could not be written: disk full"):
        ledger.record([run(slot(1)), run(slot(2), BAD)])
    sql(ledger.path, "DROP TRIGGER full")
    assert ledger.totals().runs == {(*HOME, "none"): 1}
    assert counted(ledger, 1) == [Counts(1, 0, 0, 4)]
    ledger.record([run(slot(1)), run(slot(2), BAD)])
    assert ledger.totals().runs == {(*HOME, "none"): 3}
    assert counted(ledger, 1) == [Counts(2, 1, 0, 4)]


def test_a_closed_ledger_says_so(path: Path) -> None:
    ledger = Ledger.open(path)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="closed"):
        ledger.record([run(START)])
    with pytest.raises(LedgerError, match="closed"):
        ledger.totals()


def test_scrapes_and_writes_run_side_by_side(ledger: Ledger) -> None:
    """Reading from other threads while one writes: every scrape is consistent and no counter ever goes down."""
    done = threading.Event()
    seen: list[tuple[float, float]] = []

    def scrape() -> None:
        while not done.is_set():
            totals = ledger.totals()
            buckets = totals.durations[HOME].buckets[-1][1] if HOME in totals.durations else 0.0
            seen.append((sum(totals.runs.values()), buckets))

    readers = [threading.Thread(target=scrape) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(60):
        ledger.record([run(START + number, BAD if number % 3 else Pass())] * 5)
    done.set()
    for reader in readers:
        reader.join()
    assert ledger.totals().runs == {(*HOME, "none"): 300}
    assert all(runs == buckets for runs, buckets in seen)
    assert len({runs for runs, _ in seen}) > 3
