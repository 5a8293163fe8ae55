"""Worker processes: those of a run on this machine, and what each of them does, here or elsewhere."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from config.children import die_with_parent
from loadtests.section import CrowdUser, Section

NOT_BEGUN = 128 + signal.SIGINT
"""Exit code of a command that was stopped before it had begun its work, as shells write it."""


class Workers:
    """`count` workers that connect to a master on a loopback port. A context manager: none outlives it."""

    def __init__(self, count: int, port: int) -> None:
        command = [sys.executable, "-m", "piekwacht", "load", "worker", "--master", f"127.0.0.1:{port}", "--quiet"]
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for _ in range(count):
                self._processes.append(_start(command))
        except BaseException:  # for want of memory or processes: those that could be started are not left behind
            self._end()
            raise

    def dead(self) -> set[int]:
        """Return the process ids of workers that have ended."""
        return {process.pid for process in self._processes if process.poll() is not None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own file
        command,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the master alone, which stops them in order
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no Python state of other threads
    )


def work(host: str, port: int, say: Callable[[str], None]) -> bool:
    """Work for a master until it says that it is enough, or a signal comes; return False if it was lost.

    `say` gets what happens, for people. Waits up to five minutes for the master to be there. Raises `ConnectionError`.
    """
    environment = Environment(user_classes=[CrowdUser])
    runner: WorkerRunner | None = None

    def leave() -> None:
        if runner is None:
            sys.exit(NOT_BEGUN)
        environment.events.quitting.fire(environment=environment, reverse=True)
        runner.quit()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        gevent.signal_handler(number, leave)
    say(f"is looking for its master at {host}:{port}")
    runner = environment.create_worker_runner(host, port)
    say("found it")
    section = Section(environment, say)
    runner.greenlet.join()
    return not section.master_lost
