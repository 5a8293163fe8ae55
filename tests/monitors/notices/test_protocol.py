"""Which message is due when: every rule of the protocol at its edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hours import ZONE, Holidays, Hours, Opening
from config.terms import Terms
from monitors.notices.protocol import (
    Case,
    Disruption,
    Due,
    Kind,
    Maintenance,
    Promise,
    Published,
    Rule,
    dues,
    next_moment,
)

OFFICE = Opening(Hours.parse("Mo-Fr 08:00-17:00; PH off"), Holidays())
CUSTOMS = Promise(Terms(emergency_procedure=True), OFFICE)
PLAIN = Promise(Terms(), OFFICE)
HOUR = 3600.0


def at(text: str) -> float:
    """Return Unix seconds of a local time such as 2026-03-01 08:00."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def said(kind: Kind, moment: float, next_moment: float | None = None, **more: object) -> Published:
    return Published(kind, moment, next_moment, **more)  # type: ignore[arg-type]


WINDOW = Maintenance("planned", at("2026-05-10 00:00"), at("2026-05-10 08:00"), entered=at("2026-04-01 12:00"))
ANNOUNCED = replace(WINDOW, published=[said(Kind.PLANNED, at("2026-04-02 10:00"), about=(WINDOW.start, WINDOW.end))])
OUTAGE = Disruption(at("2026-03-02 10:00"), at("2026-03-02 10:01"), at("2026-03-02 10:00"))


@pytest.mark.parametrize(
    ("start", "by"),
    [
        ("2026-05-10 00:00", "2026-04-24 00:00"),  # Sunday; King's day and 5 May do not count
        ("2026-04-12 06:00", "2026-03-27 00:00"),  # Good Friday and Easter Monday lie between
        ("2026-05-28 00:00", "2026-05-13 00:00"),  # Whit Monday and Ascension Day lie between
        ("2027-01-10 00:00", "2026-12-25 00:00"),  # over the year's end: 1 January; the 25th is a holiday
        ("2026-03-02 09:00", "2026-02-17 00:00"),  # a Monday: ten weekdays before it
    ],
)
def test_n1_planned_work_is_announced_ten_working_days_ahead(start: str, by: str) -> None:
    """The deadline is the end of the tenth working day before the day of the work."""
    window = replace(WINDOW, start=at(start), end=at(start) + 4 * HOUR, entered=at("2026-01-05 09:00"))
    [announcement, end] = dues(window, PLAIN, at("2026-01-06 09:00"))
    assert (announcement.rule, announcement.kind, announcement.deadline) == (Rule.N1, Kind.PLANNED, at(by))
    assert end.rule is Rule.N4


def test_n1_announced_in_time_leaves_nothing_but_the_end() -> None:
    """The next moment of announced work is the message about its end."""
    assert [due.rule for due in dues(ANNOUNCED, PLAIN, at("2026-04-20 12:00"))] == [Rule.N4]
    assert next_moment(ANNOUNCED, PLAIN, at("2026-04-20 12:00")) == WINDOW.end + 1800


def test_n1_work_that_is_entered_late_is_overdue_at_once() -> None:
    """Nine working days are too few, and the message is owed all the same."""
    window = replace(WINDOW, entered=at("2026-04-24 09:00"))
    [announcement, _] = dues(window, PLAIN, at("2026-04-24 09:00"))
    assert announcement.rule is Rule.N1
    assert announcement.overdue(at("2026-04-24 09:00"))
    assert not announcement.overdue(at("2026-04-23 23:59"))


def test_n1_work_that_was_moved_is_announced_again() -> None:
    """An announcement of another time is none."""
    moved = replace(ANNOUNCED, start=WINDOW.start + HOUR, end=WINDOW.end + HOUR, entered=at("2026-05-01 09:00"))
    assert Rule.N1 in {due.rule for due in dues(moved, PLAIN, at("2026-05-01 09:00"))}


def test_withdrawn_work_is_told_to_those_who_were_told_of_it_and_to_nobody_else() -> None:
    """Who reads that the website is closed on Sunday must read that it is not."""
    withdrawn = replace(ANNOUNCED, withdrawn=True, entered=at("2026-05-01 09:00"))
    assert [due.kind for due in dues(withdrawn, PLAIN, at("2026-05-01 09:00"))] == [Kind.WITHDRAWN]
    assert dues(replace(withdrawn, published=()), PLAIN, at("2026-05-01 09:00")) == []
    told = replace(withdrawn, published=[*withdrawn.published, said(Kind.WITHDRAWN, at("2026-05-01 10:00"))])
    assert dues(told, PLAIN, at("2026-05-01 11:00")) == []


def test_n2_nothing_is_due_before_the_end_unless_somebody_knows() -> None:
    """A window that keeps its time has one message left."""
    assert [due.rule for due in dues(ANNOUNCED, PLAIN, WINDOW.end - 1)] == [Rule.N4]


def test_n2_work_that_is_not_over_at_its_end_overruns_whoever_said_so() -> None:
    """Announced late is announced late: it was owed half an hour before, and is overdue at once."""
    [due] = dues(ANNOUNCED, PLAIN, WINDOW.end)
    assert due == Due(WINDOW.end - 1800, WINDOW.end - 1800, Rule.N2, Kind.OVERRUN)
    assert due.overdue(WINDOW.end)
    [overrun] = dues(ANNOUNCED, PLAIN, WINDOW.end + 1)
    assert overrun.overdue(WINDOW.end + 1)


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ("2026-05-11 09:00", "2026-05-11 10:00"),  # Monday, in office hours: every hour
        ("2026-05-11 16:00", "2026-05-11 18:00"),  # an hour later the office has closed: two hours
        ("2026-05-11 15:59", "2026-05-11 16:59"),
        ("2026-05-11 06:30", "2026-05-11 08:00"),  # it opens on the way: as soon as it is open and an hour has passed
        ("2026-05-11 07:30", "2026-05-11 08:30"),
        ("2026-05-10 09:00", "2026-05-10 11:00"),  # Sunday: every two hours
        ("2026-04-27 10:00", "2026-04-27 12:00"),  # a holiday is no office day
        ("2026-03-29 01:30", "2026-03-29 04:30"),  # the clock skips an hour: two hours are two hours
        ("2026-10-25 01:30", "2026-10-25 02:30"),  # the second 02:30 is two hours later
    ],
)
def test_n3_an_overrun_is_told_every_hour_and_every_two_outside_office_hours(told: str, again: str) -> None:
    """Counted from the last message; nights on which the clock changes are no longer and no shorter."""
    moment = at(told)
    window = Maintenance("planned", moment - 9 * HOUR, moment - HOUR, entered=moment - 700 * HOUR)
    published = [said(Kind.PLANNED, window.entered, about=(window.start, window.end)), said(Kind.OVERRUN, moment)]
    expected = at(again) + (HOUR if again.startswith("2026-10-25") else 0.0)
    [due] = dues(replace(window, published=published), PLAIN, moment)
    assert (due.rule, due.deadline) == (Rule.N3, expected)


def test_n3_a_moment_that_was_named_binds_when_it_is_sooner() -> None:
    """Who names 09:30 says something at 09:30; who names a moment after the promised rhythm keeps the rhythm."""
    window = replace(ANNOUNCED, start=at("2026-05-11 00:00"), end=at("2026-05-11 08:00"))
    for named, expected in (("2026-05-11 09:30", "2026-05-11 09:30"), ("2026-05-11 13:00", "2026-05-11 10:00")):
        told = [*ANNOUNCED.published, said(Kind.OVERRUN, at("2026-05-11 09:00"), at(named))]
        [due] = dues(replace(window, published=told), PLAIN, at("2026-05-11 09:01"))
        assert due.deadline == at(expected)


def test_n4_the_end_of_maintenance_is_always_told() -> None:
    """In time, after an overrun, and also where nobody had announced the work."""
    for published in (ANNOUNCED.published, [*ANNOUNCED.published, said(Kind.OVERRUN, WINDOW.end - 1800)], ()):
        over = replace(WINDOW, published=published, ended=WINDOW.end + 60)
        assert [due.rule for due in dues(over, PLAIN, WINDOW.end + 60)] == [Rule.N4]
        told = replace(over, published=[*published, said(Kind.MAINTENANCE_ENDED, WINDOW.end + 300)])
        assert dues(told, PLAIN, WINDOW.end + 400) == []


def test_n5_a_disruption_is_told_from_the_moment_that_it_was_noticed() -> None:
    """'As soon as possible' has a number, and it counts from the detection, not from the beginning."""
    [due] = dues(OUTAGE, PLAIN, OUTAGE.detected)
    assert due == Due(OUTAGE.detected + 900, OUTAGE.detected, Rule.N5, Kind.DISRUPTION)


def test_a_blip_is_in_the_record_and_in_no_message() -> None:
    """Less than five minutes; but once people were told, they are told the end too."""
    blip = replace(OUTAGE, ended=OUTAGE.began + 299)
    assert dues(blip, PLAIN, blip.began + 400) == []
    assert [due.rule for due in dues(replace(blip, ended=OUTAGE.began + 300), PLAIN, blip.began + 400)] == [Rule.N9]
    told = replace(blip, published=[said(Kind.DISRUPTION, OUTAGE.began + 100, OUTAGE.began + HOUR)])
    assert [due.rule for due in dues(told, PLAIN, blip.began + 400)] == [Rule.N9]


def test_n6_under_investigation_is_followed_by_a_second_message() -> None:
    """Sooner than the next update would be due."""
    told = OUTAGE.detected + 60
    [due] = dues(replace(OUTAGE, published=[said(Kind.INVESTIGATING, told, told + HOUR)]), PLAIN, told)
    assert (due.rule, due.deadline) == (Rule.N6, told + 1800)


def test_n7_the_emergency_procedure_is_permitted_within_half_an_hour() -> None:
    """Where there is one: of customs, not of others; in a message of its own or within another."""
    assert [due.rule for due in dues(OUTAGE, CUSTOMS, OUTAGE.detected)] == [Rule.N5, Rule.N7]
    assert dues(OUTAGE, CUSTOMS, OUTAGE.detected)[1].deadline == OUTAGE.detected + 1800
    assert Rule.N7 not in {due.rule for due in dues(OUTAGE, PLAIN, OUTAGE.detected)}
    for kind in (Kind.DISRUPTION, Kind.EMERGENCY):
        told = replace(OUTAGE, published=[said(kind, OUTAGE.detected + 600, OUTAGE.detected + HOUR, emergency=True)])
        assert [due.rule for due in dues(told, CUSTOMS, OUTAGE.detected + 700)] == [Rule.N8]


def test_n7_the_half_hour_may_begin_with_the_first_message_about_a_disruption() -> None:
    """The protocol does not say when it begins; 'under investigation' is no disruption yet."""
    promise = Promise(Terms(emergency_procedure=True, half_hour_from="published"), OFFICE)
    assert [due.rule for due in dues(OUTAGE, promise, OUTAGE.detected)] == [Rule.N5]
    looking = said(Kind.INVESTIGATING, OUTAGE.detected + 60)
    assert [due.rule for due in dues(replace(OUTAGE, published=[looking]), promise, OUTAGE.detected)] == [Rule.N6]
    told = said(Kind.DISRUPTION, OUTAGE.detected + 600)
    found = dues(replace(OUTAGE, published=[looking, told]), promise, OUTAGE.detected + 700)
    assert Due(told.at + 1800, told.at, Rule.N7, Kind.EMERGENCY) in found


def test_n8_every_message_names_the_next_moment_and_it_binds() -> None:
    """A message that named none is followed in the promised rhythm."""
    told = OUTAGE.detected + 600
    for named, expected in ((told + 1200, told + 1200), (None, told + HOUR)):
        [due] = dues(replace(OUTAGE, published=[said(Kind.DISRUPTION, told, named)]), PLAIN, told)
        assert (due.rule, due.deadline) == (Rule.N8, expected)


def test_n9_the_end_is_told_and_a_workaround_is_no_end() -> None:
    """What goes on behind a workaround is told again, and its real end too."""
    told = [said(Kind.DISRUPTION, OUTAGE.detected + 600)]
    around = [*told, said(Kind.ENDED, OUTAGE.detected + HOUR, workaround=True)]
    assert [due.rule for due in dues(replace(OUTAGE, published=around), PLAIN, OUTAGE.detected + HOUR)] == [Rule.N8]
    over = replace(OUTAGE, published=around, ended=OUTAGE.detected + 2 * HOUR)
    assert dues(over, PLAIN, over.detected + 3 * HOUR) == [
        Due(OUTAGE.detected + 2 * HOUR + 1800, OUTAGE.detected + 2 * HOUR, Rule.N9, Kind.ENDED)
    ]
    solved = replace(over, published=[*around, said(Kind.ENDED, OUTAGE.detected + 2 * HOUR + 60)])
    assert dues(solved, PLAIN, over.detected + 3 * HOUR) == []


def test_what_comes_back_after_solved_begins_again() -> None:
    """The short relapse of a Wednesday afternoon: told anew, with its own end."""
    relapse = OUTAGE.began + 24 * HOUR
    told = [said(Kind.DISRUPTION, OUTAGE.detected + 600), said(Kind.ENDED, OUTAGE.detected + 2 * HOUR)]
    again = replace(OUTAGE, resumed=relapse, detected=relapse + 30, published=told)
    assert [due.rule for due in dues(again, PLAIN, relapse + 30)] == [Rule.N5]
    assert [due.rule for due in dues(replace(again, ended=relapse + 400), PLAIN, relapse + 500)] == [Rule.N9]


def test_n10_a_repair_is_announced_before_it_begins() -> None:
    """Without ten working days; an aftermath of an aftermath is a window of its own with the same duty."""
    repair = Maintenance("aftermath", at("2026-03-04 22:00"), at("2026-03-05 02:00"), entered=at("2026-03-04 12:00"))
    [announcement, end] = dues(repair, PLAIN, at("2026-03-04 12:00"))
    assert announcement == Due(repair.start, repair.entered, Rule.N10, Kind.REPAIR)
    assert end.rule is Rule.N4
    assert [due.rule for due in dues(repair, PLAIN, repair.end)] == [Rule.N2]


@st.composite
def _courses(draw: st.DrawFn) -> tuple[Case, float]:
    """Draw a case, whatever was said about it, and a moment: neither kinds nor their order make sense."""
    begin = draw(st.floats(1.7e9, 1.9e9))
    published = [
        Published(
            draw(st.sampled_from(Kind)),
            begin + draw(st.floats(-1e6, 1e6)),
            draw(st.none() | st.floats(1.6e9, 2e9)),
            (begin, begin + HOUR) if draw(st.booleans()) else None,
            draw(st.booleans()),
            draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 6)))
    ]
    published.sort(key=lambda message: message.at)
    if draw(st.booleans()):
        resumed = begin + draw(st.floats(0, 1e5))
        return Disruption(begin, resumed + draw(st.floats(0, 600)), resumed, None, published), resumed + HOUR
    kind = draw(st.sampled_from(["planned", "aftermath"]))
    window = Maintenance(kind, begin, begin + HOUR, begin - draw(st.floats(0, 1e7)), published=published)
    return window, begin + draw(st.floats(-1e6, 1e6))


@given(_courses(), st.booleans())
def test_nothing_that_goes_on_is_without_a_next_moment(course: tuple[Case, float], customs: bool) -> None:
    """Whatever was said, in whatever order: a case that is not over owes a message, and its moment is known."""
    case, now = course
    moment = next_moment(case, CUSTOMS if customs else PLAIN, now)
    assert moment is not None
    assert moment < float("inf")


@given(_courses(), st.floats(0, 1e6))
def test_the_last_word_closes_every_case(course: tuple[Case, float], after: float) -> None:
    """Once it is over and the end was told, nothing is owed any more."""
    case, now = course
    over = now + after
    if isinstance(case, Disruption):
        told = replace(case, ended=over, published=[*case.published, said(Kind.ENDED, over + 1)])
    else:
        over = max(over, case.start)
        told = replace(case, ended=over, published=[*case.published, said(Kind.MAINTENANCE_ENDED, over + 1)])
    assert dues(told, CUSTOMS, over + 2) == []
