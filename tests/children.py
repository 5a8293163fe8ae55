"""Child processes of tests and benchmarks: on one core if asked to, ended with the block, never left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from config.children import die_with_parent
from tests.waiting import LONG

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def child(command: Sequence[str], core: int | None = None, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the project's folder; `options` are those of `Popen`.

    `core` pins it, with all its threads, to one of the cores that this process may use; one that is not there pins
    nothing.
    """
    cores = sorted(os.sched_getaffinity(0))

    def prepare() -> None:
        die_with_parent()
        if core is not None and core < len(cores):
            os.sched_setaffinity(0, {cores[core]})

    process = subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=prepare, **options)  # noqa: PLW1509 - system calls
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=LONG)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def in_namespace(mount: str) -> tuple[str, ...]:
    """Return the prefix of a command that is to see what the shell's `mount` mounts, and nobody else; or skip."""
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespace with its own mounts can be made here")
    return prefix
