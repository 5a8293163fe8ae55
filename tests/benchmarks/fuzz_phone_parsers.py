"""The phone probe's parsers with valid inputs, for `tests.benchmarks.fuzz_phone`."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from monitors.probes.phone.media import rtp, sdp
from monitors.probes.phone.media.listener import Listener
from monitors.probes.phone.safety.counts import Counts
from monitors.probes.phone.safety.journal import last_note
from monitors.probes.phone.sip import events, message, uri
from monitors.probes.phone.sip.call import Call, Dial
from monitors.probes.phone.sip.digest import Authenticator, Credentials
from monitors.probes.phone.sip.message import Malformed, Response
from monitors.probes.phone.wire import dns, srv

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Parser:
    """`run` takes the bytes, and chance for what else it decides; `declared` are the exceptions that it may raise."""

    name: str
    run: Callable[[bytes, Random], None]
    seeds: tuple[bytes, ...]
    declared: tuple[type[Exception], ...] = ()


# --- inputs that are valid

OFFER = sdp.offer("127.0.0.1", 20_000, 1)
_SDP = (
    OFFER,
    (
        b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0 8 96\r\n"
        b"a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:30\r\na=sendonly\r\nm=video 0 RTP/AVP 99\r\n"
    ),
    b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\n",
)
_HEAD = (
    b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1;rport=5060, SIP/2.0/TCP [::1]:5060;branch=z9hG4bK0\r\n"
    b"Record-Route: <sip:127.0.0.1;lr>, <sip:[::1]:5061;transport=tls;lr>\r\n"
    b'f: "A, \\"B\\"" <sip:a;x=1@127.0.0.1:5060>;tag=1\r\nTo: <sip:+31880000000@127.0.0.1>;tag=2\r\n'
    b"Call-ID: c@127.0.0.1\r\n"
)
_TAIL = b"CSeq: 1 %b\r\nm: <sip:far@127.0.0.1:5080;transport=udp>;expires=5\r\nContent-Length: %d\r\n\r\n%b"
_MESSAGES = (
    b"SIP/2.0 200 OK\r\n" + _HEAD + b"c: application/sdp\r\n" + _TAIL % (b"INVITE", len(OFFER), OFFER),
    b'SIP/2.0 486 Busy Here\r\nReason: SIP;cause=600, Q.850;cause=17;text="User, busy"\r\n'
    + _HEAD
    + _TAIL % (b"INVITE", 0, b""),
    b'SIP/2.0 503 Overload\r\nRetry-After: 18000;duration=3600 ("maintenance")\r\n'
    + _HEAD
    + _TAIL % (b"INVITE", 0, b""),
    b"BYE sip:prober@127.0.0.1:5070 SIP/2.0\r\nReason: Q.850;cause=31\r\n" + _HEAD + _TAIL % (b"BYE", 0, b""),
    b"INVITE sip:prober@127.0.0.1:5070 SIP/2.0\r\nSubject: long\r\n  folded\r\n"
    + _HEAD
    + _TAIL % (b"INVITE", len(OFFER), OFFER),
    b"OPTIONS sip:a@b SIP/2.0\r\nMax-Forwards: 70\r\nSupported: a,b ,c\r\n" + _HEAD + _TAIL % (b"OPTIONS", 0, b""),
)
_CHALLENGES = (
    b'Digest realm="loopback", nonce="a,b", qop="auth,auth-int", algorithm=SHA-256, opaque="x\\"y", stale=true',
    b'Digest realm="loopback", nonce="a"',
    b'Digest algorithm=MD5-sess,realm="r",nonce="n",qop="auth"',
)
_URIS = (
    b"sip:+31880000000;phone-context=x@127.0.0.1:5060;transport=tcp;lr?a=b",
    b"<sips:[::1]:5061;lr>;q=1",
    b'"A" <tel:+31>',
)
_RTP = tuple(
    struct.pack("!BBHII", first, second, number, 160 * number, 7) + extra + bytes(160)
    for number, (first, second, extra) in enumerate(
        [
            (0x80, 8, b""),
            (0x80, 0x80, b""),
            (0x90, 8, b"\xbe\xde\0\1abcd"),
            (0x82, 0, bytes(8)),
            (0xA0, 8, b"\0\0\0\4"),
            (0x80, 101, b""),
        ]
    )
)
_QUESTION = dns.query("_sip._udp.example.nl", dns.Kind.SRV, 7)
_SRV = b"\xc0\x0c" + struct.pack("!HHIH", 33, 1, 60, 12) + struct.pack("!3H", 1, 1, 5060) + b"\4trk1\0"
_ALIAS = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\x11"
_ANSWERS = tuple(
    struct.pack("!6H", 7, 0x8180, 1, len(records), 0, 0) + _QUESTION[12:] + b"".join(records)
    for records in ([_SRV], [_SRV, _SRV], [_ALIAS, _SRV], [])
)
_ENTRY = Call(Dial("sip:+31@h", "sip:p@h", "sip:p@127.0.0.1:5070", "127.0.0.1:5070", "UDP", OFFER), Random(1)).entry()
_NOTES = (
    json.dumps({"trunk": "t", "number": "n", "reserved": 60.0, "day": "2026-03-02", "call": _ENTRY}).encode() + b"\n",
    b'{"trunk": "t", "call": {"call_id": "c", "state": "up"}}\n' * 3,
    b'{"a": 1}\n{"b": 2',
    b"",
)

_COUNTS = (
    (
        b'{"dates": {"t": {"2026-03-02": {"calls": 1, "seconds": 60.0}}}, '
        b'"holds": {"t n": {"since": 0.0, "until": 10.0, "reason": "too_soon"}}}'
    ),
    b'{"dates": {}, "holds": {}}',
)


# --- what is done with them


def _message(data: bytes, _random: Random) -> None:
    parsed = message.parse(data)
    again = message.parse(message.serialise(parsed))
    assert _content(again) == _content(parsed), "another message when it is read again"
    for read in (message.q850_cause, message.retry_after, message.is_session):
        read(parsed)  # type: ignore[operator]
    assert parsed.call_id
    assert parsed.cseq[0] >= 0
    assert isinstance(parsed.branch + parsed.from_tag + parsed.to_tag, str)


def _content(parsed: message.Message) -> tuple[list[tuple[str, str]], bytes]:
    return [pair for pair in parsed.headers if pair[0] != "Content-Length"], parsed.body


def _framer(data: bytes, random: Random) -> None:
    framer, at = message.Framer(), 0
    while at < len(data):
        step = random.choice((1, 7, 100, 1460, 65_536)) if len(data) < 4000 else random.choice((1460, 65_536))
        framer.feed(data[at : at + step])
        at += step


def _uri(data: bytes, _random: Random) -> None:
    text = data.decode("utf-8", "surrogateescape")
    uri.Uri.parse(uri.address_uri(text))


def _digest(data: bytes, random: Random) -> None:
    value = data.decode("utf-8", "surrogateescape").translate({10: " ", 13: " "})  # no header field has line ends
    response = Response(407, "", message.Headers([("Proxy-Authenticate", value)]))
    answers = Authenticator(Credentials("user", "password"), random)
    if not answers.accepts(response, set()):
        raise Malformed("no challenge that is known")
    for _, value in answers.headers("INVITE", "sip:a@b"):
        assert not set(value) & set("\r\n"), "a line end inside a header field"


def _sdp(data: bytes, random: Random) -> None:
    sdp.parse_answer(data)
    answer = sdp.answer_to(data, "127.0.0.1", 20_000, 1)
    sdp.parse_answer(answer)
    offered = [line for line in data.split(b"\n") if line.startswith(b"m=")]
    assert answer.count(b"\nm=") == len(offered), "streams are answered one by one (RFC 3264, 6)"


def _rtp(data: bytes, _random: Random) -> None:
    packet = rtp.parse(data)
    assert len(packet.payload) <= len(data)


class _Line:
    """One listener for many calls' worth of datagrams: what it keeps must stay bounded."""

    def __init__(self) -> None:
        self._listener, self._at = Listener(0.0), 0.0

    def feed(self, data: bytes, random: Random) -> None:
        if self._at > 60:  # the longest call
            self.__init__()  # type: ignore[misc]
        self._at += random.choice((0.0, 0.02, 0.02, 0.02, 0.5))
        self._listener.feed(data, self._at)
        if random.random() < 0.01:
            self._listener.heard(self._at)
            self._listener.current(self._at)
            assert self._listener.received.packets >= 0


def _dns(data: bytes, random: Random) -> None:
    found = [each for each in dns.answer(data, _QUESTION) if isinstance(each, dns.Service)]
    assert sorted(map(repr, srv.in_order(found, random))) == sorted(map(repr, found)), "each target once"


def _counts(data: bytes, _random: Random) -> None:
    counts = Counts.parse(data.decode("utf-8", "replace"))
    counts.charge("t", "2026-03-02", calls=1, seconds=60.0)
    Counts.parse(counts.text(1.0))


class _Notes:
    """A file of notes that was damaged."""

    def __init__(self) -> None:
        self._path = Path(tempfile.mkdtemp()) / "slot"

    def read(self, data: bytes, random: Random) -> None:
        self._path.write_bytes(data)
        note = last_note(self._path)
        assert note is None or isinstance(note, dict)
        with suppress(ValueError):
            resumed = Call.resume((note or {}).get("call") or {}, None, random)
            resumed.hang_up(0.0)
            assert resumed.take() or resumed.deadline is not None, "an orphan of which nothing comes"


# --- whole conversations

_DIAL = Dial(
    to="sip:+31880000000@127.0.0.1", from_="sip:prober@127.0.0.1", contact="sip:prober@127.0.0.1:5070",
    via="127.0.0.1:5070", transport="UDP", offer=OFFER, credentials=Credentials("user", "password"),
)  # fmt: skip
_STATUSES = (
    100,
    180,
    183,
    183,
    199,
    200,
    200,
    200,
    202,
    300,
    302,
    401,
    404,
    407,
    408,
    480,
    481,
    486,
    487,
    503,
    603,
    699,
)
_METHODS = ("BYE", "INVITE", "OPTIONS", "UPDATE", "INFO", "NOTIFY", "CANCEL", "PRACK", "REFER", "ACK", "X")


class _Conversation:
    """One call and a far end that says anything; `spoil` damages some of what it says."""

    def __init__(self, random: Random, spoil: Callable[[bytes], bytes]) -> None:
        self._random, self._spoil = random, spoil
        self._call = Call(_DIAL, Random(random.random()))
        self._now = 0.0
        self._sent: list[message.Request] = []
        self._ends: list[object] = []
        self._answered = 0

    def run(self) -> None:
        """Talk for a while, hang up, fall silent, and check that it came to an end."""
        self._call.start(self._now)
        self._look()
        for _ in range(self._random.randrange(40)):
            self._random.choice((self._respond, self._respond, self._respond, self._ask, self._wait, self._hang_up))()
            self._look()
        self._hang_up()
        self._look()
        for _ in range(2000):
            if self._call.deadline is None:
                break
            self._now = max(self._now, self._call.deadline)
            self._call.tick(self._now)
            self._look()
        assert self._call.deadline is None, "it never comes to an end"
        assert self._call.done, "it is not done although nothing is pending"
        assert self._ends, "it never said whether the call was released"

    def _look(self) -> None:
        for item in self._call.take():
            match item:
                case message.Request():
                    message.parse(message.serialise(item))
                    self._sent.append(item)
                case message.Response():
                    message.parse(message.serialise(item))
                case events.Offered():
                    self._random.choice(
                        (lambda: self._call.accept(OFFER, self._now), lambda: self._call.decline(self._now))
                    )()
                case events.Released() | events.Unreleased():
                    self._ends.append(item)
                case _:
                    pass
        self._call.entry()

    def _wait(self) -> None:
        self._now += self._random.choice((0.01, 0.5, 1.0, 5.0, 40.0))
        self._call.tick(self._now)

    def _hang_up(self) -> None:
        self._call.hang_up(self._now)

    def _receive(self, first: str, headers: list[tuple[str, str]], body: bytes) -> None:
        text = "".join(f"{name}: {value}\r\n" for name, value in [*headers, ("Content-Length", str(len(body)))])
        data = f"{first}\r\n{text}\r\n".encode("utf-8", "surrogateescape") + body
        if self._random.random() < 0.15:
            data = self._spoil(data)
        with suppress(Malformed):
            received = message.parse(data)
            for _ in range(self._random.choice((1, 1, 1, 2))):
                self._call.receive(received, self._now)

    def _body(self) -> bytes:
        return self._random.choice((b"", OFFER, OFFER, *_SDP, b"v=1"))

    def _respond(self) -> None:
        if not self._sent:
            return
        asked = self._random.choice((self._sent[0], self._sent[-1], self._random.choice(self._sent)))
        copied = [(name, value) for name, value in asked.headers if name in {"Via", "From", "Call-ID", "CSeq"}]
        status = self._random.choice(_STATUSES)
        who = (asked.headers.get("To") or "").partition(";tag=")[0] + self._random.choice(
            ("", ";tag=a", ";tag=a", ";tag=b")
        )
        more = [("To", who), ("Contact", "<sip:far@127.0.0.1:5080>"), ("Record-Route", "<sip:127.0.0.1:5060;lr>")]
        more += [
            ("Proxy-Authenticate" if status == 407 else "WWW-Authenticate", self._random.choice(_CHALLENGES).decode())
        ]
        kind = [("Content-Type", "application/sdp")]
        self._receive(f"SIP/2.0 {status} X", copied + more[: self._random.randint(1, 4)] + kind, self._body())

    def _ask(self) -> None:
        method, first = self._random.choice(_METHODS), self._sent[0]
        branch = f"z9hG4bK{self._random.randrange(8)}"
        headers = [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:5080;branch={branch}"),
            ("From", f"<sip:far@127.0.0.1>;tag={self._random.choice('ab')}"),
            ("To", first.headers.get("From") or ""),
            ("Call-ID", first.headers.get("Call-ID") or ""),
            ("CSeq", f"{self._random.randrange(1, 9)} {method}"),
            ("Contact", "<sip:far@127.0.0.1:5080>"),
            ("Content-Type", "application/sdp"),
        ]
        self._receive(f"{method} sip:prober@127.0.0.1:5070 SIP/2.0", headers, self._body())


def _calls(data: bytes, random: Random) -> None:
    # The damage is that of this input: one message of the conversation is replaced by it.
    _Conversation(random, lambda said: data if random.random() < 0.2 else _cut(said, random)).run()


def _cut(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + bytes([random.randrange(256)]) + data[at + random.choice((0, 1, 1, 30)) :]


PARSERS = (
    Parser("message", _message, _MESSAGES, (Malformed,)),
    Parser("framer", _framer, tuple(a + b"\r\n\r\n" + b for a in _MESSAGES for b in _MESSAGES[:2]), (Malformed,)),
    Parser("uri", _uri, _URIS, (Malformed,)),
    Parser("digest", _digest, _CHALLENGES, (Malformed,)),
    Parser("sdp", _sdp, _SDP, (sdp.MalformedSdp,)),
    Parser("rtp", _rtp, _RTP, (rtp.MalformedRtp,)),
    Parser("listener", _Line().feed, _RTP),
    Parser("dns", _dns, _ANSWERS, (dns.MalformedDns,)),
    Parser("notes", _Notes().read, _NOTES),
    Parser("counts", _counts, _COUNTS, (ValueError,)),
    Parser("calls", _calls, _MESSAGES),
)
