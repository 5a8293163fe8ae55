"""What the listener makes of the packets: when, of whom, and how much of it it keeps."""

from itertools import chain, zip_longest

import numpy as np
import pytest

from monitors.probes.phone.evidence import Heard, Received, Sound
from monitors.probes.phone.media.g711 import Law, encode
from monitors.probes.phone.media.listener import LONGEST, Listener
from monitors.probes.phone.media.rtp import Packet, build
from tests.monitors.probes.phone.media_sounds import CADENCES, cadence, listened, lossy, music, packets, speech

NOTHING = np.zeros(8_000 * 4)


def feed(listener: Listener, datagrams: list[bytes], begins: float = 0.0) -> float:
    """Feed them 20 ms apart; return when the next one would come."""
    for index, datagram in enumerate(datagrams):
        listener.feed(datagram, begins + index * 0.02)
    return begins + len(datagrams) * 0.02


def sounds(heard: tuple[Heard, ...]) -> list[Sound]:
    return [each.sound for each in heard]


def test_before_any_packet_there_is_nothing() -> None:
    """No RTP at all is its own evidence."""
    listener = Listener(100.0)
    assert (listener.heard(130.0), listener.current(130.0)) == ((), Sound.NOTHING)
    assert (listener.first_rtp, listener.first_audio, listener.received) == (None, None, Received())


def test_times_are_from_the_invite() -> None:
    """Called at 100, packets from 103, a voice from 105."""
    listener = Listener(100.0)
    end = feed(listener, packets(np.concatenate([np.zeros(16_000), speech(4.0)])), 103.0)
    heard = listener.heard(end + 0.25)
    assert listener.first_rtp == pytest.approx(3.0)
    assert listener.first_audio == pytest.approx(5.0, abs=0.1)
    assert (heard[0].start, heard[-1].end) == (pytest.approx(3.0), pytest.approx(9.0))
    assert sounds(heard) == [Sound.SILENCE, Sound.ACTIVE]


def test_silence_is_no_audio() -> None:
    """RTP of silence: the first packet is noted, audio is not."""
    listener = listened(NOTHING)
    assert (listener.first_rtp, listener.first_audio) == (0.0, None)
    assert listener.current(4.25) is Sound.SILENCE


def test_what_came_before_the_answer_is_early() -> None:
    """The same sound on both sides of the answer is two stretches; without an answer all is early."""
    listener = Listener(0.0)
    end = feed(listener, packets(music(10.0)))
    assert [each.early for each in listener.heard(end + 0.25)] == [True]
    listener.answered(4.0)
    early, late = listener.heard(end + 0.25)
    assert (early.early, early.end, late.early, late.sound) == (True, 4.0, False, Sound.MUSIC)


def test_when_packets_stop_nothing_is_heard() -> None:
    """Music, then no RTP for three seconds, then music again."""
    listener = Listener(0.0)
    tune = packets(music(12.0))
    feed(listener, tune[:250])
    assert listener.current(5.1) is Sound.MUSIC
    assert listener.current(6.3) is Sound.NOTHING
    feed(listener, tune[400:], 8.0)
    assert sounds(listener.heard(12.25)) == [Sound.MUSIC, Sound.NOTHING, Sound.MUSIC]


def test_a_sound_that_may_become_a_tone_is_nothing_yet() -> None:
    """The first second of a ringback is not taken for music or a voice; after 2 s it is one, from its beginning."""
    listener = Listener(0.0)
    now = {}
    for index, datagram in enumerate(packets(cadence(CADENCES[Sound.RINGBACK], 4.0))):
        listener.feed(datagram, index * 0.02)
        now[index * 0.02] = listener.current(index * 0.02)
    assert set(now.values()) == {Sound.NOTHING, Sound.SILENCE, Sound.RINGBACK}
    assert {sound for at, sound in now.items() if at >= 2.8} == {Sound.RINGBACK}
    assert sounds(listener.heard(4.25)) == [Sound.RINGBACK]


def test_reordered_and_doubled_packets_sound_the_same() -> None:
    """Each pair of packets changes places and each packet comes twice."""
    samples = cadence(CADENCES[Sound.BUSY], 8.0)
    sent = packets(samples)
    swapped = list(chain.from_iterable((b, a) for a, b in zip(sent[::2], sent[1::2], strict=True)))
    listener = Listener(0.0)
    for index, datagram in enumerate(swapped):
        listener.feed(datagram, index * 0.02)
        listener.feed(datagram, index * 0.02)
    assert sounds(listener.heard(8.25)) == sounds(listened(samples).heard(8.25)) == [Sound.BUSY]


def test_counters_that_wrap_change_nothing() -> None:
    """Sequence number and timestamp pass their end in the middle of a tone."""
    listener = Listener(0.0)
    sent = packets(cadence(CADENCES[Sound.CONGESTION], 6.0), sequence=65_500, at=2**32 - 24_000)
    end = feed(listener, sent)
    assert sounds(listener.heard(end + 0.25)) == [Sound.CONGESTION]
    assert listener.received == Received(packets=300, lost=0, jitter=pytest.approx(0.0, abs=1e-9), sources=1)


def test_another_source_takes_over() -> None:
    """A transfer: the queue's music comes from another machine, with numbers of its own."""
    listener = Listener(0.0)
    now = feed(listener, packets(cadence(CADENCES[Sound.RINGBACK], 6.0)))
    now = feed(listener, packets(music(6.0), Law.U, ssrc=99, sequence=40_000, at=2**31), now)
    assert sounds(listener.heard(now + 0.25)) == [Sound.RINGBACK, Sound.MUSIC]
    assert (listener.received.sources, listener.received.lost) == (2, 0)


def test_of_two_sources_at_once_the_newer_is_followed() -> None:
    """They are not mixed: a machine that goes on ringing does not break the busy tone."""
    listener = Listener(0.0)
    ringing = packets(cadence(CADENCES[Sound.RINGBACK], 12.0))
    busy = packets(cadence(CADENCES[Sound.BUSY], 6.0), ssrc=99)
    now = feed(listener, ringing[:350])
    for index, (newer, older) in enumerate(zip(busy, ringing[350:], strict=False)):
        for datagram in (newer, older):
            listener.feed(datagram, now + index * 0.02)
    assert sounds(listener.heard(12.0)) == [Sound.RINGBACK, Sound.BUSY]


def test_a_source_that_falls_silent_gives_way_to_the_old_one() -> None:
    """One stray packet of another source costs a tenth of a second, no more."""
    listener = Listener(0.0)
    tune = packets(music(10.0))
    now = feed(listener, tune[:200])
    listener.feed(packets(speech(1.0), ssrc=99)[0], now)
    feed(listener, tune[200:], now)
    assert sounds(listener.heard(10.25)) == [Sound.MUSIC]


def test_timestamps_that_jump_begin_anew() -> None:
    """The same source changes its clock by an hour, ahead and back: the audio goes on where it came."""
    listener = Listener(0.0)
    now = 0.0
    for at in (0, 28_800_000, 5):
        now = feed(listener, packets(music(4.0), at=at, sequence=at % 65_536), now)
    assert set(sounds(listener.heard(now + 0.25))) <= {Sound.MUSIC, Sound.ACTIVE}


def test_a_path_that_becomes_longer_is_followed() -> None:
    """From the middle on all packets come 0.8 s later: a gap, then the audio goes on."""
    listener = Listener(0.0)
    tune = packets(music(12.0))
    feed(listener, tune[:300])
    feed(listener, tune[300:], 6.8)
    heard = listener.heard(13.0)
    assert sounds(heard)[0] is sounds(heard)[-1] is Sound.MUSIC
    assert heard[-1].end - heard[-1].start >= 4.0


@pytest.mark.parametrize("milliseconds", [10, 30, 40, 60])
def test_packets_of_other_lengths_are_understood(milliseconds: int) -> None:
    """Whatever ptime the far end likes; with a twentieth lost."""
    sound = cadence(CADENCES[Sound.BUSY], 9.0).astype(np.int16)
    length = milliseconds * 8
    sent = [
        build(Packet(8, index, start, 1, encode(Law.A, sound[start : start + length])))
        for index, start in enumerate(range(0, len(sound), length))
    ]
    listener = Listener(0.0)
    for index, datagram in enumerate(lossy(sent, 0.05)):
        if datagram is not None:
            listener.feed(datagram, index * milliseconds / 1000)
    assert sounds(listener.heard(9.25)) == [Sound.BUSY]


def test_what_is_not_understood_is_counted_and_not_heard() -> None:
    """No RTP, another codec, and a payload type that SDP gave a law."""
    listener = Listener(0.0)
    listener.feed(b"GET / HTTP/1.1", 0.0)
    assert (listener.malformed, listener.first_rtp) == (1, None)
    for index in range(200):
        listener.feed(build(Packet(18, index, index * 160, 1, b"x" * 20)), index * 0.02)
    assert set(sounds(listener.heard(4.25))) == {Sound.NOTHING}
    assert listener.received.packets == 200
    dynamic = Listener(0.0, {97: Law.A})
    for index in range(200):
        dynamic.feed(build(Packet(97, index, index * 160, 1, b"\xd5" * 160)), index * 0.02)
    assert set(sounds(dynamic.heard(4.25))) == {Sound.SILENCE}


def test_asking_often_gives_the_same_as_asking_once() -> None:
    """What is heard depends on the packets and the time, not on who asked in between."""
    samples = np.concatenate([speech(4.0), cadence(CADENCES[Sound.RINGBACK], 8.0), music(4.0)])
    often = Listener(0.0)
    for index, datagram in enumerate(packets(samples)):
        often.feed(datagram, index * 0.02)
        often.current(index * 0.02 + 0.01)
        if index % 50 == 0:
            often.heard(index * 0.02 + 0.015)
    assert often.heard(16.25) == listened(samples).heard(16.25)


def test_a_call_without_end_is_not_kept() -> None:
    """After five minutes it is counted, not heard; audio is never kept for longer than it takes to judge it."""
    listener = Listener(0.0)
    listener.feed(packets(NOTHING)[0], 0.0)
    listener.feed(packets(NOTHING)[1], 86_400.0)
    heard = listener.heard(2 * 86_400.0)
    assert heard[-1].end == LONGEST / 2
    assert listener.received.packets == 2
    assert len(listener._frames) == 500
    assert listener._timeline is not None
    assert len(listener._timeline._samples) == 16_000


def test_tones_of_two_sources_in_turn_do_not_mix() -> None:
    """A fork: two far ends play early audio at once; the newer one is heard."""
    listener = Listener(0.0)
    first, second = packets(music(6.0)), packets(cadence(CADENCES[Sound.BUSY], 6.0), ssrc=8)
    for index, both in enumerate(zip_longest(first, second)):
        for datagram in both:
            listener.feed(datagram, index * 0.02)
    assert sounds(listener.heard(6.25)) == [Sound.BUSY]
