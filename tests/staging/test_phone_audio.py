"""What the line plays, looked at as numbers."""

from __future__ import annotations

import numpy as np
import pytest

from staging.phone.audio import FRAME, RATE, Sound, a_law, encoded, mu_law, samples


def strongest(part: np.ndarray) -> float:
    """Return the frequency with most energy in a stretch of samples, in Hz."""
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * RATE))
    return float(np.argmax(spectrum)) / 8


@pytest.mark.parametrize(
    ("sound", "parts"),
    [
        (Sound.BUSY, [(425, 0.5), (0, 0.5)]),
        (Sound.CONGESTION, [(425, 0.25), (0, 0.25)]),
        (Sound.RINGBACK, [(425, 1.0), (0, 4.0)]),
        (Sound.SPECIAL_INFORMATION, [(950, 0.33), (1400, 0.33), (1800, 0.33), (0, 1.0)]),
    ],
)
def test_tones_have_their_frequency_and_cadence(sound: Sound, parts: list[tuple[float, float]]) -> None:
    """Each part has its length and its frequency, or is silent."""
    wave, start = samples(sound), 0
    for frequency, length in parts:
        part = wave[start : start + round(length * RATE)]
        if frequency:
            assert strongest(part) == pytest.approx(frequency, abs=2)
            assert np.sqrt(np.mean(part**2)) > 0.1
        else:
            assert not part.any()
        start += len(part)
    assert len(wave) - start <= FRAME


def test_speech_and_music_are_neither_silent_nor_tones() -> None:
    """Speech swells and pauses; music does not pause; neither has all its energy at one frequency, nor is clipped."""
    loudness = {}
    for sound in (Sound.PROMPT, Sound.MUSIC):
        wave = samples(sound)
        frames = wave.reshape(-1, FRAME)
        loudness[sound] = np.sqrt(np.mean(frames**2, axis=1))
        spectrum = np.abs(np.fft.rfft(wave)) ** 2
        assert np.max(spectrum) < 0.3 * np.sum(spectrum)
        assert 0.2 < np.max(np.abs(wave)) <= 0.5
    assert np.mean(loudness[Sound.PROMPT] < 0.01) > 0.1
    assert np.min(loudness[Sound.MUSIC]) > 0.02


@pytest.mark.parametrize("law", [mu_law, a_law])
def test_the_laws_are_those_of_g711(law: object) -> None:
    """Every 16-bit sample is compressed as the standard library of Python up to 3.12 does it."""
    audioop = pytest.importorskip("audioop")
    linear = np.arange(-32768, 32768, dtype=np.int32)
    pcm = linear.astype("<i2").tobytes()
    if law is mu_law:
        right, unpack = audioop.lin2ulaw(pcm, 2), audioop.ulaw2lin
        ours = mu_law(linear).tobytes()
    else:
        right, unpack = audioop.lin2alaw(pcm, 2), audioop.alaw2lin
        ours = a_law(linear).tobytes()
    wrong = np.frombuffer(unpack(ours, 2), "<i2").astype(int) - np.frombuffer(unpack(right, 2), "<i2")
    assert np.count_nonzero(wrong) <= 0.01 * len(linear)
    assert np.max(np.abs(wrong)) <= 1024


def test_known_samples_of_g711() -> None:
    """Silence and full scale, as the standard's tables have them."""
    some = np.array([0, 32767, -32768])
    assert mu_law(some).tolist() == [0xFF, 0x80, 0x00]
    assert a_law(some).tolist() == [0xD5, 0xAA, 0x2A]


@pytest.mark.parametrize("codec", [0, 8])
@pytest.mark.parametrize("sound", list(Sound))
def test_a_sound_is_whole_frames(sound: Sound, codec: int) -> None:
    """160 bytes each, as many as its period has."""
    frames = encoded(sound, codec)
    assert {len(frame) for frame in frames} == {FRAME}
    assert len(frames) * FRAME == len(samples(sound))
