"""One line for each change."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from journeys import Reason
from monitors.changes import Changes
from monitors.verdict import Cause, Fail, Pass, Run, Unknown, Verdict


def said(*verdicts: Verdict) -> list[str]:
    """Return the lines for one probe's runs, a second apart from noon on."""
    changes = Changes(ZoneInfo("Europe/Amsterdam"))
    runs = [Run("website", "home-page", 1_709_290_800.0 + number, 0.1, each) for number, each in enumerate(verdicts)]
    return [line for run in runs if (line := changes.line(run)) is not None]


def test_only_changes_are_told() -> None:
    """The first word, each other word, and nothing in between; local time; a new detail is nothing new."""
    queue = Fail(Reason.WAITING_ROOM, "poll-queue", "not admitted after 5.0 s")
    assert said(
        Pass(), Pass(), queue, Fail(Reason.WAITING_ROOM, "poll-queue"), Fail(Reason.TIMEOUT, "log-in"), Pass()
    ) == [
        "12:00:00  home-page          passes",
        "12:00:02  home-page          FAILS: waiting_room at poll-queue (not admitted after 5.0 s)",
        "12:00:04  home-page          FAILS: timeout at log-in",
        "12:00:05  home-page          passes",
    ]


def test_a_shutdown_is_no_news() -> None:
    """Unknown is told, except for the runs that the end of the monitor cuts off."""
    assert said(Pass(), Unknown(Cause.OWN_NETWORK), Unknown(Cause.CANCELLED)) == [
        "12:00:00  home-page          passes",
        "12:00:01  home-page          unknown: own_network",
    ]
