"""Kind `dns`: what a name resolves to, by this machine's resolver, for each address family.

The resolver of the machine is asked anew in each run; a cache that it has of its own is out of reach, and is what
programs of people would be told as well.
"""

from __future__ import annotations

import socket

from config import DnsProbe, Probe
from config.fields import host_of
from journeys import JourneyFailed, Reason
from monitors.probes.errors import explain_lookup, in_words, verdict_of
from monitors.probes.lookup import FAMILIES, look_up
from monitors.probes.outcome import Target, Track

REASONS = (Reason.NAME_NOT_RESOLVED, Reason.WRONG_ADDRESS, Reason.TIMEOUT, Reason.TOO_SLOW)


def steps(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run can fail: one for each family."""
    assert isinstance(probe, DnsProbe)
    return tuple(probe.families)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - names are the same for all
    """Return when every family has addresses, and no other than expected. Raises `JourneyFailed` and `Undecided`."""
    probe = target.probe
    assert isinstance(probe, DnsProbe)
    name = probe.name or host_of(target.environment.endpoints[target.system])
    for family in probe.families:
        track.at(family)
        expected = {text for text in probe.addresses if (":" in text) == (family == "ipv6")}
        found = await _ask(name, FAMILIES[family], track)
        others = sorted(set(found) - expected)
        if probe.addresses and others:
            raise JourneyFailed(Reason.WRONG_ADDRESS, family, f"{name} leads to {', '.join(others)}")


async def _ask(name: str, family: socket.AddressFamily, track: Track) -> list[str]:
    with track.exchange("LOOKUP", name) as noted:
        track.enter("resolve")
        try:
            found = await look_up(name, family)
        except OSError as error:
            raise verdict_of(explain_lookup(error), track.step, f"{name}: {in_words(error)}") from error
        noted.result = ", ".join(found)
        return found
