"""The RTP socket of one call: what comes in is heard, silence and digits go out, every 20 ms."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from random import Random
from typing import cast

from monitors.probes.phone.media.digits import Sender
from monitors.probes.phone.media.listener import Listener
from monitors.probes.phone.media.sdp import Remote

_TRIES = 50
"""Ports of the own range that are tried."""


class NoMediaPortError(OSError):
    """No port of the own range is free."""


class Audio(asyncio.DatagramProtocol):
    """Open one with `open_audio`. Nothing is sent before `connect`: nobody has said yet where to."""

    def __init__(self, random: Random) -> None:
        self.listener: Listener | None = None
        self.port = 0
        self.first_since_answer: float | None = None
        """When the first datagram after the answer came in (monotonic seconds)."""
        self._random = random
        self._transport: asyncio.DatagramTransport | None = None
        self._sender: Sender | None = None
        self._remote: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._answered = False

    def begin(self, at: float) -> Listener:
        """Listen from now on; `at`: when the INVITE was sent."""
        self.listener = Listener(at)
        return self.listener

    def answered(self, at: float) -> None:
        """Take note of the answer: what came before was early audio."""
        self._answered = True
        if self.listener is not None:
            self.listener.answered(at)

    def connect(self, remote: Remote) -> None:
        """Send where the far end wants it, in its payload types, from now on; again after it has moved."""
        self._remote = (remote.address, remote.port) if remote.listens else None
        if self._sender is None and remote.usable and self._transport is not None:
            payload_type, law = next(iter(remote.payloads.items()))
            self._sender = Sender(law=law, payload_type=payload_type, events=remote.events, random=self._random)
            self._send()

    def press(self, digits: str) -> bool:
        """Send digits; False where the far end takes none."""
        if self._sender is None:
            return False
        try:
            self._sender.press(digits)
        except ValueError:
            return False
        return True

    @property
    def pressing(self) -> bool:
        """Whether digits are still being sent."""
        return self._sender is not None and self._sender.pressing

    def close(self) -> None:
        """Send and hear no more, whatever the far end still wants."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _send(self) -> None:
        assert self._sender is not None
        for datagram in self._sender.packets(time.monotonic()):
            if self._transport is not None and self._remote is not None:
                with suppress(ValueError):  # uvloop, for an address of another family than ours
                    self._transport.sendto(datagram, self._remote)
        wait = max(0.0, (self._sender.due or 0.0) - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._send)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        self.port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:  # noqa: ARG002 - from wherever
        """Hear it."""
        now = time.monotonic()
        if self._answered and self.first_since_answer is None:
            self.first_since_answer = now
        if self.listener is not None:
            self.listener.feed(data, now)

    def error_received(self, exc: Exception) -> None:
        """Go on: a far end that closes its port before the call ends is no trouble of ours."""


async def open_audio(host: str, ports: tuple[int, int], random: Random) -> Audio:
    """Bind a socket at `host` to an even port (RFC 3550, 11) of the range. Raises `NoMediaPortError`."""
    first, last = ports
    choices = [0] if last == 0 else list(range(first + first % 2, last + 1, 2))
    random.shuffle(choices)
    loop = asyncio.get_running_loop()
    for port in choices[:_TRIES]:
        try:
            _, audio = await loop.create_datagram_endpoint(lambda: Audio(random), local_addr=(host, port))
        except OSError:
            continue
        return audio
    raise NoMediaPortError(f"no port from {first} to {last} is free")
