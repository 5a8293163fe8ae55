"""The file of record: one monitor writes it, what is no ledger is left alone, older versions become today's."""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from monitors.availability.accounting import Counts
from monitors.record.ledger import Ledger, LedgerError, upgrade
from monitors.record.ledger_schema import SCHEMA_VERSION
from tests.monitors.records import BAD, FIRST, HOME, SETTLED, START, counted, run, schedule, slot, sql

VERSION_1 = Path(__file__).parent / "ledgers" / "version-1.ledger"
"""Four hours of two probes, with labels of windows that change within a minute, written by version 1."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data with spaces" / "ledger.sqlite"


def read(path: Path) -> Ledger:
    return Ledger.open(path, read_only=True)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return shutil.copyfile(VERSION_1, tmp_path / "old.sqlite")


def test_one_monitor_writes_and_others_read(path: Path) -> None:
    """A second writer is refused with the process that holds the ledger; a reader sees what was committed."""
    with Ledger.open(path) as ledger:
        with pytest.raises(LedgerError, match=r"ledger\.sqlite is in use by another monitor \(process \d+\)"):
            Ledger.open(path)
        ledger.record([run(START)])
        with Ledger.open(path, read_only=True) as reader:
            assert reader.totals().runs == {(*HOME, "none"): 1}
            with pytest.raises(LedgerError, match="reading only"):
                reader.record([run(START)])
    Ledger.open(path).close()


def test_another_name_of_the_same_ledger_is_locked_too(path: Path, tmp_path: Path) -> None:
    """A symbolic link is no second ledger."""
    (tmp_path / "link.sqlite").symlink_to(path)
    with Ledger.open(path), pytest.raises(LedgerError, match="in use by another monitor"):
        Ledger.open(tmp_path / "link.sqlite")
    Ledger.open(tmp_path / "link.sqlite").close()


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
        for attempt in (Ledger.open_to_correct, read):
            with pytest.raises(LedgerError, match="is not a"):
                attempt(path)
        assert path.read_bytes() == before
    for attempt in (Ledger.open_to_correct, upgrade, read):
        with pytest.raises(LedgerError, match="there is no ledger at"):
            attempt(tmp_path / "missing.sqlite")
    assert set(tmp_path.iterdir()) == there


def test_a_newer_ledger_is_refused(path: Path) -> None:
    """The message names both versions; the refusal leaves no lock behind, and the file as it was."""
    Ledger.open(path).close()
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    refusal = rf"newer version \({SCHEMA_VERSION + 1}\) than this program knows \({SCHEMA_VERSION}\)"
    for attempt in (Ledger.open, Ledger.open_to_correct, upgrade, read):
        with pytest.raises(LedgerError, match=refusal):
            attempt(path)
    assert path.read_bytes() == before
    sql(path, f"PRAGMA user_version = {SCHEMA_VERSION}")
    Ledger.open(path).close()


def spoil(path: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    [(page,)] = sql(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{table}'")
    assert isinstance(page, int)
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 200)


@pytest.fixture
def filled(path: Path) -> Path:
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(4 * number)) for number in range(2000)])
    return path


@pytest.mark.parametrize("table", ["schedules", "windows", "totals", "states", "sightings"])
def test_a_damaged_ledger_is_refused(filled: Path, table: str) -> None:
    """Before a monitor counts on it."""
    spoil(filled, table)
    with pytest.raises(LedgerError, match=r"damaged|malformed"):
        Ledger.open(filled)


def test_a_ledger_that_was_cut_off_is_refused(filled: Path) -> None:
    """Whatever was in the part that is missing."""
    size = filled.stat().st_size
    with filled.open("r+b") as file:
        file.truncate(size - 4096)
    with pytest.raises(LedgerError, match="malformed"):
        Ledger.open(filled)


def test_the_large_tables_are_not_read_to_open(filled: Path) -> None:
    """A year is opened as fast as a day; what is wrong with its minutes is found by a check, and by whoever asks."""
    spoil(filled, "minutes")
    with Ledger.open(filled) as ledger:
        assert all(line.startswith("damaged") for line in ledger.problems())
        with pytest.raises(LedgerError, match="malformed"):
            counted(ledger, 7)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"data/ledger\.sqlite cannot be written: Not a directory"):
        Ledger.open(tmp_path / "file" / "data" / "ledger.sqlite")


@pytest.mark.parametrize("replaced", [False, True])
def test_a_ledger_that_was_taken_away_is_noticed(path: Path, *, replaced: bool) -> None:
    """SQLite would go on writing a file that has no name any more: nothing may be acknowledged then."""
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(0))])
        moved = path.rename(path.with_name("moved.sqlite"))
        if replaced:
            shutil.copyfile(moved, path)
        with pytest.raises(LedgerError, match="could not be written: the file was moved, removed or replaced"):
            ledger.record([run(slot(1))])
        moved.rename(path)
        ledger.record([run(slot(1))])
        assert counted(ledger, 1)[0].good == 2


def test_an_older_ledger_is_brought_up_to_date(old: Path) -> None:
    """Every run of version 1 is there once, by minute and by hour, and so are counters, states and windows."""
    minutes: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    with closing(sqlite3.connect(old)) as connection:
        labels = {row[0] for row in connection.execute("SELECT DISTINCT window FROM minutes")}
        for minute, probe, _, *counts in connection.execute("SELECT * FROM minutes"):
            minutes[probe, minute] = [a + b for a, b in zip(minutes[probe, minute], counts, strict=True)]
        totals = connection.execute("SELECT * FROM totals").fetchall()
        windows = connection.execute("SELECT known_at, uid, withdrawn FROM windows ORDER BY revision").fetchall()
    assert labels == {"none", "planned"}
    assert len(minutes) == 480
    first = 1_700_000_000 // 60
    with Ledger.open(old, vantage="utrecht") as ledger:
        assert ledger.version == SCHEMA_VERSION
        for number, probe in ((1, HOME), (2, ("digid-app", "login-app"))):
            expected = [(minute, *counts) for (of, minute), counts in sorted(minutes.items()) if of == number]
            assert ledger.minutes_of(probe, first - 10, first + 1000) == expected
            whole = ledger.counts(probe, [first - 60, first + 600], now=ledger.first_scheduled() or 0)
            assert [whole[0].good, whole[0].bad, whole[0].unknown] == [
                sum(row[k] for row in expected) for k in (1, 2, 3)
            ]
        history = ledger.window_history()
        assert [(each.known_at, each.uid, each.withdrawn) for each in history] == windows
        assert {(each.by, each.why) for each in history} == {("calendar: unknown file", "")}
        assert [window.uid for window in ledger.windows()] == ["release@example.nl"]
        assert ledger.problems() == []
        last = ledger.totals().states[HOME].last_run
        ledger.record([run(last + 15, BAD)])
        assert sum(ledger.totals().failures.values()) == minutes_bad(minutes) + 1
    assert set(totals) <= set(sql(old, "SELECT * FROM totals")) | {row for row in totals if row[0] == 1}


def minutes_bad(minutes: dict[tuple[int, int], list[int]]) -> int:
    return sum(counts[1] for counts in minutes.values())


def test_an_older_ledger_has_the_tables_of_a_new_one(old: Path, path: Path) -> None:
    """Whether made new or brought up to date, the file is the same to the next version."""
    Ledger.open(path).close()
    assert upgrade(old) == (1, SCHEMA_VERSION)
    assert upgrade(old) == (SCHEMA_VERSION, SCHEMA_VERSION)
    columns = 'SELECT m.name, p.name, p.type, p."notnull", p.pk FROM sqlite_schema AS m, pragma_table_info(m.name) AS p'
    for statement in (f"{columns} ORDER BY m.name, p.cid", "SELECT type, name FROM sqlite_schema ORDER BY type, name"):
        assert sql(old, statement) == sql(path, statement)


def test_an_older_ledger_is_changed_by_its_own_monitor_only(old: Path) -> None:
    """Readers and other vantage points refuse it and say what to do; it stays what it was."""
    before = old.read_bytes()
    for attempt in (Ledger.open_to_correct, read):
        with pytest.raises(LedgerError, match="of the older version 1; bring it up to date: piekwacht ledger upgrade"):
            attempt(old)
    with pytest.raises(LedgerError, match="belongs to the vantage point 'utrecht'"):
        Ledger.open(old)
    assert old.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_ledger(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction: with its last statement refused, the file is still of version 1, with every row."""
    from monitors.record import ledger_schema

    broken = {1: ledger_schema._MIGRATIONS[1] + ";INSERT INTO no_such_table VALUES (1)"}
    rows = sql(old, "SELECT * FROM minutes")
    with monkeypatch.context() as patch:
        patch.setattr(ledger_schema, "_MIGRATIONS", broken)
        with pytest.raises(LedgerError, match="no_such_table"):
            upgrade(old)
    assert sql(old, "PRAGMA user_version") == [(1,)]
    assert sql(old, "SELECT * FROM minutes") == rows
    assert upgrade(old) == (1, SCHEMA_VERSION)


def test_a_copy_is_whole_and_can_be_read_anywhere(path: Path, tmp_path: Path) -> None:
    """While the monitor is writing: one file with everything that was acknowledged, sound, and a ledger of its own."""
    target = tmp_path / "backup" / "copy.sqlite"
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        for number in range(8):
            ledger.record([run(slot(number))])
        ledger.copy_to(target)
        ledger.record([run(slot(8))])
        ledger.copy_to(target)  # an older copy is replaced
    assert [each.name for each in target.parent.iterdir()] == ["copy.sqlite"]
    assert sql(target, "PRAGMA journal_mode") == [("delete",)]
    with Ledger.open(target, read_only=True) as copy:
        assert copy.problems() == []
        assert copy.counts(HOME, [FIRST, FIRST + 3], now=SETTLED) == [Counts(9, 0, 0, 12)]
    with Ledger.open(target) as restored:
        restored.record([run(slot(9))])
        assert restored.totals().runs == {(*HOME, "none"): 10}


def test_a_copy_replaces_nothing_but_a_copy(path: Path, tmp_path: Path) -> None:
    """Neither the ledger itself, the ledger of a monitor, another file nor a folder; nothing temporary remains."""
    text, other = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("mine")
    (tmp_path / "link.sqlite").symlink_to(path)
    with Ledger.open(path) as ledger, Ledger.open(other):
        for target, message in (
            (path, "is the ledger itself"),
            (tmp_path / "link.sqlite", "is the ledger itself"),
            (other, "a monitor's own ledger"),
            (text, "is not a"),
            (tmp_path, "there is no ledger at"),
            (text / "copy.sqlite", "cannot be written: File exists"),
        ):
            with pytest.raises(LedgerError, match=message):
                ledger.copy_to(target)
    assert text.read_text() == "mine"
    assert not list(tmp_path.rglob(".*"))
