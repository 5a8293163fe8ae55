"""The record of the monitor: durable, never doubled, and honest about what was not measured."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys import Reason
from monitors.accounting import Tally
from monitors.calendars import AnnouncedWindow
from monitors.ledger import SCHEMA_VERSION, WRITE_DELAY, Ledger, LedgerError, Schedule
from monitors.verdict import Cause, Fail, Pass, Phases, Run, Unknown, Verdict, Window

ROOT = Path(__file__).resolve().parents[2]
START = 1_700_000_000 // 60 * 60
"""A whole minute."""
SETTLED = START + 1e6
"""So late that every run is owed."""
HOME = ("website", "home-page")
BAD = Fail(Reason.TIMEOUT, "home")


def run(at: float, verdict: Verdict = Pass(), window: Window = Window.NONE, duration: float = 0.2) -> Run:  # noqa: B008
    return Run(*HOME, at, duration, verdict, window, Phases(0.01, 0.02, 0.03, 0.04))


def schedule(interval: float = 15.0, phase: float = 3.0) -> Schedule:
    return Schedule(*HOME, interval, phase)


def minute(tallies: list[Tally], number: int) -> Tally:
    return next(tally for tally in tallies if tally.minute == START // 60 + number)


def coverage(tallies: list[Tally]) -> float:
    return sum(t.good + t.bad for t in tallies) / sum(t.expected for t in tallies)


def sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Do something behind the ledger's back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


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
            run(START, duration=0.05),
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
    assert histogram.buckets[0] == ("0.05", 1), "a duration equal to a bound belongs below it"
    assert dict(histogram.buckets)["2.5"] == 1
    assert dict(histogram.buckets)["5.0"] == 2
    assert histogram.buckets[-1] == ("+Inf", 2)
    assert histogram.sum == pytest.approx(3.05)


def test_the_state_of_a_probe_is_that_of_its_last_verdict(ledger: Ledger) -> None:
    """An unknown run moves the time of the last run, not the verdict; a run that arrives late changes nothing."""
    ledger.record([run(START), run(START + 30, BAD)])
    ledger.record([run(START + 15), run(START + 45, Unknown(Cause.OWN_NETWORK))])
    state = ledger.totals().states[HOME]
    assert (state.last_run, state.last_success, state.passed) == (START + 45, START + 15, False)


def test_a_probe_without_a_verdict_has_none(ledger: Ledger) -> None:
    ledger.record([run(START, Unknown(Cause.BROKEN_PROBE))])
    state = ledger.totals().states[HOME]
    assert (state.last_run, state.last_success, state.passed) == (START, None, None)


def test_everything_survives_a_restart(path: Path) -> None:
    """Counters go on where they were."""
    for _ in range(3):
        with Ledger.open(path) as ledger:
            ledger.record([run(START), run(START, BAD)])
    with Ledger.open(path, read_only=True) as reader:
        assert reader.totals().runs == {(*HOME, "none"): 6}
        assert reader.totals().failures == {(*HOME, "none"): 3}
        assert minute(reader.minutes(START // 60, START // 60 + 1, now=SETTLED), 0).good == 3


def test_an_undisturbed_run_is_covered_completely_at_every_moment(ledger: Ledger) -> None:
    """From a partial first minute to a partial last one, coverage is 100 % whenever somebody asks."""
    begin = START + 17.2
    ledger.expect([schedule()], begin)
    slots = [START + 3 + 15 * k for k in range(1, 40)]
    for slot in (slot for slot in slots if slot >= begin):
        late = (slot % 7) / 10
        ledger.record([run(slot + late, BAD if slot % 4 == 0 else Pass())])
        for wait in (10.0, 14.9):  # the run took up to 10 s
            tallies = ledger.minutes(START // 60 - 5, START // 60 + 60, now=slot + wait)
            assert coverage(tallies) == 1.0
            assert all(t.good + t.bad == t.expected for t in tallies)
    assert minute(tallies, 0).expected == 3, "18, 33, 48; 3 lies before the start"
    assert minute(tallies, 1).expected == 4


def test_a_run_belongs_to_the_minute_of_its_slot(ledger: Ledger) -> None:
    """A start that slips over the edge of a minute, either way, does not make one minute poor and the next rich."""
    ledger.expect([schedule(phase=0.0)], START)
    ledger.record([run(START + 59.999 - 15 * k) for k in range(3)])  # the clock was set back a little: slots 30 to 60
    ledger.record([run(START + 60 + 14.5)])  # late: slot 60 + 0
    tallies = ledger.minutes(START // 60, START // 60 + 2, now=START + 60)
    assert minute(tallies, 0).good == 2
    assert minute(tallies, 1).good == 2


def test_time_in_which_the_monitor_was_dead_is_missing(path: Path) -> None:
    """Between the last run and the next start every slot was expected; a restart with the same schedule has no seam."""
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(START + 3 + 15 * k) for k in range(8)])  # two minutes
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START + 301)
        ledger.record([run(START + 303 + 15 * k) for k in range(4)])
        tallies = ledger.minutes(START // 60, START // 60 + 6, now=SETTLED)
        assert [t.expected for t in tallies] == [4] * 6
        assert [t.good for t in tallies] == [4, 4, 0, 0, 0, 4]
        assert [t.window for t in tallies] == [Window.NONE] * 6


def test_a_monitor_that_never_comes_back_is_missing_too(ledger: Ledger) -> None:
    """A run is owed an interval and the delay of writing after its slot, not before."""
    ledger.expect([schedule()], START)
    owed = START + 3 + 15 + WRITE_DELAY
    assert ledger.minutes(START // 60, START // 60 + 1, now=owed - 0.5) == []
    assert minute(ledger.minutes(START // 60, START // 60 + 1, now=owed + 0.5), 0).expected == 1
    assert minute(ledger.minutes(START // 60, START // 60 + 1, now=SETTLED), 0).expected == 4


def test_a_changed_schedule_counts_from_its_revision_on(ledger: Ledger) -> None:
    """A reload that changes interval or removes a probe changes what is expected from then on, not before."""
    ledger.expect([schedule(15), Schedule("website", "other", 60, 0)], START)
    ledger.expect([schedule(30)], START + 60)
    ledger.expect([], START + 120)
    tallies = ledger.minutes(START // 60, START // 60 + 5, now=SETTLED)
    assert [(t.minute - START // 60, t.probe, t.expected) for t in tallies] == [
        (0, "home-page", 4),
        (0, "other", 1),
        (1, "home-page", 2),
    ]


def test_a_clock_set_back_does_not_rewrite_the_past(ledger: Ledger) -> None:
    """A revision never begins before the one it follows."""
    ledger.expect([schedule(15)], START + 60)
    ledger.expect([schedule(30)], START)
    tallies = ledger.minutes(START // 60, START // 60 + 2, now=SETTLED)
    assert [(t.minute - START // 60, t.expected) for t in tallies] == [(1, 2)]


def test_the_record_begins_with_the_first_schedule(ledger: Ledger) -> None:
    assert ledger.first_scheduled() is None
    ledger.expect([schedule()], START + 0.25)
    ledger.expect([schedule(30)], START + 60)
    assert ledger.first_scheduled() == START + 0.25


slots_run = st.lists(
    st.tuples(
        st.integers(0, 79),
        st.sampled_from([Pass(), BAD, Unknown(Cause.OVERLOADED)]),
        st.sampled_from(list(Window)),
    ),
    unique_by=lambda item: item[0],
)


@settings(max_examples=40, deadline=None)
@given(slots_run, st.integers(1, 25), st.integers(0, 14_999))
def test_minutes_sum_up_to_the_whole(
    tmp_path_factory: pytest.TempPathFactory, done: list[tuple[int, Verdict, Window]], step: int, phase_ms: int
) -> None:
    """Whatever ran: any step gives the same sums, each run is in exactly one row, and expected is what was due."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    first, last = START // 60, START // 60 + 20
    with Ledger.open(path) as ledger:
        ledger.expect([schedule(15, phase_ms / 1000)], START)
        ledger.record([run(START + phase_ms / 1000 + 15 * slot, verdict, window) for slot, verdict, window in done])
        for size in (1, step, 20):
            sums: Counter[str] = Counter()
            for tally in ledger.minutes(first, last, now=SETTLED, step=size):
                assert tally.good + tally.bad + tally.unknown <= tally.expected
                sums += Counter(good=tally.good, bad=tally.bad, unknown=tally.unknown, expected=tally.expected)
            verdicts = Counter(type(verdict).__name__ for _, verdict, _ in done)
            assert sums["expected"] == 80
            assert (sums["good"], sums["bad"]) == (verdicts["Pass"], verdicts["Fail"])
            assert sums["unknown"] == verdicts["Unknown"]


def test_windows_are_revisions(ledger: Ledger) -> None:
    """What was known at any time can be asked for; repeating what is known adds nothing; withdrawn windows go."""
    window = AnnouncedWindow(START, START + 3600, "w", "planned", ("website",), "Work")
    moved = AnnouncedWindow(START + 60, START + 7200, "w", "planned", ("website",), "Work")
    ledger.add_window(window, 100.0)
    ledger.add_window(window, 150.0)
    ledger.add_window(moved, 200.0)
    ledger.add_window(moved, 300.0, withdrawn=True)
    assert ledger.windows(99.0) == []
    assert ledger.windows(100.0) == [window]
    assert ledger.windows(250.0) == [moved]
    assert ledger.windows() == []
    assert sql(ledger.path, "SELECT count(*) FROM windows") == [(3,)]


def test_one_monitor_writes_and_others_read(path: Path, ledger: Ledger) -> None:
    """A second writer is refused with the process that holds the ledger; a reader sees what was committed."""
    with pytest.raises(LedgerError, match=r"ledger\.sqlite is in use by another monitor \(process \d+\)"):
        Ledger.open(path)
    ledger.record([run(START)])
    with Ledger.open(path, read_only=True) as reader:
        assert reader.totals().runs == {(*HOME, "none"): 1}
        with pytest.raises(LedgerError, match="reading only"):
            reader.record([run(START)])
    ledger.close()
    Ledger.open(path).close()


def test_a_vantage_point_has_its_own_ledger(path: Path) -> None:
    Ledger.open(path, vantage="utrecht").close()
    with pytest.raises(LedgerError, match="belongs to the vantage point 'utrecht', not to 'apeldoorn'"):
        Ledger.open(path, vantage="apeldoorn")
    with Ledger.open(path, read_only=True) as reader:
        assert reader.vantage == "utrecht"


def test_what_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Neither text, a database of another program nor a folder is opened or changed, and nothing is left beside it."""
    text = tmp_path / "notes.txt"
    text.write_text("no database, but long enough to look like a file with a header of a hundred bytes" * 3)
    other = tmp_path / "other.sqlite"
    sql(other, "CREATE TABLE mine (x)")
    in_wal_mode = tmp_path / "wal.sqlite"
    sql(in_wal_mode, "PRAGMA journal_mode = WAL")
    sql(in_wal_mode, "CREATE TABLE mine (x)")
    (tmp_path / "folder").mkdir()
    there = set(tmp_path.iterdir())
    for path in (text, other, in_wal_mode, tmp_path / "folder"):
        with pytest.raises(LedgerError, match="is not a"):
            Ledger.open(path)
        assert set(tmp_path.iterdir()) == there
    for path in (text, other):
        before = path.read_bytes()
        for read_only in (True, False):
            with pytest.raises(LedgerError, match="is not a"):
                Ledger.open(path, read_only=read_only)
        assert path.read_bytes() == before
    with pytest.raises(LedgerError, match="there is no ledger at"):
        Ledger.open(tmp_path / "missing.sqlite", read_only=True)


def test_a_newer_ledger_is_refused(path: Path) -> None:
    """The message names both versions; the refusal leaves no lock behind."""
    Ledger.open(path).close()
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(LedgerError, match=r"newer version \(2\) than this program knows \(1\)"):
        Ledger.open(path)
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION}")
    Ledger.open(path).close()


def test_a_damaged_ledger_is_refused(path: Path) -> None:
    """Pages overwritten in the middle of the file are noticed before anything is counted on them."""
    with Ledger.open(path) as ledger:
        ledger.record([run(START + 60 * number) for number in range(2000)])
    data = bytearray(path.read_bytes())
    page = 4096
    for number in range(2, len(data) // page):
        data[number * page : number * page + 200] = b"\xff" * 200
    path.write_bytes(data)
    with pytest.raises(LedgerError, match=r"damaged|malformed"):
        Ledger.open(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"data/ledger\.sqlite cannot be written: Not a directory"):
        Ledger.open(tmp_path / "file" / "data" / "ledger.sqlite")


def test_a_failed_batch_leaves_nothing(ledger: Ledger) -> None:
    """When the last table of a batch cannot be written, nothing of it stays in the others, and the next batch works."""
    ledger.record([run(START)])
    sql(ledger.path, "CREATE TRIGGER full BEFORE UPDATE ON states BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(LedgerError, match=r"ledger\.sqlite could not be written: disk full"):
        ledger.record([run(START), run(START, BAD)])
    sql(ledger.path, "DROP TRIGGER full")
    assert ledger.totals().runs == {(*HOME, "none"): 1}
    assert sum(t.good + t.bad for t in ledger.minutes(START // 60, START // 60 + 1, now=SETTLED)) == 1
    ledger.record([run(START)])
    assert ledger.totals().runs == {(*HOME, "none"): 2}


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


WRITER = """
import sys, time
from pathlib import Path
from journeys import Reason
from monitors.ledger import Ledger, Schedule
from monitors.verdict import Fail, Pass, Run

path, start, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with Ledger.open(path) as ledger:
    ledger.expect([Schedule("website", "home-page", 15, 3)], start)
    while True:
        batch = [Run("website", "home-page", start + 3 + 15 * (number + k), 0.1,
                     Fail(Reason.TIMEOUT, "home") if (number + k) % 5 == 0 else Pass()) for k in range(3)]
        ledger.record(batch)
        number += 3
        print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    """Killed at thirty random instants, some of them while it opens: the ledger is whole, and every run is there once.

    The writer prints a number after each durable batch. At most the one batch under way may be there beyond that.
    """
    chance = random.Random(9)
    number = told = 0
    for _ in range(30):
        command = [sys.executable, "-c", WRITER, str(path), str(START), str(number)]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        printed = ""
        if chance.random() < 0.8:
            printed = writer.stdout.readline()
            told += 1
            time.sleep(chance.uniform(0, 0.03))
        else:
            time.sleep(chance.uniform(0, 0.6))
        writer.kill()
        printed += writer.communicate()[0]
        assert writer.returncode == -9
        acknowledged = int(printed.split()[-1]) if printed else number
        if acknowledged:
            with Ledger.open(path, read_only=True) as reader:
                assert sum(reader.totals().runs.values()) in (acknowledged, acknowledged + 3)
        with Ledger.open(path) as ledger:
            totals = ledger.totals()
            number = int(sum(totals.runs.values()))
            assert number in (acknowledged, acknowledged + 3)
            last = START // 60 + 1 + number // 4
            tallies = ledger.minutes(START // 60, last, now=START + 3 + 15 * number + WRITE_DELAY + 0.5)
            assert sum(t.good + t.bad for t in tallies) == number
            assert all(t.good + t.bad == t.expected <= 4 for t in tallies)
            assert sum(totals.failures.values()) == len(range(0, number, 5)) == sum(t.bad for t in tallies)
            assert sum(histogram.buckets[-1][1] for histogram in totals.durations.values()) == number
    assert number >= 3 * told > 50
