"""Tones, speech, music and silence, as they come out of a telephone line."""

from itertools import pairwise

import numpy as np
import pytest

from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.media.g711 import Law
from monitors.probes.phone.media.listener import Listener
from tests.monitors.probes.phone.media_sounds import (
    CADENCES,
    Floats,
    cadence,
    listened,
    music,
    noisy,
    packets,
    shares,
    sine,
    speech,
)

TONES = tuple(CADENCES)
SECONDS = 9.0


def tones_in(samples: Floats, law: Law = Law.A, loss: float = 0.0) -> set[Sound]:
    return set(shares(listened(samples, law, loss), len(samples) / 8_000)) & set(TONES)


@pytest.mark.parametrize("law", Law)
@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_each_tone_is_recognised_and_none_confused(tone: Sound, law: Law, loss: float) -> None:
    """20 dB above the noise, in both laws, with lost packets: nothing but the tone is heard in at least nine tenths."""
    samples = noisy(cadence(CADENCES[tone], SECONDS), 20)
    heard = shares(listened(samples, law, loss), SECONDS)
    assert heard[tone] >= 0.9
    assert set(heard) & set(TONES) == {tone}


@pytest.mark.parametrize("tone", TONES)
def test_a_tone_with_dropouts_is_recognised(tone: Sound) -> None:
    """What the far end's own network lost comes as silence: 20 ms of each second."""
    samples = cadence(CADENCES[tone], SECONDS)
    for start in range(1_000, len(samples), 8_000):
        samples[start : start + 160] = 0
    assert shares(listened(samples), SECONDS)[tone] >= 0.9


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("begins", [0.2, 0.7])
def test_a_tone_is_recognised_from_its_middle_on(tone: Sound, begins: float) -> None:
    """A call rarely joins at the beginning of a cadence: within a period and 2 s it is known, and stays."""
    heard = listened(noisy(cadence(CADENCES[tone], 14.0, begins), 20)).heard(14.25)
    (known,) = (each for each in heard if each.sound is tone)
    assert known.start <= 5.0
    assert known.end >= 12.5  # what has begun again at the very end is not yet one
    assert {each.sound for each in heard} <= {tone, Sound.ACTIVE, Sound.SILENCE}


@pytest.mark.parametrize("amplitude", [300, 20_000])
@pytest.mark.parametrize("tone", TONES)
def test_loudness_does_not_matter(tone: Sound, amplitude: float) -> None:
    """From 44 dB below full scale to almost all of it: the pause is quiet relative to the tone."""
    samples = noisy(cadence(CADENCES[tone], SECONDS) * amplitude / 6_000, 20)
    assert tones_in(samples) == {tone}


@pytest.mark.parametrize("tone", TONES)
def test_two_seconds_make_a_tone_and_less_does_not(tone: Sound) -> None:
    """Nobody says busy after one burst, and everybody does after two periods of a second."""
    parts = CADENCES[tone]
    assert tones_in(np.concatenate([cadence(parts, 0.6), speech(4.0)])) == set()
    assert tones_in(cadence(parts, 2.5)) == {tone}


@pytest.mark.parametrize("seed", range(2))
def test_speech_is_active_and_no_tone(seed: int) -> None:
    """Noise in the shape of speech, with pauses, is active; what is no voice may be music for a moment, but no tone."""
    heard = shares(listened(speech(20.0, seed), loss=0.05), 20.0)
    assert heard[Sound.ACTIVE] >= 0.9
    assert set(heard) <= {Sound.ACTIVE, Sound.MUSIC}


@pytest.mark.parametrize("seed", range(2))
def test_music_is_music_and_no_tone(seed: int) -> None:
    """A tune over chords is music nearly all of the time."""
    heard = shares(listened(music(20.0, seed), loss=0.05), 20.0)
    assert heard[Sound.MUSIC] >= 0.9
    assert set(heard) <= {Sound.MUSIC, Sound.ACTIVE}


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(sine(425, SECONDS), id="without a cadence"),
        pytest.param(cadence(((440, 0.5), (0, 0.5)), SECONDS), id="another pitch"),
        pytest.param(cadence(((425, 0.1), (0, 0.1)), SECONDS), id="too quick"),
        pytest.param(cadence(((425, 0.7), (0, 0.7)), SECONDS), id="neither busy nor ringback"),
        pytest.param(cadence(((425, 0.5), (0, 2.0)), SECONDS), id="too long a pause"),
        pytest.param(cadence(((1800, 0.33), (1400, 0.33), (950, 0.33), (0, 1)), SECONDS), id="downwards"),
        pytest.param(noisy(sine(1000, SECONDS), 0), id="noise"),
        pytest.param(cadence(((425, 0.5), (0, 0.5)), SECONDS) + speech(SECONDS), id="speech in the pauses"),
    ],
)
def test_what_resembles_a_tone_is_none(samples: Floats) -> None:
    """Right frequency or right cadence alone is not enough."""
    assert tones_in(samples) == set()


def test_one_special_information_before_an_announcement_is_seen() -> None:
    """The three pitches come once, then somebody speaks."""
    samples = np.concatenate([cadence(CADENCES[Sound.SPECIAL_INFORMATION], 1.1), speech(8.0)])
    heard = listened(samples).heard(9.3)
    assert [each.sound for each in heard] == [Sound.SPECIAL_INFORMATION, Sound.ACTIVE]


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_transfer_from_ringback_to_music_is_seen(loss: float) -> None:
    """The signalling says nothing of it: a prompt, then ringback, then the queue's music, each where it begins."""
    samples = np.concatenate([speech(6.0), cadence(CADENCES[Sound.RINGBACK], 11.0), music(8.0)])
    heard = listened(noisy(samples, 30), loss=loss).heard(25.25)
    assert [each.sound for each in heard] == [Sound.ACTIVE, Sound.RINGBACK, Sound.MUSIC]
    assert [each.start for each in heard] == pytest.approx([0.0, 6.0, 17.0], abs=1.0)
    assert all(before.end == after.start for before, after in pairwise(heard))


def test_a_transfer_from_music_to_busy_is_seen() -> None:
    """A queue that throws the caller out."""
    samples = np.concatenate([music(8.0), cadence(CADENCES[Sound.BUSY], 6.0)])
    assert [each.sound for each in listened(samples).heard(14.25)] == [Sound.MUSIC, Sound.BUSY]


def test_a_ringback_cut_by_the_answer_stays_one() -> None:
    """The third burst ends after 0.4 s, when somebody speaks."""
    samples = np.concatenate([cadence(CADENCES[Sound.RINGBACK], 10.4), speech(5.6)])
    heard = listened(samples).heard(16.25)
    assert [each.sound for each in heard] == [Sound.RINGBACK, Sound.ACTIVE]
    assert heard[1].start == pytest.approx(10.4, abs=0.75)


@pytest.mark.parametrize("pause", [2.1, 2.3, 2.5])
def test_neither_speech_nor_music_is_split_at_its_ends(pause: float) -> None:
    """The first and the last half second are judged with what is beside them, not alone."""
    ringback = cadence(CADENCES[Sound.RINGBACK], pause)
    samples = np.concatenate([speech(5.0), ringback, music(5.3), ringback, speech(5.0, seed=2)])
    sounds = [each.sound for each in listened(samples).heard(30.0) if each.sound is not Sound.NOTHING]
    assert sounds == [Sound.ACTIVE, Sound.RINGBACK, Sound.MUSIC, Sound.RINGBACK, Sound.ACTIVE]


def test_ringback_with_nothing_sent_in_its_pauses_is_one() -> None:
    """Some far ends send no packets while they have nothing to say."""
    samples = cadence(CADENCES[Sound.RINGBACK], 16.0)
    listener = Listener(0.0)
    for index, datagram in enumerate(packets(samples)):
        if samples[index * 160 : (index + 1) * 160].any():
            listener.feed(datagram, index * 0.02)
    assert [each.sound for each in listener.heard(16.25)] == [Sound.RINGBACK]


def test_under_two_percent_of_activity_is_silence() -> None:
    """One frame in a hundred, on a line with some noise, is a click; half a second in four is somebody."""
    quiet = np.random.default_rng(1).normal(0, 30, 8 * 8_000)
    clicks = quiet.copy()
    clicks[::16_000] = 30_000
    assert set(shares(listened(quiet), 8.0)) == set(shares(listened(clicks), 8.0)) == {Sound.SILENCE}
    quiet[32_000:36_000] += speech(0.5)
    assert [each.sound for each in listened(quiet).heard(8.25)] == [Sound.SILENCE, Sound.ACTIVE, Sound.SILENCE]
