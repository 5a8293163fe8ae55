"""Child processes of the demo: commands whose output goes to a file, and which never outlive the demo."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from config.children import die_with_parent

PIEKWACHT = (sys.executable, "-m", "piekwacht")


class ChildFailedError(Exception):
    """A command ended, or did not say what it should have said; the message holds its last lines."""


class Child:
    """One running command, of `piekwacht` or another program. A context manager: leaving it stops the process."""

    def __init__(self, name: str, arguments: list[str], logs: Path, program: Sequence[str] = PIEKWACHT) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        with self.log.open("wb") as output:
            # A session of its own: Ctrl-C reaches the demo alone, which stops its children in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [*program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the demo has one thread
            )

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.poll()

    def says(self, pattern: str, within: float) -> str:
        """Return the first group of `pattern` as soon as the output has it. Raises `ChildFailedError`."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found[1]
            if self.exit_code is not None:
                break
            time.sleep(0.05)
        raise ChildFailedError(f"{self.name} did not start:\n{self.last_lines()}")

    def wait(self, within: float) -> int:
        """Return the exit code once it has ended by itself. Raises `ChildFailedError` if it takes longer."""
        try:
            return self._process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            raise ChildFailedError(f"{self.name} did not end within {within:g} s:\n{self.last_lines()}") from None

    def check(self) -> None:
        """Raise `ChildFailedError` if it has ended."""
        if self.exit_code is not None:
            raise self.failure()

    def failure(self) -> ChildFailedError:
        """Return how it ended and its last lines, as an error to raise."""
        return ChildFailedError(f"{self.name} ended with {self.exit_code}:\n{self.last_lines()}")

    def stop(self) -> None:
        """End it in order; kill it if it does not listen."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def last_lines(self, number: int = 15) -> str:
        """Return the end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-number:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def complete(
    name: str, arguments: list[str], logs: Path, *, good: tuple[int, ...] = (0,), program: Sequence[str] = PIEKWACHT
) -> str:
    """Run a command to its end and return its output. Raises `ChildFailedError` on another exit code."""
    with Child(name, arguments, logs, program) as child:
        code = child.wait(within=60)
        if code not in good:
            raise child.failure()
        return child.log.read_text()
