"""What the far end plays, synthesised for the tests of what we hear: 8,000 samples a second, seeded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.media import g711
from monitors.probes.phone.media.listener import Listener
from monitors.probes.phone.media.rtp import Packet, build

RATE = 8_000
FRAME = 160
Floats = NDArray[np.float64]

# Frequency in Hz (0: pause) and seconds of each part, as ITU-T E.180 has them for the Netherlands.
CADENCES: dict[Sound, tuple[tuple[float, float], ...]] = {
    Sound.BUSY: ((425, 0.5), (0, 0.5)),
    Sound.CONGESTION: ((425, 0.25), (0, 0.25)),
    Sound.RINGBACK: ((425, 1.0), (0, 4.0)),
    Sound.SPECIAL_INFORMATION: ((950, 0.33), (1400, 0.33), (1800, 0.33), (0, 1.0)),
}


def time(seconds: float) -> Floats:
    return np.arange(round(seconds * RATE)) / RATE


def sine(frequency: float, seconds: float, amplitude: float = 6_000) -> Floats:
    return amplitude * np.sin(2 * np.pi * frequency * time(seconds))


def cadence(parts: tuple[tuple[float, float], ...], seconds: float, begins: float = 0.0) -> Floats:
    """Return a cadence over and over, from `begins` seconds into it."""
    period = np.concatenate([sine(frequency, length) for frequency, length in parts])
    first = round(begins * RATE)
    return np.resize(period, first + round(seconds * RATE))[first:]


def noisy(samples: Floats, ratio: float, seed: int = 1) -> Floats:
    """Return the samples with white noise `ratio` dB below what sounds in them."""
    power = np.mean(samples[samples != 0] ** 2)
    return samples + np.random.default_rng(seed).normal(0, np.sqrt(power / 10 ** (ratio / 10)), len(samples))


def speech(seconds: float, seed: int = 1) -> Floats:
    """Return noise in the shape of speech: four syllables a second through moving formants, a pause after every six."""
    random = np.random.default_rng(seed)
    frequencies = np.fft.rfftfreq(RATE // 4, 1 / RATE)
    pieces = []
    for syllable in range(round(seconds * 4)):
        formants = random.uniform(250, 800), random.uniform(900, 2_500)
        shape = sum(np.exp(-(((frequencies - formant) / 90) ** 2)) for formant in formants)
        sound = np.fft.irfft(np.fft.rfft(random.standard_normal(RATE // 4)) * shape)
        sound *= np.sin(np.pi * np.arange(len(sound)) / len(sound)) * (syllable % 8 < 6)
        pieces.append(sound / max(1e-9, np.abs(sound).max()) * 12_000)
    return np.concatenate(pieces)


def music(seconds: float, seed: int = 1) -> Floats:
    """Return a tune in eighths over a chord that changes every two seconds."""
    random = np.random.default_rng(seed)
    scale = 220 * 2 ** (np.array([0, 2, 3, 5, 7, 8, 10, 12, 14, 15]) / 12)
    notes = [random.choice(scale) for _ in range(round(seconds * 4))]
    tune = np.concatenate([sine(2 * note, 0.25, 4_000) * np.exp(-time(0.25) / 0.3) for note in notes])
    chords = [
        sum(sine(scale[root + step], 2.0, 2_000) for step in (0, 2, 4))
        for root in random.integers(0, 5, round(seconds / 2) + 1)
    ]
    return tune + np.resize(np.concatenate(chords), len(tune))


def packets(
    samples: Floats, law: g711.Law = g711.Law.A, *, ssrc: int = 7, sequence: int = 0, at: int = 0
) -> list[bytes]:
    """Return the samples as packets of 20 ms."""
    clipped = np.clip(samples, -32_000, 32_000).astype(np.int16)
    number = {g711.Law.A: 8, g711.Law.U: 0}[law]
    return [
        build(
            Packet(
                number,
                (sequence + start // FRAME) % 65_536,
                (at + start) % 2**32,
                ssrc,
                g711.encode(law, clipped[start : start + FRAME]),
            )
        )
        for start in range(0, len(clipped) - FRAME + 1, FRAME)
    ]


def lossy(datagrams: list[bytes], share: float, seed: int = 1) -> Iterator[bytes | None]:
    """Yield the datagrams, None in place of a lost one."""
    random = np.random.default_rng(seed)
    for datagram in datagrams:
        yield None if random.random() < share else datagram


def listened(samples: Floats, law: g711.Law = g711.Law.A, loss: float = 0.0) -> Listener:
    """Return a listener that heard the samples from second 0 on, and waited for what is late."""
    listener = Listener(0.0)
    for index, datagram in enumerate(lossy(packets(samples, law), loss)):
        if datagram is not None:
            listener.feed(datagram, index * 0.02)
    listener.current(len(samples) / RATE + 0.25)
    return listener


def shares(listener: Listener, seconds: float) -> dict[Sound, float]:
    """Return which share of `seconds` each sound was heard."""
    found: dict[Sound, float] = {}
    for each in listener.heard(seconds + 0.25):
        found[each.sound] = found.get(each.sound, 0.0) + (each.end - each.start) / seconds
    return found
