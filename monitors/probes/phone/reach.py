"""How a trunk is reached, by calls and questions alike."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from random import Random

from monitors.probes.phone.evidence import Stage, Trouble
from monitors.probes.phone.order import Trunk
from monitors.probes.phone.record import Record
from monitors.probes.phone.sip.call import Dial
from monitors.probes.phone.wire.srv import resolve
from monitors.probes.phone.wire.transport import Way

CONNECT_WITHIN = 5.0
"""Seconds that one address of a trunk gets to take a connection, TLS included."""


class Unreachable(Exception):  # noqa: N818 - evidence, not an error of the program
    """There is no way to the trunk."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble
        super().__init__(str(trouble))


async def reach(
    trunk: Trunk, random: Random, record: Record, connect: Callable[[Way], Awaitable[tuple[str, int]]]
) -> tuple[str, int]:
    """Open the first way that can be opened (RFC 3263, 4.3); return the local address. Raises `Unreachable`."""
    try:
        hops = await resolve(trunk.host, trunk.port, trunk.transport, random, servers=trunk.servers)
    except OSError:
        raise Unreachable(Trouble.NAME_NOT_RESOLVED) from None
    record.reach(Stage.RESOLVE)
    trouble = Trouble.REFUSED
    for hop in hops:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                local = await connect(Way(hop, trunk.transport, trunk.tls, trunk.host.strip("[]")))
        except TimeoutError:
            trouble = Trouble.SILENT
        except ssl.SSLError:
            trouble = Trouble.TLS
        except OSError:
            trouble = Trouble.REFUSED
        else:
            record.reach(Stage.CONNECT)
            return local
    raise Unreachable(trouble)


def dial_of(trunk: Trunk, to: str, local: tuple[str, int], offer: bytes = b"") -> Dial:
    """Return who is called and as whom, from this local address."""
    host, port = local
    here = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    over = "" if trunk.transport == "UDP" else f";transport={trunk.transport.lower()}"
    return Dial(
        to=to,
        from_=f"sip:{trunk.user}@{trunk.called_domain}",
        contact=f"sip:{trunk.user}@{here}{over}",
        via=here,
        transport=trunk.transport,
        offer=offer,
        credentials=trunk.credentials,
        route=trunk.route,
    )
