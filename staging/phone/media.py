"""RTP of one call (RFC 3550): a frame of sound every 20 ms on its way out, digits (RFC 4733) on their way in."""

from __future__ import annotations

import asyncio
import struct
from random import Random
from typing import Any

from staging.phone.audio import FRAME, Sound, encoded
from staging.phone.sdp import Offer

PACKET = 0.02
"""Seconds of sound in one packet."""

DIGITS = "0123456789*#ABCD"
"""Event codes 0 to 15 (RFC 4733, 3.2)."""

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.pack("!HHI", 0xBEDE, 1, 0)  # one word of header extension (RFC 8285, 4.2)
_CONTRIBUTING, _PADDING = struct.pack("!I", 7), bytes(3) + b"\x04"


class Media(asyncio.DatagramProtocol):
    """One audio stream each way.

    `loss` is the share of packets that is counted but not sent; `odd` packets carry a header extension, a contributing
    source and padding, as they may. `digits` holds what the caller has pressed, `received` counts its packets.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._transport: asyncio.DatagramTransport | None = None
        self._offer: Offer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._frames: tuple[bytes, ...] = ()
        self._position = 0
        self._sequence = random.getrandbits(15)
        self._timestamp = random.getrandbits(31)
        self._source = random.getrandbits(32)
        self._last_event: int | None = None
        self.digits: asyncio.Queue[str] = asyncio.Queue()
        self.loss = 0.0
        self.odd = False
        self.received = 0
        self.port = 0

    async def open(self, host: str) -> None:
        """Take a free port, which is to be told to the caller."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def play(self, sound: Sound, offer: Offer) -> None:
        """Send a sound, from its beginning, over and over again, to where the offer says."""
        self._offer = offer
        self._frames = encoded(sound, offer.codec)
        self._position = 0
        if self._timer is None and self._transport is not None:
            self._tick(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Send and hear nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ARG002
        """Count a packet of the caller; note a digit at its end, once."""
        if len(data) < _HEADER.size:
            return
        self.received += 1
        _, kind, _, timestamp, _ = _HEADER.unpack_from(data)
        if self._offer is None or kind & 0x7F != self._offer.events or len(data) < _HEADER.size + 4:
            return
        event, flags = data[_HEADER.size], data[_HEADER.size + 1]
        if flags & 0x80 and timestamp != self._last_event and event < len(DIGITS):
            self._last_event = timestamp
            self.digits.put_nowait(DIGITS[event])

    def error_received(self, exc: Exception) -> None:
        """Go on: the caller's port may be closed before its BYE is here."""

    def _tick(self, due: float) -> None:
        self._send()
        due += PACKET
        self._timer = asyncio.get_running_loop().call_at(due, self._tick, due)

    def _send(self) -> None:
        assert self._offer is not None
        assert self._transport is not None
        frame = self._frames[self._position]
        self._position = (self._position + 1) % len(self._frames)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME) & 0xFFFFFFFF
        if self.loss and self._random.random() < self.loss:
            return
        first, before, after = (0xB1, _CONTRIBUTING + _EXTENSION, _PADDING) if self.odd else (0x80, b"", b"")
        header = _HEADER.pack(first, self._offer.codec, self._sequence, self._timestamp, self._source)
        self._transport.sendto(header + before + frame + after, (self._offer.host, self._offer.port))
