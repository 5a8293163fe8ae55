"""The lines of a running monitor, as text and as JSON."""

from __future__ import annotations

import json

from journeys import Reason
from monitors.log import Log
from monitors.verdict import Fail, Pass, Run, Window

AT = 1_700_000_000.0
FAILED = Run("website", "home-page", AT, 0.1, Fail(Reason.TIMEOUT, "request", "after 10 s"), Window.PLANNED)


def test_json_has_one_object_for_each_change_and_event() -> None:
    """A machine needs no pattern to read it; a message of several lines is one line."""
    lines = list[str]()
    log = Log(lines.append, as_json=True, clock=lambda: AT)
    for run in (FAILED, FAILED, Run("website", "home-page", AT + 15, 0.1, Pass())):
        log.run(run)
    log.event("reload", "two\nlines", taken=False)
    assert [json.loads(line) for line in lines] == [
        {
            "at": "2023-11-14T22:13:20.000+00:00",
            "event": "change",
            "system": "website",
            "probe": "home-page",
            "window": "planned",
            "verdict": "fail",
            "reason": "timeout",
            "step": "request",
            "detail": "after 10 s",
        },
        {
            "at": "2023-11-14T22:13:35.000+00:00",
            "event": "change",
            "system": "website",
            "probe": "home-page",
            "window": "none",
            "verdict": "pass",
        },
        {"at": "2023-11-14T22:13:20.000+00:00", "event": "reload", "message": "two\nlines", "taken": False},
    ]


def test_text_is_for_people() -> None:
    lines = list[str]()
    log = Log(lines.append)
    log.run(FAILED)
    log.event("reload", "12 probes as before", taken=True)
    assert lines[0].endswith("home-page          FAILS: timeout at request (after 10 s)")
    assert lines[1].endswith("  reload: 12 probes as before")


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    def broken(_: str) -> None:
        raise BrokenPipeError

    Log(broken).run(FAILED)
