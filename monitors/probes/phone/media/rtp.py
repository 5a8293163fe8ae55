"""RTP: packets in and out, and how they came in (RFC 3550)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from monitors.probes.phone.evidence import Received
from monitors.probes.phone.media.g711 import RATE

HEADER = struct.Struct("!BBHII")
VERSION = 2
MAX_SOURCES = 32  # further ones are not followed: memory stays bounded

# RFC 3550, A.1: a jump by less is loss, one back by less is reordering, anything else a stream that began anew.
MAX_DROPOUT = 3_000
MAX_MISORDER = 100
_SEQUENCES = 1 << 16


class MalformedRtp(ValueError):  # noqa: N818 - named as the parsers of this room name theirs
    """A datagram that is no RTP packet; the one exception of `parse`."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet; the payload without padding."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def parse(datagram: bytes) -> Packet:
    """Return the packet in `datagram`, RFC 3550, section 5.1. Raises `MalformedRtp`, for RTCP too."""
    if len(datagram) < HEADER.size:
        raise MalformedRtp(f"{len(datagram)} bytes are no RTP header")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(datagram)
    if first >> 6 != VERSION:
        raise MalformedRtp(f"version {first >> 6}, not {VERSION}")
    if 192 <= second <= 223:  # RFC 5761, section 4: RTCP on the same port
        raise MalformedRtp(f"RTCP packet type {second}")
    start, end = HEADER.size + 4 * (first & 0x0F), len(datagram)  # the CSRC list
    if first & 0x10:  # section 5.3.1: an extension, its length in words behind a profile of 16 bits
        if start + 4 > end:
            raise MalformedRtp("header extension is cut off")
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4])
    if first & 0x20:  # padding, its length in the last byte
        padding = datagram[-1]
        if padding == 0:
            raise MalformedRtp("padding of no length")
        end -= padding
    if start > end:
        raise MalformedRtp("header or padding is longer than the packet")
    return Packet(second & 0x7F, sequence, timestamp, ssrc, datagram[start:end], bool(second & 0x80))


def build(packet: Packet) -> bytes:
    """Return the datagram of `packet`."""
    second = packet.payload_type | packet.marker << 7
    header = HEADER.pack(VERSION << 6, second, packet.sequence, packet.timestamp, packet.ssrc)
    return header + packet.payload


class Statistics:
    """How the packets of all sources came in, RFC 3550, A.1, A.3 and A.8, without probation: the first packet counts.

    Lost are the packets expected minus those received, late ones and duplicates included; never below 0 for a source.
    The jitter is that of the source with the most packets.
    """

    def __init__(self) -> None:
        self._sources: dict[int, _Source] = {}

    def add(self, packet: Packet, at: float) -> bool:
        """Count `packet`, which came at `at`; return False if it is of a source too many."""
        source = self._sources.get(packet.ssrc)
        if source is None:
            if len(self._sources) >= MAX_SOURCES:
                return False
            source = self._sources[packet.ssrc] = _Source(packet.sequence)
        source.add(packet, at)
        return True

    @property
    def received(self) -> Received:
        """What has come in so far."""
        sources = self._sources.values()
        busiest = max(sources, key=lambda source: source.packets, default=None)
        return Received(
            packets=sum(source.packets for source in sources),
            lost=sum(source.lost for source in sources),
            jitter=busiest.jitter if busiest else 0.0,
            sources=len(sources),
        )


class _Source:
    """The packets of one SSRC. `_highest` is extended by the cycles of the sequence number."""

    __slots__ = ("_arrival", "_base", "_expected_before", "_highest", "_resume", "_timestamp", "jitter", "packets")

    def __init__(self, sequence: int) -> None:
        self.packets = 0
        self.jitter = 0.0
        self._expected_before = 0  # of the streams that ended in a restart
        self._timestamp = 0
        self._begin(sequence)

    def _begin(self, sequence: int) -> None:
        self._base = sequence
        self._highest = sequence - 1
        self._resume: int | None = None
        self._arrival: float | None = None

    @property
    def _expected(self) -> int:
        return self._highest - self._base + 1

    @property
    def lost(self) -> int:
        return max(0, self._expected_before + self._expected - self.packets)

    def add(self, packet: Packet, at: float) -> None:
        ahead = (packet.sequence - self._highest) % _SEQUENCES
        if ahead < MAX_DROPOUT:
            self._highest += ahead
        elif ahead <= _SEQUENCES - MAX_MISORDER:
            if packet.sequence != self._resume:  # one packet from elsewhere proves nothing, two in sequence do
                self._resume = (packet.sequence + 1) % _SEQUENCES
                return
            self._expected_before += self._expected
            self._begin(packet.sequence)
            self._highest = packet.sequence
        self.packets += 1
        self._delay(packet.timestamp, at)

    def _delay(self, timestamp: int, at: float) -> None:
        """A.8: J += (|D| - J) / 16, where D is the difference in spacing between sending and arrival of two packets.

        The packets of one digit have one timestamp (RFC 4733, section 2.5.1.2), as have duplicates: they say nothing.
        """
        if self._arrival is not None:
            if timestamp == self._timestamp:
                return
            sent = ((timestamp - self._timestamp + (1 << 31)) % (1 << 32) - (1 << 31)) / RATE
            self.jitter += (abs(at - self._arrival - sent) - self.jitter) / 16
        self._arrival, self._timestamp = at, timestamp
