"""The load generator as a program for benchmarks: it runs a plan as `piekwacht load run` does, under Locust.

It reads a plan from standard input and prints one JSON object: the summary; `cpu`, the CPU-seconds from the zero
of the plan's time to the end; `zero`, when that was on the clock of `time.monotonic`; `memory`, the resident bytes at
the end of each second.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Annotated

import gevent
import typer
from rich.console import Console

from loadtests.conductor import Conductor
from loadtests.engine import Engine
from loadtests.plan import Plan
from loadtests.run import conducting, follow, interruption
from tests.benchmarks import errands  # noqa: F401 - registers its journeys

app = typer.Typer(pretty_exceptions_enable=False)


@app.command()
def main(
    processes: Annotated[int, typer.Option(help="This process (1), or so many workers.")] = 1,
    statistics: Annotated[bool, typer.Option(help="Count and time the answers.")] = True,
    descriptors: Annotated[int, typer.Option(help="Use no more than so many (0: as many as allowed).")] = 0,
    progress: Annotated[bool, typer.Option(help="Tell every few seconds how it goes.")] = False,
) -> None:
    """Run the plan on standard input and print its figures."""
    if descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    plan = Plan.model_validate_json(sys.stdin.read())
    if not statistics:
        Engine.measured = lambda *_: None  # type: ignore[method-assign]
    console = Console(stderr=True, quiet=not progress)
    with conducting(processes) as conductor, interruption(conductor.stop):
        environment = conductor.environment
        environment.events.test_start.add_listener(lambda **_: conductor.start(plan))
        assert environment.runner is not None
        gevent.spawn(environment.runner.start, 1, 1)
        before = gevent.spawn(_cpu_at_zero, conductor)
        follow(conductor, plan, console)
        figures = {
            "cpu": time.process_time() - before.get(),
            "zero": time.monotonic() - (time.time() - conductor.begun_at),
            "memory": conductor.results.timeline.rows()["memory"].tolist(),
        }
        summary = conductor.summary("benchmark")
    print(json.dumps({"summary": summary.model_dump(mode="json"), **figures}))


def _cpu_at_zero(conductor: Conductor) -> float:
    """Return the CPU time spent when the plan's time begins: drawing the arrivals and starting Locust are left out."""
    while not conductor.elapsed and not conductor.ended.is_set():
        gevent.sleep(0.01)
    return time.process_time()


if __name__ == "__main__":
    app()
