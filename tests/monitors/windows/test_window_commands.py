"""`piekwacht window`: corrections by hand, beside a running monitor, and what was known when."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from monitors.record.ledger import Ledger, LedgerError
from monitors.windows.calendars import AnnouncedWindow
from monitors.windows.window_commands import app, known_moment
from tests.monitors.records import HOME, START, run, schedule, slot

ROOT = Path(__file__).resolve().parents[3]
WHO = ("--by", "J. Jansen", "--why", "left out of the calendar")
MARCH = ("--from", "2026-03-01T00:00+01:00", "--to", "2026-03-01T08:00+01:00")
BEGIN = datetime(2026, 2, 28, 23, tzinfo=UTC).timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    Ledger.open(path).close()
    return path


def invoke(path: Path, command: str, *arguments: str) -> Result:
    config = () if command in ("list", "withdraw") else ("--config", str(ROOT / "config"))
    return CliRunner().invoke(app, [command, *arguments, "--ledger", str(path), *config])


def windows(path: Path, *arguments: str) -> list[dict[str, Any]]:
    result = invoke(path, "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)
    return found


def test_a_window_is_entered_revised_and_withdrawn(path: Path) -> None:
    """Each step is a revision with who and why; the list shows what holds, the history everything."""
    before = time.time()
    result = invoke(path, "add", "--system", "website", "--system", "digid-app", *MARCH, "--summary", "Release", *WHO)
    uid = "website-20260228T2300Z"
    assert (result.exit_code, result.output) == (
        0,
        f"{uid}: planned, website, digid-app, 2026-03-01T00:00:00+01:00 to 2026-03-01T08:00:00+01:00\n",
    )
    [window] = windows(path)
    assert before - 1 < datetime.fromisoformat(window.pop("known_at")).timestamp() < time.time() + 1
    assert window == {
        "uid": uid,
        "kind": "planned",
        "systems": ["website", "digid-app"],
        "from": "2026-03-01T00:00:00+01:00",
        "to": "2026-03-01T08:00:00+01:00",
        "summary": "Release",
        "by": "J. Jansen",
        "why": "left out of the calendar",
        "withdrawn": False,
    }
    change = ("--to", "2026-03-01T09:30+01:00", "--kind", "aftermath", "--by", "P. Pieters", "--why", "it was a repair")
    assert invoke(path, "revise", uid, *change).exit_code == 0
    [window] = windows(path)
    assert (window["to"], window["kind"], window["systems"], window["by"]) == (
        "2026-03-01T09:30:00+01:00",
        "aftermath",
        ["website", "digid-app"],
        "P. Pieters",
    )
    assert invoke(path, "withdraw", uid, *WHO).output.startswith(f"{uid}: withdrawn, ")
    assert windows(path) == []
    assert [(each["by"], each["kind"], each["withdrawn"]) for each in windows(path, "--history")] == [
        ("J. Jansen", "planned", False),
        ("P. Pieters", "aftermath", False),
        ("J. Jansen", "aftermath", True),
    ]
    assert invoke(path, "revise", uid, "--summary", "Again", *WHO).exit_code == 0
    assert [window["summary"] for window in windows(path)] == ["Again"], "a withdrawn window holds again"


def test_two_windows_of_one_start_have_two_names(path: Path) -> None:
    for _ in range(2):
        invoke(path, "add", "--system", "website", *MARCH, "--summary", "Release", *WHO)
    assert [window["uid"] for window in windows(path)] == ["website-20260228T2300Z", "website-20260228T2300Z-2"]


def test_saying_the_same_again_adds_nothing(path: Path) -> None:
    invoke(path, "add", "--system", "website", *MARCH, "--summary", "Release", *WHO)
    result = invoke(path, "revise", "website-20260228T2300Z", "--summary", "Release", *WHO)
    assert result.output.endswith("(known already; nothing was changed)\n")
    assert len(windows(path, "--history")) == 1


def test_what_was_known_on_a_day_can_be_asked_for(path: Path) -> None:
    """A day means its end in the Netherlands; a moment with its offset means itself."""
    with Ledger.open(path) as ledger:
        for day, end, withdrawn in ((1, 4, False), (3, 9, False), (5, 9, True)):
            known = datetime(2026, 2, day, 22, 30, tzinfo=UTC).timestamp()
            window = AnnouncedWindow(BEGIN, BEGIN + 3600 * end, "w", "planned", ("website",), "Work")
            ledger.add_window(window, known, by="calendar: releases.ics", why="", withdrawn=withdrawn)
    ends = {"2026-01-31": [], "2026-02-01": ["04"], "2026-02-02": ["04"], "2026-02-03": ["09"], "2026-02-05": []}
    for day, expected in ends.items():
        assert [window["to"][11:13] for window in windows(path, "--as-known-on", day)] == expected, day
    assert len(windows(path, "--as-known-on", "2026-02-03T23:30+01:00")) == 1
    assert [window["to"][11:13] for window in windows(path, "--as-known-on", "2026-02-03T23:29+01:00")] == ["04"]
    assert len(windows(path, "--as-known-on", "2026-02-03", "--history")) == 2
    assert windows(path, "--system", "digid-app") == []
    assert known_moment("2026-03-29", "") == datetime(2026, 3, 29, 22, tzinfo=UTC).timestamp(), "a day of 23 hours"


def test_the_list_is_for_people_too(path: Path) -> None:
    invoke(path, "add", "--system", "website", *MARCH, "--summary", "Release [3]", *WHO)
    shown = invoke(path, "list").output
    for text in ("website-20260228T2300Z", "planned", "Release [3]", "J. Jansen"):
        assert text in shown


def test_everything_that_is_wrong_is_said_at_once(path: Path) -> None:
    """One line for each, and nothing is entered."""
    result = invoke(path, "add", "--system", "websit", "--system", "digid", "--from", "2026-03-01", "--why", " ")
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert [line.split(" expected")[0] for line in lines] == [
        "--system: found 'websit',",
        "--system: found 'digid',",
        "--from: found '2026-03-01',",
        "--to: found nothing,",
        "--summary: found nothing,",
        "--by: found nothing,",
        "--why: found nothing,",
    ]
    assert "website" in lines[0]
    assert windows(path, "--history") == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            (
                "add",
                "--system",
                "website",
                "--from",
                "2026-03-01T08:00Z",
                "--to",
                "2026-03-01T08:00Z",
                "--summary",
                "x",
            ),
            "--to: found 2026-03-01T09:00:00+01:00, expected an end after the start, 2026-03-01T09:00:00+01:00\n",
        ),
        (("revise", "nothing", "--summary", "x"), "UID: found 'nothing', expected a window of the ledger"),
        (("withdraw", "nothing"), "UID: found 'nothing', expected a window of the ledger"),
        (("add", "--from", "0001-01-01T00:00+14:00"), "--from: found '0001-01-01T00:00+14:00', expected a time"),
    ],
)
def test_what_does_not_fit_the_ledger_is_refused(path: Path, command: tuple[str, ...], message: str) -> None:
    result = invoke(path, *command, *WHO)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("text", ["2026", "yesterday", "2026-03-01T00:00", "9999-12-31"])
def test_a_moment_that_cannot_be_known_is_refused(path: Path, text: str) -> None:
    result = invoke(path, "list", "--as-known-on", text)
    assert result.exit_code == 2
    assert "expected a day such as" in " ".join(result.output.replace("│", "").split())


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//NL
BEGIN:VEVENT
UID:release@example.nl
DTSTAMP:20260101T000000Z
DTSTART:20260228T230000Z
DTEND:{end}
SUMMARY:Release
CATEGORIES:website
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_read_again_corrects_the_past(path: Path, tmp_path: Path) -> None:
    """Windows that have begun are taken as the calendar says now, with who had it read and why; once."""
    config = tmp_path / "config"
    for name in ("estate", "campaigns", "environments"):
        shutil.copytree(ROOT / "config" / name, config / name)
    calendar = config / "maintenance" / "releases.ics"
    calendar.parent.mkdir(exist_ok=True)
    command = ["read", "--since", "2026-02-28", *WHO, "--ledger", str(path), "--config", str(config)]
    as_before = "nothing has changed: {} windows from then on are as the ledger has them\n".format
    for end, said in (("20260301T050000Z", "06"), ("20260301T050000Z", ""), ("20260301T060000Z", "07")):
        calendar.write_text(CALENDAR.format(end=end).replace("\n", "\r\n"), encoding="utf-8", newline="")
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert result.output == (
            f"release@example.nl: planned, 2026-03-01T00:00:00+01:00 to 2026-03-01T{said}:00:00+01:00\n"
            if said
            else as_before(1)
        )
    assert [(window["to"][11:13], window["by"]) for window in windows(path, "--history")] == [
        ("06", "J. Jansen, reading releases.ics"),
        ("07", "J. Jansen, reading releases.ics"),
    ]
    command[2] = "2026-03-02"
    assert CliRunner().invoke(app, command).output == as_before(0)
    calendar.write_text("nothing", encoding="utf-8")
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, "releases.ics:1:" in result.output) == (2, True)


def test_a_missing_ledger_is_not_made(tmp_path: Path) -> None:
    """Whatever else is wrong is said with it."""
    path = tmp_path / "nothing.sqlite"
    result = invoke(path, "add", "--system", "website", *MARCH, "--summary", "x", "--by", "me")
    assert result.exit_code == 2
    assert result.output.splitlines()[1:] == [f"there is no ledger at {path}"]
    assert result.output.startswith("--why: ")
    assert list(tmp_path.iterdir()) == []


def test_a_running_monitor_takes_notice(path: Path) -> None:
    """Entering a window needs no lock, disturbs no write, and changes the number that a monitor watches."""
    with Ledger.open(path) as monitor:
        monitor.expect([schedule()], START)
        seen = monitor.last_window_revision()
        for number in range(3):
            monitor.record([run(slot(number))])
            result = invoke(path, "add", "--system", "website", *MARCH, "--summary", f"Release {number}", *WHO)
            assert result.exit_code == 0, result.output
            assert monitor.last_window_revision() > seen
            seen = monitor.last_window_revision()
        assert monitor.totals().runs == {(*HOME, "none"): 3}
        assert len(monitor.windows()) == 3


def test_who_corrects_windows_records_no_runs(path: Path) -> None:
    with Ledger.open_to_correct(path) as ledger:
        for attempt in (lambda: ledger.record([run(START)]), lambda: ledger.expect([], START)):
            with pytest.raises(LedgerError, match="opened for windows and notices only"):
                attempt()
