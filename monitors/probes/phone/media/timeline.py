"""Where in time each packet belongs: out come whole steps of samples, once late packets have had their chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors.probes.phone.media.g711 import RATE, Samples
from monitors.probes.phone.media.rtp import Packet
from monitors.probes.phone.media.spectra import FRAME, STEP

WAIT = 0.2  # seconds for packets that are late or out of order
QUIET = 0.1  # seconds after which another source may speak again
OFF = 1.0  # seconds that timestamps may be off the clock before they are taken for a new start

_STEP = STEP * FRAME
_BUFFER = 4 * _STEP  # samples that are kept at most


class Timeline:
    """Two seconds of one call. Sample 0 is the first of the packet that came at `begun` (monotonic seconds).

    A new source is followed at once; one that was heard before only when the one that is followed has fallen quiet.
    """

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._samples = np.zeros(_BUFFER, dtype=np.int16)
        self._came = np.zeros(_BUFFER, dtype=np.bool_)
        self._taken = 0  # samples handed out
        self._sources: set[int] = set()
        self._source: int | None = None
        self._last = 0.0  # when the source that is followed was heard last
        self._timestamp = self._position = 0  # of its newest packet

    def put(self, packet: Packet, samples: Samples, at: float) -> None:
        """Write the samples of `packet`, which came at `at`. What is too late or of another source is left out."""
        position = self._place(packet, at)
        if position is None or not 0 <= position - self._taken < _BUFFER:
            return
        room = slice(position - self._taken, min(position - self._taken + len(samples), _BUFFER))
        self._samples[room] = samples[: room.stop - room.start]
        self._came[room] = True

    def take(self, now: float) -> tuple[Samples, NDArray[np.bool_]] | None:
        """Return the next step and which of its samples came, once it is over; None before."""
        if (now - self._begun - WAIT) * RATE < self._taken + _STEP:
            return None
        step = self._samples[:_STEP].copy(), self._came[:_STEP].copy()
        for buffer in (self._samples, self._came):
            buffer[:-_STEP] = buffer[_STEP:]
            buffer[-_STEP:] = 0
        self._taken += _STEP
        return step

    def _place(self, packet: Packet, at: float) -> int | None:
        """Return at which sample a packet begins; None if its source is not the one that is followed."""
        arrived = round((at - self._begun) * RATE) // FRAME * FRAME
        if packet.ssrc != self._source:
            if packet.ssrc in self._sources and at - self._last < QUIET:
                return None
            self._sources.add(packet.ssrc)
            self._source = packet.ssrc
            self._timestamp, self._position = packet.timestamp, arrived
        self._last = at
        # Timestamps have 32 bits and wrap: the difference of two, from -2^31 to 2^31 - 1.
        since = (packet.timestamp - self._timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        position = self._position + since
        if since > 0 or since < -OFF * RATE:  # else it is older than others that have come, and no measure of time
            if position < self._taken or abs(position - arrived) > OFF * RATE:
                position = arrived
            self._timestamp, self._position = packet.timestamp, position
        return position
