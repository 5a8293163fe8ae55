"""What we send: silence from the start and digits, read by a reader of the standard that shares nothing with it."""

import struct
from itertools import pairwise
from random import Random

import pytest

from monitors.probes.phone.media.digits import KEYS, Sender
from monitors.probes.phone.media.g711 import Law

SILENCE = b"\xd5" * 160


def sender(events: int | None = 101, seed: int = 1) -> Sender:
    return Sender(law=Law.A, payload_type=8, events=events, random=Random(seed))


def sent(source: Sender, seconds: float) -> list[bytes]:
    """Return all that is sent when it is asked every 20 ms, from 5 s on, a little after each packet is due."""
    first = source.packets(5.0)
    return first + [each for tick in range(1, round(seconds * 50)) for each in source.packets(5.001 + tick * 0.02)]


def read(datagram: bytes) -> tuple[int, bool, int, int, bytes]:
    """Return payload type, marker, sequence number, timestamp and payload."""
    _, second, sequence, timestamp, _ = struct.unpack("!BBHII", datagram[:12])
    return second & 127, second > 127, sequence, timestamp, datagram[12:]


def dialled(datagrams: list[bytes]) -> list[tuple[str, int, int]]:
    """RFC 4733: one key for each timestamp; its duration in samples and how many packets end it."""
    keys: dict[int, list[tuple[int, bool, int]]] = {}
    for kind, _, _, timestamp, payload in map(read, datagrams):
        if kind == 101:
            event, flags, duration = struct.unpack("!BBH", payload)
            keys.setdefault(timestamp, []).append((event, bool(flags & 0x80), duration))
    return [
        ("0123456789*#ABCD"[each[0][0]], max(duration for *_, duration in each), sum(end for _, end, _ in each))
        for each in keys.values()
    ]


def test_silence_is_sent_from_the_start() -> None:
    """Fifty packets a second, each 160 samples after the other, the marker on the first only."""
    packets = [read(each) for each in sent(sender(), 1.0)]
    assert len(packets) == 50
    assert {(kind, payload) for kind, _, _, _, payload in packets} == {(8, SILENCE)}
    assert [marker for _, marker, *_ in packets] == [True] + [False] * 49
    for before, after in pairwise(packets):
        assert (after[2] - before[2]) % 65_536 == 1
        assert (after[3] - before[3]) % 2**32 == 160


def test_digits_are_read_back() -> None:
    """Every key, each ended three times and lasting 120 ms."""
    source = sender()
    source.packets(4.98)
    source.press(KEYS)
    assert dialled(sent(source, 5.0)) == [(key, 960, 3) for key in "0123456789*#ABCD"]
    assert not source.pressing


def test_a_digit_lies_in_the_stream_of_silence() -> None:
    """Its timestamp is when it begins; sequence numbers go on; so does silence, in time and with a marker."""
    source = sender()
    source.packets(4.98)
    source.press("5")
    packets = [read(each) for each in sent(source, 0.5)]
    kinds = [kind for kind, *_ in packets]
    assert kinds == [101] * 8 + [8] * 19
    assert [(after[2] - before[2]) % 65_536 for before, after in pairwise(packets)] == [1] * 26
    events, after = packets[:8], packets[8]
    assert {timestamp for *_, timestamp, _ in events} == {events[0][3]}
    assert [marker for _, marker, *_ in events] == [True] + [False] * 7
    assert [struct.unpack("!BBH", payload)[2] for *_, payload in events] == [160, 320, 480, 640, 800, 960, 960, 960]
    assert [bool(payload[1] & 0x80) for *_, payload in events] == [False] * 5 + [True] * 3
    assert (after[3] - events[0][3]) % 2**32 == 960
    assert after[1]


def test_there_is_a_pause_between_two_digits() -> None:
    """The same key twice is two keys, 100 ms of silence apart."""
    source = sender()
    source.press("11")
    packets = sent(source, 1.0)
    assert [key for key, *_ in dialled(packets)] == ["1", "1"]
    kinds = [read(each)[0] for each in packets]
    assert kinds[:21] == [101] * 8 + [8] * 5 + [101] * 8


def test_the_first_numbers_are_random() -> None:
    """RFC 3550, section 5.1; the same seed gives the same call."""
    assert sent(sender(seed=1), 0.1) == sent(sender(seed=1), 0.1)
    first, other = sender(seed=1).packets(0.0)[0], sender(seed=2).packets(0.0)[0]
    assert all(first[part] != other[part] for part in (slice(2, 4), slice(4, 8), slice(8, 12)))


def test_numbers_wrap() -> None:
    """Both counters pass their end without an error."""
    source = sender()
    source._sequence, source._timestamp = 65_533, 2**32 - 320
    source.press("9")
    packets = [read(each) for each in sent(source, 0.4)]
    assert [sequence for _, _, sequence, *_ in packets[:4]] == [65_533, 65_534, 65_535, 0]
    assert packets[8][3] == 960 - 320


def test_a_stall_is_not_made_up_for() -> None:
    """After ten seconds some packets are sent at once, not five hundred; the timestamp says that time went by."""
    source = sender()
    before = read(source.packets(0.0)[0])
    late = [read(each) for each in source.packets(10.0)]
    assert 1 <= len(late) <= 7
    assert late[0][2] == (before[2] + 1) % 65_536
    assert (late[-1][3] - before[3]) % 2**32 == pytest.approx(80_000, abs=320)


def test_it_says_when_the_next_packet_is_due() -> None:
    """None before the first, then 20 ms after the last."""
    source = sender()
    assert source.due is None
    source.packets(3.0)
    assert source.due == pytest.approx(3.02)


@pytest.mark.parametrize(("events", "digits", "said"), [(101, "12E", "no keys"), (None, "1", "takes no telephone")])
def test_what_cannot_be_pressed_is_refused(events: int | None, digits: str, said: str) -> None:
    """Before anything of it is sent."""
    source = sender(events)
    with pytest.raises(ValueError, match=said):
        source.press(digits)
    assert not source.pressing
