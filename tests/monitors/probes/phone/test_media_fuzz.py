"""Whatever comes in: the parsers raise the one exception that they declare, and nothing grows without bound."""

import tracemalloc
from contextlib import suppress
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitors.probes.phone.media import sdp
from monitors.probes.phone.media.listener import LONGEST, Listener
from monitors.probes.phone.media.rtp import MalformedRtp, Packet, build, parse

WORD = st.sampled_from(
    [
        "audio",
        "video",
        "0",
        "8",
        "101",
        "5000",
        "99999999999999999999",
        "-1",
        "²",
        "RTP/AVP",
        "IN",
        "IP4",
        "IP6",
        "::1",
        "127.0.0.1",
        "224.0.0.1",
        "fe80::1%eth0",
        "rtpmap:8",
        "PCMA/8000",
        "rtpmap:",
        "ptime:20",
        "sendonly",
        "5000/x",
        "\x00",
    ]
)
LINE = st.builds(
    lambda kind, words: kind + " ".join(words), st.sampled_from(["m=", "c=", "a=", "o=", ""]), st.lists(WORD)
)
NEARLY_SDP = st.lists(LINE, max_size=30).map(lambda lines: "\r\n".join(["v=0", *lines]).encode())
PACKETS = st.builds(
    Packet,
    st.sampled_from([0, 8, 13, 101]),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 40),
    st.binary(max_size=400),
    st.booleans(),
)


@given(datagram=st.binary(max_size=64) | st.binary(max_size=64).map(lambda rest: b"\xb1\x08" + rest))
def test_any_datagram_is_rtp_or_malformed(datagram: bytes) -> None:
    """The payload is a part of the datagram."""
    with suppress(MalformedRtp):
        assert parse(datagram).payload in datagram


@given(packet=PACKETS)
def test_every_packet_survives(packet: Packet) -> None:
    """Build and parse are inverse, RTCP's payload types aside."""
    assert parse(build(packet)) == packet


@settings(max_examples=150)
@given(body=st.binary(max_size=300) | NEARLY_SDP)
@example(b"v=0\r\nc=IN IP6 fe80::1%eth0\r\nm=audio 5000 RTP/AVP 8")
def test_any_body_is_sdp_or_malformed(body: bytes) -> None:
    """Also what is nearly right; and what we answer to it can be read."""
    with suppress(sdp.MalformedSdp):
        remote = sdp.parse_answer(body)
        assert 0 <= remote.port <= 65_535
        assert remote.listens in {True, False}
        answer = sdp.answer_to(body, "127.0.0.1", 4_000, 7)
        assert answer.startswith(b"v=0")
        assert sdp.parse_answer(answer).usable == remote.usable


def test_a_body_of_any_size_is_done_with_at_once() -> None:
    """Ten megabytes are refused before they are looked at."""
    body = b"v=0\r\n" + b"a=x\r\n" * 2_000_000
    tracemalloc.start()
    try:
        with suppress(sdp.MalformedSdp):
            sdp.parse_answer(body)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(PACKETS.map(build) | st.binary(max_size=30), st.floats(0, 30)), max_size=40))
def test_the_listener_takes_anything(arrivals: list[tuple[bytes, float]]) -> None:
    """Any packets at any pace: what it says is in order and within bounds."""
    listener, now = Listener(0.0), 0.0
    for datagram, later in arrivals:
        now += later
        listener.feed(datagram, now)
    heard = listener.heard(now + 1.0)
    assert all(before.end == after.start for before, after in pairwise(heard))
    assert len(listener._labels) <= LONGEST
    assert listener.received.lost >= 0


def test_a_flood_takes_no_memory() -> None:
    """Twenty thousand packets of ever new sources and timestamps leave no more behind than the first thousand."""
    listener = Listener(0.0)
    datagrams = [
        build(Packet(8, index, index * 7_919_993 % 2**32, index % 100, b"\xd5" * 160)) for index in range(1_000)
    ]
    tracemalloc.start()
    try:
        for index in range(1_000):
            listener.feed(datagrams[index], 0.5)
        before = tracemalloc.get_traced_memory()[0]
        for index in range(20_000):
            listener.feed(datagrams[index % 1_000], 0.5)
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()
