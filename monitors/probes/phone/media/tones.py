"""The tones of the Dutch network, found by their frequency and their cadence.

A frame carries a tone where most of its power lies at the tone's frequency: that holds at any loudness. A pause is
quiet *relative to the loudest of the tone*, not absolutely: with a signal 20 dB above the noise the noise is far from
silence. Only a cadence makes a tone, and only after 2 s of it; music may well hold a note of 425 Hz.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.media.g711 import RATE
from monitors.probes.phone.media.spectra import FLOOR, FRAME, FRAMES, TONES, Frames

PURE = 0.7  # of the power; noise 20 dB below leaves 0.99, a frame half of which is the tone 0.5
QUIET = 0.1  # of the tone's power, -10 dB
OFF_PITCH = 12.0  # Hz from 425 that are still the tone; a' of music is 440 Hz
DROPOUT = 2  # frames that may break a burst, and more if they were lost
LOST = 5
SHORTEST = 3  # frames; anything shorter is no burst
ENOUGH = 95  # frames, 2 s less one that is cut at either side


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames from `start` up to, not including, `end`."""

    sound: Sound
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """The tones in some frames, and which frames may still become one: a burst of 425 Hz is not yet a ringback."""

    stretches: tuple[Stretch, ...]
    undecided: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Burst:
    """Frames from `start` up to `end` that carry the tone `tone` (an index of `TONES`); `quiet` frames follow it."""

    tone: int
    start: int
    end: int
    quiet: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class _Cadence:
    """How long burst and pause are, in frames, the shortest and the longest; E.180 allows a quarter more or less."""

    sound: Sound
    on: tuple[int, int]
    off: tuple[int, int]

    def may_follow(self, burst: _Burst, later: _Burst) -> bool:
        """Whether there is a right and quiet pause between two bursts."""
        pause = later.start - burst.end
        return self.off[0] <= pause <= self.off[1] and burst.quiet >= pause - 2

    def holds(self, chain: list[_Burst]) -> bool:
        """Whether these bursts, each a right pause after the other, are 2 s of this cadence; the outer may be cut."""
        whole = [burst for burst in chain if self.on[0] <= len(burst) <= self.on[1]]
        fitting = all(len(burst) <= self.on[1] for burst in chain) and len(whole) >= len(chain) - 2
        pause = min(chain[-1].quiet, self.off[1])
        seen = chain[-1].end - chain[0].start + pause
        return fitting and bool(whole) and seen >= ENOUGH and (len(chain) > 1 or self._rings(chain[0], pause))

    def _rings(self, burst: _Burst, pause: int) -> bool:
        """Whether one burst and its pause, cut or not, are 2 s of the cadence; those of the other tones are shorter."""
        return self.off[0] >= FRAMES and pause >= ENOUGH - len(burst)


_CADENCES = (
    _Cadence(Sound.CONGESTION, (8, 18), (8, 18)),  # 250/250 ms
    _Cadence(Sound.BUSY, (19, 32), (19, 32)),  # 500/500 ms
    _Cadence(Sound.RINGBACK, (40, 62), (150, 250)),  # 1000/4000 ms
)
_SPECIAL_BURST = (12, 21)  # three of 330 ms, ±70 ms (E.180, section 3.9) and a frame
_SPECIAL_GAP = 4  # at most 30 ms between them, and a frame cut at either side
_SPECIAL_PAUSE = FRAMES


def find(frames: Frames) -> Found:
    """Return the tones in these frames, in order. The frames should begin 5 s before the first one of interest."""
    bursts = list(_bursts(frames, 0))
    stretches = [stretch for cadence in _CADENCES for stretch in _repeated(cadence, bursts)]
    special = sorted((burst for tone in (1, 2, 3) for burst in _bursts(frames, tone)), key=lambda burst: burst.start)
    stretches += _special(special)
    undecided = np.zeros(len(frames), dtype=np.bool_)
    longest = max(cadence.on[1] for cadence in _CADENCES)
    for burst in (*bursts, *special):
        if len(burst) <= longest and burst.end > len(frames) - 2 * FRAMES:
            undecided[burst.start : burst.end] = True
    return Found(tuple(sorted(stretches, key=lambda stretch: stretch.start)), undecided)


def _repeated(cadence: _Cadence, bursts: list[_Burst]) -> Iterator[Stretch]:
    """Yield where bursts follow each other in this cadence, as long stretches as there are."""
    chain: list[_Burst] = []
    for burst, later in zip(bursts, (*bursts[1:], None), strict=False):  # nothing is zipped where there are no bursts
        chain.append(burst)
        if later is not None and cadence.may_follow(burst, later):
            continue
        if (kept := _fitting(cadence, chain)) is not None:
            end = kept[-1].end + min(kept[-1].quiet, (cadence.off[0] + cadence.off[1]) // 2)
            yield Stretch(cadence.sound, kept[0].start, end)
        chain = []


def _fitting(cadence: _Cadence, chain: list[_Burst]) -> list[_Burst] | None:
    """Return the chain without bursts at its ends that are too long to be of it; None if the rest is no cadence."""
    while chain and len(chain[0]) > cadence.on[1]:
        chain = chain[1:]
    while chain and len(chain[-1]) > cadence.on[1]:
        chain = chain[:-1]
    return chain if chain and cadence.holds(chain) else None


def _special(bursts: list[_Burst]) -> Iterator[Stretch]:
    """Yield each 950, 1400 and 1800 Hz in this order. Nothing else sounds like it, so one is enough."""
    for first, second, third in zip(bursts, bursts[1:], bursts[2:], strict=False):
        three = (first, second, third)
        in_order = [burst.tone for burst in three] == [1, 2, 3]
        right = all(_SPECIAL_BURST[0] <= len(burst) <= _SPECIAL_BURST[1] for burst in three)
        joined = max(second.start - first.end, third.start - second.end) <= _SPECIAL_GAP
        if in_order and right and joined:
            yield Stretch(Sound.SPECIAL_INFORMATION, first.start, third.end + min(third.quiet, _SPECIAL_PAUSE))


def _bursts(frames: Frames, tone: int) -> Iterator[_Burst]:
    """Yield where the tone is on."""
    on = frames.known & (frames.purity[:, tone] >= PURE) & (frames.power > FLOOR)
    if np.count_nonzero(on) < SHORTEST:
        return
    for start, end in _joined(_runs(on), frames.known):
        if end - start >= SHORTEST and (TONES[tone] != 425 or _on_pitch(frames, on, start, end)):
            loudest = float(frames.power[start:end][on[start:end]].max())
            yield _Burst(tone, start, end, _quiet_after(frames, end, QUIET * loudest))


def _runs(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(on, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _joined(runs: list[tuple[int, int]], known: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs; those that only a dropout or lost packets part are one."""
    joined: list[tuple[int, int]] = []
    for start, end in runs:
        if joined:
            before = joined[-1]
            gap = start - before[1]
            if gap <= DROPOUT or (gap <= LOST and not known[before[1] : start].any()):
                joined[-1] = (before[0], end)
                continue
        joined.append((start, end))
    return joined


def _on_pitch(frames: Frames, on: NDArray[np.bool_], start: int, end: int) -> bool:
    """Whether a burst is within `OFF_PITCH` of 425 Hz: off by d Hz, the phase turns by 2π·d·20 ms from frame to frame.

    At 425 Hz itself a frame is 8.5 periods long: half a turn, the minus sign.
    """
    line, adjacent = frames.line[start:end], on[start : end - 1] & on[start + 1 : end]
    turned = np.sum((-line[1:] * line[:-1].conj())[adjacent])
    return bool(abs(np.angle(turned)) <= 2 * pi * OFF_PITCH * FRAME / RATE)


def _quiet_after(frames: Frames, end: int, gate: float) -> int:
    """Return how many frames from `end` on are quiet: until two in a row are not. The first one may be cut."""
    loud = np.flatnonzero(frames.power[end + 1 :] >= gate)
    twice = loud[:-1][np.diff(loud) == 1]
    return int(twice[0]) + 1 if len(twice) else len(frames) - end
