"""Windows on their way from the calendars to the ledger, and which kind of time it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config import Configuration
from config.hours import ALWAYS
from journeys import Reason
from monitors.availability.timeline import timeline
from monitors.record.ledger import Ledger
from monitors.verdict import Fail, Pass, Run, Verdict, Window
from monitors.windows.announcements import Timekeeper, announce
from monitors.windows.calendars import AnnouncedWindow

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
        always = {
            name: system.model_copy(update={"service_hours": ALWAYS}) for name, system in configuration.systems.items()
        }
        self.configuration = replace(configuration, root=root, systems=always)

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
    keeper = Timekeeper(ledger, calendars.configuration)
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


def test_the_announced_end_is_told_while_it_applies(ledger: Ledger, calendars: Calendars) -> None:
    """From the start of planned work until the system is back, overrun included; not before and not after."""
    calendars.write(4, "waiting-room")
    announce(ledger, calendars.configuration, START - HOUR)
    keeper = Timekeeper(ledger, calendars.configuration)
    end = START + 4 * HOUR
    assert [keeper.window_end("waiting-room", at) for at in (START - 1, START, end - 1, end, end + HOUR)] == [
        None, end, end, end, end,
    ]  # fmt: skip
    keeper.note(run("waiting-room-web", end + 10))
    keeper.note(run("waiting-room-app", end + 10))
    assert keeper.window_end("waiting-room", end + 20) is None
    assert keeper.window_end("website", START) is None


def test_a_restart_remembers_the_passes(ledger: Ledger, calendars: Calendars) -> None:
    """Passes are read from the ledger: a restart after maintenance is no new overrun."""
    calendars.write(4, "waiting-room")
    announce(ledger, calendars.configuration, START - HOUR)
    end = START + 4 * HOUR
    ledger.record([run("waiting-room-web", end + 10), run("waiting-room-app", end + 10)])
    assert Timekeeper(ledger, calendars.configuration).window("waiting-room", end + HOUR) is Window.NONE


def test_what_a_person_said_is_not_taken_back_by_a_calendar(ledger: Ledger, calendars: Calendars) -> None:
    """A window revised or entered by hand stays so at every reload; a calendar that says something new goes first."""
    calendars.write(4)
    announce(ledger, calendars.configuration, START - 3 * HOUR)
    [announced] = ledger.windows()
    by_hand = replace(announced, end=START + 2 * HOUR)
    ledger.add_window(by_hand, START - 2 * HOUR, by="J. Jansen", why="half of the work was cancelled")
    other = replace(announced, uid="by-hand", start=START + HOUR, end=START + 7 * HOUR)
    ledger.add_window(other, START - 2 * HOUR, by="J. Jansen", why="not in any calendar")
    for _ in range(2):
        announce(ledger, calendars.configuration, START - HOUR)
        assert ends(ledger) == [2, 7]
    calendars.write(6)
    announce(ledger, calendars.configuration, START - HOUR / 2)
    assert ends(ledger) == [6, 7]


def test_who_announced_a_window_is_noted(ledger: Ledger, calendars: Calendars) -> None:
    """The file by its name; that an event left it is a revision of its own."""
    calendars.write(4)
    announce(ledger, calendars.configuration, START - HOUR)
    calendars.write(None)
    announce(ledger, calendars.configuration, START - HOUR / 2)
    history = [(revision.by, revision.withdrawn) for revision in ledger.window_history()]
    assert history == [("calendar: releases.ics", False), ("calendar: releases.ics", True)]


def test_service_hours_are_noted_when_they_change(ledger: Ledger, calendars: Calendars) -> None:
    """From the moment of the reload that brought them; round the clock needs no note, going back to it does."""
    shipped = calendars.configuration

    def hours(text: str) -> Configuration:
        website = shipped.systems["website"].model_copy(update={"service_hours": text})
        return replace(shipped, systems={"website": website})

    for number, text in enumerate(("24/7", "Mo-Fr 08:00-17:00", "Mo-Fr 08:00-17:00", "Mo-Fr 08:00-20:00", "24/7")):
        announce(ledger, hours(text), START + number * HOUR)
    noted = [(window.start, window.summary) for window in ledger.windows() if window.kind == "hours"]
    assert noted == [
        (START + HOUR, "Mo-Fr 08:00-17:00"),
        (START + 3 * HOUR, "Mo-Fr 08:00-20:00"),
        (START + 4 * HOUR, "24/7"),
    ]


def test_the_first_minute_of_a_closed_line_is_closed(ledger: Ledger, calendars: Calendars) -> None:
    """A monitor that starts within a minute, and is right away told no, does not count it; what was watched stays."""
    systems = {
        name: calendars.configuration.systems[name].model_copy(update={"service_hours": "Mo-Fr 08:00-17:00"})
        for name in ("website", "callback")
    }
    configuration = replace(calendars.configuration, systems=systems)
    ledger.record([Run("callback", "callback-request", START + 5, 0.1, Pass())])
    announce(ledger, configuration, START + 20)
    opening = configuration.opening("website")
    minute, windows = int(START // 60), ledger.windows()
    found = {
        name: timeline(minute, minute + 2, [each for each in windows if name in each.systems], opening, lambda _: None)
        for name in systems
    }
    assert found["website"] == [(minute, minute + 2, Window.CLOSED)]
    assert found["callback"] == [(minute, minute + 1, Window.NONE), (minute + 1, minute + 2, Window.CLOSED)]


def test_outside_service_hours_it_is_closed(ledger: Ledger, calendars: Calendars) -> None:
    """Sunday 7 March 2027, 01:00 in Amsterdam; the next morning at ten the service is open."""
    website = calendars.configuration.systems["website"].model_copy(update={"service_hours": "Mo-Fr 08:00-17:00"})
    configuration = replace(calendars.configuration, systems={"website": website})
    announce(ledger, configuration, START)
    keeper = Timekeeper(ledger, configuration)
    assert keeper.window("website", START) is Window.CLOSED
    assert keeper.window("website", START + 33 * HOUR) is Window.NONE


def test_windows_of_another_process_are_seen_at_the_next_look(ledger: Ledger, calendars: Calendars) -> None:
    """Entered, changed or withdrawn; nothing is read while there is nothing new."""
    keeper = Timekeeper(ledger, calendars.configuration)
    window = AnnouncedWindow(START, START + HOUR, "by-hand", "planned", ("website",), "Release")
    with Ledger.open_to_correct(ledger.path) as other:
        for withdrawn, expected in ((False, Window.PLANNED), (True, Window.NONE)):
            other.add_window(window, START - HOUR, by="J. Jansen", why="agreed by telephone", withdrawn=withdrawn)
            keeper.refresh()
            assert keeper.window("website", START) is expected
