"""What is sent: frames of silence from the start, and digits as telephone events (RFC 4733) in between."""

from __future__ import annotations

import struct
from collections import deque
from random import Random

from monitors.probes.phone.media import g711
from monitors.probes.phone.media.rtp import Packet, build

KEYS = "0123456789*#ABCD"  # RFC 4733, section 3.2, table 3: the index is the event

FRAME = 0.02  # seconds between two packets
STEP = round(FRAME * g711.RATE)  # samples in one
PRESSED = 5  # packets of a digit: 100 ms, and 100 ms between two; Q.24 asks for 40 ms and 40 ms
PAUSED = 5
ENDS = 3  # RFC 4733, section 2.5.1.4: the last packet is sent three times
VOLUME = 10  # -10 dBm0, RFC 4733, section 2.3.4
MOST_LATE = 5  # packets made at once after a stall

_EVENT = struct.Struct("!BBH")
_END = 0x80


def event_packets(digit: str, timestamp: int, sequence: int, ssrc: int, payload_type: int) -> list[Packet]:
    """Return the packets of one digit: `PRESSED` updates 20 ms apart, then the end three times in a row.

    RFC 4733, section 2.5.1: all have the timestamp of the beginning; the first one has the marker; the duration grows
    and is in samples; each packet has a sequence number of its own, those of the end too. Raises `ValueError` for no
    key.
    """
    event = KEYS.index(digit)
    durations = [STEP * count for count in range(1, PRESSED + 1)] + [STEP * (PRESSED + 1)] * ENDS
    return [
        Packet(
            payload_type,
            (sequence + index) % (1 << 16),
            timestamp,
            ssrc,
            _EVENT.pack(event, VOLUME | (_END if index >= PRESSED else 0), duration),
            marker=index == 0,
        )
        for index, duration in enumerate(durations)
    ]


class Sender:
    """Makes the packets of one call, one every 20 ms from the first `packets` on. Time is in monotonic seconds.

        sender = Sender(law=Law.A, payload_type=8, events=101, random=random)
        sender.press("1")
        for datagram in sender.packets(now): ...

    It never falls silent, so that a far end that waits for our first packet finds us, and a firewall stays open.
    """

    def __init__(self, *, law: g711.Law, payload_type: int, events: int | None, random: Random) -> None:
        """Send `law` as `payload_type`, digits as `events`: the payload types that the far end's SDP gives them."""
        self._silence = g711.silence(law, STEP)
        self._payload_type = payload_type
        self._events = events
        # RFC 3550, section 5.1: all three begin at random.
        self._ssrc, self._timestamp = random.getrandbits(32), random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._digits: deque[str] = deque()
        self._pressed: deque[list[Packet]] = deque()  # of the digit under way, what is sent at each instant
        self._pause = 0  # packets of silence before the next digit
        self._marker = True  # RFC 3551, section 4.1: on the first packet after none were sent
        self._due: float | None = None

    def press(self, digits: str) -> None:
        """Send these digits next, 120 ms each with 100 ms between.

        Raises `ValueError` for what is no key, and where the far end takes no telephone events.
        """
        if self._events is None:
            raise ValueError("the far end takes no telephone events")
        if unknown := set(digits) - set(KEYS):
            raise ValueError(f"{sorted(unknown)} are no keys of a telephone")
        self._digits.extend(digits)

    @property
    def pressing(self) -> bool:
        """Whether a digit is still to be sent in full."""
        return bool(self._digits or self._pressed)

    @property
    def due(self) -> float | None:
        """When the next packet is due; None before the first."""
        return self._due

    def packets(self, now: float) -> list[bytes]:
        """Return the datagrams due by `now`, in order; after a stall those that are far too late are left out."""
        if self._due is None:
            self._due = now
        missed = int((now - self._due) / FRAME) - MOST_LATE
        if missed > 0:
            self._due += missed * FRAME
            self._timestamp = (self._timestamp + missed * STEP) % (1 << 32)
        made = []
        while self._due <= now:
            made += [build(packet) for packet in self._next()]
            self._due += FRAME
        return made

    def _next(self) -> list[Packet]:
        """Return what is sent at one instant: a frame of silence, an update of a digit, or its three ends."""
        if self._pause == 0 and not self._pressed and self._digits:
            self._begin(self._digits.popleft())
        if self._pressed:
            packets = self._pressed.popleft()
            if not self._pressed:
                self._pause, self._marker = PAUSED, True
        else:
            packets = [self._frame()]
            self._pause = max(0, self._pause - 1)
        self._timestamp = (self._timestamp + STEP) % (1 << 32)
        return packets

    def _begin(self, digit: str) -> None:
        assert self._events is not None
        packets = event_packets(digit, self._timestamp, self._sequence, self._ssrc, self._events)
        self._sequence = (self._sequence + len(packets)) % (1 << 16)
        self._pressed = deque([*([packet] for packet in packets[:PRESSED]), packets[PRESSED:]])

    def _frame(self) -> Packet:
        packet = Packet(
            self._payload_type, self._sequence, self._timestamp, self._ssrc, self._silence, marker=self._marker
        )
        self._sequence, self._marker = (self._sequence + 1) % (1 << 16), False
        return packet
