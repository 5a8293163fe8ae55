"""`piekwacht availability`, from real ledgers to what a person or a machine reads."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from config import Configuration
from journeys import Reason
from monitors.availability.accounting import Account, Counts
from monitors.availability.books import known
from monitors.availability.commands import availability
from monitors.availability.periods import Period, Unit, calendar
from monitors.availability.report import Figure, Report, report
from monitors.availability.view import percent
from monitors.record.ledger import Ledger, Schedule
from monitors.record.ledger_windows import WindowRevision
from monitors.record.totals import Probe
from monitors.verdict import Cause, Fail, Pass, Run, Unknown, Window
from monitors.windows.calendars import AnnouncedWindow

ROOT = Path(__file__).resolve().parents[2]
START = 1_700_000_000 // 86_400 * 86_400
"""The beginning of a day in UTC."""
FIRST = START // 60
BAD = Fail(Reason.TIMEOUT, "home")
BLIND = Unknown(Cause.OVERLOADED)
HOME = ("website", "home-page")

app = typer.Typer()
app.command()(availability)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(ROOT / "config"), *arguments])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def fill(
    path: Path, configuration: Configuration, start: float, *, bad: int = 0, skip: str = "", minutes: int = 10
) -> None:
    """Write undisturbed minutes of every probe but those of the system `skip`; `bad` runs of each fail."""
    probes = [(system, probe) for system, probe, _ in configuration.probes() if system != skip]
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule(*probe, 15, start) for probe in probes], start)
        slots = range(4 * minutes)
        ledger.record([Run(*probe, start + 15 * k, 0.1, BAD if k < bad else Pass()) for probe in probes for k in slots])


def an_hour_ago() -> float:
    """Return the whole minute since which there is room for an hour of runs."""
    return time.time() // 60 * 60 - 61 * 60


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


def planned(start: int, end: int, *systems: str, kind: str = "planned", uid: str = "w") -> AnnouncedWindow:
    """Return a window of so many minutes after START."""
    return AnnouncedWindow(START + 60 * start, START + 60 * end, uid, kind, systems, "Work")  # type: ignore[arg-type]


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


def test_good_means_every_objective_is_met(path: Path, configuration: Configuration) -> None:
    """Exit 0, a row for each system, and the rules in words."""
    fill(path, configuration, an_hour_ago(), minutes=60)
    result = invoke("--ledger", str(path))
    assert result.exit_code == 0, result.output
    for system in configuration.systems:
        assert f"{system} " in result.output
    assert "100.000 %" in result.output
    words = " ".join(result.output.split())
    assert "the share of probe runs that passed" in words
    assert "A chain is a system with everything it depends on" in words
    assert "vantage points vote" not in words


def test_a_missed_objective_is_no(path: Path, configuration: Configuration) -> None:
    """Exit 1, also when another system has no data."""
    fill(path, configuration, an_hour_ago(), minutes=60, bad=1, skip="digid-app")
    result = invoke("--ledger", str(path), "--last", "2h")
    assert result.exit_code == 1, result.output
    assert "99.583 %" in result.output
    assert "no data" in result.output


def test_missing_data_is_no_answer(path: Path, configuration: Configuration) -> None:
    """Nothing is missed, but one system was never measured: exit 3, and never 100 %."""
    fill(path, configuration, an_hour_ago(), minutes=60, skip="digid-app")
    result = invoke("--ledger", str(path), "--json")
    assert result.exit_code == 3
    systems = {item["system"]: item for item in json.loads(result.output)["systems"]}
    assert systems["digid-app"]["availability_including_planned"] is None
    assert systems["digid-app"]["met"] is None
    assert systems["website"]["met"] is True


def test_too_little_coverage_is_no_answer(tmp_path: Path) -> None:
    """A figure of which half was measured is shown, said to be not judged, and exits with 3."""
    path = picture(tmp_path, "local", {HOME: "uuuuu-----"})
    result = invoke(*since_start(path, 10), "--system", "website")
    assert result.exit_code == 3, result.output
    assert "100.000 %" in result.output
    assert "website: 50.0 % was measured, less than 90.0 %: the figure is shown, not judged." in result.output


def since_start(path: Path, minutes: int) -> list[str]:
    moments = [datetime.fromtimestamp(START + 60 * at).astimezone().isoformat() for at in (0, minutes)]
    return ["--ledger", str(path), "--from", moments[0], "--to", moments[1]]


def test_a_machine_reads_the_same(path: Path, configuration: Configuration) -> None:
    """JSON holds the period, the rules and every number of the tables."""
    fill(path, configuration, START, bad=4)
    result = invoke(*since_start(path, 10), "--json", "--system", "website")
    data = json.loads(result.output)
    assert result.exit_code == 1
    assert (data["from"], data["to"]) == ("2023-11-14T00:00:00+00:00", "2023-11-14T00:10:00+00:00")
    assert (data["vantage_points"], data["unit"], data["as_known_at"]) == (["local"], "runs", None)
    (website,) = data["systems"]
    assert website == {
        "system": "website",
        "objective": 0.999,
        "met": False,
        "availability_excluding_planned": 0.9,
        "availability_including_planned": 0.9,
        "coverage": 1.0,
        "min_coverage": 0.9,
        "budget_left": pytest.approx(-99),
        "budget_minutes": pytest.approx(0.01),
        "budget_minutes_left": pytest.approx(-0.99),
        "good": 36,
        "bad": 4,
        "unknown": 0,
        "expected": 40,
        "minutes": {"none": 10, "planned": 0, "overrun": 0, "aftermath": 0, "closed": 0},
        "counts": {"none": {"good": 36, "bad": 4, "unknown": 0, "expected": 40}},
        "chain": {
            "availability_excluding_planned": 0.9,
            "availability_including_planned": 0.9,
            "coverage": 1.0,
            "down_minutes": 1,
            "own_minutes": 1,
            "caused_by": {},
        },
        "runs_out_at_pace_of_last_24h": None,
        "runs_out_at_pace_of_period": None,
        "parts": [],
    }
    assert "Availability is" in data["rule"]
    assert set(data["rules"]) == {"availability", "chain", "pace"}


def test_every_field_is_documented(path: Path, configuration: Configuration) -> None:
    """docs/availability.md names each key of the JSON and each rule of merging."""
    fill(path, configuration, START)
    data = json.loads(invoke(*since_start(path, 10), "--json", "--by", "day").output)
    documented = (ROOT / "docs" / "availability.md").read_text(encoding="utf-8")
    keys = {*data, *data["rules"], *data["systems"][0], *data["systems"][0]["chain"], *data["systems"][0]["parts"][0]}
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []


def test_several_ledgers_are_merged_and_say_so(tmp_path: Path) -> None:
    """The rule of the quorum stands under the table; a vantage point has one vote."""
    first, second = (picture(tmp_path, vantage, {HOME: "uDuu"}) for vantage in ("amsterdam", "utrecht"))
    result = invoke(*since_start(first, 4), "--ledger", str(second), "--system", "website")
    assert result.exit_code == 1, result.output
    words = " ".join(result.output.split())
    assert "seen from amsterdam, utrecht" in words
    assert "The system is down when as many of them as its quorum see it down" in words
    assert "75.000 %" in words
    twice = invoke(*since_start(first, 4), "--ledger", str(first))
    assert twice.exit_code == 2
    assert "are both of vantage point 'amsterdam'" in twice.output


def test_parts_of_a_period_are_rows(tmp_path: Path) -> None:
    """The table and CSV; the whole stands last in the table."""
    path = picture(tmp_path, "local", {HOME: "u" * 1500 + "D"}, interval=60)
    place = [*since_start(path, 1501), "--system", "website", "--by", "day"]
    table = invoke(*place).output
    assert [line.split()[0] for line in table.splitlines() if " website " in line][:3] == [
        *["2023-11-14", "2023-11-15", "whole"]
    ]
    rows = list(csv.DictReader(io.StringIO(invoke(*place, "--csv").output)))
    assert [(row["period"], row["system"], row["bad"], row["chain_own_minutes"]) for row in rows] == [
        ("2023-11-14", "website", "0", "0"),
        ("2023-11-15", "website", "1", "1"),
    ]


@pytest.mark.parametrize(
    ("arguments", "minutes"),
    [
        (["--year", "2023"], 47 * 1440 + 23 * 60),
        (["--quarter", "2023-Q4"], 47 * 1440 + 23 * 60),
        (["--month", "2023-11"], 16 * 1440 + 23 * 60),
        (["--day", "2023-11-14"], 23 * 60),
        (["--day", "2023-11-15"], 1440),
    ],
)
def test_periods_of_the_calendar(path: Path, configuration: Configuration, arguments: list[str], minutes: int) -> None:
    """They begin at midnight in Amsterdam, which is 23:00 in UTC; the record begins at 00:00 in UTC."""
    fill(path, configuration, START)
    (website,) = json.loads(invoke("--ledger", str(path), *arguments, "--json", "--system", "website").output)[
        "systems"
    ]
    assert website["minutes"]["none"] == minutes


def test_as_known_on_asks_at_the_end_of_that_day(path: Path, configuration: Configuration) -> None:
    """The year as it was printed on its 320th day: until then, with the windows of then."""
    fill(path, configuration, START)
    with Ledger.open(path) as ledger:
        ledger.add_window(planned(0, 10, "website"), START + 2 * 86_400.0, by="J. Jansen", why="late")
    asked = ["--ledger", str(path), "--year", "2023", "--system", "website", "--json", "--as-known-on"]
    before, after = (json.loads(invoke(*asked, day).output) for day in ("2023-11-15", "2023-11-16"))
    assert (before["to"], after["to"]) == ("2023-11-15T23:00:00+00:00", "2023-11-16T23:00:00+00:00")
    assert [data["systems"][0]["minutes"]["planned"] for data in (before, after)] == [0, 10]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-03-01"], "a time with its offset"),
        (["--from", "yesterday"], "a time with its offset"),
        (["--to", "2026-03-01T00:00"], "a time with its offset"),
        (["--last", "30"], "a duration with its unit"),
        (["--last", "30d", "--from", "2026-03-01T00:00Z"], "not both"),
        (["--year", "2026", "--month", "2026-03"], "give --year or --month, not both"),
        (["--year", "2026", "--to", "2026-03-01T00:00Z"], "give --year or --to, not both"),
        (["--quarter", "2026-5"], "--quarter: expected a quarter such as 2026-Q1, not '2026-5'"),
        (["--day", "2026-02-30"], "--day: expected a day such as 2026-03-29, not '2026-02-30'"),
        (["--from", "2026-03-02T00:00Z", "--to", "2026-03-01T00:00Z"], "begin before it ends"),
        (["--from", "2999-01-01T00:00Z"], "begin before it ends"),
        (["--year", "2999"], "begin before it ends"),
        (["--as-known-on", "soon"], "--as-known-on: expected a day such as"),
        (["--json", "--csv"], "give --json or --csv, not both"),
        (["--system", "intranet"], "There is no system 'intranet'"),
    ],
)
def test_wrong_use_is_explained(arguments: list[str], message: str) -> None:
    """Before any ledger is opened."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.replace("│", "").split())


def test_an_unused_ledger_has_no_data(path: Path) -> None:
    """However long the period: there is no data, and no figure."""
    Ledger.open(path).close()
    result = invoke("--ledger", str(path), "--last", "99999999d", "--json")
    assert result.exit_code == 3
    assert {item["coverage"] for item in json.loads(result.output)["systems"]} == {None}


def test_a_missing_ledger_is_wrong_use(tmp_path: Path) -> None:
    result = invoke("--ledger", str(tmp_path / "nothing.sqlite"))
    assert result.exit_code == 2
    assert result.output == f"there is no ledger at {tmp_path / 'nothing.sqlite'}\n"


def test_a_broken_configuration_is_wrong_use(path: Path, tmp_path: Path) -> None:
    """It is not a missed objective."""
    result = CliRunner().invoke(app, ["--config", str(tmp_path), "--ledger", str(path)])
    assert result.exit_code == 2
    assert "found no *.yaml file" in result.output


def test_percentages_are_cut_not_rounded() -> None:
    """One failure in a million is not 100 %; what is exact stays exact."""
    assert percent(999_999 / 1_000_000) == "99.999 %"
    assert percent(9_999_999 / 10_000_000) == "99.999 %"
    assert percent(0.999) == "99.900 %"
    assert percent(0.57) == "57.000 %"
    assert percent(1.0) == "100.000 %"
    assert percent(0.9999, 1) == "99.9 %"
    assert percent(None) == "no data"
