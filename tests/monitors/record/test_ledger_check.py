"""An integrity check finds what is wrong with the meaning of a ledger, not only with its pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitors.record.ledger import Ledger
from monitors.verdict import Cause, Unknown
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.records import BAD, START, run, schedule, slot, sql


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a sound ledger of three hours with every kind of row."""
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        ledger.expect([schedule()], START)
        ledger.record([run(slot(number), BAD if number % 9 == 0 else run(0).verdict) for number in range(700)])
        ledger.record([run(slot(700), Unknown(Cause.OVERLOADED)), run(slot(10))])
        window = AnnouncedWindow(START, START + 3600, "w", "planned", ("website",), "Work")
        ledger.add_window(window, START - 60, by="J. Jansen", why="release")
        ledger.add_window(window, START, by="J. Jansen", why="not needed", withdrawn=True)
        ledger.expect([], START + 20_000)
    return path


def problems(path: Path) -> list[str]:
    with Ledger.open(path, read_only=True) as ledger:
        return ledger.problems()


def test_a_sound_ledger_has_no_problems(path: Path) -> None:
    assert problems(path) == []


AT = "2023-11-14T22:00+00:00"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE hours SET bad = bad + 1 WHERE hour = (SELECT min(hour) FROM hours)", f"website/home-page, hour {AT}"),
        ("DELETE FROM hours WHERE hour = (SELECT min(hour) FROM hours)", f"website/home-page, hour {AT}"),
        ("DELETE FROM minutes WHERE minute = (SELECT min(minute) FROM minutes)", f"website/home-page, hour {AT}"),
        (
            "UPDATE minutes SET good = good + 4 WHERE minute = (SELECT min(minute) FROM minutes)",
            f"website/home-page, minute {AT}: 8 runs, but 4 were due",
        ),
        (
            "UPDATE minutes SET good = -1 WHERE minute = (SELECT min(minute) FROM minutes)",
            f"website/home-page, minute {AT}: a negative count",
        ),
        ("UPDATE schedules SET since_ms = since_ms + 60000", "4 runs, but 0 were due"),
        ("UPDATE totals SET value = value - 5 WHERE kind = 'runs'", "the counters know 696 runs with a verdict"),
        ("UPDATE windows SET ends = starts", "window w: it does not begin before it ends"),
        ("UPDATE windows SET systems = '[]'", "window w: it names no systems"),
        ("UPDATE windows SET systems = 'website'", "the systems of a window cannot be read"),
        ("UPDATE windows SET entered_by = ''", "window w: nobody is said to have entered it"),
        ("UPDATE windows SET known_at = 0 WHERE withdrawn", "a revision is known before the one that it replaces"),
        (
            "INSERT INTO minutes VALUES (1, 99, 1, 0, 0)",
            "damaged: minutes of hour 1970-01-01T00:00+00:00 refer to no row of probes",
        ),
        ("DELETE FROM probes", "refers to no row of probes"),
    ],
)
def test_what_does_not_fit_is_named(path: Path, statement: str, expected: str) -> None:
    sql(path, statement)
    found = problems(path)
    assert any(expected in line for line in found), found
    assert len(found) <= 40


def test_damaged_pages_are_problems(path: Path) -> None:
    """Structure comes first: nothing is said of the meaning of pages that cannot be trusted."""
    [(page,)] = sql(path, "SELECT rootpage FROM sqlite_schema WHERE name = 'minutes'")
    assert isinstance(page, int)
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 + 8 : page * 4096] = b"\x7f" * 4088
    path.write_bytes(data)
    found = problems(path)
    assert found
    assert all(line.startswith("damaged") for line in found)
