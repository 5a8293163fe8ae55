"""Which messages the protocol asked for, in the incident's own days."""

from __future__ import annotations

from datetime import datetime

import pytest

from config import Configuration
from config.hours import ZONE
from demo.incidents.chronicle import Chronicle, Turned
from demo.incidents.duty import Owed, duty
from demo.incidents.script import script

NOVEMBER = script("november-2022")
EVERY = {each.probe: 4.0 for each in NOVEMBER.expect}
TIMES = NOVEMBER.timetable(EVERY, 600)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2022-11-{text}:00").replace(tzinfo=ZONE)


def failing(probe: str, begin: str, end: str) -> list[Turned]:
    return [
        Turned(TIMES.second(at(begin)), probe, False, "timeout"),
        Turned(TIMES.second(at(end)), probe, True),
    ]


def owed(configuration: Configuration, *turned: Turned) -> list[Owed]:
    seen = Chronicle(TIMES, EVERY, turned=sorted(turned, key=lambda each: each.at))
    return duty(NOVEMBER, seen, configuration)


def said(found: list[Owed], system: str) -> list[tuple[str, str]]:
    return [(each.rule, f"{each.by:%d %H:%M}") for each in found if each.system == system]


def test_work_that_ends_in_time_owes_its_end(configuration: Configuration) -> None:
    """N4, half an hour after the announced end, and nothing else."""
    assert said(owed(configuration), "generic-platform") == [("N4", "14 06:30")]


def test_an_overrun_is_told_until_it_is_over(configuration: Configuration) -> None:
    """Half an hour before the announced end, then in the rhythm of the protocol, then the end."""
    found = said(owed(configuration, *failing("staff-login", "11T22:00", "14T12:10")), "generic-platform")
    assert found[:4] == [("N2", "14 05:30"), ("N3", "14 07:30"), ("N3", "14 08:30"), ("N3", "14 09:30")]
    assert found[-1] == ("N4", "14 12:40")
    assert {rule for rule, _ in found[1:-1]} == {"N3"}


def test_a_disruption_is_told_from_the_first_failure_on(configuration: Configuration) -> None:
    """The first message, updates and the end; for customs the emergency procedure too."""
    found = said(owed(configuration, *failing("douanetelefoon-public", "14T09:00", "14T11:20")), "douanetelefoon")
    assert found[0] == ("N5", "14 09:15")
    assert ("N7", "14 09:30") in found
    assert found[-1] == ("N9", "14 11:50")


@pytest.mark.parametrize(("gap", "ends"), [("11T14:00", 1), ("11T20:00", 2)])
def test_what_fails_again_soon_is_one_disruption(configuration: Configuration, gap: str, ends: int) -> None:
    """A probe that meets a limit passes now and then; people are told of its end once."""
    probe = "belastingtelefoon-public"
    turned = [*failing(probe, "11T12:30", "11T13:00"), *failing(probe, gap, "11T21:00")]
    found = said(owed(configuration, *turned), "belastingtelefoon")
    assert [rule for rule, _ in found].count("N9") == ends
