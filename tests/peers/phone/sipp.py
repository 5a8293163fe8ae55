"""Debian's SIPp on free loopback ports, as the far end of a call and as a caller."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

from tests.children import child
from tests.waiting import LONG, eventually

_TRANSPORTS = {"UDP": "u1", "TCP": "t1"}
_KINDS = {"UDP": socket.SOCK_DGRAM, "TCP": socket.SOCK_STREAM}

BLOCK = 48
"""Ports in a row: a telephone's, and those of its calls."""

_OWN = 10_000 + 5_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4)
_blocks = cycle(range(_OWN, _OWN + 5_000 - BLOCK, BLOCK))


def free_udp_port(host: str = "127.0.0.1") -> int:
    """Return a loopback port on which nothing listens, for UDP and TCP."""
    family = _family(host)
    while True:
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams, socket.socket(family) as stream:
            datagrams.bind((host, 0))
            port = int(datagrams.getsockname()[1])
            try:
                stream.bind((host, port))
            except OSError:
                continue
            return port


def taken(port: int, kind: socket.SocketKind = socket.SOCK_DGRAM, host: str = "127.0.0.1") -> bool:
    """Tell whether somebody listens on a loopback port."""
    with socket.socket(_family(host), kind) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_block() -> int:
    """Return the first of `BLOCK` ports in a row on which nobody listens, for who needs several or binds them late.

    The system gives away none of these by itself. Tests that run side by side have blocks of their own, and each takes
    them in turn.
    """
    kinds = _KINDS.values()
    return next(port for port in _blocks if not any(taken(port + i, kind) for i in range(BLOCK) for kind in kinds))


class Sipp:
    """A running SIPp."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: Path) -> None:
        self._process, self.port, self._folder = process, port, folder

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def code(self, within: float = LONG) -> int:
        """Return its exit code once its calls have ended: 0 when each went as the scenario says."""
        end = time.monotonic() + within
        while not self.ended and time.monotonic() < end:
            time.sleep(0.02)
        return -1 if self._process.returncode is None else self._process.returncode

    def satisfied(self) -> bool:
        """Tell whether every call went as the scenario says. Raises `AssertionError` with SIPp's own words."""
        code = self.code()
        assert code == 0, f"exit code {code}\n{self._text('errors')[-1500:]}\n{self._text('messages')[-6000:]}"
        return True

    def notes(self) -> list[str]:
        """Return what the scenario has logged."""
        return self._text("notes").splitlines()

    def messages(self) -> str:
        """Return every message it has sent and received."""
        return self._text("messages")

    def _text(self, name: str) -> str:
        path = self._folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextmanager
def far_end(
    program: str,
    folder: Path,
    scenario: str,
    *,
    calls: int = 1,
    transport: str = "UDP",
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[Sipp]:
    """Run SIPp as an answering side until the block ends; it ends itself after `calls` calls."""
    port = port or free_udp_port(host)
    more = ["-m", str(calls), "-t", _TRANSPORTS[transport]]
    with _running(program, folder, scenario, port, more, host) as (process, home):
        assert eventually(lambda: taken(port, _KINDS[transport], host) or process.poll() is not None)
        yield Sipp(process, port, home)


@contextmanager
def far_ends(
    program: str, folder: Path, scenarios: Mapping[str, str], transport: str = "UDP"
) -> Iterator[dict[str, Sipp]]:
    """Run one SIPp for each scenario, as `far_end` does, all at the same time."""
    with ExitStack() as stack:
        started = {}
        for name, scenario in scenarios.items():
            port = free_udp_port()
            more = ["-m", "1", "-t", _TRANSPORTS[transport]]
            process, home = stack.enter_context(_running(program, folder, scenario, port, more))
            started[name] = Sipp(process, port, home)
        kind = _KINDS[transport]
        assert eventually(lambda: all(each.ended or taken(each.port, kind) for each in started.values()))
        yield started


@contextmanager
def caller(
    program: str, folder: Path, scenario: str, target: str, *options: str, transport: str = "UDP"
) -> Iterator[Sipp]:
    """Run SIPp as a caller of `target` (host:port): what proves a far end without the agent."""
    port = free_udp_port()
    more = ["-m", "1", "-t", _TRANSPORTS[transport], *options, target]
    with _running(program, folder, scenario, port, more) as (process, home):
        yield Sipp(process, port, home)


@contextmanager
def _running(
    program: str, folder: Path, scenario: str, port: int, more: list[str], host: str = "127.0.0.1"
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    home = Path(tempfile.mkdtemp(prefix="sipp-", dir=folder))
    (home / "scenario.xml").write_text(scenario)
    logs = [("err", "error"), ("msg", "message"), ("logs", "log")]
    names = {"error": "errors", "message": "messages", "log": "notes"}
    traces = [
        word for trace, file in logs for word in (f"-trace_{trace}", f"-{file}_file", f"{home}/{names[file]}.log")
    ]
    command = [program, "-sf", f"{home}/scenario.xml", "-i", host, "-p", str(port), "-mi", host]
    # A watchdog that gives up on a busy machine, and 33 s of memory of ended calls, are for other uses.
    command += [
        "-mp",
        str(free_block()),
        "-nostdin",
        "-skip_rlimit",
        "-watchdog_interval",
        "0",
        "-deadcall_wait",
        "0",
    ]
    command += ["-timeout", f"{LONG:.0f}s", "-timeout_error", *traces, *more]
    with child(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
        yield process, home
