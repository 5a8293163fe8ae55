"""SDP offers and answers."""

import pytest

from monitors.probes.phone.media.g711 import Law
from monitors.probes.phone.media.sdp import Direction, MalformedSdp, Remote, answer_to, offer, parse_answer

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"


def body(*media: str, head: str = HEAD) -> bytes:
    return (head + "".join(f"{line}\r\n" for line in media)).encode()


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1", "IP4"), ("::1", "IP6")])
def test_our_offer_has_both_laws_and_digits(address: str, family: str) -> None:
    """Line by line as RFC 4566 wants it, over both families; a parser reads from it what was meant."""
    made = offer(address, 4_000, 77)
    assert made.decode().split("\r\n") == [
        "v=0",
        f"o=- 77 0 IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
        "m=audio 4000 RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]
    assert parse_answer(made) == Remote(address, 4_000, {8: Law.A, 0: Law.U}, 101, Direction.BOTH, 20)


def test_an_offer_fits_in_an_invite() -> None:
    """The INVITE stays below 1,300 bytes: the body takes less than 300 of them."""
    assert len(offer("2001:db8:1234:5678:9abc:def0:1234:5678", 65_535, 2**63)) < 400
    assert len(offer("127.0.0.1", 65_535, 2**31)) < 300


def test_static_payload_types_need_no_rtpmap() -> None:
    """RFC 3551, table 4: 0 is the µ-law, 8 the A-law; other types are nothing to us. No ptime is 20 ms."""
    remote = parse_answer(body("m=audio 5000 RTP/AVP 0 18 8 13"))
    assert remote == Remote("192.0.2.1", 5_000, {0: Law.U, 8: Law.A}, None, Direction.BOTH, 20)
    assert list(remote.payloads) == [0, 8]


def test_dynamic_payload_types_are_understood() -> None:
    """Names in any case, with channels; events elsewhere than 101; bare line feeds."""
    lines = ("m=audio 5000 RTP/AVP 97 96", "a=rtpmap:97 pcma/8000/1", "a=rtpmap:96 Telephone-Event/8000", "a=ptime:30")
    remote = parse_answer(body(*lines).replace(b"\r\n", b"\n"))
    assert (remote.payloads, remote.events, remote.ptime) == ({97: Law.A}, 96, 30)


def test_the_stream_has_the_last_word() -> None:
    """Its own address and direction come before those of the session."""
    lines = ("a=inactive", "m=audio 5000 RTP/AVP 8", "c=IN IP4 192.0.2.9", "a=sendonly")
    remote = parse_answer(body(*lines))
    assert (remote.address, remote.direction, remote.listens) == ("192.0.2.9", Direction.SEND, False)


def test_the_first_plain_stream_of_audio_counts() -> None:
    """Video and encrypted audio are passed over."""
    lines = ("m=video 4000 RTP/AVP 96", "m=audio 4002 RTP/SAVP 8", "m=audio 4004/2 RTP/AVP 8")
    assert parse_answer(body(*lines)).port == 4_004


@pytest.mark.parametrize(
    ("lines", "usable", "listens"),
    [
        (("m=audio 5000 RTP/AVP 8",), True, True),
        (("m=audio 0 RTP/AVP 8",), False, False),
        (("m=audio 5000 RTP/AVP 18",), False, False),
        (("m=audio 5000 RTP/AVP 8", "c=IN IP4 0.0.0.0"), True, False),
        (("m=audio 5000 RTP/AVP 8", "a=recvonly"), True, True),
        (("m=audio 5000 RTP/AVP 8", "a=inactive"), True, False),
    ],
)
def test_what_is_usable(lines: tuple[str, ...], usable: bool, listens: bool) -> None:
    """Refused, no common law, both ways of holding."""
    remote = parse_answer(body(*lines))
    assert (remote.usable, remote.listens) == (usable, listens)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (b"", "v=0"),
        (b"<html>", "v=0"),
        (body(), "no m=audio"),
        (body("m=audio RTP/AVP 8"), "fewer than four"),
        (body("m=audio x RTP/AVP 8"), "port is not"),
        (body("m=audio 70000 RTP/AVP 8"), "port is not"),
        (body("m=audio ² RTP/AVP 8"), "port is not"),
        (body("m=audio 5000 RTP/AVP 8", "c=IN IP4 example.org"), "without an address"),
        (body("m=audio 5000 RTP/AVP 8", "c=IN IP4 224.0.0.1/127"), "without an address"),
        (body("m=audio 5000 RTP/AVP 8", "c=IN IP6 ff02::1"), "address of many"),
        (body("m=audio 5000 RTP/AVP 8", "c=ATM"), "c= is not"),
        (body("m=audio 5000 RTP/AVP 8", "c=IN IP4 ::1"), "another family"),
        (body("m=audio 5000 RTP/AVP 8", "a=rtpmap:x PCMA/8000"), "payload type is not"),
        (body("m=audio 5000 RTP/AVP 8", head="v=0\r\n"), "no c="),
        (body(*["m=audio 5000 RTP/AVP 8"] * 17), "more than 16"),
        (body("m=audio 5000 RTP/AVP 8") + b"a=x\r\n" * 5_000, "bytes, more than"),
    ],
)
def test_what_is_no_description_of_audio_is_refused(broken: bytes, said: str) -> None:
    """One exception, which says what is wrong."""
    with pytest.raises(MalformedSdp, match=said):
        parse_answer(broken)


def test_we_answer_what_was_offered() -> None:
    """Same order and numbers of payload types, every other stream refused, the version that we are told."""
    lines = ("m=audio 5000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000", "m=video 4000 RTP/AVP 31 34")
    made = answer_to(body(*lines), "127.0.0.1", 4_000, 77, version=3).decode()
    assert "o=- 77 3 IN IP4 127.0.0.1\r\n" in made
    assert made.split("m=")[1].startswith(
        "audio 4000 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 telephone-event"
    )
    assert made.split("m=")[2] == "video 0 RTP/AVP 31 34\r\n"


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_directions_are_mirrored(offered: str, answered: str) -> None:
    """RFC 3264, section 6.1."""
    made = answer_to(body("m=audio 5000 RTP/AVP 8", f"a={offered}"), "127.0.0.1", 4_000, 77)
    assert parse_answer(made).direction == answered


@pytest.mark.parametrize("stream", ["m=audio 5000 RTP/AVP 18", "m=audio 0 RTP/AVP 18"])
def test_a_stream_without_a_common_law_is_refused(stream: str) -> None:
    """With port 0 and the formats that were offered, RFC 3264, section 6."""
    made = answer_to(body(stream), "127.0.0.1", 4_000, 77)
    assert b"m=audio 0 RTP/AVP 18\r\n" in made


@pytest.mark.parametrize(("offered", "repeated"), [("t=0 0", "t=0 0"), ("t=3873 3900", "t=3873 3900"), ("", "t=0 0")])
def test_the_time_of_an_offer_is_repeated(offered: str, repeated: str) -> None:
    """RFC 3264, section 6: it must be equal in the answer."""
    lines = body("m=audio 5000 RTP/AVP 8").replace(b"t=0 0\r\n", f"{offered}\r\n".encode() if offered else b"")
    assert f"\r\n{repeated}\r\n".encode() in answer_to(lines, "127.0.0.1", 4_000, 77)


def test_an_empty_offer_asks_for_ours() -> None:
    """A re-INVITE without a body: RFC 3261, section 14.2."""
    made = answer_to(b"", "127.0.0.1", 4_000, 77, version=2)
    assert made == offer("127.0.0.1", 4_000, 77).replace(b"77 0 IN", b"77 2 IN")
