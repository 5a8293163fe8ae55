"""Looking names up with the resolver of this machine, anew for every run.

`getaddrinfo` blocks a thread for as long as the name servers are silent, so each lookup has a thread of its own: those
of the loop's default executor. uvloop's own `getaddrinfo` would share libuv's four threads, of which slow lookups get
two: two silent names would hold up every other probe.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from config import Family
from monitors.probes.outcome import Track

ANY = socket.AF_UNSPEC
FAMILIES: dict[Family, socket.AddressFamily] = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


def only(families: Sequence[Family]) -> socket.AddressFamily:
    """Return the one address family that a probe is bound to, or `ANY`."""
    return FAMILIES[families[0]] if len(families) == 1 else ANY


def is_of(host: str, family: socket.AddressFamily) -> bool:
    """Tell whether a host may have addresses of a family: a name may, an IP address has its own alone."""
    if family is ANY:
        return True
    try:
        return family is FAMILIES["ipv6" if ip_address(host).version == 6 else "ipv4"]
    except ValueError:
        return True


async def look_up(host: str, family: socket.AddressFamily, port: int = 0) -> list[str]:
    """Return the addresses of a host, in the order of the resolver. Raises `socket.gaierror` and other `OSError`s.

    A family that is asked for is looked up even where this machine has no address of it: that the target has one and
    this machine no way to it are two different answers.
    """
    flags = socket.AI_ADDRCONFIG if family is ANY else 0
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(None, socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, flags)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Resolver(AbstractResolver):
    """What aiohttp asks; it tells the track of the run when it does."""

    def __init__(self, track: Track) -> None:
        self._track = track

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host."""
        self._track.enter("resolve")
        addresses = await look_up(host, family, port)
        self._track.enter("connect")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=FAMILIES["ipv6" if ":" in address else "ipv4"],
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
