"""A load test from a terminal: Locust as a library, live progress, clean interruption, report at the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic

import gevent
from gevent.pywsgi import WSGIServer
from locust.env import Environment
from prometheus_client import CollectorRegistry, make_wsgi_app
from rich.console import Console

from config.commands import Exit
from loadtests.conductor import Conductor, CrowdUser, Section
from loadtests.exporter import LoadCollector
from loadtests.plan import Plan
from loadtests.progress import Progress
from loadtests.report import write
from loadtests.summary import Summary
from loadtests.verdict import Outcome
from loadtests.workers import Workers

EXIT_CODES: dict[Outcome, Exit] = {"passed": Exit.GOOD, "failed": Exit.NO, "invalid": Exit.INVALID}

CONNECT_WITHIN = 30.0
"""Seconds that workers get to start and connect."""

LOOK = 0.5
"""Seconds between updates of the progress."""


class RunError(Exception):
    """The run could not begin, or its result could not be written; the message says why, `code` how to leave."""

    def __init__(self, message: str, code: Exit) -> None:
        self.code = code
        super().__init__(message)


class SteadyConsole(Console):
    """A console whose reader may go away: a closed pipe ends the talk, not the run."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        self.quiet = True


def run(plan: Plan, *, processes: int, out: Path, command: str, listen: tuple[str, int] | None = None) -> Summary:
    """Run a plan, write summary and report to `out`, and return the summary. Progress goes to standard error.

    The first Ctrl-C ends the run early and keeps what was measured; a second one leaves at once. Raises `RunError`.
    """
    console = SteadyConsole(stderr=True)
    _check_writable(out)
    with _conductor(processes) as conductor, _exporter(conductor, plan, listen), _interruption(conductor.stop):
        environment = conductor.environment
        environment.events.test_start.add_listener(lambda **_: conductor.start(plan))
        assert environment.runner is not None
        gevent.spawn(environment.runner.start, 1, 1)
        with Progress(console, plan) as progress:
            while not conductor.ended.wait(LOOK):
                progress.update(conductor.results, conductor.elapsed)
        summary = conductor.summary(command)
    try:
        paths = write(summary, out)
    except OSError as error:
        console.print(f"the report could not be written to {out}: {error.strerror or error}", style="bold red")
        return summary.model_copy(
            update={"outcome": "invalid", "reasons": [*summary.reasons, f"no report in {out}: {error.strerror}"]}
        )
    for path in paths:
        console.print(f"written: {path}", soft_wrap=True)
    return summary


def _check_writable(out: Path) -> None:
    """Find out before the run, not after it, whether its report can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RunError(f"cannot write to {out}: {error.strerror or error}", Exit.USAGE) from None


@contextmanager
def _conductor(processes: int) -> Iterator[Conductor]:
    """Offer a conductor over one process (this one), or over so many workers."""
    environment = Environment(user_classes=[CrowdUser])
    if processes == 1:
        runner = environment.create_local_runner()
        Section(environment)
        try:
            yield Conductor(environment)
        finally:
            runner.quit()
        return
    master = environment.create_master_runner("127.0.0.1", 0)
    with Workers(processes, master.server.port) as workers:
        deadline = monotonic() + CONNECT_WITHIN
        while len(master.clients.ready) < processes:
            if not workers.alive or monotonic() > deadline:
                text = f"{processes} workers should have connected; {len(master.clients.ready)} did"
                raise RunError(text, Exit.INVALID)
            gevent.sleep(0.1)
        try:
            yield Conductor(environment)
        finally:
            master.quit()


@contextmanager
def _exporter(conductor: Conductor, plan: Plan, listen: tuple[str, int] | None) -> Iterator[None]:
    """Serve /metrics while the run lasts, if asked to."""
    if listen is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(LoadCollector(lambda: (plan, conductor.results, conductor.elapsed)))
    server = WSGIServer(listen, make_wsgi_app(registry), log=None)
    try:
        server.start()
    except OSError as error:
        raise RunError(f"cannot listen on {listen[0]}:{listen[1]}: {error.strerror}", Exit.USAGE) from None
    try:
        yield
    finally:
        server.stop()


@contextmanager
def _interruption(stop: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the run early; the second signal leaves without waiting."""
    asked = False

    def on_signal() -> None:
        nonlocal asked
        if asked:
            os._exit(Exit.INVALID)
        asked = True
        stop()

    handlers = [gevent.signal_handler(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    try:
        yield
    finally:
        for handler in handlers:
            with suppress(ValueError):
                handler.cancel()
