"""What a ledger survives: kill -9, power cuts, a full disk, a file that cannot be written, two monitors at once.

`tests.monitors.survival` does the same as often as it is told: `python -m tests.benchmarks.survival`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.record.ledger import Ledger
from tests.children import in_namespace
from tests.monitors.records import START, run, schedule, slot
from tests.waiting import LONG

ROOT = Path(__file__).resolve().parents[3]


def survive(what: str, folder: Path, count: int, *prefix: str) -> str:
    """Return what the program says; it ends with an assertion where the ledger did not survive."""
    command = [*prefix, sys.executable, "-m", "tests.monitors.survival", what, str(folder), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=4 * LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """At random instants, some of them while it opens, with scrapes going on."""
    assert "10 kills" in survive("kills", tmp_path, 10)


@pytest.mark.peer
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, peer: Callable[..., str]) -> None:
    """Whatever the disk made of the writes that had not been synced."""
    peer("strace")
    said = survive("power", tmp_path, 20)
    assert "20 power cuts" in said
    assert " 0 sectors lost" not in said


def test_a_limit_on_the_size_of_files_loses_nothing(tmp_path: Path) -> None:
    """The batch that does not fit leaves nothing, and is recorded once when there is room."""
    assert "3 times full" in survive("full", tmp_path, 3)


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """The same on a file system of a megabyte."""
    prefix = in_namespace(f"mount -t tmpfs -o size=4m tmpfs '{tmp_path}'")
    assert "3 times full (database or disk is full)" in survive("full", tmp_path, 3, *prefix)


def test_one_of_several_monitors_that_start_together_gets_the_ledger(tmp_path: Path) -> None:
    assert "5 races" in survive("race", tmp_path, 5)


OPEN = """
import sys
from pathlib import Path
from monitors.record.ledger import Ledger, LedgerError
for open_it in (Ledger.open, Ledger.open_to_correct, lambda path: Ledger.open(path, read_only=True)):
    try:
        with open_it(Path(sys.argv[1])) as ledger:
            print(f"opened: {sum(ledger.totals().runs.values()):.0f} runs")
    except LedgerError as error:
        print(error)
"""


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_ledger_that_cannot_be_written_is_refused_at_once(tmp_path: Path, what: str) -> None:
    """On a read-only file system, or with the file alone read-only: a monitor is told when it starts; readers read."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(0)), run(slot(1))])
    before = path.read_bytes()
    place = tmp_path if what == "folder" else path
    prefix = in_namespace(f"mount --bind '{place}' '{place}' && mount -o remount,ro,bind '{place}'")
    command = [*prefix, sys.executable, "-c", OPEN, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONG)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[:2] == [
        f"{path} cannot be written: " + ("Read-only file system" if what == "folder" else f"{path} is read-only"),
        f"{path} cannot be written: {place} is read-only",
    ]
    assert lines[2] == "opened: 2 runs"
    assert path.read_bytes() == before
