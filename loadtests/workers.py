"""Worker processes of a run on this machine: started with the run, ended with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from config.children import die_with_parent

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


class Workers:
    """`count` Locust workers that connect to a master on a loopback port. A context manager: none outlives it."""

    def __init__(self, count: int, port: int) -> None:
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker", "--loglevel", "ERROR"]
        command += ["--master-host", "127.0.0.1", "--master-port", str(port)]
        # A session of their own: Ctrl-C reaches the master alone, which stops them in order.
        self._processes = [
            subprocess.Popen(  # noqa: S603 - our own file
                command,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no Python state of other threads
            )
            for _ in range(count)
        ]

    @property
    def alive(self) -> bool:
        """Whether every worker is running."""
        return all(process.poll() is None for process in self._processes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
