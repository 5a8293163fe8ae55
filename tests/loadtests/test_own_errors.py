"""A mistake of our own in the middle of a run: the run ends with it as invalid, and the load ends with the run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import ROOT
from tests.crowd import Listener, answering, listening, say
from tests.loadtests.runs import plan
from tests.prometheus import free_port
from tests.waiting import LONG, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * LONG)]

BREAK = """
import sys
from itertools import count
from pydoc import locate
from loadtests import run, workers

place, call, processes, port = sys.argv[1], *map(int, sys.argv[2:])
if place:
    owner, _, name = place.rpartition(".")
    owner, calls = locate(f"loadtests.{owner}"), count(1)
    real = getattr(owner, name)

    def broken(*arguments):
        if next(calls) >= call:
            raise RuntimeError("a mistake of ours")
        return real(*arguments)

    setattr(owner, name, broken)
"""
"""Let a function fail from its n-th call on. Locust is imported first: it patches the standard library."""

LEAD = f"""
{BREAK}
import gevent, json
from loadtests.plan import Plan

plan = Plan.model_validate_json(sys.stdin.read())
with run.conducting(processes, ("127.0.0.1", port) if port else None) as conductor:
    conductor.environment.events.test_start.add_listener(lambda **_: conductor.start(plan))
    gevent.spawn(conductor.environment.runner.start, 1, 1)
    ended = conductor.ended.wait({LONG})
    summary = conductor.summary("")
    print(json.dumps([ended, summary.outcome, summary.reasons]), flush=True)
    gevent.sleep({2 * LONG})  # whoever leads goes on to live, as a search does, and Locust's page
"""
WORK = f"""
{BREAK}
workers.work("127.0.0.1", port, print)
"""


@contextmanager
def started(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def website() -> Iterator[Listener]:
    with listening(answering(say(b"Belastingdienst: Storingen"))) as target:
        yield target


def lead(process: subprocess.Popen[str], website: Listener) -> None:
    """Have it lead a run of ten minutes, which must end at once and say why; nobody may arrive after it."""
    the_plan = plan(600.0, rate=20.0)
    place = the_plan.environment.model_copy(update={"endpoints": {"website": website.url}})
    the_plan = the_plan.model_copy(update={"environment": place, "think": 0.0})
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(the_plan.model_dump_json())
    process.stdin.close()
    process.stdin = None  # else `communicate` would close it again
    ended, outcome, reasons = json.loads(process.stdout.readline())
    assert (ended, outcome) == (True, "invalid")
    blamed = [reason for reason in reasons if "the generator" in reason]
    assert blamed == ["the generator failed: RuntimeError: a mistake of ours"], "and not that it was late, for instance"
    assert eventually(lambda: quiet(website)), "the load goes on"


def quiet(website: Listener) -> bool:
    """Tell whether nobody comes for a second."""
    before = len(website.requests)
    time.sleep(1)
    return len(website.requests) == before


@pytest.mark.parametrize(
    ("place", "call", "processes"),
    [("conductor.Conductor._look", 12, 2), ("results.Results.add", 3, 1), ("results.Results.add", 3, 2)],
)
def test_a_mistake_of_who_leads_ends_run_and_load(website, place, call, processes):
    """Whether in its own course, or in what it does with a report: errors there Locust only logs."""
    with started(LEAD, place, call, processes, 0) as leader:
        lead(leader, website)


@pytest.mark.parametrize(("place", "call"), [("engine.Engine.start", 1), ("section.pack", 3)])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["one process", "a worker elsewhere"])
def test_a_mistake_of_who_works_ends_run_and_load(website, place, call, elsewhere):
    """Its heartbeat goes on: who leads would wait for it for ever."""
    if not elsewhere:
        with started(LEAD, place, call, 1, 0) as leader:
            lead(leader, website)
        return
    port = free_port()
    with started(LEAD, "", 0, 1, port) as leader, started(WORK, place, call, 1, port):
        lead(leader, website)
