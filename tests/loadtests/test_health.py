"""What the generator does to itself: no pause of its own may make citizens late."""

from __future__ import annotations

import psutil
import pytest

from journeys import Citizen, Journey
from journeys.core import Think
from loadtests import health
from loadtests.health import Cores, quieten_interpreter, stolen_seconds
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


def test_what_the_host_withholds_is_what_the_system_calls_steal():
    """Over all cores, in seconds; read by someone else at almost the same time."""
    before, stolen, after = psutil.cpu_times().steal, stolen_seconds(), psutil.cpu_times().steal
    assert before - 0.02 <= stolen <= after + 0.02


def test_cores_are_those_of_the_time_since_the_last_look(monkeypatch):
    """Used by this process and withheld by the host; the moment between two looks at the end is no measure."""
    used, stolen = iter([10.0, 12.0, 12.5]), iter([5.0, 5.0, 6.0])
    monkeypatch.setattr(health, "cpu_seconds", lambda: next(used))
    monkeypatch.setattr(health, "stolen_seconds", lambda: next(stolen))
    cores = Cores(100.0)
    assert cores.look(104.0) == (0.5, 0.0)
    assert cores.look(104.001) == (pytest.approx(0.5), pytest.approx(1.0))
