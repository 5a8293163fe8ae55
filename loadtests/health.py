"""What the generator itself takes of this machine, so that a run can tell whether it was the limit (Linux, /proc)."""

from __future__ import annotations

import gc
import os
import resource
import sys
from pathlib import Path

MAX_IN_FLIGHT = 100_000
"""Citizens on their way in one process, unless told otherwise: about a gigabyte of them."""

_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


def memory_in_use() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def cpu_seconds() -> float:
    """Return the CPU time that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def stolen_seconds() -> float:
    """Return the CPU time, of all cores, in which this machine wanted to run and its host did not let it.

    It is `steal` of proc_stat(5); always 0 where the machine is no virtual one, or its host does not tell.
    """
    with Path("/proc/stat").open() as lines:
        return int(lines.readline().split()[8]) / _TICKS


class Cores:
    """Cores used from one look to the next, 1 = one core."""

    def __init__(self, now: float) -> None:
        """Begin at the instant `now`, in seconds."""
        self._since, self._used, self._stolen = now, cpu_seconds(), stolen_seconds()

    def look(self, now: float) -> tuple[float, float]:
        """Return the cores that this process has used since the last look, and those that the host withheld."""
        used, stolen = cpu_seconds(), stolen_seconds()
        elapsed = max(1.0, now - self._since)  # a few milliseconds at the end are no measure of a core
        cores = (used - self._used) / elapsed, (stolen - self._stolen) / elapsed
        self._since, self._used, self._stolen = now, used, stolen
        return cores


YOUNG = 300
"""By how many objects more the collector looks at the young ones. With thousands on their way each of those that came
since takes the place of one that went, so it looks at many times more: with 1000 that took 2 to 5 ms at a time."""


def quieten_interpreter() -> None:
    """Keep pauses short: the collector looks at young objects only, and at few; a thread waits 0.5 ms for its turn.

    Citizens leave no cycles behind, so looking at older objects would find nothing and stop everyone for 100 ms. So
    would looking at 50,000 young ones: it takes as long in all, but then everyone who is due meanwhile is late.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 1_000_000, 1_000_000)
    sys.setswitchinterval(0.0005)


def tcp_sockets() -> int:
    """Return the TCP sockets of this machine's network: those in use, and those that wait out their end."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            fields = line.split()[1:]
            values = dict(zip(fields[::2], map(int, fields[1::2]), strict=True))
            return values["inuse"] + values["tw"]
    return 0


def local_ports() -> int:
    """Return how many ports one address has for connections to one destination."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    return last - first + 1
