"""What the line plays: tones, speech and music, computed and never recorded; 8,000 samples a second."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

import numpy as np
import numpy.typing as npt

RATE = 8000
FRAME = 160
"""Samples of one packet: 20 ms."""

Samples = npt.NDArray[np.float64]

LEVEL = 0.25
"""Amplitude of a tone, 1.0 being full scale: about -12 dBm0, as exchanges send them."""


class Sound(StrEnum):
    """Everything that the line can play, over and over again."""

    SILENCE = "silence"
    PROMPT = "prompt"
    MUSIC = "music"
    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SPECIAL_INFORMATION = "special-information"


# Dutch tones (ETSI TR 101 041-2): frequency in Hz (0: silence) and length in seconds of each part of the cadence.
CADENCES: dict[Sound, tuple[tuple[float, float], ...]] = {
    Sound.SILENCE: ((0, 1.0),),
    Sound.BUSY: ((425, 0.5), (0, 0.5)),
    Sound.CONGESTION: ((425, 0.25), (0, 0.25)),
    Sound.RINGBACK: ((425, 1.0), (0, 4.0)),
    Sound.SPECIAL_INFORMATION: ((950, 0.33), (1400, 0.33), (1800, 0.33), (0, 1.01)),
}


def seconds(sound: Sound) -> float:
    """Return how long a sound lasts before it begins again."""
    return len(samples(sound)) / RATE


@cache
def samples(sound: Sound) -> Samples:
    """Return one period of a sound, from -1 to 1; its length is a whole number of frames."""
    if sound is Sound.PROMPT:
        period = _speech()
    elif sound is Sound.MUSIC:
        period = _music()
    else:
        period = np.concatenate([_tone(frequency, length) for frequency, length in CADENCES[sound]])
    return np.resize(period, -(-len(period) // FRAME) * FRAME)


@cache
def encoded(sound: Sound, codec: int) -> tuple[bytes, ...]:
    """Return one period of a sound as frames of G.711: codec 0 is the mu-law, 8 the A-law."""
    linear = np.clip(samples(sound) * 32767, -32767, 32767).astype(np.int32)
    data = (mu_law if codec == 0 else a_law)(linear).tobytes()
    return tuple(data[start : start + FRAME] for start in range(0, len(data), FRAME))


def mu_law(linear: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Compress 16-bit samples by G.711's mu-law: sign, 3 bits of exponent, 4 of mantissa, all inverted.

    With m = min(|x|, 32635) + 132: exponent e = floor(log2 m) - 7, mantissa = (m >> (e + 3)) & 15.
    """
    magnitude = np.minimum(np.abs(linear), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(linear < 0, 0x80, 0)
    return np.asarray(~(sign | (exponent << 4) | mantissa) & 0xFF, dtype=np.uint8)


def a_law(linear: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """Compress 16-bit samples by G.711's A-law: sign, 3 bits of exponent, 4 of mantissa, every other bit inverted.

    With m = |x| (less one if negative) up to 32767: exponent e = max(0, floor(log2 m) - 7), mantissa =
    (m >> (e + 3)) & 15 for e > 0 and (m >> 4) & 15 for e = 0.
    """
    magnitude = np.minimum(np.where(linear < 0, -linear - 1, linear), 32767)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7, 0)
    mantissa = (magnitude >> np.where(exponent > 0, exponent + 3, 4)) & 15
    sign = np.where(linear < 0, 0, 0x80)
    return np.asarray((sign | (exponent << 4) | mantissa) ^ 0x55, dtype=np.uint8)


def _tone(frequency: float, length: float) -> Samples:
    time = np.arange(round(length * RATE)) / RATE
    return LEVEL * np.sin(2 * np.pi * frequency * time)


def _speech() -> Samples:
    """Return some six seconds that pass for speech: four syllables a second, short pauses, longer ones after sentences.

    A syllable is a buzz at the pitch of a voice (100-180 Hz), which glides, and whose harmonics are strongest near two
    formants, which glide from one vowel to another; a hiss begins it, its loudness swells and fades.
    """
    random = np.random.default_rng(1)
    parts: list[Samples] = []
    for words in ((1, 2), (2, 1, 3), (2, 3, 1), (1, 2)):
        for syllables in words:
            parts += [_syllable(random) for _ in range(syllables)]
            parts.append(_tone(0, random.uniform(0.06, 0.12)))
        parts.append(_tone(0, 0.35))
    return np.concatenate(parts)


def _syllable(random: np.random.Generator) -> Samples:
    length = round(random.uniform(0.17, 0.27) * RATE)
    course = np.arange(length) / length
    pitch = random.uniform(115, 165) * (1 + random.uniform(-0.3, 0.3) * course)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    low, high = (begin + (end - begin) * course for begin, end in random.uniform((300, 900), (900, 2300), (2, 2)).T)
    voice = np.zeros(length)
    for harmonic in range(1, 20):
        frequency = harmonic * pitch
        strength = np.exp(-(((frequency - low) / 150) ** 2)) + 0.5 * np.exp(-(((frequency - high) / 200) ** 2))
        voice += (strength + 0.02) * np.sin(harmonic * phase + harmonic)
    hiss = 0.3 * random.standard_normal(length) * np.exp(-course * length / RATE / 0.02)
    sound = voice / np.max(np.abs(voice)) * np.sin(np.pi * course) + hiss
    return np.asarray(0.5 * sound / np.max(np.abs(sound)))


def _music() -> Samples:
    """Return eight seconds of music on hold: four chords of three notes with overtones, each broken into eighths."""
    chords = ((262, 330, 392), (220, 262, 330), (349, 440, 523), (392, 494, 587))
    eighth = np.arange(round(0.25 * RATE)) / RATE
    bars = []
    for chord in chords:
        for beat in range(8):
            leading = chord[beat % 3] * 2
            notes = [(note, 0.5) for note in chord] + [(leading, 1.0)]
            sound = sum(
                weight * (np.sin(2 * np.pi * note * eighth) + 0.3 * np.sin(4 * np.pi * note * eighth))
                for note, weight in notes
            )
            bars.append(sound * (0.6 + 0.4 * np.exp(-eighth / 0.1)))
    whole = np.concatenate(bars)
    return np.asarray(0.4 * whole / np.max(np.abs(whole)))
