"""Whether what was seen is what had to be noticed."""

from __future__ import annotations

from typing import Any

import pytest

from demo.incidents.chronicle import Asked, Chronicle, Finding, Happened, Turned, blind, findings
from demo.incidents.page import render
from demo.incidents.script import Script, script

EVERY = {"login-app": 2.0, "digid-helpdesk-public": 15.0, "waiting-room-app": 2.0, "home-page": 2.0}
SCRIPT = script("march-2023")


def seen(*turned: Turned, **more: Any) -> Chronicle:
    """Return a chronicle in which every fault begins at its time and all is noticed, but for what is given."""
    happened = [
        Happened(SCRIPT.seconds(each.at, 480), each.says, each.on or "", each.off or "") for each in SCRIPT.course
    ]
    noticed = (
        Turned(42, "login-app", False, "connection_reset"),
        Turned(90, "digid-helpdesk-public", False, "number_unallocated"),
        Turned(123, "waiting-room-app", False, "waiting_room_bypassed"),
    )
    own = {each.probe for each in turned}
    every = sorted([*turned, *(each for each in noticed if each.probe not in own)], key=lambda each: each.at)
    every = [each for each in every if each.probe != "nobody" and each.reason != "never"]
    summary = {
        "outcome": "failed",
        "reasons": ["4 % failed"],
        "timeline": [{"second": 50, "completed": 3, "failed": 7}],
    }
    return Chronicle(480, EVERY | dict.fromkeys(SCRIPT.untouched, 15.0), happened, every, summary=summary, **more)


def failed(found: list[Finding]) -> list[str]:
    return [each.what.split()[0] for each in found if not each.passed]


def test_everything_noticed_in_time_is_what_was_wanted() -> None:
    """One finding for each expectation, each probe that stays untouched, and the load test."""
    found = findings(SCRIPT, seen())
    assert failed(found) == []
    assert len(found) == len(SCRIPT.expect) + len(SCRIPT.untouched) + 1


@pytest.mark.parametrize(
    ("turned", "missed"),
    [
        (Turned(0, "login-app", False, "never"), "login-app"),  # it never failed
        (Turned(75, "login-app", False, "connection_reset"), "login-app"),  # 17 runs later
        (Turned(42, "login-app", False, "maintenance_page"), "login-app"),  # for another reason
        (Turned(200, "home-page", False, "timeout"), "home-page"),  # nothing happened to it
    ],
)
def test_what_is_not_noticed_is_said(turned: Turned, missed: str) -> None:
    """Not at all, too late, as something else; and what fails for no reason of the script."""
    assert failed(findings(SCRIPT, seen(turned))) == [missed]


def test_a_probe_that_failed_already_counts_while_the_fault_lasts() -> None:
    """It goes on failing: that is noticed at once; one that recovered before is not."""
    earlier = Turned(30, "login-app", False, "timeout")
    assert failed(findings(SCRIPT, seen(earlier))) == []
    assert failed(findings(SCRIPT, seen(earlier, Turned(35, "login-app", True)))) == ["login-app"]


def test_a_load_test_that_passes_with_the_fault_found_nothing() -> None:
    """The question of the letter is whether a test with realistic numbers would have found it."""
    chronicle = seen()
    chronicle.summary = {"outcome": "passed", "reasons": [], "timeline": []}
    assert failed(findings(SCRIPT, chronicle)) == ["the"]


def test_stretches_of_failing_end_with_the_next_pass_or_the_replay() -> None:
    """Another reason meanwhile is the same stretch."""
    chronicle = Chronicle(
        100,
        {},
        turned=[
            Turned(10, "a", False, "timeout"),
            Turned(15, "a", False, "too_slow"),
            Turned(20, "a", True),
            Turned(90, "a", False, "timeout"),
        ],
    )
    assert list(chronicle.failing("a")) == [(10, 20, "timeout"), (90, 100, "timeout")]


def test_the_page_says_everything_and_escapes_it() -> None:
    """Findings, the course, what plain checks said; and no markup out of a reason."""
    evil = "<script>"
    chronicle = seen(asked=[Asked(1, "website", True), Asked(3, "website", False)])
    page = render(SCRIPT, chronicle, [*findings(SCRIPT, chronicle), Finding(False, evil, evil)])
    assert blind(chronicle) == {"website": (1, 2)}
    assert "1 of 2 checks were content (50.0 %)" in page
    assert evil not in page
    assert all(event.says.replace("'", "&#39;") in page for event in SCRIPT.course)


def test_scripts_know_their_own_probes() -> None:
    """The tests above speak of the real script."""
    assert isinstance(SCRIPT, Script)
    assert {each.probe for each in SCRIPT.expect} <= set(EVERY)
