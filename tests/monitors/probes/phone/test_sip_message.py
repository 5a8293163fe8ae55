"""SIP messages: what is understood, what is refused, and that nothing else happens."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.probes.phone.sip.call import Call
from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.sip.message import (
    MAX_HEADERS,
    MAX_SIZE,
    Framer,
    Headers,
    Malformed,
    Message,
    Request,
    Response,
    parse,
    q850_cause,
    retry_after,
    serialise,
    split,
)
from monitors.probes.phone.sip.uri import Uri, address_uri
from tests.monitors.probes.phone.sip_far_end import OFFER, answered, response
from tests.monitors.probes.phone.sip_line import Line

TORTUROUS = (
    b"INVITE sip:a%20b@example.net;lr SIP/2.0\r\n"
    b'tO :\r\n  "quoted \\" ; tag=no, <still>" <sip:x@example.net;tag=nor-this> ;TAG = 7x\r\n'
    b'f: sip:caller@example.org;x="a,b" ; tag=ab.c~1\r\n'
    b"V  : SIP / 2.0 / UDP a.example:5060 ; branch = z9hG4bKone , SIP/2.0/TCP [2001:db8::1]:5061;branch=z9hG4bKtwo\r\n"
    b"via: SIP/2.0/TLS c.example;branch=z9hG4bKthree\r\n"
    b"I: anything@goes\r\n"
    b"CSEQ:\t0000000007 \t INVITE\r\n"
    b"max-forwards: 0\r\n"
    b'record-route: <sip:one;lr>, "p, q" <sip:two,x;lr>\r\n'
    b"X-Unknown-Thing: \xff\xfe caf\xc3\xa9\r\n"
    b"Empty:\r\n"
    b"l: 4\r\n"
    b"\r\nbodyand more"
)


def request(body: bytes = b"", **changes: str | None) -> bytes:
    fields: dict[str, str | None] = {
        "Via": "SIP/2.0/UDP a;branch=z9hG4bK1", "From": "<sip:a@b>;tag=1", "To": "<sip:c@d>", "Call-ID": "x",
        "CSeq": "1 OPTIONS", "Content-Length": str(len(body)),
    }  # fmt: skip
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return b"OPTIONS sip:c@d SIP/2.0\r\n" + lines.encode() + b"\r\n" + body


def test_a_torturous_request_is_understood() -> None:
    """Folding, compact forms, any case, blanks everywhere, quotes, lists, bytes of no encoding, too long a datagram."""
    message = parse(TORTUROUS)
    assert isinstance(message, Request)
    assert (message.method, message.uri, message.body) == ("INVITE", "sip:a%20b@example.net;lr", b"body")
    assert (message.to_tag, message.from_tag, message.call_id) == ("7x", "ab.c~1", "anything@goes")
    assert message.cseq == (7, "INVITE")
    assert message.branch == "z9hG4bKone"
    assert len(message.headers.all("v")) == 3
    assert message.headers.all("Record-Route") == ["<sip:one;lr>", '"p, q" <sip:two,x;lr>']
    assert message.headers.get("empty") == ""
    assert message.headers.get("missing") is None
    assert b"\xff\xfe caf\xc3\xa9" in serialise(message), "what is sent back is what came"


def test_what_was_serialised_is_parsed_to_the_same() -> None:
    """Both directions agree, and the length is counted whatever was said."""
    message = parse(TORTUROUS)
    again = parse(serialise(message))
    assert serialise(again) == serialise(message)
    response = Response(180, "", Headers(parse(request()).headers), b"x")
    assert parse(serialise(response)).body == b"x"
    assert parse(serialise(response)).headers.get("Content-Length") == "1"


@pytest.mark.parametrize(
    ("status", "phrase"),
    [("200 OK", "OK"), ("486 Bezet \u2013 later", "Bezet \u2013 later"), ("603 ", ""), ("404", "")],
)
def test_status_lines(status: str, phrase: str) -> None:
    """A phrase may be anything, also nothing."""
    message = parse(request().replace(b"OPTIONS sip:c@d SIP/2.0", f"sip/2.0 {status}".encode()))
    assert isinstance(message, Response)
    assert (message.status, message.phrase) == (int(status[:3]), phrase)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 40,
        b"GET / HTTP/1.1\r\n\r\n",
        request(Via=None),
        request(From=None),
        request(To=None),
        request(Call_ID=None),
        request(CSeq=None),
        request(CSeq="2147483648 OPTIONS"),
        request(CSeq="1 INVITE"),
        request(CSeq="-1 OPTIONS"),
        request(CSeq="one OPTIONS"),
        request(Content_Length="1"),
        request(Content_Length="-1"),
        request(Content_Length="99999999999999999999"),
        request(Content_Length="1e3"),
        request(X="a\0b"),
        request(X="a\nb"),
        request(X="a\rVia: b"),
        request(X="y\r\nno colon in here"),
        request(X="y\r\n: no name"),
        request(X="y\r\nCSeq: 2 OPTIONS"),
        request(X="y\r\nCall-ID: other"),
        request(X="y\r\nl: 7"),
        request().replace(b"\r\n", b"\n"),
        request().replace(b"SIP/2.0", b"SIP/3.0", 1),
        request().replace(b"sip:c@d SIP", b"sip:c @d SIP", 1),
        request().replace(b"OPTIONS sip", b" OPTIONS sip", 1),
        request().replace(b"OPTIONS sip:c@d SIP/2.0", b"SIP/2.0 99 Low"),
        request().replace(b"OPTIONS sip:c@d SIP/2.0", b"SIP/2.0 700 High"),
        request().replace(b"OPTIONS sip:c@d SIP/2.0", b"SIP/2.0 2000 OK"),
        request(b"x" * MAX_SIZE),
        request(X="\r\n".join(["y", *["Y: z"] * MAX_HEADERS])),
    ],
)
def test_what_cannot_be_answered_is_malformed(data: bytes) -> None:
    """Whatever lacks what it is matched by, contradicts itself, or is too large."""
    with pytest.raises(Malformed):
        parse(data)


def test_a_datagram_without_length_is_all_body() -> None:
    """Only a stream needs Content-Length (18.3)."""
    assert parse(request(b"abc", Content_Length=None)).body == b"abc"
    with pytest.raises(Malformed):
        Framer().feed(request(b"abc", Content_Length=None))


@settings(max_examples=60)
@given(st.lists(st.integers(1, 40), max_size=60), st.lists(st.binary(max_size=30), min_size=1, max_size=4))
def test_a_stream_is_cut_into_messages_wherever_its_parts_end(cuts: list[int], bodies: list[bytes]) -> None:
    """The pieces in which a stream arrives make no difference; keep-alives between messages are nothing."""
    stream = b"\r\n\r\n".join(request(body, Call_ID=f"c{number}") for number, body in enumerate(bodies)) + b"\r\n"
    framer, found, at = Framer(), list[Message](), 0
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[at : at + cut])
        at += cut
    assert [message.body for message in found] == bodies
    assert [message.call_id for message in found] == [f"c{number}" for number in range(len(bodies))]


@pytest.mark.parametrize(
    "data", [b"x" * (MAX_SIZE + 1), request(Content_Length=str(MAX_SIZE)), b"\r\nnonsense\r\n\r\n"]
)
def test_a_stream_that_is_none_ends(data: bytes) -> None:
    """Endless heads, bodies that are too long, and other protocols are refused, and not collected."""
    with pytest.raises(Malformed):
        Framer().feed(data)


PIECES = st.sampled_from(
    [b"\r\n", b"\r\n\r\n", b"SIP/2.0 200 OK\r\n", b"INVITE sip:a@b SIP/2.0\r\n", b"Via: ", b"CSeq: 1 INVITE\r\n", b'"',
     b"<", b">", b";tag=", b"\\", b",", b"Content-Length: 5\r\n", b"l:", b" ", b"\t", b"\0", b"\xff", b"From: <sip:a>",
     b"To: x\r\n", b"i: y\r\n", b"Contact: *", b"Reason: Q.850;cause=", b"=", b":", b"@", b"[::1]",
     request(), TORTUROUS]
)  # fmt: skip
JUNK = st.lists(PIECES | st.binary(max_size=12), max_size=30).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a good message with some bytes changed, dropped or put in."""
    data = bytearray(draw(st.sampled_from([request(b"body"), TORTUROUS])))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4) | PIECES)
    return bytes(data)


def use(message: Message) -> None:
    """Look at everything of a message that is ever looked at."""
    _ = message.call_id, message.cseq, message.branch, message.from_tag, message.to_tag
    q850_cause(message), retry_after(message), serialise(message)
    for name, value in message.headers:
        message.headers.all(name)
        for read in (address_uri, Uri.parse):
            try:
                read(value)
            except Malformed:
                continue


@settings(max_examples=400)
@given(JUNK | mutated())
def test_nothing_but_malformed_is_raised(data: bytes) -> None:
    """Whatever comes in: a message that can be used and sent again, or `Malformed`."""
    for read in (lambda: [parse(data)], lambda: Framer().feed(data)):
        try:
            messages = read()
        except Malformed:
            continue
        for message in messages:
            use(message)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 9), st.lists(st.tuples(st.floats(0, 1), PIECES), max_size=2)), max_size=8))
def test_no_message_upsets_a_call(steps: list[tuple[int, list[tuple[float, bytes]]]]) -> None:
    """Messages of the call with anything put into them: nothing is raised, and the entry can be written and read."""
    line = Line(credentials=Credentials("u", "p"))
    challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')
    good: list[Request | Response] = [
        *(response(line.invite, status, "t", (challenge,)) for status in (100, 183, 401, 487, 503)),
        answered(line.invite, "t"),
        *(line.asks(method, 5, OFFER) for method in ("BYE", "INVITE", "UPDATE", "ACK")),
    ]
    sent = []
    for which, places in steps:
        data = serialise(good[which])
        for place, piece in places:
            at = int(place * len(data))
            data = data[:at] + piece + data[at:]
        try:
            message = parse(data)
        except Malformed:
            continue
        sent += [*line.gets(message), *line.waits(1)]
    again = Call.resume(json.loads(json.dumps(line.call.entry())), None, Random(1))
    again.hang_up(0.0)
    sent += [*line.hang_up(), *again.take()]
    for each in sent:
        if isinstance(each, Request | Response):
            parse(serialise(each))


@pytest.mark.parametrize(
    "filler", ['"', "<", '\\"', '"\\', ",", ";tag=", ";branch", " ", "<>", ";cause=1", "\r\n ", "\t"]
)
def test_no_value_takes_more_than_linear_work(filler: str) -> None:
    """The longest values of what is looked for in pairs do not keep the parser busy: the test would not end."""
    room = (MAX_SIZE - 500) // len(filler) if "\n" not in filler else MAX_HEADERS - 20
    message = parse(request(X=None, To="<sip:c@d>" + filler * room).replace(b"X: ", b""))
    use(message)
    use(parse(request(Reason="Q.850;" + filler * room)))
    assert len(split(filler * 20_000 + "a", "|")) == 1


def test_a_slow_stream_is_searched_once() -> None:
    """Byte by byte, the head is parsed once and what was searched is not searched again: the test would not end."""
    framer = Framer()
    data = request(b"b" * 30_000, X="y" * 30_000)
    found = [message for at in range(len(data)) for message in framer.feed(data[at : at + 1])]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ('Q.850;cause=1;text="Unallocated"', 1),
        ('SIP;cause=404;text="x", q.850 ; text="cause=3; y" ; cause = 16', 16),
        ("Q.850;cause=x", None),
        ("Q.850", None),
        ("SIP;cause=200", None),
    ],
)
def test_q850_causes(reason: str, cause: int | None) -> None:
    """The cause is that of Q.850, wherever it stands among the reasons."""
    assert q850_cause(parse(request(Reason=reason))) == cause


@pytest.mark.parametrize(
    ("value", "seconds"), [("5", 5), ("18000;duration=3600", 18000), ("120 (busy)", 120), ("x", None)]
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds, with or without a comment or parameters."""
    assert retry_after(parse(request(Retry_After=value))) == seconds


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        ("<sip:a@b;lr>;x=y", "sip:a@b;lr"),
        ("sip:a@b;x=y", "sip:a@b"),
        ('"<sip:no@no>" <sips:a@[::1]:5061;transport=tcp>', "sips:a@[::1]:5061;transport=tcp"),
        ("Nobody Quoted <tel:+31990000001>", "tel:+31990000001"),
    ],
)
def test_addresses(value: str, uri: str) -> None:
    """With and without brackets and names; without brackets the parameters are those of the field (20.10)."""
    assert address_uri(value) == uri


def test_uris() -> None:
    """A user may hold semicolons, a host brackets; ports and parameters are told apart."""
    uri = Uri.parse("sip:a;x=y:secret@[2001:DB8::1]:5070;LR;transport=tls?subject=z")
    assert (uri.user, uri.host, uri.port) == ("a;x=y:secret", "[2001:db8::1]", 5070)
    assert uri.loose
    assert uri.parameter("transport") == "tls"
    assert Uri.parse("tel:+31;phone-context=x").user == "+31"
    for wrong in ("http://a", "sip:", "sip:a@", "sip:a@b:0", "sip:a@b:65536", "sip:a@b c", "*"):
        with pytest.raises(Malformed):
            Uri.parse(wrong)
