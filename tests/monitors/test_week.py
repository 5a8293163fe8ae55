"""A week of the real scheduler, recorder and ledger on a clock that jumps, against minutes that were added up by hand.

The week from Monday 23 to Sunday 29 March 2026, by the clock of Amsterdam. On Sunday the clock goes from 02:00 to 03:00,
so the week has 7 * 1440 - 60 = 10,020 minutes. Two probes measure the system, each once a minute.

    Tue 10:00 - 10:07  down                                                            7 minutes bad
    Wed 20:00 - 22:00  announced work; down from 20:10; one probe passes again at 22:35, the other at 22:41
                                                                                   120 planned, 41 overrun
    Thu 13:00 - 13:30  announced repair (aftermath); down from 13:05 to 13:20            30 aftermath
    Fri 03:00 - 05:30  no monitor; announced work from 04:00 to 06:00                   120 planned
    Sat 09:00 - 09:03  one probe cannot tell
    Sun 00:00 - 08:00  announced work: 7 hours, closed until 06:00 (5 hours); down from 05:30 to 07:00
                                                                                   120 planned, 300 closed

Afterwards somebody finds that the outage on Tuesday was announced too, from 09:30 to 10:05.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from config import Configuration
from config.hours import ZONE
from journeys import Reason
from monitors.accounting import Account, Counts
from monitors.announcements import announce
from monitors.availability_report import report
from monitors.calendars import AnnouncedWindow, windows_in
from monitors.instruments import LoopLag
from monitors.ledger import Ledger
from monitors.own_state import OwnState, References
from monitors.periods import Period
from monitors.probes import Outcome, Target
from monitors.recorder import Recorder
from monitors.scheduler import Scheduler, schedule_of
from monitors.verdict import Cause, Fail, Pass, Phases, Unknown, Verdict, Window
from tests.monitors.listeners import aim, environment, http_probe
from tests.monitors.virtual_clock import VirtualClock

MONDAY = datetime(2026, 3, 23, tzinfo=ZONE).timestamp()
MINUTES = 7 * 1440 - 60
END = MONDAY + MINUTES * 60
FRONT, VISIT = "home-page", "visit-website"

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
{}END:VCALENDAR
"""
EVENT = """\
BEGIN:VEVENT
UID:{0}
DTSTART;TZID=Europe/Amsterdam:202603{1}
DTEND;TZID=Europe/Amsterdam:202603{2}
CATEGORIES:website{3}
END:VEVENT
"""
EVENTS = (
    EVENT.format("wednesday", "25T200000", "25T220000", "")
    + EVENT.format("repair", "26T130000", "26T133000", ",aftermath")
    + EVENT.format("friday", "27T040000", "27T060000", "")
    + EVENT.format("sunday", "29T000000", "29T080000", "")
)


def at(day: int, clock: str) -> float:
    """Return the moment of a day of March 2026."""
    return datetime.fromisoformat(f"2026-03-{day} {clock}").replace(tzinfo=ZONE).timestamp()


DOWN = {
    FRONT: [("24", "10:00", "10:07"), ("25", "20:10", "22:35"), ("26", "13:05", "13:20"), ("29", "05:30", "07:00")],
    VISIT: [("24", "10:00", "10:07"), ("25", "20:10", "22:41"), ("26", "13:05", "13:20"), ("29", "05:30", "07:00")],
}
SPELLS = {name: [(at(int(d), a), at(int(d), b)) for d, a, b in spells] for name, spells in DOWN.items()}


def verdict(name: str, now: float) -> Verdict:
    """Return what a run finds that starts now."""
    if any(start <= now < end for start, end in SPELLS[name]):
        return Fail(Reason.CONNECTION_REFUSED, "home")
    if name == VISIT and at(28, "09:00") <= now < at(28, "09:03"):
        return Unknown(Cause.OWN_NETWORK)
    return Pass()


def measured(configuration: Configuration) -> Configuration:
    """Return the estate with one system, measured by two probes, closed on Sundays until six."""
    website = configuration.systems["website"]
    objective = website.objective.model_copy(update={"measured_by": [FRONT, VISIT]})
    hours = "Mo-Sa 00:00-24:00; Su 06:00-24:00"
    website = website.model_copy(update={"objective": objective, "service_hours": hours})
    return replace(configuration, systems={"website": website})


async def monitor(ledger: Ledger, clock: VirtualClock, until: float) -> None:
    """Let scheduler and recorder work until a moment of the clock; then they end like a monitor that is stopped."""
    made = [aim(http_probe(timeout="2s", limit="2s"), environment("http://127.0.0.1:1"), name=n) for n in SPELLS]
    targets = [replace(target, interval=60.0) for target in made]

    async def measure(target: Target, number: int) -> Outcome:
        return Outcome(verdict(target.name, clock.now()), 0.1, Phases(), ())

    recorder = Recorder(ledger, lambda _: None)
    scheduler = Scheduler(
        targets,
        measure,
        classify=lambda system, moment: Window.NONE,
        deliver=lambda run, outcome: recorder.put(run),
        skip=lambda target: recorder.skip(target.system, target.name),
        own_state=OwnState(LoopLag(), References([])),
        clock=clock,
    )
    ledger.expect([schedule_of(target) for target in targets], clock.now())
    tasks = [asyncio.create_task(scheduler.run()), asyncio.create_task(recorder.run())]
    await clock.advance(until - clock.now())
    tasks[0].cancel()
    with suppress(asyncio.CancelledError):
        await tasks[0]
    recorder.close()
    await tasks[1]
    assert (recorder.waiting, recorder.trouble) == (0, None)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory, configuration: Configuration) -> Iterator[Ledger]:
    """Give the ledger of the week, with the correction."""

    async def live(ledger: Ledger) -> None:
        clock = VirtualClock(MONDAY)
        await monitor(ledger, clock, at(27, "03:00"))
        clock.time = at(27, "05:30")
        await monitor(ledger, clock, END)

    folder: Path = tmp_path_factory.mktemp("week")
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        announce(ledger, measured(configuration), MONDAY)
        for window in windows_in(CALENDAR.format(EVENTS), "week.ics", ["website"], MONDAY, END):
            ledger.add_window(window, MONDAY, by="calendar: week.ics", why="")
        asyncio.run(live(ledger))
        found = AnnouncedWindow(at(24, "09:30"), at(24, "10:05"), "tuesday", "planned", ("website",), "Patch")
        ledger.add_window(found, at(31, "12:00"), by="J. Jansen", why="announced by mail, left out of the calendar")
        yield ledger


def account(ledger: Ledger, configuration: Configuration, known_at: float | None = None) -> Account:
    period = Period("week", int(MONDAY // 60), int(END // 60))
    found = report([ledger], measured(configuration), period, now=at(31, "13:00"), known_at=known_at)
    return found.figures[0].account


def counts(good: int, bad: int, unknown: int = 0, lost: int = 0) -> Counts:
    return Counts(good, bad, unknown, good + bad + unknown + lost)


def test_the_week_as_it_was_first_known(week: Ledger, configuration: Configuration) -> None:
    """Every minute and every run in its class: by hand, as the comments say. Each minute has two runs."""
    found = account(week, configuration, known_at=at(30, "12:00"))
    assert found.time == {
        Window.CLOSED: 300,
        Window.PLANNED: 120 + 120 + 120,
        Window.OVERRUN: 41,
        Window.AFTERMATH: 30,
        Window.NONE: 10_020 - 300 - 360 - 41 - 30,
    }
    assert found.of(Window.CLOSED) == counts(2 * 270, 2 * 30)
    # Bad: 110 minutes on Wednesday, 60 on Sunday. Lost: from 04:00 to 05:30 on Friday.
    assert found.of(Window.PLANNED) == counts(720 - 340 - 180, 2 * 110 + 2 * 60, lost=2 * 90)
    assert found.of(Window.OVERRUN) == counts(6, 35 + 41)
    assert found.of(Window.AFTERMATH) == counts(2 * 15, 2 * 15)
    # Bad: 7 minutes on Tuesday. Lost: from 03:00 to 04:00 on Friday.
    assert found.of(Window.NONE) == counts(2 * 9_289 - 14 - 3 - 120, 2 * 7, unknown=3, lost=2 * 60)
    good, bad = 18_441 + 6 + 30, 14 + 76 + 30
    assert found.excluding_planned == good / (good + bad)
    assert found.including_planned == (good + 200) / (good + 200 + bad + 340)
    assert found.coverage == (good + 200 + bad + 340) / (2 * (10_020 - 300))
    assert found.budget_minutes == pytest.approx(0.001 * (10_020 - 300 - 360))


def test_the_correction_changes_the_minutes_it_covers_and_no_others(week: Ledger, configuration: Configuration) -> None:
    """35 minutes become planned, 5 of them bad; the 2 after its end, still down, become overrun."""
    found, before = account(week, configuration), account(week, configuration, known_at=at(31, "11:59"))
    assert found.time == {
        **before.time,
        Window.PLANNED: 360 + 35,
        Window.OVERRUN: 41 + 2,
        Window.NONE: 9_289 - 37,
    }
    assert found.of(Window.PLANNED) == counts(200 + 2 * 30, 340 + 2 * 5, lost=180)
    assert found.of(Window.OVERRUN) == counts(6, 76 + 2 * 2)
    assert found.of(Window.NONE) == counts(18_441 - 2 * 30, 0, unknown=3, lost=120)
    assert [found.of(kind) for kind in (Window.CLOSED, Window.AFTERMATH)] == [
        before.of(kind) for kind in (Window.CLOSED, Window.AFTERMATH)
    ]
    assert found.including_planned == before.including_planned


def test_the_days_of_the_week(week: Ledger, configuration: Configuration) -> None:
    """The Sunday has 23 hours, of which 18 are open; what was lost on Friday shows as coverage of Friday alone."""
    period = Period("week", int(MONDAY // 60), int(END // 60))
    (figure,) = report([week], measured(configuration), period, now=at(31, "13:00"), by="day").figures
    days = {part.period.name[-2:]: part.account for part in figure.parts}
    assert {day: sum(each.time.values()) for day, each in days.items()} == {
        **dict.fromkeys(("23", "24", "25", "26", "27", "28"), 1440),
        "29": 1380,
    }
    assert days["29"].published.expected == 2 * 18 * 60
    assert days["27"].coverage == 1 - 150 / 1440
    assert {
        day for day, each in days.items() if each.published.expected != each.published.good + each.published.bad
    } == {*("27", "28")}
    down = {day: sum(each.published.bad for each in [account]) for day, account in days.items()}
    assert down == {"23": 0, "24": 14, "25": 220 + 76, "26": 30, "27": 0, "28": 0, "29": 120}


def test_the_chain_of_the_week_in_minutes(week: Ledger, configuration: Configuration) -> None:
    """Down when either probe is: 41 minutes of overrun on Wednesday and not 38; 15 on Thursday; 2 on Tuesday."""
    period = Period("week", int(MONDAY // 60), int(END // 60))
    (figure,) = report([week], measured(configuration), period, now=at(31, "13:00")).figures
    assert figure.chain.causes == {"website": 41 + 15 + 2}
    assert figure.chain.down[Window.PLANNED, "website"] == 110 + 60 + 5
    assert figure.chain.counts[Window.NONE] == Counts(9_252 - 60 - 3, 0, 60 + 3, 9_252)
