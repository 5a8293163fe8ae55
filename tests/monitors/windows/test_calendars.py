"""Announced windows: what is read from iCalendar, and what a run within, after or outside of them is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import ConfigError, Configuration
from config.hours import Holidays, Hours, Opening
from monitors.verdict import Window
from monitors.windows.calendars import FOREVER, AnnouncedWindow, announced, check, classify, windows_in

SYSTEMS = ("website", "digid-app")
YEAR = (datetime(2027, 1, 1, tzinfo=UTC).timestamp(), datetime(2028, 1, 1, tzinfo=UTC).timestamp())
EVENT = """\
BEGIN:VEVENT
UID:migration
SUMMARY:Migration
DTSTART;TZID=Europe/Amsterdam:20270307T000000
DTEND;TZID=Europe/Amsterdam:20270307T080000
CATEGORIES:website
END:VEVENT
"""


def calendar(*events: str) -> str:
    return "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:test\n" + "".join(events) + "END:VCALENDAR\n"


def read(*events: str, period: tuple[float, float] = YEAR) -> list[AnnouncedWindow]:
    return windows_in(calendar(*events), "w.ics", SYSTEMS, *period)


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        windows_in(text, "w.ics", SYSTEMS, *YEAR)
    return [str(problem) for problem in caught.value.problems]


def test_an_event_is_a_planned_window() -> None:
    """Local times become moments; a folded or repeated category still counts."""
    event = EVENT.replace("CATEGORIES:website\n", "CATEGORIES:website\nCATEGORIES:digid-\n app\n")
    assert read(event) == [
        AnnouncedWindow(
            start=unix("2027-03-07T00:00+01:00"),
            end=unix("2027-03-07T08:00+01:00"),
            uid="migration",
            kind="planned",
            systems=SYSTEMS,
            summary="Migration",
        )
    ]


def test_the_category_aftermath_makes_it_aftermath() -> None:
    (window,) = read(EVENT.replace("website", "website,aftermath"))
    assert (window.kind, window.systems) == ("aftermath", ("website",))


def test_the_category_closed_is_a_time_without_service() -> None:
    """It goes before everything else; it is one or the other."""
    (window,) = read(EVENT.replace("website", "website,closed"))
    assert (window.kind, window.systems) == ("closed", ("website",))
    assert classify(window.start, "website", [*single(), window], None) is Window.CLOSED
    found = problems(calendar(EVENT.replace("website", "website,closed,aftermath")))
    assert found == ["w.ics:9: CATEGORIES: found both 'aftermath' and 'closed', expected one of them"]


@pytest.mark.parametrize("status", ["CANCELLED", "TENTATIVE", "cancelled"])
def test_what_is_not_confirmed_announces_nothing(status: str) -> None:
    assert read(EVENT.replace("SUMMARY", f"STATUS:{status}\nSUMMARY")) == []


def test_a_window_lasts_seven_or_nine_hours_when_the_clock_changes() -> None:
    """From 00:00 to 08:00 on the Sundays of the clock change, among the Sundays of a year."""
    windows = read(EVENT.replace("SUMMARY", "RRULE:FREQ=WEEKLY\nSUMMARY"))
    hours = {f"{datetime.fromtimestamp(w.end, UTC):%m-%d}": (w.end - w.start) / 3600 for w in windows}
    assert len(hours) == 43
    assert {day: length for day, length in hours.items() if length != 8} == {"03-28": 7, "10-31": 9}


def test_occurrences_keep_their_name_when_they_are_moved_or_cancelled() -> None:
    """Each occurrence of a recurring window has a name of its own, from the time at which it first was to begin."""
    series = EVENT.replace("SUMMARY", "RRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY")
    moved = EVENT.replace("SUMMARY", "RECURRENCE-ID;TZID=Europe/Amsterdam:20270314T000000\nSUMMARY").replace(
        ":20270307T", ":20270316T"
    )
    cancelled = EVENT.replace(
        "SUMMARY", "RECURRENCE-ID;TZID=Europe/Amsterdam:20270321T000000\nSTATUS:CANCELLED\nSUMMARY"
    )
    assert [(w.uid, w.start) for w in read(series, moved, cancelled)] == [
        ("migration/20270306T230000Z", unix("2027-03-07T00:00+01:00")),
        ("migration/20270313T230000Z", unix("2027-03-16T00:00+01:00")),
    ]


def test_dates_can_be_taken_out_of_a_series() -> None:
    """EXDATE: the other occurrences keep their names."""
    series = EVENT.replace(
        "SUMMARY", "RRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Amsterdam:20270314T000000\nSUMMARY"
    )
    assert [w.uid for w in read(series)] == [
        *["migration/20270306T230000Z", "migration/20270320T230000Z", "migration/20270327T230000Z"]
    ]


def test_an_occurrence_that_is_moved_out_of_the_period_is_gone() -> None:
    """One that is moved into it is there, under its old name."""
    series = EVENT.replace("SUMMARY", "RRULE:FREQ=WEEKLY;COUNT=2\nSUMMARY")
    moved = EVENT.replace("SUMMARY", "RECURRENCE-ID;TZID=Europe/Amsterdam:20270314T000000\nSUMMARY").replace(
        ":20270307T", ":20270601T"
    )
    march, june = ((unix(f"2027-{a}-01T00:00Z"), unix(f"2027-{b}-01T00:00Z")) for a, b in (("03", "04"), ("05", "07")))
    assert [w.uid for w in read(series, moved, period=march)] == ["migration/20270306T230000Z"]
    assert [w.uid for w in read(series, moved, period=june)] == ["migration/20270313T230000Z"]


def test_a_window_that_only_touches_the_period_is_found() -> None:
    """Both ends are moments: the end of one is not within it."""
    start, end = unix("2027-03-07T00:00+01:00"), unix("2027-03-07T08:00+01:00")
    assert len(read(EVENT, period=(end - 1, end + 1))) == 1
    assert len(read(EVENT, period=(start - 1, start + 1))) == 1
    assert read(EVENT, period=(end, end + 1)) == []
    assert read(EVENT, period=(start - 1, start)) == []


MOMENT = "a date and time with a known TZID or in UTC, such as {}"
START_LIKE = MOMENT.format("DTSTART;TZID=Europe/Amsterdam:20270307T000000")
END_LIKE = MOMENT.format("DTEND;TZID=Europe/Amsterdam:20270307T000000")
RFC = "expected a value as in RFC 5545"
NO_CALENDAR = "w.ics:1: found no whole calendar, expected one, from BEGIN:VCALENDAR to END:VCALENDAR"
KNOWN = "systems of the estate (website, digid-app), and 'aftermath' or 'closed' where it is one"


@pytest.mark.parametrize(
    ("change", "into", "wanted"),
    [
        ("UID:migration\n", "", ["4: UID: found nothing, expected a name for the window that never changes"]),
        (
            "20270307T000000\n",
            "20270337T000000\n",
            [f"7: DTSTART: found something unreadable (Wrong datetime format: 20270337T000000), {RFC}"],
        ),
        (
            ";TZID=Europe/Amsterdam:20270307T00",
            ":20270307T00",
            [f"7: DTSTART: found 2027-03-07 00:00:00, expected {START_LIKE}"],
        ),
        (
            "DTEND;TZID=Europe/Amsterdam",
            "DTEND;TZID=Europe/Nowhere",
            [f"8: DTEND: found 2027-03-07 08:00:00, expected {END_LIKE}"],
        ),
        (
            ";TZID=Europe/Amsterdam:20270307T000000",
            ";VALUE=DATE:20270307",
            [f"7: DTSTART: found 2027-03-07, expected {START_LIKE}"],
        ),
        (
            "T080000",
            "T000000",
            ["8: DTEND: found 2027-03-07T00:00:00+01:00, expected an end after the start, 2027-03-07T00:00:00+01:00"],
        ),
        (
            "DTEND;TZID=Europe/Amsterdam:20270307T080000",
            "DURATION:PT8H",
            ["8: DURATION: found a duration, expected the announced end as a moment: DTEND"],
        ),
        ("DTEND;TZID=Europe/Amsterdam:20270307T080000\n", "", [f"4: DTEND: found nothing, expected {END_LIKE}"]),
        ("website", "website,intranet", [f"9: CATEGORIES: found 'intranet', expected {KNOWN}"]),
        ("website", "aftermath", [f"9: CATEGORIES: found no system, expected {KNOWN}"]),
        ("CATEGORIES:website\n", "", [f"4: CATEGORIES: found no system, expected {KNOWN}"]),
        (
            "SUMMARY",
            "RRULE:FREQ=SOMETIMES\nSUMMARY",
            [f"6: RRULE: found something unreadable (Expected frequency, got: SOMETIMES), {RFC}"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(change: str, into: str, wanted: list[str]) -> None:
    """File, line, property, what was found, what was expected; also what the reader of calendars swallows."""
    assert change in EVENT
    assert problems(calendar(EVENT.replace(change, into))) == [f"w.ics:{line}" for line in wanted]


def test_every_mistake_of_a_file_is_reported_at_once() -> None:
    """Lines are those of the right event."""
    second = EVENT.replace("UID:migration", "UID:other").replace("website", "nothing")
    found = problems(calendar(EVENT.replace("UID:migration\n", ""), second))
    assert [line.split(": found")[0] for line in found] == ["w.ics:4: UID", "w.ics:15: CATEGORIES"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", NO_CALENDAR),
        (EVENT, NO_CALENDAR),
        ("BEGIN:VCALENDAR\nhello\nEND:VCALENDAR\n", "w.ics:2: found the line 'hello', expected NAME:value"),
        (
            calendar(EVENT)[:-20],
            NO_CALENDAR,
        ),
    ],
)
def test_what_is_no_calendar_is_refused(text: str, wanted: str) -> None:
    assert problems(text) == [wanted]


def test_the_shipped_example_is_valid(configuration: Configuration) -> None:
    """One planned window, one aftermath; the reserved Sundays, tentative for ever, announce nothing."""
    assert check(configuration) == []
    windows = announced(configuration, *(unix(f"20{year}-01-01T00:00Z") for year in (26, 40)))
    assert [window.kind for window in windows] == ["planned", "aftermath"]
    assert datetime.fromtimestamp(windows[0].start + 3600, UTC).strftime("%A") == "Sunday"


def test_problems_of_every_file_are_found(configuration: Configuration, tmp_path: Path) -> None:
    """Two broken files, one of them not even text."""
    folder = tmp_path / "maintenance"
    folder.mkdir()
    (folder / "a.ics").write_text(calendar(EVENT.replace("website", "nothing")))
    (folder / "b.ics").write_bytes(b"BEGIN:VCALENDAR\r\n\xff\xfe\x00")
    (folder / "c.ics").write_text(calendar(EVENT))
    here = Configuration(
        root=tmp_path,
        systems=configuration.systems,
        owner_of=configuration.owner_of,
        campaigns=configuration.campaigns,
        environments=configuration.environments,
    )
    assert [(Path(p.file).name, p.line) for p in check(here)] == [("a.ics", 9), ("b.ics", 2)]
    with pytest.raises(ConfigError):
        announced(here, *YEAR)


windows = st.lists(
    st.builds(
        lambda start, length, kind, systems: AnnouncedWindow(start, start + length, "w", kind, systems, ""),
        st.integers(0, 100),
        st.integers(1, 30),
        st.sampled_from(["planned", "aftermath"]),
        st.sampled_from([("website",), ("digid-app",), SYSTEMS]),
    ),
    max_size=5,
)
moments = st.integers(0, 150)


def single(kind: str = "planned") -> list[AnnouncedWindow]:
    return [AnnouncedWindow(100, 200, "w", kind, ("website",), "")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "last_good", "kind"),
    [
        (99, 98, Window.NONE),
        (100, 98, Window.PLANNED),
        (199, None, Window.PLANNED),
        (199, 198, Window.PLANNED),
        (200, 98, Window.OVERRUN),
        (200, 199.9, Window.OVERRUN),
        (5000, None, Window.OVERRUN),
        (201, 200, Window.NONE),
        (5000, 200, Window.NONE),
    ],
)
def test_planned_time_ends_at_the_announced_end(now: float, last_good: float | None, kind: Window) -> None:
    """Then it is overrun until the first run that passes."""
    assert classify(now, "website", single(), last_good) is kind
    assert classify(now, "digid-app", single(), last_good) is Window.NONE


def test_aftermath_goes_before_planned_and_never_overruns() -> None:
    """A planned window announced later cannot hide the repair; what follows a repair is ordinary time."""
    both = [*single(), *single("aftermath")]
    assert classify(150, "website", both, None) is Window.AFTERMATH
    assert classify(250, "website", single("aftermath"), None) is Window.NONE


def test_outside_service_hours_it_is_closed() -> None:
    """Noted hours go before those of the estate; before the first that were noted it was open round the clock."""
    monday = unix("2027-03-08T00:00+01:00")
    nine_to_five = Opening(Hours.parse("Mo-Su 09:00-17:00"), Holidays())
    noted = AnnouncedWindow(monday + 86_400, FOREVER, "h", "hours", ("website",), "Mo-Su 12:00-13:00")
    hours = [8, 10, 24 + 10, 24 + 12]
    found = [[classify(monday + 3600 * at, "website", w, None, nine_to_five) for at in hours] for w in ([], [noted])]
    closed, none = Window.CLOSED, Window.NONE
    assert found == [[closed, none, none, none], [none, none, closed, none]]


@given(moments, windows, st.none() | moments)
def test_only_the_systems_own_windows_matter(now: int, given: list[AnnouncedWindow], last_good: int | None) -> None:
    """Neither the order of windows nor those of other systems change anything; without any the time is ordinary."""
    kind = classify(now, "website", given, last_good)
    mine = [window for window in given if "website" in window.systems]
    assert classify(now, "website", reversed(mine), last_good) is kind
    assert classify(now, "website", [w for w in given if w not in mine], last_good) is Window.NONE


@given(moments, windows, st.none() | moments)
def test_planned_only_within_an_announced_window(now: int, given: list[AnnouncedWindow], last_good: int | None) -> None:
    """Time counts as planned only between an announced start and end, whatever happened before."""
    kind = classify(now, "website", given, last_good)
    inside = {w.kind for w in given if "website" in w.systems and w.start <= now < w.end}
    assert (kind is Window.PLANNED) == (inside == {"planned"})
    assert (kind is Window.AFTERMATH) == ("aftermath" in inside)


@given(moments, windows, st.none() | moments)
def test_a_pass_now_ends_every_overrun(now: int, given: list[AnnouncedWindow], last_good: int | None) -> None:
    """After a run that passed, time is never overrun until another window has ended."""
    assert classify(now, "website", given, now) is not Window.OVERRUN
    if classify(now, "website", given, last_good) is Window.OVERRUN:
        ends = [w.end for w in given if "website" in w.systems and w.kind == "planned" and w.end <= now]
        assert last_good is None or last_good < max(ends)
