"""Where a trunk is: from its domain to addresses in the order in which they are to be tried (RFC 3263, 4.2).

    an IP address         itself
    a name with a port    its addresses, with that port
    a name alone          _sip._udp / _sip._tcp / _sips._tcp SRV by priority and weight, each target's addresses;
                          where there is no SRV record, the name's addresses with the default port

The transport is configured, so NAPTR (4.1) is not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import groupby
from random import Random
from typing import Literal

from monitors.probes.lookup import ANY, look_up
from monitors.probes.phone.wire.dns import Kind, NameNotResolved, Server, Service, ask, name_servers

Protocol = Literal["UDP", "TCP", "TLS"]

DEFAULT_PORTS: dict[Protocol, int] = {"UDP": 5060, "TCP": 5060, "TLS": 5061}
MAX_HOPS = 8
"""Addresses that are tried for one call."""

_SERVICES: dict[Protocol, str] = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}


@dataclass(frozen=True, slots=True)
class Hop:
    """One address of a trunk."""

    address: str
    port: int


async def resolve(
    host: str, port: int | None, protocol: Protocol, random: Random, *, servers: Sequence[Server] | None = None
) -> list[Hop]:
    """Return the addresses of a trunk, the one to be tried first in front. Raises `OSError`, `NameNotResolved` too.

    `servers`: name servers to be asked for everything; None: those of this machine, whose hosts file counts as well.
    """
    if _is_address(host):
        return [Hop(host.strip("[]"), port or DEFAULT_PORTS[protocol])]
    targets = [(host, port)] if port else await _targets(host, protocol, random, servers)
    hops = []
    complaint: OSError = NameNotResolved(f"{host} has no address")
    for name, number in targets:
        try:
            hops += [Hop(address, number) for address in await _addresses(name, random, servers)]
        except OSError as error:
            complaint = error
        if len(hops) >= MAX_HOPS:
            break
    if not hops:
        raise complaint
    return list(dict.fromkeys(hops))[:MAX_HOPS]


async def _targets(
    host: str, protocol: Protocol, random: Random, servers: Sequence[Server] | None
) -> list[tuple[str, int]]:
    default = [(host, DEFAULT_PORTS[protocol])]
    if host.endswith("localhost"):  # never a question for a name server (RFC 6761, 6.3)
        return default
    asked = name_servers() if servers is None else servers
    try:
        found = await ask(f"{_SERVICES[protocol]}.{host}", Kind.SRV, asked, random)
    except NameNotResolved:
        if servers is not None:
            raise
        return default  # a machine may know the name without a name server
    services = [record for record in found if isinstance(record, Service)]
    if [service.target for service in services] == [""]:  # RFC 2782: decidedly not available at this domain
        raise NameNotResolved(f"{host} offers no {protocol}")
    return [(service.target, service.port) for service in in_order(services, random)] or default


def in_order(services: Sequence[Service], random: Random) -> list[Service]:
    """Return the records in the order in which they are tried: priorities ascending, by weight among equals.

    RFC 2782: of those of one priority the next is drawn with probability weight / (sum of the weights left); those of
    weight 0 stand in front, so that they have a small chance.
    """
    ordered: list[Service] = []
    for _, group in groupby(
        sorted(services, key=lambda each: (each.priority, each.weight)), lambda each: each.priority
    ):
        left = list(group)
        while left:
            drawn = random.randint(0, sum(each.weight for each in left))
            running = 0
            for each in left:
                running += each.weight
                if running >= drawn:
                    ordered.append(each)
                    left.remove(each)
                    break
    return ordered


async def _addresses(name: str, random: Random, servers: Sequence[Server] | None) -> list[str]:
    if _is_address(name):
        return [name]
    if servers is None:
        try:
            return await look_up(name, ANY)
        except UnicodeError:
            raise NameNotResolved(f"{name!r} is no name") from None
    found = [*await ask(name, Kind.AAAA, servers, random), *await ask(name, Kind.A, servers, random)]
    if not found:
        raise NameNotResolved(f"{name} has no address")
    return [str(address) for address in found]


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
