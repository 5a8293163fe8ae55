"""Sounds of a telephone line as files of A-law samples: an encoder and tones of the tests' own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8000
CADENCES = {
    "busy": ((425,), 0.5, 0.5),
    "congestion": ((425,), 0.25, 0.25),
    "ringback": ((425,), 1.0, 4.0),
}
SPECIAL_INFORMATION = (950, 1400, 1800)


def a_law(samples: NDArray[np.float64]) -> bytes:
    """Return samples of -1..1 as G.711 A-law, by its law and not by its table (ITU-T G.711, 3)."""
    magnitude = np.minimum(np.abs(samples) * 4096, 4095).astype(int)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 1)
    segment = np.where(magnitude < 32, 0, exponent)
    mantissa = (magnitude >> np.maximum(segment, 1)) & 15
    code = (segment << 4) | mantissa | np.where(samples >= 0, 128, 0)
    return bytes((code ^ 0x55).astype(np.uint8))


def mu_law(samples: NDArray[np.float64]) -> bytes:
    """Return samples of -1..1 as G.711 mu-law, by its law (ITU-T G.711, 4)."""
    magnitude = np.minimum((np.abs(samples) * 8192).astype(int) + 33, 8191)
    segment = np.floor(np.log2(magnitude)).astype(int) - 5
    code = (segment << 4) | (magnitude >> (segment + 1)) & 15 | np.where(samples >= 0, 128, 0)
    return bytes((code ^ 0x7F).astype(np.uint8))


def tone(name: str, seconds: float = 10.0) -> NDArray[np.float64]:
    """Return a Dutch tone at -12 dB with its cadence."""
    at = np.arange(int(seconds * RATE)) / RATE
    if name == "special_information":
        part = (at % 2.0 / 0.33).astype(int)
        frequency = np.select([part == 0, part == 1, part == 2], SPECIAL_INFORMATION, 0)
        on = part < 3
    else:
        (frequency_,), mark, space = CADENCES[name]
        frequency = np.full_like(at, frequency_)
        on = at % (mark + space) < mark
    return np.where(on, 0.25 * np.sin(2 * np.pi * frequency * at), 0.0)


def speech(seconds: float = 10.0, seed: int = 1) -> NDArray[np.float64]:
    """Return something like speech: a gliding voice, changing vowels, syllables and pauses."""
    random = np.random.default_rng(seed)
    parts, left = [], int(seconds * RATE)
    while left > 0:
        length = int(random.uniform(0.12, 0.3) * RATE)
        at = np.arange(length) / RATE
        pitch = random.uniform(95, 150) * (1 + random.uniform(-0.2, 0.2) * at / at[-1])
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        formants = random.uniform(300, 800), random.uniform(900, 2300)
        vowel = sum(
            np.sin(k * phase) * sum(1 / (1 + ((k * 120 - f) / 120) ** 2) for f in formants) for k in range(1, 25)
        )
        syllable = vowel / np.abs(vowel).max() * np.hanning(length) + random.normal(0, 0.02, length)
        silent = int(random.choice([0.03, 0.06, 0.25], p=[0.5, 0.35, 0.15]) * RATE)
        parts += [0.4 * random.uniform(0.5, 1.0) * syllable, random.normal(0, 0.0005, silent)]
        left -= length + silent
    return np.concatenate(parts)[: int(seconds * RATE)]


def silence(seconds: float = 10.0) -> NDArray[np.float64]:
    return np.zeros(int(seconds * RATE))


def write(folder: Path) -> dict[str, Path]:
    """Write every sound as A-law, speech also as mu-law, and return the files."""
    sounds = {name: tone(name) for name in (*CADENCES, "special_information")}
    sounds |= {"speech": speech(), "silence": silence()}
    files = {name: a_law(samples) for name, samples in sounds.items()} | {"speech-PCMU": mu_law(sounds["speech"])}
    paths = {name: folder / f"{name}.raw" for name in files}
    for name, data in files.items():
        paths[name].write_bytes(data)
    return paths
