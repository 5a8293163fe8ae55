"""Whether what was seen is what had to be noticed."""

from __future__ import annotations

from typing import Any

import pytest

from config import Configuration
from demo.incidents.chronicle import Asked, Chronicle, Crowd, Finding, Happened, Told, Turned, blind, findings
from demo.incidents.duty import duty
from demo.incidents.page import render
from demo.incidents.script import Script, script
from demo.incidents.timetable import timetable

EVERY = {"login-app": 2.0, "digid-helpdesk-public": 15.0, "waiting-room-app": 2.0, "home-page": 2.0}
SCRIPT = script("march-2023")
TIMES = SCRIPT.timetable(EVERY, 480)


def when(fault: str) -> float:
    return TIMES.second(next(each.at for each in SCRIPT.course if each.on == fault))


def seen(*turned: Turned, **more: Any) -> Chronicle:
    """Return a chronicle in which every fault begins at its time and all is noticed, but for what is given."""
    happened = [Happened(TIMES.second(each.at), each.says, each.on or "", each.off or "") for each in SCRIPT.course]
    noticed = (
        Turned(when("connection-limit") + 2, "login-app", False, "connection_reset"),
        Turned(when("number-cancelled") + 10, "digid-helpdesk-public", False, "number_unallocated"),
        Turned(when("app-unguarded") + 3, "waiting-room-app", False, "waiting_room_bypassed"),
    )
    own = {each.probe for each in turned}
    every = sorted([*turned, *(each for each in noticed if each.probe not in own)], key=lambda each: each.at)
    every = [each for each in every if each.probe != "nobody" and each.reason != "never"]
    summary = {
        "outcome": "failed",
        "reasons": ["4 % failed"],
        "timeline": [{"second": 50, "started": 10, "failed": 7}],
    }
    crowds = [Crowd(50, "1 March", summary)]
    times = EVERY | dict.fromkeys(SCRIPT.untouched, 15.0)
    return Chronicle(TIMES, times, happened, every, crowds=crowds, **more)


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
        (Turned(when("connection-limit") + 60, "login-app", False, "connection_reset"), "login-app"),  # 30 runs later
        (
            Turned(when("connection-limit") + 2, "login-app", False, "maintenance_page"),
            "login-app",
        ),  # for another reason
        (Turned(200, "home-page", False, "timeout"), "home-page"),  # nothing happened to it
    ],
)
def test_what_is_not_noticed_is_said(turned: Turned, missed: str) -> None:
    """Not at all, too late, as something else; and what fails for no reason of the script."""
    assert failed(findings(SCRIPT, seen(turned))) == [missed]


def test_a_probe_that_failed_already_counts_while_the_fault_lasts() -> None:
    """It goes on failing: that is noticed at once; one that recovered before is not."""
    earlier = Turned(when("connection-limit") - 10, "login-app", False, "timeout")
    assert failed(findings(SCRIPT, seen(earlier))) == []
    assert failed(findings(SCRIPT, seen(earlier, Turned(when("connection-limit") - 5, "login-app", True)))) == [
        "login-app"
    ]


def test_a_load_test_that_passes_with_the_fault_found_nothing() -> None:
    """The question of the letter is whether a test with realistic numbers would have found it."""
    chronicle = seen()
    chronicle.crowds = [Crowd(50, "1 March", {"outcome": "passed", "reasons": [], "timeline": []})]
    assert failed(findings(SCRIPT, chronicle)) == ["the"]


def test_stretches_of_failing_end_with_the_next_pass_or_the_replay() -> None:
    """Another reason meanwhile is a spell of its own, of the same stretch."""
    chronicle = Chronicle(
        timetable([SCRIPT.start, SCRIPT.end], {}, 100),
        {},
        turned=[
            Turned(10, "a", False, "timeout"),
            Turned(15, "a", False, "too_slow"),
            Turned(20, "a", True),
            Turned(90, "a", False, "timeout"),
        ],
    )
    assert list(chronicle.spells("a")) == [(10, 15, "timeout"), (15, 20, "too_slow"), (90, 100, "timeout")]
    assert list(chronicle.failing("a")) == [(10, 20), (90, 100)]


def test_a_fault_that_follows_another_is_seen_by_its_own_reason() -> None:
    """The probe fails already; what counts is when it begins to fail for this."""
    first = Turned(when("connection-limit") - 10, "login-app", False, "maintenance_page")
    then = Turned(when("connection-limit") + 5, "login-app", False, "connection_reset")
    assert failed(findings(SCRIPT, seen(first, then))) == []
    assert failed(findings(SCRIPT, seen(first))) == ["login-app"]


def test_an_alert_lasts_from_its_delivery_to_its_end() -> None:
    """Delivered again it is the same one; what is never resolved lasts to the end."""
    one, other = ("Burns", "website"), ("Burns", "chat")
    chronicle = seen(told=[Told(5, "", [one]), Told(8, "", [one, other]), Told(20, "", [], [one])])
    assert list(chronicle.alerts()) == [(one, 5, 20), (other, 8, TIMES.length)]


def test_the_page_says_everything_and_escapes_it(configuration: Configuration) -> None:
    """Findings, the course, what plain checks said, what is owed to the public; and no markup out of a reason."""
    evil = "<script>"
    chronicle = seen(
        asked=[Asked(1, "website", True), Asked(3, "website", False)],
        told=[Told(60, "FIRING", [("AvailabilityBurnsFast", "digid-app")])],
        accounts=[account("digid-app", 0.97, 4), account("chat", 1.0, 0)],
    )
    owed = duty(SCRIPT, chronicle, configuration)
    page = render(SCRIPT, chronicle, [*findings(SCRIPT, chronicle), Finding(False, evil, evil)], owed)
    assert blind(chronicle) == {"website": (1, 2)}
    assert "1 of 2 checks were content (50.0 %)" in page
    assert evil not in page
    assert all(event.says.replace("'", "&#39;") in page for event in SCRIPT.course)
    assert "97.00 %" in page
    assert "Not touched: chat." in page
    assert "AvailabilityBurnsFast digid-app" in page
    assert owed
    assert all(f"{each.rule} {each.kind}: by {each.by:%a %H:%M}" in page for each in owed)


def account(system: str, share: float, bad: int) -> dict[str, Any]:
    both = dict.fromkeys(("availability_excluding_planned", "availability_including_planned"), share)
    return {"system": system, "good": 100, "bad": bad, **both}


def test_scripts_know_their_own_probes() -> None:
    """The tests above speak of the real script."""
    assert isinstance(SCRIPT, Script)
    assert {each.probe for each in SCRIPT.expect} <= set(EVERY)
