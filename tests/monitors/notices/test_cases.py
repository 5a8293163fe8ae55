"""What messages are about: windows and incidents, and nothing twice."""

from __future__ import annotations

from journeys import Reason
from monitors.incidents import Incident
from monitors.notices.cases import Subject, case_id, subjects
from monitors.notices.message import Message
from monitors.notices.protocol import Disruption, Kind, Maintenance
from monitors.record.ledger_windows import WindowRevision
from monitors.verdict import Window
from monitors.windows.calendars import AnnouncedWindow, WindowKind

DAY = 1440
MONDAY = 1_772_409_600 // 60
"""Midnight in UTC at the beginning of 2 March 2026, in minutes."""
NOON = (MONDAY + 720) * 60.0
QUIET = [(MONDAY, MONDAY + DAY, Window.NONE)]


def revision(
    uid: str, start: float, end: float, *, kind: WindowKind = "planned", withdrawn: bool = False
) -> WindowRevision:
    window = AnnouncedWindow(start, end, uid, kind, ("website",), "Release 26.3")
    return WindowRevision(uid, start - 1e6, "calendar: releases.ics", "", window, withdrawn)


def incident(system: str = "website", began: float = NOON, ended: float | None = None, **more: object) -> Incident:
    spells = more.pop("spells", ((began, ended),))
    return Incident(system, began, ended, Reason.TIMEOUT, "home", spells, ("here",), **more)  # type: ignore[arg-type]


def found(
    history: list[WindowRevision] | None = None,
    incidents: list[Incident] | None = None,
    messages: list[Message] | None = None,
    kinds: list[tuple[int, int, Window]] | None = None,
    now: float = NOON + 600,
) -> list[Subject]:
    timelines = {"website": kinds or QUIET, "portal": QUIET}
    return subjects(history or [], incidents or [], messages or [], timelines, MONDAY * 60.0, now)


def test_a_disruption_is_a_case_with_the_name_of_its_system_and_beginning() -> None:
    """It counts as detected when it last began; messages find it by its name."""
    told = Message(
        case=case_id("website", NOON),
        kind=Kind.DISRUPTION,
        systems=("website",),
        at=NOON + 60,
        texts={},
        by="J. Jansen",
    )
    [subject] = found(incidents=[incident(spells=((NOON, NOON + 30), (NOON + 90, None)))], messages=[told])
    assert subject.id == "website-20260302T1200Z"
    assert subject.case == Disruption(NOON, NOON + 90, NOON + 90, None, [told.published()])


def test_what_fails_because_of_something_else_is_told_with_that() -> None:
    """One message for one disruption: it names the systems behind it."""
    portal = incident("portal", NOON + 10, causes=("website",))
    [subject] = found(incidents=[incident(), portal])
    assert subject.systems == ("website", "portal")


def test_what_fails_in_announced_time_is_told_with_the_window() -> None:
    """Planned time and its overrun make no disruption; one that went on into ordinary time does."""
    for kinds in ((Window.PLANNED,), (Window.PLANNED, Window.OVERRUN), (Window.AFTERMATH,), (Window.CLOSED,)):
        assert found(incidents=[incident(kinds=kinds)]) == []
    assert len(found(incidents=[incident(kinds=(Window.CLOSED, Window.NONE))])) == 1


def test_work_that_ends_in_time_is_over_at_its_announced_end() -> None:
    """The end is unknown before it has come."""
    window = revision("release", NOON - 3600, NOON)
    for now, ended in ((NOON - 1, None), (NOON + 600, NOON)):
        [subject] = found([window], now=now)
        assert isinstance(subject.case, Maintenance)
        assert subject.case.ended == ended


def test_work_that_overruns_is_over_when_every_probe_has_passed() -> None:
    """And not before, however often it was announced."""
    window = revision("release", NOON - 3600, NOON)
    minute = MONDAY + 720
    kinds = [
        (MONDAY, minute - 60, Window.NONE),
        (minute - 60, minute, Window.PLANNED),
        (minute, minute + 25, Window.OVERRUN),
        (minute + 25, MONDAY + DAY, Window.NONE),
    ]
    for now, ended in ((NOON + 600, None), (NOON + 1501, NOON + 1500)):
        [subject] = found([window], kinds=kinds, now=now)
        assert isinstance(subject.case, Maintenance)
        assert subject.case.ended == ended


def test_the_last_revision_of_a_window_counts_and_other_windows_are_nobodys_news() -> None:
    """Withdrawn ones stay a case: people who were told must be told again. Closed hours are no work."""
    history = [revision("release", NOON, NOON + 60), revision("release", NOON, NOON + 3600, withdrawn=True)]
    [subject] = found([*history, revision("closed", NOON, NOON + 60, kind="closed")])
    assert isinstance(subject.case, Maintenance)
    assert (subject.case.withdrawn, subject.case.end) == (True, NOON + 3600)


def test_what_was_over_before_the_time_that_is_looked_at_is_left_out() -> None:
    """Both windows and incidents."""
    past = MONDAY * 60.0 - 86_400
    assert found([revision("release", past, past + 60)], [incident(began=past, ended=past + 600)]) == []


def test_disruptions_that_overlap_are_told_each_by_itself() -> None:
    """Two systems that know nothing of each other fail at the same time: two cases, each with its own next moment."""
    assert len(found(incidents=[incident(), incident("portal", NOON + 10)])) == 2
