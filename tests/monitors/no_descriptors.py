"""Probes without descriptors: a program of its own, whose limit is low and taken.

`python -m tests.monitors.no_descriptors PLAIN TLS AUTHORITIES SECRET` runs one probe of each kind of connection at
two good websites while 0, 1, 2, ... descriptors are left, on the loop of the monitor. It prints, as JSON, the verdicts
in words by probe, in that order, and last the one with all descriptors free again.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from config import CertificateProbe, DnsProbe, HttpProbe, JourneyProbe
from monitors.probes import Target, measure
from monitors.verdict import Fail, Unknown
from tests.monitors.listeners import aim, environment, probe_of

LIMIT = 100
LEFT = range(6)


def targets(plain: str, tls: str, authorities: str, secret: str) -> dict[str, Target]:
    """Return what is probed."""
    secure = environment(tls, tls={"authorities": authorities})
    named = environment(plain.replace("127.0.0.1", "localhost"), secrets={"robot": f"file:{secret}"})
    return {
        "http": aim(probe_of(HttpProbe), environment(plain)),
        "http by name": aim(probe_of(HttpProbe), named),
        "https": aim(probe_of(HttpProbe), secure),
        "certificate": aim(probe_of(CertificateProbe, remaining="1h"), secure),
        "dns": aim(probe_of(DnsProbe), named),
        "journey": aim(probe_of(JourneyProbe, journey="visit-website", account="robot"), named),
    }


@contextmanager
def remaining(number: int) -> Iterator[None]:
    """Take all descriptors but so many."""
    held: list[int] = []
    try:
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            for _ in range(number):
                os.close(held.pop())
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)


async def verdict(target: Target) -> str:
    """Run once; return the verdict in words."""
    found = (await measure(target, 0)).verdict
    match found:
        case Unknown(cause):
            return f"unknown: {cause}"
        case Fail(reason, step, detail):
            return f"fail: {reason} at {step}: {detail}"
    return "pass"


async def main(*words: str) -> None:
    """Run every probe with each number of descriptors."""
    aimed = targets(*words)
    for target in aimed.values():
        await verdict(target)  # what is loaded once has been loaded
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    found: dict[str, list[str]] = {name: [] for name in aimed}
    for left in LEFT:
        with remaining(left):
            for name, target in aimed.items():
                found[name].append(await verdict(target))
    for name, target in aimed.items():
        found[name].append(await verdict(target))
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
