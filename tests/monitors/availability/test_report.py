"""The report: from real ledgers to figures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import Configuration
from monitors.availability.accounting import Account, Counts
from monitors.availability.books import known
from monitors.availability.periods import Period, Unit, calendar
from monitors.availability.report import Figure, Report, report
from monitors.record.ledger import Ledger, Schedule
from monitors.record.ledger_windows import WindowRevision
from monitors.verdict import Pass, Run, Window
from tests.monitors.availability.pictures import BAD, FIRST, HOME, START, fill, picture, planned


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def answer(
    paths: Path | Sequence[Path],
    configuration: Configuration,
    start: int = FIRST,
    end: int = FIRST + 10,
    now: float | None = None,
    **options: Any,
) -> Report:
    """Return the report of the minutes [start, end), asked long after them."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(Ledger.open(each, read_only=True))
            for each in ([paths] if isinstance(paths, Path) else paths)
        ]
        asked = START + 10 * 86_400.0 if now is None else now
        return report(opened, configuration, Period("test", start, end), now=asked, **options)


def figure(system: str, found: Report) -> Figure:
    return next(each for each in found.figures if each.account.system == system)


def of(system: str, found: Report) -> Account:
    return figure(system, found).account


def with_system(configuration: Configuration, name: str, **changes: Any) -> Configuration:
    system = configuration.systems[name].model_copy(update=changes)
    return replace(configuration, systems={**configuration.systems, name: system})


def test_the_period_is_what_was_scheduled(path: Path, configuration: Configuration) -> None:
    """Thirty days are asked for, ten minutes are on record: budget and coverage are those of ten minutes."""
    fill(path, configuration, START, bad=1)
    found = answer(path, configuration, FIRST - 30 * 1440, FIRST + 10)
    website = of("website", found)
    assert (found.period.start, found.end) == (FIRST, FIRST + 10)
    assert (website.published, website.coverage) == (Counts(39, 1, 0, 40), 1.0)
    assert website.budget_minutes == pytest.approx(0.01)
    assert website.budget_minutes_left == pytest.approx(0.01 - 10 / 40)


def test_what_is_still_ahead_adds_to_the_budget(path: Path, configuration: Configuration) -> None:
    """Asked after five of ten minutes: the budget is that of ten, what was spent is of five."""
    fill(path, configuration, START, bad=1)
    website = of("website", answer(path, configuration, now=START + 300.0))
    assert website.budget_minutes == pytest.approx(0.01)
    assert website.spent_minutes == pytest.approx(5 * website.judged.bad / (website.judged.good + website.judged.bad))


def test_planned_time_is_shown_both_ways(tmp_path: Path, configuration: Configuration) -> None:
    """One minute of work, four runs; a run that could not tell in the third minute is missing coverage."""
    path = picture(tmp_path, "local", {HOME: "uDu?"}, windows=[planned(1, 2, "website")])
    website = of("website", answer(path, configuration, end=FIRST + 4))
    assert (website.including_planned, website.excluding_planned) == (8 / 12, 1.0)
    assert website.coverage == 12 / 16
    assert website.time == {Window.NONE: 3, Window.PLANNED: 1}


def test_overrun_and_aftermath_count(tmp_path: Path, configuration: Configuration) -> None:
    """Down from 2 to 8, announced from 2 to 5; a repair from 9 on. A window of another system changes nothing."""
    windows = [
        *[planned(2, 5, "website"), planned(9, 11, "website", kind="aftermath", uid="r")],
        planned(0, 20, "digid-app", uid="o"),
    ]
    path = picture(tmp_path, "local", {HOME: "uuDDDDDDuuuu"}, windows=windows)
    website = of("website", answer(path, configuration, end=FIRST + 12))
    assert website.time == {Window.NONE: 4, Window.PLANNED: 3, Window.OVERRUN: 3, Window.AFTERMATH: 2}
    assert website.of(Window.OVERRUN) == Counts(0, 12, 0, 12)
    assert website.judged == Counts(24, 12, 0, 36)


def test_a_probe_that_came_later_holds_no_overrun_up(tmp_path: Path, configuration: Configuration) -> None:
    """Of two measuring probes one is scheduled a day after the work, and fails at first: the other decides."""
    both = with_system(
        configuration,
        "website",
        objective=configuration.systems["website"].objective.model_copy(
            update={"measured_by": ["home-page", "visit-website"]}
        ),
    )
    path = picture(tmp_path, "local", {HOME: "uuDDDu"}, windows=[planned(2, 4, "website")])
    with Ledger.open(path) as ledger:
        late = ("website", "visit-website")
        ledger.expect([Schedule(*HOME, 15, START), Schedule(*late, 15, START)], START + 86_400)
        ledger.record([Run(*late, START + 86_400 + 15 * k, 0.1, BAD if k < 4 else Pass()) for k in range(8)])
    assert of("website", answer(path, both)).time == {Window.NONE: 7, Window.PLANNED: 2, Window.OVERRUN: 1}


def test_closed_hours_count_nowhere(tmp_path: Path, configuration: Configuration) -> None:
    """Open from 00:55 to 01:05 by the clock of Amsterdam: the first five minutes here, Tuesday 14 November 2023."""
    path = picture(tmp_path, "local", {HOME: "uuuuDDDDDD"})
    opened = with_system(configuration, "website", service_hours="Tu 00:55-01:05")
    website = of("website", answer(path, opened))
    assert website.time == {Window.NONE: 5, Window.CLOSED: 5}
    assert website.published == Counts(16, 4, 0, 20)


def test_a_chain_is_down_with_what_it_needs(tmp_path: Path, configuration: Configuration) -> None:
    """The portal needs the access service: its minutes down are put down to that where it is down."""
    portal, access, room = "mijn-belastingdienst", "access-service", "waiting-room"
    minutes = dict.fromkeys(((s, p) for s, p, _ in configuration.probes()), "u" * 12)
    minutes[portal, "file-return"] = "uuDDDDuuuuuu"
    minutes[access, "access-service"] = "uuDDuuuuuu?u"
    minutes[room, "waiting-room-app"] = "uuuDuuuuuuuD"
    path = picture(tmp_path, "local", minutes)
    found = answer(path, configuration, end=FIRST + 12)
    chain = figure(portal, found).chain
    assert chain.causes == {room: 2, portal: 2, access: 1}
    assert (chain.excluding_planned, chain.coverage) == (6 / 11, 11 / 12)
    assert of(portal, found).judged == Counts(32, 16, 0, 48)
    assert figure("website", found).chain.causes == {}


@pytest.mark.parametrize(
    ("quorum", "good", "bad", "blind"),
    [
        (1, 3, 6, 1),
        (2, 5, 2, 3),
        (3, 4, 1, 5),
    ],
)
def test_vantage_points_vote(
    tmp_path: Path, configuration: Configuration, quorum: int, good: int, bad: int, blind: int
) -> None:
    """Two of three see it down; the blind do not vote, and too few votes are no coverage."""
    paths = [
        picture(tmp_path, "amsterdam", {HOME: "uuuDDD?--u"}),
        picture(tmp_path, "utrecht", {HOME: "uuDDDu?u?D"}),
        picture(tmp_path, "groningen", {HOME: "uuuuD???D?"}),
    ]
    found = answer(paths, with_system(configuration, "website", quorum=quorum))
    assert (found.in_minutes, found.vantages) == (True, ["amsterdam", "utrecht", "groningen"])
    assert of("website", found).published == Counts(good, bad, blind, 10)


def test_one_of_two_probes_down_is_down(tmp_path: Path, configuration: Configuration) -> None:
    """Dosed access that fails for the app and works for the website is down; as in March 2023."""
    minutes = {("waiting-room", "waiting-room-web"): "uuuu", ("waiting-room", "waiting-room-app"): "uDu?"}
    paths = [picture(tmp_path, vantage, minutes) for vantage in ("a", "b")]
    assert of("waiting-room", answer(paths, configuration, end=FIRST + 4)).published == Counts(2, 1, 1, 4)


def test_an_overrun_seen_from_several_places_ends_with_the_quorum(tmp_path: Path, configuration: Configuration) -> None:
    """Announced until minute 2; back at 4 from one place, at 6 from two."""
    windows = [planned(0, 2, "website")]
    paths = [
        picture(tmp_path, "a", {HOME: "DDDDuuuuuu"}, windows=windows),
        picture(tmp_path, "b", {HOME: "DDDDDDuuuu"}, windows=windows),
        picture(tmp_path, "c", {HOME: "DDDDDDDDuu"}),  # it was not told of the window: one body of knowledge
    ]
    found = of("website", answer(paths, with_system(configuration, "website", quorum=2)))
    assert found.time == {Window.PLANNED: 2, Window.OVERRUN: 4, Window.NONE: 4}
    assert found.published == Counts(4, 6, 0, 10)


def test_merged_minutes_agree_with_every_single_minute(tmp_path: Path, configuration: Configuration) -> None:
    """Three days of two ledgers, with hours of silence: blocks that are even say the same as their minutes."""
    day = ["u" * 1440, "u" * 600 + "-" * 300 + "D" * 3 + "u" * 537, "u" * 1440]
    first, second = "".join(day), "u" * 2000 + "?" * 70 + "u" * 2250
    paths = [picture(tmp_path, "a", {HOME: first}, interval=60), picture(tmp_path, "b", {HOME: second}, interval=60)]
    website = with_system(configuration, "website", quorum=2)
    found = of("website", answer(paths, website, end=FIRST + 3 * 1440))
    pairs = list(zip(first, second, strict=True))
    assert len(pairs) == 4320
    blind = sum("-" in pair or "?" in pair for pair in pairs)
    assert found.published == Counts(4320 - blind, 0, blind, 4320)
    once = of("website", answer(paths, configuration, end=FIRST + 3 * 1440))
    silent = sum(set(pair) <= {"-", "?"} for pair in pairs)
    assert once.published == Counts(4320 - 3 - silent, 3, silent, 4320)


def test_a_slow_probe_speaks_until_its_next_run(tmp_path: Path, configuration: Configuration) -> None:
    """Every five minutes: a failure counts five minutes, a run that never took place too."""
    slow = with_system(
        configuration,
        "website",
        probes={
            "home-page": configuration.systems["website"].probes["home-page"].model_copy(update={"interval": 300.0})
        },
    )
    letters = ["u", "D", "u", "-", "u", "u"]
    paths = [picture(tmp_path, vantage, {HOME: "....".join(letters)}, interval=300) for vantage in ("a", "b")]
    assert of("website", answer(paths, slow, end=FIRST + 30)).published == Counts(20, 5, 5, 30)


def test_the_last_revision_of_any_ledger_counts() -> None:
    """By the moment at which it was entered; one that is not known yet and one that is withdrawn do not count."""

    def revision(known_at: float, end: int, *, withdrawn: bool = False) -> WindowRevision:
        return WindowRevision("w", known_at, "somebody", "why", planned(0, end, "website"), withdrawn)

    history = [revision(10, 5), revision(30, 7), revision(20, 6), revision(40, 7, withdrawn=True)]
    ends = [[(each.end - START) / 60 for each in known(history, at)] for at in (9, 10, 25, 30, 40)]
    assert ends == [[], [5], [6], [7], []]


def test_a_figure_as_known_on_a_day(tmp_path: Path, configuration: Configuration) -> None:
    """A window that was entered afterwards changes today's figure by what it covers, and not the old one."""
    path = picture(tmp_path, "local", {HOME: "uuDDuuuuuu"})
    entered = START + 2 * 86_400.0
    with Ledger.open(path) as ledger:
        ledger.add_window(planned(2, 4, "website"), entered, by="J. Jansen", why="left out of the calendar")
    now = of("website", answer(path, configuration))
    before = of("website", answer(path, configuration, known_at=entered - 1))
    assert (now.excluding_planned, now.of(Window.PLANNED)) == (1.0, Counts(0, 8, 0, 8))
    assert (before.excluding_planned, before.including_planned) == (0.8, now.including_planned)


@pytest.mark.parametrize("unit", ["day", "month", "quarter", "year"])
def test_parts_add_up_to_the_whole(tmp_path: Path, configuration: Configuration, unit: Unit) -> None:
    """Of runs and of chains, in a period that begins and ends anywhere."""
    path = picture(tmp_path, "local", {HOME: "uuDD" * 800}, windows=[planned(700, 1500, "website")])
    whole = figure("website", answer(path, configuration, FIRST + 7, FIRST + 3193))
    parts = figure("website", answer(path, configuration, FIRST + 7, FIRST + 3193, by=unit))
    assert (parts.account, parts.chain) == (whole.account, whole.chain)
    assert sum(part.account.published.bad for part in parts.parts) == whole.account.published.bad
    assert len(parts.parts) == (3 if unit == "day" else 1)


def test_days_of_23_and_25_hours(tmp_path: Path, configuration: Configuration) -> None:
    """29 March and 25 October 2026: as many minutes, and as many expected runs."""
    path = tmp_path / "year.sqlite"
    year = calendar("year", "2026")
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule(*HOME, 60, year.start * 60.0)], year.start * 60.0)
        ledger.record([Run(*HOME, year.start * 60.0, 0.1, Pass())])
    found = answer(path, configuration, year.start, year.end, now=year.end * 60 + 3600.0, by="day")
    odd = {
        part.period.name: (part.account.published.expected, part.account.minutes)
        for part in figure("website", found).parts
        if part.account.minutes != 1440
    }
    assert odd == {"2026-03-29": (1380, 1380), "2026-10-25": (1500, 1500)}
    assert of("website", found).published.expected == 525_600


def test_when_the_budget_runs_out(tmp_path: Path, configuration: Configuration) -> None:
    """Two of the last 1,440 minutes down, two days into the month: 43.2 minutes less two last until day 31."""
    letters = "u" * 1440 + "D" * 2 + "u" * 1438
    path = picture(tmp_path, "local", {HOME: letters}, interval=60)
    now = START + 2 * 86_400.0
    asked = {"start": FIRST, "end": FIRST + 30 * 1440, "now": now}
    month = figure("website", answer(path, configuration, **asked))
    left = 43.2 - month.account.spent_minutes  # type: ignore[operator]
    assert left == pytest.approx(41.2, abs=0.01)
    per_minute = 2 / 1438  # the last two minutes of the record are not owed yet
    assert month.out_at_day_pace is not None
    assert abs(month.out_at_day_pace - (FIRST + 2880 + left / per_minute)) < 60
    assert month.out_at_period_pace is None
    longer = figure("website", answer(path, configuration, FIRST, FIRST + 365 * 1440, now=now))
    assert longer.out_at_day_pace is not None
    assert longer.out_at_period_pace is None
    past = figure("website", answer(path, configuration, FIRST, FIRST + 1440, now=now))
    assert (past.out_at_day_pace, past.out_at_period_pace) == (None, None)
