"""RTP packets, and the statistics of RFC 3550 against figures computed by hand."""

import struct

import pytest

from monitors.probes.phone.evidence import Received
from monitors.probes.phone.media.rtp import MAX_SOURCES, MalformedRtp, Packet, Statistics, build, parse

SOUND = b"\xd5" * 160


def packet(sequence: int, timestamp: int | None = None, ssrc: int = 1) -> Packet:
    return Packet(8, sequence % 65_536, sequence * 160 if timestamp is None else timestamp, ssrc, SOUND)


def counted(*arrivals: tuple[Packet, float]) -> Received:
    statistics = Statistics()
    for each, at in arrivals:
        statistics.add(each, at)
    return statistics.received


def in_order(*sequences: int) -> Received:
    """Count packets that come exactly when they should."""
    return counted(*((packet(sequence), sequence * 0.02) for sequence in sequences))


def test_a_packet_that_was_built_is_parsed() -> None:
    """All fields survive; the first bytes are those of RFC 3550, section 5.1."""
    sent = Packet(101, 65_535, 2**32 - 1, 0xDEADBEEF, b"abc", marker=True)
    datagram = build(sent)
    assert datagram[:2] == bytes([0x80, 0x80 | 101])
    assert parse(datagram) == sent


def test_sources_extension_and_padding_are_no_payload() -> None:
    """Two contributing sources, an extension of one word and four bytes of padding around three bytes."""
    header = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 8, 5, 800, 9)
    csrc, extension = struct.pack("!II", 1, 2), struct.pack("!HHI", 0xBEDE, 1, 0)
    parsed = parse(header + csrc + extension + b"abc" + b"\0\0\0\x04")
    assert parsed == Packet(8, 5, 800, 9, b"abc")


@pytest.mark.parametrize(
    ("datagram", "said"),
    [
        (b"", "0 bytes"),
        (b"\x80" * 11, "11 bytes"),
        (b"\x40" + b"\0" * 11, "version 1"),
        (b"\x80\xc8" + b"\0" * 26, "RTCP packet type 200"),
        (b"\x83" + b"\x08" + b"\0" * 14, "longer than"),
        (b"\x90\x08" + b"\0" * 10, "cut off"),
        (b"\x90\x08" + b"\0" * 10 + b"\0\0\xff\xff", "longer than"),
        (b"\xa0\x08" + b"\0" * 10 + b"\0", "no length"),
        (b"\xa0\x08" + b"\0" * 10 + b"ab\x09", "longer than"),
    ],
)
def test_what_is_no_rtp_is_refused(datagram: bytes, said: str) -> None:
    """Short ones, other versions, RTCP, and lengths that point outside of the datagram."""
    with pytest.raises(MalformedRtp, match=said):
        parse(datagram)


def test_nothing_is_lost_when_all_come() -> None:
    """A hundred packets in order: none lost, no jitter, one source."""
    assert in_order(*range(100)) == Received(packets=100, lost=0, jitter=pytest.approx(0.0, abs=1e-9), sources=1)


def test_the_wrap_of_the_sequence_number_is_no_loss() -> None:
    """65,534, 65,535, 0, 1, and one is missing after it: five of six."""
    received = in_order(65_534, 65_535, 65_536, 65_537, 65_539)
    assert (received.packets, received.lost) == (5, 1)


def test_reordering_is_no_loss() -> None:
    """Two packets change places, also across the wrap."""
    assert (in_order(1, 3, 2, 4).lost, in_order(65_534, 65_536, 65_535, 65_537).lost) == (0, 0)


def test_a_duplicate_counts_as_received() -> None:
    """RFC 3550, A.3: expected 1 to 5 is five, received four and one twice is five: none lost by that rule."""
    received = in_order(1, 2, 2, 3, 5)
    assert (received.packets, received.lost) == (5, 0)


def test_more_duplicates_than_losses_are_no_negative_loss() -> None:
    """What is shown cannot be below zero."""
    assert in_order(1, 1, 1, 2).lost == 0


def test_losses_of_several_sources_add_up() -> None:
    """One source misses 2 of 1-4, another 11 and 12 of 10-13; the duplicates of one do not hide another's loss."""
    first = [(packet(each), 0.0) for each in (1, 3, 4)]
    second = [(packet(each, ssrc=2), 0.0) for each in (10, 13)]
    third = [(packet(each, ssrc=3), 0.0) for each in (1, 1, 1)]
    received = counted(*first, *second, *third)
    assert (received.packets, received.lost, received.sources) == (8, 3, 3)


def test_a_stream_that_begins_anew_is_no_loss() -> None:
    """The same source jumps by 30,000: after two packets in sequence it is a new stream; the first is not counted."""
    received = in_order(1, 2, 4, 30_000, 30_001, 30_002)
    assert (received.packets, received.lost) == (5, 1)


def test_one_packet_from_elsewhere_is_not_counted() -> None:
    """A single wild sequence number changes nothing."""
    received = in_order(1, 2, 40_000, 3)
    assert (received.packets, received.lost) == (3, 0)


def test_jitter_is_that_of_the_standard() -> None:
    """Packets every 20 ms; the second is 5 ms late, the third on time, the fourth 16 ms early.

    |D| is 5, 5, 16 ms: J = 5/16 = 0.3125; + (5 - 0.3125)/16 = 0.60546875; + (16 - 0.60546875)/16 = 1.567626953125 ms.
    """
    received = counted((packet(0), 10.0), (packet(1), 10.025), (packet(2), 10.040), (packet(3), 10.044))
    assert received.jitter == pytest.approx(0.001567626953125)


def test_jitter_bears_the_wrap_of_the_timestamp() -> None:
    """160 samples across 2^32 are 20 ms, not 149 hours."""
    received = counted((packet(1, 2**32 - 80), 1.0), (packet(2, 80), 1.020))
    assert received.jitter == pytest.approx(0.0, abs=1e-9)


def test_the_packets_of_a_digit_are_no_jitter() -> None:
    """All updates of one event have one timestamp: they come 20 ms apart all the same."""
    event = [(packet(sequence, 1_600), 0.2 + 0.02 * sequence) for sequence in range(6)]
    assert counted(*event).jitter == 0.0


def test_jitter_is_that_of_the_busiest_source() -> None:
    """A stray packet or two of another source, far apart, say nothing of the call."""
    steady = [(packet(each), each * 0.02) for each in range(10)]
    stray = [(packet(1, ssrc=2), 1.0), (packet(2, ssrc=2), 9.0)]
    assert counted(*steady, *stray).jitter == pytest.approx(0.0, abs=1e-9)


def test_sources_are_bounded() -> None:
    """A flood of sources is followed up to a limit, and says so."""
    statistics = Statistics()
    taken = [statistics.add(packet(1, ssrc=ssrc), 0.0) for ssrc in range(MAX_SOURCES + 5)]
    assert taken == [True] * MAX_SOURCES + [False] * 5
    assert statistics.received.sources == MAX_SOURCES
