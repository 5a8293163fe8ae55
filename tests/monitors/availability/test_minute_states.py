"""What minutes say: of probes, of vantage points that vote, of chains."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.availability.accounting import Chain, Counts
from monitors.availability.minute_states import (
    BLIND,
    DOWN,
    NOT_DUE,
    UP,
    States,
    chains,
    closed,
    depths,
    merge,
    state,
    tally,
    together,
)
from monitors.verdict import Window

LETTERS = {"-": NOT_DUE, "u": UP, "?": BLIND, "D": DOWN}


def states(text: str) -> States:
    """Read a picture: u up, D down, ? blind, - not due."""
    return np.array([LETTERS[letter] for letter in text], dtype=np.uint8)


def picture(given: States) -> str:
    return "".join("-u?D"[each] for each in given)


@pytest.mark.parametrize(
    ("good", "bad", "said"), [(4, 0, UP), (3, 1, UP), (2, 2, DOWN), (0, 1, DOWN), (0, 0, BLIND), (1, 2, DOWN)]
)
def test_half_of_the_verdicts_make_a_minute_down(good: int, bad: int, said: int) -> None:
    assert state(good, bad) == said


def test_probes_of_one_system_speak_together() -> None:
    """Down if one is down, else blind if one is blind: a working website says nothing of the app."""
    assert picture(together([states("u-uu?-D"), states("u--D?u?")])) == "u-uD?uD"


@pytest.mark.parametrize(
    ("quorum", "said"),
    [
        (1, "uDDDDD?"),
        (2, "uuDDu??"),
    ],
)
def test_the_quorum_decides(quorum: int, said: str) -> None:
    """Three vantage points; the blind do not vote, and fewer votes than the quorum are no coverage."""
    first, second, third = states("uuuDuD?"), states("uuDD???"), states("uDDDD??")
    assert picture(merge([first, second, third], quorum)) == said


def test_two_of_two_that_are_left_see_it_down() -> None:
    """Two votes of three are enough for a quorum of two; one that sees it and one that does not are not."""
    assert picture(merge([states("DD"), states("Du"), states("??")], 2)) == "Du"


def test_where_nothing_was_due_nothing_is_said() -> None:
    assert picture(merge([states("--u"), states("-?-")], 2)) == "-??"


@given(st.lists(st.text("-u?D", min_size=5, max_size=5), min_size=1, max_size=5), st.integers(1, 6))
def test_a_higher_quorum_never_finds_more_down(given: list[str], quorum: int) -> None:
    """Nor more coverage; with the quorum of one any down is down."""
    views = [states(text) for text in given]
    lower, higher = merge(views, quorum), merge(views, quorum + 1)
    assert set(np.flatnonzero(higher == DOWN)) <= set(np.flatnonzero(lower == DOWN))
    assert set(np.flatnonzero(lower == BLIND)) <= set(np.flatnonzero(higher == BLIND))
    assert picture(merge(views, 1)).replace("D", "!").count("!") == sum(
        "D" in each for each in zip(*given, strict=True)
    )


def test_minutes_are_counted_by_stretch() -> None:
    """Blind minutes were expected and have no verdict; minutes in which nothing was due were not."""
    found = tally(states("uuD?-uu"), 100, [(100, 104, Window.NONE), (104, 107, Window.PLANNED)])
    assert found == [Counts(2, 1, 1, 4), Counts(2, 0, 0, 2)]


def test_closed_time_is_not_due() -> None:
    stretches = [(10, 11, Window.NONE), (11, 13, Window.CLOSED), (13, 14, Window.PLANNED)]
    assert picture(closed(states("DDDD"), 10, stretches)) == "D--D"


ESTATE = {"portal": ["access", "digid"], "access": ["queue"], "digid": ["access"], "queue": [], "other": []}


def test_the_depth_is_the_longest_way() -> None:
    """DigiD needs the access service too, so that lies deeper than DigiD."""
    assert depths("portal", ESTATE) == {"portal": 0, "digid": 1, "access": 2, "queue": 3}
    assert depths("queue", ESTATE) == {"queue": 0}
    assert depths("a", {"a": ["b"], "b": ["a", "b"]}) == {"a": 0, "b": 1}


def of(**pictures: str) -> tuple[Counts, dict[str, int]]:
    """Return the counts of the portal's chain and its minutes down by cause."""
    length = len(next(iter(pictures.values())))
    given = {name: states(pictures.get(name, "u" * length)) for name in ESTATE}
    (found,) = chains("portal", depths("portal", ESTATE), given, 50, [(50, 50 + length, Window.NONE)])
    return found.counts[Window.NONE], found.causes


def test_minutes_down_are_put_down_to_the_deepest_that_is_down() -> None:
    """The portal's own minutes are those in which all below it worked; a down minute below it is one of the chain."""
    counts, causes = of(portal="uDDDDu", digid="uuDuuu", access="uuDDuu", queue="uuDuuD")
    assert counts == Counts(1, 5, 0, 6)
    assert causes == {"queue": 2, "portal": 2, "access": 1}


def test_what_the_chain_cannot_see_is_not_covered() -> None:
    """Blind below means unknown, unless something is down for certain; a system that was not due has no chain."""
    assert of(portal="uuD-", queue="u??D") == (Counts(1, 1, 1, 3), {"portal": 1})


def test_others_do_not_matter() -> None:
    assert of(other="DDD", portal="uuu") == (Counts(3, 0, 0, 3), {})


@given(st.lists(st.text("-u?D", min_size=8, max_size=8), min_size=5, max_size=5), st.integers(0, 8))
def test_parts_of_a_chain_add_up(given: list[str], at: int) -> None:
    """Any cut: counts, and minutes down by cause; each minute down has one."""
    states_of = {name: states(text) for name, text in zip(ESTATE, given, strict=True)}

    def between(*edges: int) -> Chain:
        stretches = [(a, b, Window.NONE) for a, b in pairwise(edges)]
        return reduce(add, chains("portal", depths("portal", ESTATE), states_of, 0, stretches))

    whole, parts = between(0, 8), between(0, at, 8)
    assert (parts.counts, parts.causes) == (whole.counts, whole.causes)
    assert sum(whole.causes.values()) == whole.counts[Window.NONE].bad


def test_a_minute_down_belongs_to_the_stretch_in_which_it_lies() -> None:
    """With the class of that stretch; before the first and after the last it belongs to none."""
    given = {name: states("DDDDDD") for name in ESTATE}
    stretches = [(8, 9, Window.NONE), (9, 10, Window.PLANNED), (10, 12, Window.OVERRUN)]
    found = [each.down for each in chains("queue", {"queue": 0}, given, 7, stretches)]
    assert found == [{(kind, "queue"): n} for kind, n in ((Window.NONE, 1), (Window.PLANNED, 1), (Window.OVERRUN, 2))]
