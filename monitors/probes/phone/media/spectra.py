"""Samples to frames of 20 ms: how loud each is and where its energy lies. All that later judgements need, no audio.

It is done step by step (0.5 s), so that a call costs the same whether it is asked for its audio once or all the time.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitors.probes.phone.media.g711 import RATE, Samples

FRAME = 160  # samples: 20 ms, bins of 50 Hz
FRAMES = RATE // FRAME  # in a second
BLOCK = 5  # frames: 100 ms, bins of 10 Hz
STEP = 25  # frames: 0.5 s
TONES = (425, 950, 1400, 1800)  # Hz

# Below it a frame is silence: -50 dB of full scale (mean square), well under a quiet voice and over a quiet line.
FLOOR = 32_768.0**2 * 10**-5.0

_OF_BLOCKS = {"kinship", "peaked", "sounding"}
_SPEECH_BAND = slice(10, 341)  # bins of a block: 100 to 3,400 Hz
_PEAKS = 8  # the strongest bins of a block
_WINDOW = np.hanning(BLOCK * FRAME + 1)[:-1]
_TIME = np.arange(FRAME) / RATE
_LINE = np.exp(-2j * np.pi * TONES[0] * _TIME)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames in order of time; n of them, and n / 5 blocks.

    `known` (n): all samples came. `power` (n): mean square, full scale 32,768². `purity` (n, 4): the share of the power
    near each of `TONES`. `line` (n, complex): the part at exactly 425 Hz, whose phase tells how exactly. `kinship`
    (blocks): how alike the spectra of a block and the one before are, -1 to 1. `peaked` (blocks): the power in its
    strongest bins, and `sounding` (blocks) in all.
    """

    known: NDArray[np.bool_]
    power: Floats
    purity: Floats
    line: NDArray[np.complex128]
    kinship: Floats
    peaked: Floats
    sounding: Floats

    def __len__(self) -> int:
        return len(self.known)

    @classmethod
    def empty(cls, steps: int = 0) -> Self:
        """Return steps of which nothing came."""
        n, blocks = steps * STEP, steps * STEP // BLOCK
        return cls(
            np.zeros(n, dtype=np.bool_),
            np.zeros(n),
            np.zeros((n, len(TONES))),
            np.zeros(n, dtype=np.complex128),
            *(np.zeros(blocks) for _ in range(3)),
        )

    def part(self, window: slice) -> Frames:
        """Return the frames of a window, which begins and ends with a block."""
        blocks = slice(window.start // BLOCK, window.stop // BLOCK)
        parts = ((getattr(self, field.name), field.name) for field in fields(self))
        return Frames(*(each[blocks if name in _OF_BLOCKS else window] for each, name in parts))

    def followed_by(self, later: Frames, most: int) -> Frames:
        """Return these frames and then `later`, of all that the last `most`, a whole number of steps."""
        joined = []
        for field in fields(self):
            keep = most // BLOCK if field.name in _OF_BLOCKS else most
            joined.append(np.concatenate([getattr(self, field.name), getattr(later, field.name)])[-keep:])
        return Frames(*joined)


class Spectrometer:
    """Makes the frames of one stream; it remembers the last block."""

    def __init__(self) -> None:
        self._last: Floats | None = None  # spectrum of the last block

    def step(self, samples: Samples, came: NDArray[np.bool_]) -> Frames:
        """Return the frames of one step: its 4,000 samples, those that did not come (`came` is false) as 0."""
        known: NDArray[np.bool_] = np.all(came.reshape(STEP, FRAME), axis=1)
        if not known.any():
            self._last = None
            return Frames.empty(1)
        frames = samples.reshape(STEP, FRAME).astype(np.float64)
        power = np.mean(frames**2, axis=1)
        spectrum = np.abs(np.fft.rfft(frames, axis=1)) ** 2 / (FRAME**2 / 2)  # bins add up to the power
        near = np.stack([spectrum[:, _bins(tone)].sum(axis=1) for tone in TONES], axis=1)
        purity = near / np.maximum(power, 1.0)[:, None]
        return Frames(known, power, purity, frames @ _LINE, *self._blocks(frames))

    def _blocks(self, frames: Floats) -> tuple[Floats, Floats, Floats]:
        """Return kinship, and the power in the strongest bins and in all.

        Kinship is the correlation of two spectra in decibels, floored at a thousandth of the mean of the step.
        """
        blocks = frames.reshape(-1, BLOCK * FRAME) * _WINDOW
        spectra = np.abs(np.fft.rfft(blocks, axis=1)[:, _SPEECH_BAND]) ** 2
        peaked = np.partition(spectra, -_PEAKS, axis=1)[:, -_PEAKS:].sum(axis=1)
        both = np.vstack([spectra[:1] if self._last is None else self._last, spectra])
        self._last = spectra[-1:]
        shapes = np.log(both + spectra.mean() * 1e-3 + 1.0)
        shapes -= shapes.mean(axis=1, keepdims=True)
        lengths = np.sqrt((shapes**2).sum(axis=1)) + 1e-9
        kinship = (shapes[1:] * shapes[:-1]).sum(axis=1) / (lengths[1:] * lengths[:-1])
        return kinship, peaked, spectra.sum(axis=1)


def _bins(tone: int) -> slice:
    """Return the bins of a frame within 75 Hz of a tone: special information may be 50 Hz off (E.180), bins leak."""
    return slice(-((75 - tone) // 50), (tone + 75) // 50 + 1)
