"""`piekwacht staging run`: everything that listens, from its start to Ctrl-C, and what is said about it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

from staging.app import Replica
from staging.authority import Certificates, certify
from staging.layout import GATEWAY, PREFIXES, endpoints, gateway_port, ports_beside
from staging.server import keep_pauses_short, listening, raise_file_limit
from staging.settings import Settings


async def serve(settings: Settings, host: str, port: int, folder: Path | None, *, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM; certificates for mutual TLS are made in `folder`, or in one that goes at the end.

    Raises `OSError` if an address cannot be taken, `CannotCertify` without certificates.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    raise_file_limit()
    keep_pauses_short()
    replica = Replica(settings)
    async with AsyncExitStack() as open_ones:
        url = await open_ones.enter_async_context(listening(replica, host, port))
        trunks = await open_ones.enter_async_context(replica.lines.answering(ports_beside(port)))
        said: dict[str, Any] = {"url": url, "endpoints": endpoints(url), "trunks": trunks}
        if settings.mutual_tls:
            made = certify(folder or Path(open_ones.enter_context(TemporaryDirectory(prefix="piekwacht-"))), host)
            gateway = await open_ones.enter_async_context(listening(replica, host, gateway_port(port), made.context()))
            said["endpoints"][GATEWAY] = gateway + PREFIXES[GATEWAY]
            said["tls"] = _tls(made)
        typer.echo(json.dumps(said) if as_json else "\n".join(_lines(said)))
        await stop.wait()


def _tls(made: Certificates) -> dict[str, str]:
    """Return what an environment says of TLS to reach the gateway."""
    certificate, key = made.client
    files = {"authorities": made.authorities, "certificate": certificate, "key": key}
    return {name: str(path.resolve()) for name, path in files.items()}


def _lines(said: Mapping[str, Any]) -> Iterator[str]:
    legs = " and ".join(f"{address} ({leg})" for leg, address in said["trunks"].items())
    yield f"The replica listens on {said['url']}, its phone lines on {legs}; stop it with Ctrl-C"
    if "tls" in said:
        yield "Customs takes declarations over mutual TLS only. Its environment needs:"
        yield f"endpoints:\n  {GATEWAY}: {said['endpoints'][GATEWAY]}\ntls:"
        yield from (f"  {name}: {path}" for name, path in said["tls"].items())
