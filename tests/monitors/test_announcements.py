"""Windows on their way from the calendars to the ledger, and which kind of time it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import Configuration
from journeys import Reason
from monitors.announcements import Timekeeper, announce
from monitors.ledger import Ledger
from monitors.verdict import Fail, Pass, Run, Verdict, Window

HOUR = 3600.0
START = datetime(2027, 3, 7, 0, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


class Calendars:
    """A folder with one calendar of one event, which can be written again."""

    def __init__(self, root: Path, configuration: Configuration) -> None:
        self._folder = root / "maintenance"
        self._folder.mkdir()
        self.configuration = replace(configuration, root=root)

    def write(self, hours: float | None, systems: str = "website") -> None:
        """Announce maintenance that takes so many hours from START, or nothing."""
        end = datetime.fromtimestamp(START + (hours or 0) * HOUR, UTC)
        event = [
            "BEGIN:VEVENT",
            "UID:release@example.nl",
            "DTSTAMP:20270101T000000Z",
            "DTSTART:20270307T000000Z",
            f"DTEND:{end:%Y%m%dT%H%M%SZ}",
            "SUMMARY:Release",
            "STATUS:CONFIRMED",
            f"CATEGORIES:{systems}",
            "END:VEVENT",
        ]
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//NL", *(event if hours else []), "END:VCALENDAR", ""]
        (self._folder / "releases.ics").write_text("\r\n".join(lines), encoding="utf-8", newline="")


@pytest.fixture
def calendars(tmp_path: Path, configuration: Configuration) -> Calendars:
    return Calendars(tmp_path, configuration)


def ends(ledger: Ledger) -> list[float]:
    """Return the announced ends, in hours after START."""
    return [(window.end - START) / HOUR for window in ledger.windows()]


def test_a_change_before_the_window_counts(ledger: Ledger, calendars: Calendars) -> None:
    """Windows are announced, changed and withdrawn as the calendar says, up to their beginning."""
    for hours, expected in ((4, [4]), (6, [6]), (6, [6]), (None, []), (5, [5])):
        calendars.write(hours)
        announce(ledger, calendars.configuration, START - HOUR)
        assert ends(ledger) == expected


@pytest.mark.parametrize("hours", [9, 1, None])
def test_a_window_that_has_begun_cannot_be_stretched(ledger: Ledger, calendars: Calendars, hours: float | None) -> None:
    """Neither stretching nor shortening nor removing the event changes what was announced beforehand."""
    calendars.write(4)
    announce(ledger, calendars.configuration, START - HOUR)
    calendars.write(hours)
    announce(ledger, calendars.configuration, START + HOUR / 2)
    assert ends(ledger) == [4]


def test_a_window_under_way_is_known_to_a_new_ledger(ledger: Ledger, calendars: Calendars) -> None:
    """The calendar announced it, though nobody watched then."""
    calendars.write(4)
    announce(ledger, calendars.configuration, START + HOUR)
    assert ends(ledger) == [4]


def run(probe: str, at: float, verdict: Verdict = Pass(), system: str = "waiting-room") -> Run:  # noqa: B008 - frozen
    return Run(system, probe, at, 0.1, verdict)


def test_maintenance_is_over_when_every_measuring_probe_passed(ledger: Ledger, calendars: Calendars) -> None:
    """Planned until the announced end; then overrun until both channels passed, and nothing after that."""
    calendars.write(4, "waiting-room")
    announce(ledger, calendars.configuration, START - HOUR)
    ledger.record([run("waiting-room-web", START - HOUR), run("waiting-room-app", START - HOUR)])
    keeper = Timekeeper(ledger, calendars.configuration.systems)
    end = START + 4 * HOUR

    def window(at: float) -> Window:
        return keeper.window("waiting-room", at)

    assert [window(at) for at in (START - 1, START, end - 1, end)] == [
        Window.NONE,
        Window.PLANNED,
        Window.PLANNED,
        Window.OVERRUN,
    ]
    keeper.note(run("waiting-room-web", end + 10))
    keeper.note(run("waiting-room-app", end + 10, Fail(Reason.TIMEOUT, "join-queue")))
    assert window(end + 20) is Window.OVERRUN
    keeper.note(run("waiting-room-app", end + 25))
    assert window(end + 30) is Window.NONE
    assert keeper.window("website", end) is Window.NONE


def test_a_restart_remembers_the_passes(ledger: Ledger, calendars: Calendars) -> None:
    """Passes are read from the ledger: a restart after maintenance is no new overrun."""
    calendars.write(4, "waiting-room")
    announce(ledger, calendars.configuration, START - HOUR)
    end = START + 4 * HOUR
    ledger.record([run("waiting-room-web", end + 10), run("waiting-room-app", end + 10)])
    assert Timekeeper(ledger, calendars.configuration.systems).window("waiting-room", end + HOUR) is Window.NONE
