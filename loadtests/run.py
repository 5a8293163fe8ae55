"""A load test from a terminal: Locust as a library, live progress, clean interruption, report at the end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic

import gevent
from gevent.pywsgi import WSGIServer
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import MasterRunner
from prometheus_client import CollectorRegistry, make_wsgi_app
from rich.console import Console

from config import ConfigError
from config import Environment as Place
from config.commands import Exit
from loadtests.accounts import check_enough, pool_of
from loadtests.conductor import Conductor
from loadtests.exporter import LoadCollector
from loadtests.plan import Plan, PlanError
from loadtests.progress import Progress
from loadtests.report import write
from loadtests.results import Results
from loadtests.section import CrowdUser, Section
from loadtests.summary import Summary
from loadtests.verdict import Outcome
from loadtests.workers import NOT_BEGUN, Workers

EXIT_CODES: dict[Outcome, Exit] = {"passed": Exit.GOOD, "failed": Exit.NO, "invalid": Exit.INVALID}

CONNECT_WITHIN = 30.0
"""Seconds that workers of this machine get to start and connect."""

COME_WITHIN = 300.0
"""Seconds that people get to start workers elsewhere."""

LOOK = 0.5
"""Seconds between updates of the progress."""

ROOM = 4 << 20
"""Bytes for the report of a short run; 31 seconds with every reason of failure at every step took 1.4 MB."""

ROOM_PER_SECOND = 1 << 10
"""Bytes more for each second; its row in the summary's timeline takes 600."""


Hopeless = Callable[[Results, float], str | None]
"""Tells why a run should not go on, from its results so far and its elapsed seconds; None while it should."""


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


def run(
    plan: Plan,
    *,
    processes: int,
    out: Path,
    command: str,
    bind: tuple[str, int] | None = None,
    listen: tuple[str, int] | None = None,
    hopeless: Hopeless | None = None,
    on_end: Callable[[Results, Summary], None] | None = None,
) -> Summary:
    """Run a plan, write summary and report to `out`, and return the summary. Progress goes to standard error.

    With `bind` the `processes` are workers that are started elsewhere and connect to this address.
    `hopeless` may end the run early; it has then failed, and the summary's first reason is what it said. `on_end` gets
    what was measured and the summary, once that is written.
    The first Ctrl-C ends the run early and keeps what was measured; a second one leaves at once. Raises `RunError`.
    """
    console = SteadyConsole(stderr=True)
    if bind is None:  # else the files are those of other machines
        check_trust(plan.environment)
    check_accounts(plan, processes)
    with (
        room_for_report(out, plan.duration + plan.drain),
        conducting(processes, bind, console) as conductor,
        _exporter(conductor, plan, listen),
        interruption(conductor.stop),
    ):
        environment = conductor.environment
        environment.events.test_start.add_listener(lambda **_: conductor.start(plan))
        assert environment.runner is not None
        gevent.spawn(environment.runner.start, 1, 1)
        reason = follow(conductor, plan, console, hopeless)
        summary = conductor.summary(command, reason)
    summary = _written(summary, out, console)
    if on_end is not None:
        on_end(conductor.results, summary)
    return summary


def _written(summary: Summary, out: Path, console: Console) -> Summary:
    """Write the report; a run that leaves none is invalid."""
    try:
        paths = write(summary, out)
    except OSError as error:
        earlier = "; what is there is of an earlier run" if (out / "summary.json").exists() else ""
        console.print(f"the report could not be written to {out}: {error.strerror}{earlier}", style="bold red")
        return summary.model_copy(
            update={"outcome": "invalid", "reasons": [*summary.reasons, f"no report in {out}: {error.strerror}"]}
        )
    for path in paths:
        console.print(f"written: {path}", soft_wrap=True)
    return summary


def follow(conductor: Conductor, plan: Plan, console: Console, hopeless: Hopeless | None = None) -> str | None:
    """Show how a run is getting on until it ends; stop it once it is `hopeless`, and return why."""
    reason = None
    with Progress(console, plan) as progress:
        while not conductor.ended.wait(LOOK):
            progress.update(conductor.results, conductor.elapsed)
            if reason is None and hopeless is not None and not conductor.interrupted:
                reason = hopeless(conductor.results, conductor.elapsed)
                if reason is not None:
                    conductor.stop()
    return reason


@contextmanager
def room_for_report(out: Path, seconds: float = 0) -> Iterator[None]:
    """Hold room in `out` for the report on so many seconds, until it is to be written: a disk may fill meanwhile.

    Raises `RunError` where there is none: better before the run than after it.
    """
    with ExitStack() as held:
        try:
            out.mkdir(parents=True, exist_ok=True)
            file = held.enter_context(TemporaryFile(dir=out))
            os.posix_fallocate(file.fileno(), 0, ROOM + round(seconds * ROOM_PER_SECOND))
        except OSError as error:
            raise RunError(f"cannot write to {out}: {error.strerror or error}", Exit.USAGE) from None
        yield


def check_trust(place: Place) -> None:
    """Find out before the run whether the files that TLS needs can be used."""
    try:
        if place.uses_tls:
            place.tls.context()
    except OSError as error:
        raise RunError(str(error), Exit.USAGE) from None


def check_accounts(plan: Plan, processes: int) -> None:
    """Find out before the run whether its test accounts can be read, and are not bound to run out."""
    try:
        check_enough(plan, pool_of(plan), processes)
    except (ConfigError, PlanError) as error:
        raise RunError(str(error), Exit.USAGE) from None


@contextmanager
def conducting(
    processes: int, bind: tuple[str, int] | None = None, console: Console | None = None
) -> Iterator[Conductor]:
    """Offer a conductor over one process (this one) or over so many workers: own ones, or those that come to `bind`."""
    environment = Environment(user_classes=[CrowdUser])
    if processes == 1 and bind is None:
        runner = environment.create_local_runner()
        Section(environment)
        try:
            yield Conductor(environment)
        finally:
            runner.quit()
        return
    host, port = bind or ("127.0.0.1", 0)
    try:
        master = environment.create_master_runner(host, port)
    except (RPCError, SystemExit):  # Locust leaves where the port is taken
        raise RunError(f"cannot listen on {host}:{port} for workers", Exit.USAGE) from None
    with Workers(0 if bind else processes, master.server.port) as workers:
        try:
            with interruption(lambda: sys.exit(NOT_BEGUN)):
                if bind and console:
                    console.print(f"waiting for {processes} worker(s) at {host}:{port}", highlight=False)
                _wait_for(master, processes, workers, COME_WITHIN if bind else CONNECT_WITHIN)
            yield Conductor(environment, dead=workers.dead)
        finally:
            master.quit()  # also where too few have come: those who have would wait for it


def _wait_for(master: MasterRunner, count: int, workers: Workers, patience: float) -> None:
    """Wait until so many workers are there. Raises `RunError`."""
    deadline = monotonic() + patience
    while len(master.clients.ready) < count:
        if workers.dead() or monotonic() > deadline:
            raise RunError(f"{count} workers should have connected; {len(master.clients.ready)} did", Exit.INVALID)
        gevent.sleep(0.1)


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
def interruption(stop: Callable[[], None]) -> Iterator[None]:
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
