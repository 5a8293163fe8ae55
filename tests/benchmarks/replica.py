"""How many requests the replica answers, and what a whole return costs it.

The replica runs as a process of its own; its CPU time comes from the kernel, so that the figure per CPU-second holds on
a busy machine too.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import uvloop

from tests.drivers import someone, walk

_ROOT = Path(__file__).resolve().parents[2]
_CONNECTIONS, _SECONDS, _RETURNS = 32, 4.0, 100


class _Reader(asyncio.Protocol):
    """A browser that asks for the home page again as soon as it is there."""

    def __init__(self) -> None:
        self.answers = 0
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self._transport.write(b"GET /website/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            assert data.startswith(b"HTTP/1.1 200")
            head, _, body = data.partition(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            self._missing = int(length.split(b":")[1])
            data = body
        self._missing -= len(data)
        if self._missing == 0:
            self.answers += 1
            self._ask()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process: fields 14 and 15 of /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measure(url: str, pid: int) -> None:
    port = int(url.rpartition(":")[2])
    loop, began, used = asyncio.get_running_loop(), time.monotonic(), _cpu_seconds(pid)
    browsers = [await loop.create_connection(_Reader, "127.0.0.1", port) for _ in range(_CONNECTIONS)]
    await asyncio.sleep(_SECONDS)
    answers, cpu = sum(reader.answers for _, reader in browsers), _cpu_seconds(pid) - used
    rate = answers / (time.monotonic() - began)
    for transport, _ in browsers:
        transport.close()
    print(f"home page: {rate:,.0f} requests/s, {answers / cpu:,.0f} per CPU-second of the replica")
    used = _cpu_seconds(pid)
    for number in range(_RETURNS):
        await walk("file-return", url, someone(number))
    cost = (_cpu_seconds(pid) - used) / _RETURNS
    print(f"file-return: {cost * 1000:.1f} ms CPU of the replica for each return filed, {1 / cost:,.0f} a CPU-second")


def main() -> None:
    """Print both figures."""
    command = [sys.executable, "-c", "from staging.commands import app; app()", "run", "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            uvloop.run(_measure(url, process.pid))
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
