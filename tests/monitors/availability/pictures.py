"""Ledgers drawn and filled, for the tests of the report and of its command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from config import Configuration
from journeys import Reason
from monitors.record.ledger import Ledger, Schedule
from monitors.record.totals import Probe
from monitors.verdict import Cause, Fail, Pass, Run, Unknown
from monitors.windows.calendars import AnnouncedWindow

START = 1_700_000_000 // 86_400 * 86_400
"""The beginning of a day in UTC."""
FIRST = START // 60
BAD = Fail(Reason.TIMEOUT, "home")
BLIND = Unknown(Cause.OVERLOADED)
HOME = ("website", "home-page")


def fill(
    path: Path, configuration: Configuration, start: float, *, bad: int = 0, skip: str = "", minutes: int = 10
) -> None:
    """Write undisturbed minutes of every probe but those of the system `skip`; `bad` runs of each fail."""
    probes = [(system, probe) for system, probe, _ in configuration.probes() if system != skip]
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule(*probe, 15, start) for probe in probes], start)
        slots = range(4 * minutes)
        ledger.record([Run(*probe, start + 15 * k, 0.1, BAD if k < bad else Pass()) for probe in probes for k in slots])


def picture(
    folder: Path,
    vantage: str,
    minutes: dict[Probe, str],
    *,
    interval: float = 15,
    windows: Sequence[AnnouncedWindow] = (),
) -> Path:
    """Write a ledger from pictures, a letter a minute: u up, D down, ? blind, - no run at all."""
    path = folder / f"{vantage}.sqlite"
    verdicts = {"u": Pass(), "D": BAD, "?": BLIND}
    per_minute = max(1, int(60 / interval))
    with Ledger.open(path, vantage=vantage) as ledger:
        ledger.expect([Schedule(*probe, interval, START) for probe in minutes], START)
        for probe, letters in minutes.items():
            runs = [
                Run(*probe, START + 60 * minute + interval * k, 0.1, verdicts[letter])
                for minute, letter in enumerate(letters)
                for k in range(per_minute)
                if letter in verdicts
            ]
            ledger.record(runs)
        for window in windows:
            ledger.add_window(window, START - 86_400, by="test", why="test")
    return path


def planned(start: int, end: int, *systems: str, kind: str = "planned", uid: str = "w") -> AnnouncedWindow:
    """Return a window of so many minutes after START."""
    return AnnouncedWindow(START + 60 * start, START + 60 * end, uid, kind, systems, "Work")  # type: ignore[arg-type]
