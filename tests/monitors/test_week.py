"""A week of the real scheduler, recorder, calendar and ledger on a clock that jumps, against minutes added up by hand.

The week from Monday 23 to Sunday 29 March 2026, by the clock of Amsterdam. On Sunday it goes from 02:00 to 03:00, so
the week has 7 * 1440 - 60 = 10,020 minutes. Two probes measure the system, each once a minute: `home-page` and
`visit-website`. Only the network is left out: what a run finds is read from `DOWN`, by the clock.

    Tue 10:00 - 10:07  down
    Wed 20:00 - 22:00  announced work; down from 20:10; home-page passes again at 22:35, visit-website at 22:41
    Thu 13:00 - 13:30  announced repair (aftermath); down from 13:05 to 13:20
    Fri 03:00 - 05:30  no monitor; announced work from 04:00 to 06:00
    Sat 09:00 - 09:03  visit-website cannot tell
    Sun 00:00 - 08:00  announced work, closed until 06:00; down from 05:30 to 07:00

    class      minutes                                         runs: two a minute
    closed     Sun 0-2 and 3-6 o'clock: 5 * 60           300   600: bad 2 * 30, good 540
    planned    Wed 120, Fri 120, Sun 6-8 o'clock 120     360   720: bad 2 * 110 Wed + 2 * 60 Sun = 340,
                                                               lost 2 * 90 Fri = 180, good 720 - 340 - 180 = 200
    overrun    Wed 22:00 - 22:41                          41   82: bad 35 + 41 = 76, good 82 - 76 = 6
    aftermath  Thu 13:00 - 13:30                          30   60: bad 2 * 15 = 30, good 30
    none       10,020 - 300 - 360 - 41 - 30            9,289   18,578: bad 2 * 7 Tue = 14, unknown 3 Sat,
                                                               lost 2 * 60 Fri = 120, good 18,441

Afterwards somebody finds that the outage on Tuesday was announced too, from 09:30 to 10:05. 35 minutes become planned,
of which 5 were down; the 2 after its end become overrun, since the system was not back before 10:07:

    planned    360 + 35                                  395   790: bad 340 + 2 * 5 = 350, lost 180, good 200 + 60 = 260
    overrun    41 + 2                                     43   86: bad 76 + 2 * 2 = 80, good 6
    none       9,289 - 35 - 2                          9,252   18,504: bad 0, unknown 3, lost 120, good 18,441 - 60
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import pytest

from config import Configuration
from config.hours import ZONE
from journeys import Reason
from monitors.availability.accounting import Account, Counts
from monitors.availability.periods import Period
from monitors.availability.report import report
from monitors.instruments import LoopLag
from monitors.own_state import OwnState, References
from monitors.probes import Outcome, Target
from monitors.record.ledger import Ledger
from monitors.record.recorder import Recorder
from monitors.scheduler import Scheduler, schedule_of
from monitors.verdict import Cause, Fail, Pass, Phases, Unknown, Verdict, Window
from monitors.windows.announcements import announce
from monitors.windows.calendars import AnnouncedWindow
from tests.monitors.listeners import aim, environment, http_probe
from tests.monitors.virtual_clock import VirtualClock

pytestmark = pytest.mark.slow

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


@pytest.fixture(scope="module")
def measured(configuration: Configuration, tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """Return the estate with one system, measured by two probes, closed on Sundays until six, and its calendar."""
    root = tmp_path_factory.mktemp("config")
    (root / "maintenance").mkdir()
    (root / "maintenance" / "week.ics").write_text(CALENDAR.format(EVENTS), encoding="utf-8")
    website = configuration.systems["website"]
    objective = website.objective.model_copy(update={"measured_by": [FRONT, VISIT]})
    hours = "Mo-Sa 00:00-24:00; Su 06:00-24:00"
    website = website.model_copy(update={"objective": objective, "service_hours": hours})
    return replace(configuration, root=root, systems={"website": website})


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
def week(tmp_path_factory: pytest.TempPathFactory, measured: Configuration) -> Iterator[Ledger]:
    """Give the ledger of the week, with the correction. Two monitors wrote it, one after the other."""
    path = tmp_path_factory.mktemp("week") / "ledger.sqlite"
    for start, end in [(MONDAY, at(27, "03:00")), (at(27, "05:30"), END)]:
        with Ledger.open(path) as ledger:
            announce(ledger, measured, start)
            asyncio.run(monitor(ledger, VirtualClock(start), end))
    with Ledger.open(path) as ledger:
        found = AnnouncedWindow(at(24, "09:30"), at(24, "10:05"), "tuesday", "planned", ("website",), "Patch")
        ledger.add_window(found, at(31, "12:00"), by="J. Jansen", why="announced by mail, left out of the calendar")
        yield ledger


def account(ledger: Ledger, measured: Configuration, known_at: float | None = None) -> Account:
    period = Period("week", int(MONDAY // 60), int(END // 60))
    found = report([ledger], measured, period, now=at(31, "13:00"), known_at=known_at)
    return found.figures[0].account


def counts(good: int, bad: int, unknown: int = 0, lost: int = 0) -> Counts:
    return Counts(good, bad, unknown, good + bad + unknown + lost)


def test_the_week_as_it_was_first_known(week: Ledger, measured: Configuration) -> None:
    """Every minute and every run in its class, as in the first table."""
    found = account(week, measured, known_at=at(30, "12:00"))
    assert found.time == {
        Window.CLOSED: 300,
        Window.PLANNED: 360,
        Window.OVERRUN: 41,
        Window.AFTERMATH: 30,
        Window.NONE: 9_289,
    }
    assert found.counts == {
        Window.CLOSED: counts(540, 60),
        Window.PLANNED: counts(200, 340, lost=180),
        Window.OVERRUN: counts(6, 76),
        Window.AFTERMATH: counts(30, 30),
        Window.NONE: counts(18_441, 14, unknown=3, lost=120),
    }
    good, bad = 18_441 + 6 + 30, 14 + 76 + 30
    assert found.excluding_planned == good / (good + bad)
    assert found.including_planned == (good + 200) / (good + 200 + bad + 340)
    assert found.coverage == (good + 200 + bad + 340) / (2 * (10_020 - 300))
    assert found.budget_minutes == pytest.approx(0.001 * (9_289 + 41 + 30))


def test_the_correction_changes_the_minutes_it_covers_and_no_others(week: Ledger, measured: Configuration) -> None:
    """As in the second table; the minute before it was entered, the figure was still the old one."""
    found, before = account(week, measured), account(week, measured, known_at=at(31, "11:59"))
    assert before == account(week, measured, known_at=at(30, "12:00"))
    assert found.time == {**before.time, Window.PLANNED: 395, Window.OVERRUN: 43, Window.NONE: 9_252}
    assert found.counts == {
        **before.counts,
        Window.PLANNED: counts(260, 350, lost=180),
        Window.OVERRUN: counts(6, 80),
        Window.NONE: counts(18_381, 0, unknown=3, lost=120),
    }
    assert found.including_planned == before.including_planned


def test_the_days_of_the_week(week: Ledger, measured: Configuration) -> None:
    """The Sunday has 23 hours, of which 18 are open; what was lost on Friday shows as coverage of Friday alone."""
    period = Period("week", int(MONDAY // 60), int(END // 60))
    (figure,) = report([week], measured, period, now=at(31, "13:00"), by="day").figures
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


def test_the_chain_of_the_week_in_minutes(week: Ledger, measured: Configuration) -> None:
    """Down when either probe is: 41 minutes of overrun on Wednesday and not 38; 15 on Thursday; 2 on Tuesday."""
    period = Period("week", int(MONDAY // 60), int(END // 60))
    (figure,) = report([week], measured, period, now=at(31, "13:00")).figures
    assert figure.chain.causes == {"website": 41 + 15 + 2}
    assert figure.chain.down[Window.PLANNED, "website"] == 110 + 60 + 5
    assert figure.chain.counts[Window.NONE] == Counts(9_252 - 60 - 3, 0, 60 + 3, 9_252)
