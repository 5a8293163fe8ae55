"""A limit of connections is recognised by what it does to many; and nothing else is taken for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from loadtests.contact import Contact, Contacts
from loadtests.diagnosis import connection_limit, in_words

CALM = {"fresh": 10, "kept": 60, "most": 20}
FULL = {"fresh": 8, "refused": 12, "kept": 200, "most": 70}
"""A second in which nothing is full, and one in which the limit of 70 turns most of those who come new away."""


def contact(counts: Mapping[str, int]) -> Contact:
    """Return what one process saw in a second."""
    others = {name: value for name, value in counts.items() if name != "refused"}
    return Contact(**others, refused={"connection_reset": counts["refused"]} if "refused" in counts else {})


def contacts(*parts: tuple[int, Mapping[str, int]]) -> Contacts:
    """Return what happened at an address: so many seconds of each kind, one after the other."""
    found = Contacts()
    for index, second in enumerate(second for count, second in parts for _ in range(count)):
        found.add(index, contact(second))
    return found


def test_a_limit_is_recognised_with_its_figures():
    """Only the seconds with refusals count; the level is the number open when most were refused."""
    limit = connection_limit(contacts((10, CALM), (5, FULL), (5, CALM), (5, FULL)))
    assert limit is not None
    assert limit.model_dump() == {
        "first": 10,
        "seconds": 10,
        "refused": 120,
        "fresh": 200,
        "kept": 2000,
        "broken": 0,
        "open": 70,
        "rate": 20.0,
    }


def test_the_words_name_system_level_rate_and_reason():
    """What was refused, what went on, and what that looks like."""
    limit = connection_limit(contacts((10, CALM), (10, {**FULL, "broken": 1})))
    assert limit is not None
    assert in_words(limit, ["digid-app", "digid-sms", "digid-activation"], ["connection_reset"]) == (
        "this looks like a limit of connections: digid-app, digid-sms and digid-activation refused new ones once about"
        " 70 were open (20 tried a second); 120 of 200 ended with connection_reset from second 10 on, while 2,000 of"
        " 2,010 requests on connections already open were answered"
    )


@pytest.mark.parametrize(
    "seconds",
    [
        [(20, FULL)],
        [(3, CALM), (3, FULL), (300, CALM)],
        [(10, CALM), (4, {**FULL, "fresh": 0}), (4, FULL)],
        [(10, CALM), (30, {**FULL, "refused": 1})],
    ],
    ids=["from the start", "for a moment", "nobody is let in every other second", "few are refused"],
)
def test_a_limit_is_recognised_however_it_is_met(seconds):
    """Full from the first second on, or at the peak only, or hardly."""
    assert connection_limit(contacts(*seconds)) is not None


@pytest.mark.parametrize(
    "seconds",
    [
        [],
        [(30, CALM)],
        [(10, CALM), (20, {"refused": 30})],
        [(10, CALM), (1, {"fresh": 5, "refused": 15, "kept": 40, "broken": 60, "most": 70}), (20, {"refused": 30})],
        [(10, CALM), (2, {**FULL, "refused": 500}), (10, CALM)],
        [(10, CALM), (20, {"refused": 12, "kept": 200, "most": 70})],
        [(30, {**FULL, "broken": 120})],
        [(30, {**FULL, "kept": 0, "most": 0})],
        [(10, {**CALM, "refused": 10}), (20, FULL)],
        [(19, CALM), (19, {**FULL, "refused": 1})],
    ],
    ids=[
        "nobody came",
        "all is well",
        "down: everybody is refused",
        "it breaks down: those who were connected are thrown out",
        "a restart: over within two seconds",
        "draining: those who are in go on, nobody new gets in",
        "it resets a share of everything, new or kept",
        "it keeps no connection, so nobody can tell",
        "it refuses as many while few are there",
        "fewer refusals than chance decides",
    ],
)
def test_what_is_no_limit_is_not_taken_for_one(seconds):
    """Each of these fails people, and none is a limit of connections."""
    assert connection_limit(contacts(*seconds)) is None


def test_what_processes_saw_adds_up():
    """Each second's counts of all of them are one; in whatever order they come."""

    def of(order: Iterable[int]) -> Contacts:
        found = Contacts()
        for second in order:
            half = {name: value // 2 for name, value in (FULL if second > 9 else CALM).items()}
            for _ in range(2):
                found.add(second, contact(half))
        return found

    whole = connection_limit(contacts((10, CALM), (10, FULL)))
    assert whole is not None
    assert connection_limit(of(range(20))) == connection_limit(of(reversed(range(20)))) == whole
