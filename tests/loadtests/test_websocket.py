"""A crowd on WebSockets: the real engine against real listeners, polite and otherwise."""

from __future__ import annotations

import base64
import hashlib
import ssl
import struct
from collections.abc import Callable

import pytest
import trustme

from journeys import Citizen, Journey, Reason
from journeys.core import LARGEST_MESSAGE, MOST_MESSAGES, Connect, Hear, JourneyFailed, Say, Think, Wait, fetch
from tests.crowd import Outcome, Talk, answering, crowd, listening, over_tls, say

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(kind: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    """Return one frame of a server: not masked (RFC 6455, 5.2)."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size) if size < 65_536 else b""
    length = length or b"\x7f" + struct.pack(">Q", size)
    return bytes([kind | (0x80 if final else 0)]) + length + payload


def agree(talk: Talk) -> bytes:
    """Read the handshake and agree to it; return what was asked."""
    asked = talk.request()
    key = next(
        line.partition(b":")[2].strip() for line in asked.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")
    )
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # RFC 6455, 1.3
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    talk.send(head + accept + b"\r\n\r\n")
    return asked


def received(talk: Talk) -> tuple[int, bytes]:
    """Return kind and payload of the next frame of the citizen, which must be masked."""

    def take(size: int) -> bytes:
        while len(talk._rest) < size:
            talk._receive()
        data, talk._rest = talk._rest[:size], talk._rest[size:]
        return data

    first, second = take(2)
    assert second & 0x80, "not masked"
    size = second & 0x7F
    size = struct.unpack(">H", take(2))[0] if size == 126 else size
    mask = take(4)
    return first & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(take(size)))


def conversation(_citizen: Citizen) -> Journey:
    """Connect, say something, hear something."""
    yield Connect("one", "website", "/talk here")
    yield Say("héllo")
    heard = yield Hear("two")
    if heard != "welcome":
        raise JourneyFailed(Reason.CONTENT_MISSING, "two", "not welcome")


def after(*frames: bytes, then: Callable[[Talk], object] = Talk.wait_for_end) -> Callable[[Talk], object]:
    """Agree, hear what is said, send these bytes."""

    def talk(here: Talk) -> None:
        agree(here)
        assert received(here) == (TEXT, "héllo".encode())
        for each in frames:
            here.send(each)
        then(here)

    return talk


def run(
    talk: Callable[[Talk], object], walk: Callable[[Citizen], Journey] = conversation, **options: object
) -> Outcome:
    with listening(talk) as target:
        return crowd(target.url + "/base", walk, **options)


def test_a_conversation_passes_and_is_measured_by_step():
    """Each citizen asks for the path below the system's, says goodbye at the end, and leaves no connection."""
    asked, last = [], []

    def talk(here: Talk) -> None:
        asked.append(agree(here).split(b"\r\n")[0])
        received(here)
        here.send(frame(TEXT, b"welcome"))
        last.append(received(here))
        here.wait_for_end()

    outcome = run(talk)
    assert outcome.completed == 10
    assert set(asked) == {b"GET /base/talk%20here HTTP/1.1"}
    assert last == [(CLOSE, struct.pack(">H", 1000))] * 10
    steps = outcome.results.steps
    assert {key[1:]: times.response.count for key, times in steps.items()} == {("one", "WS"): 10, ("two", "WS"): 10}
    assert outcome.counts["requests"] == 10


def test_a_conversation_over_tls_passes_to_its_last_word(tmp_path):
    """The goodbye on the WebSocket comes before that of TLS, which the server hears as the end."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authorities.pem")
    ends = []

    def talk(here: Talk) -> None:
        agree(here)
        received(here)
        here.send(frame(TEXT, b"welcome"))
        ends.append((received(here), here._socket.recv(1)))

    trust = {"authorities": str(tmp_path / "authorities.pem")}
    with listening(over_tls(talk, context)) as target:
        outcome = crowd(target.url.replace("http:", "https:"), conversation, environment={"tls": trust})
    assert outcome.completed == 10
    assert ends == [((CLOSE, struct.pack(">H", 1000)), b"")] * 10


def test_a_message_in_parts_with_others_between_is_one_message():
    """Bytes are passed over, a ping is answered, fragments are put together, whatever the packets."""
    pongs = []

    def end(here: Talk) -> None:
        pongs.append(received(here))
        here.wait_for_end()

    frames = [frame(BINARY, b"\x00"), frame(TEXT, b"wel", final=False), frame(PING, b"there?"), frame(0, b"come")]
    assert run(after(*frames, then=end)).completed == 10
    assert run(after(b"".join(frames), then=end)).completed == 10
    assert pongs == [(PONG, b"there?")] * 20


def test_what_is_said_while_nobody_listens_is_heard_later():
    """Messages that come together with the handshake, or while the citizen thinks, keep their order."""

    def thinking(_citizen: Citizen) -> Journey:
        yield Connect("one", "website", "/")
        yield Wait(0.1)
        yield Think(0.05)
        for expected in ("a", "b", "c"):
            assert (yield Hear("two")) == expected

    def talk(here: Talk) -> None:
        agree(here)
        for text in (b"a", b"b", b"c"):
            here.send(frame(TEXT, text))
        here.wait_for_end()

    assert run(talk, thinking).completed == 10


def test_a_page_and_a_conversation_side_by_side():
    """A WebSocket has a connection of its own; a second one takes the place of the first."""

    def both(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains="Hello")
        yield Connect("one", "website", "/")
        yield from fetch("one", "website", "/", contains="Hello")
        yield Say("first")
        yield Connect("two", "website", "/")
        yield Say("second")
        yield Hear("two")

    def talk(here: Talk) -> None:
        asked = here.request()
        if b"Upgrade: websocket" not in asked:
            while True:
                here.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello")
                here.request()
        here._rest = asked + here._rest
        agree(here)
        if received(here) == (TEXT, b"second"):
            here.send(frame(TEXT, b"yes"))
        else:
            assert received(here)[0] == CLOSE
        here.wait_for_end()

    with listening(talk) as target:
        assert crowd(target.url, both).completed == 10
        assert target.connections == 30


@pytest.mark.parametrize(
    ("talk", "expected", "detail"),
    [
        (answering(say()), ("one", Reason.UNEXPECTED_STATUS), "status 200"),
        (answering(say(status=b"503 No")), ("one", Reason.UNEXPECTED_STATUS), "status 503"),
        (
            answering(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"),
            ("one", Reason.UNEXPECTED_REDIRECT),
            "status 302",
        ),
        (
            answering(b"HTTP/1.1 101 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"),
            ("one", Reason.BROKEN_RESPONSE),
            "",
        ),
        (
            answering(b"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgr\xa5de\r\n\r\n"),
            ("one", Reason.BROKEN_RESPONSE),
            "a head that is not ASCII",
        ),
        (answering(b"\x00" * 100 + b"\r\n\r\n"), ("one", Reason.BROKEN_RESPONSE), ""),
        (answering(b"HTTP/1.1 101 OK\r\nX: " + b"x" * 200_000), ("one", Reason.BROKEN_RESPONSE), ""),
        (Talk.reset, ("one", Reason.CONNECTION_RESET), ""),
        (after(then=Talk.finish), ("two", Reason.CONNECTION_RESET), "closed"),
        (after(then=Talk.reset), ("two", Reason.CONNECTION_RESET), ""),
        (
            after(frame(CLOSE, struct.pack(">H", 1001))),
            ("two", Reason.CONNECTION_RESET),
            "closed by the other side (1001)",
        ),
        (after(frame(TEXT, b"go away")), ("two", Reason.CONTENT_MISSING), "not welcome"),
        (after(frame(TEXT, b"\xff\xfe")), ("two", Reason.BROKEN_RESPONSE), ""),
        (after(b"\xff\xff\xff\xff"), ("two", Reason.BROKEN_RESPONSE), ""),
        (after(frame(0, b"come")), ("two", Reason.BROKEN_RESPONSE), ""),
        (
            after(frame(TEXT, b"x" * (LARGEST_MESSAGE + 1))),
            ("two", Reason.BROKEN_RESPONSE),
            f"a message of more than {LARGEST_MESSAGE} bytes",
        ),
        (
            after(*[frame(TEXT, b"x" * 1000, final=False), *[frame(0, b"x" * 1000, final=False)] * 70]),
            ("two", Reason.BROKEN_RESPONSE),
            f"a message of more than {LARGEST_MESSAGE} bytes",
        ),
    ],
)
def test_what_is_no_conversation_fails(talk: Callable[[Talk], object], expected: tuple[str, Reason], detail: str):
    """At its step, for a reason of the closed list; everyone comes to an end and every connection is closed."""
    outcome = run(talk)
    assert outcome.failed == 10
    assert outcome.failure() == expected
    assert detail in outcome.detail()


def test_who_never_says_a_word_is_a_timeout():
    """Neither a handshake without an answer nor a conversation without a word keeps anybody for ever."""
    assert run(lambda here: (here.request(), here.wait_for_end()), timeout=0.3).failure() == ("one", Reason.TIMEOUT)
    assert run(after(), timeout=0.3).failure() == ("two", Reason.TIMEOUT)


def test_a_flood_that_nobody_listens_to_is_broken_off():
    """A target that talks without end does not fill the generator's memory."""

    def deaf(_citizen: Citizen) -> Journey:
        yield Connect("one", "website", "/")
        yield Wait(0.3)
        while True:
            yield Hear("two")

    def talk(here: Talk) -> None:
        agree(here)
        here.send(frame(TEXT, b"x") * (MOST_MESSAGES + 1))
        here.wait_for_end()

    outcome = run(talk, deaf)
    assert outcome.failure() == ("two", Reason.BROKEN_RESPONSE)
    assert outcome.detail() == f"more than {MOST_MESSAGES} messages unasked"


def test_who_hangs_up_while_the_citizen_thinks_is_noticed_at_the_next_word():
    """What was said before the end is still heard; what is said after it goes nowhere."""

    def thoughtful(_citizen: Citizen) -> Journey:
        yield Connect("one", "website", "/")
        yield Wait(0.2)
        yield Say("too late")
        assert (yield Hear("two")) == "bye"
        yield Hear("two")

    def talk(here: Talk) -> None:
        agree(here)
        here.send(frame(TEXT, b"bye") + frame(CLOSE, struct.pack(">H", 1000)))
        here.finish()

    outcome = run(talk, thoughtful)
    assert outcome.failure() == ("two", Reason.CONNECTION_RESET)


def test_a_run_that_is_stopped_leaves_no_conversation_behind():
    """Citizens in the middle of one are unfinished, and their connections closed."""
    outcome = run(after(), stop_after=0.3, citizens=5, timeout=60.0)
    assert outcome.results.total_unfinished == 5


def test_hearing_before_connecting_is_a_bug_of_the_journey():
    """It ends the run: its figures would be worth nothing."""

    def mute(_citizen: Citizen) -> Journey:
        yield Hear("one")

    with listening(answering(say())) as target, pytest.raises(AssertionError, match="nothing is heard"):
        crowd(target.url, mute)
