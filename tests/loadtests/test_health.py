"""What the generator does to itself: no pause of its own may make citizens late."""

from __future__ import annotations

from journeys import Citizen, Journey
from journeys.core import Think
from loadtests.health import quieten_interpreter
from tests.collector import collections
from tests.crowd import crowd

NOBODY = "http://127.0.0.1:9"


def test_the_collector_never_looks_at_many_objects_in_one_go():
    """Those who stay are many young objects; looking at those of thousands of citizens makes the next ones late."""

    def stay(_citizen: Citizen) -> Journey:
        yield Think(60.0)

    with collections() as noted:
        crowd(NOBODY, stay, citizens=600, seconds=0.6, drain=0.2)
    assert len(noted) > 3
    assert noted.most < 2000


def test_what_has_lived_for_a_while_is_left_alone():
    """Of a crowd's objects the old ones are no garbage; looking through them all would stop everyone."""
    with collections() as noted:
        quieten_interpreter()
        del noted[:]  # its own collection, before the first citizen comes
        kept = [[number] for number in range(100_000)]
    assert len(kept) == 100_000
    assert {generation for generation, _ in noted} == {0}
