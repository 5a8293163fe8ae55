"""TLS over buffers: what is said arrives, wherever the wire cuts it; what goes wrong is told once, with its reason."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from journeys import Reason
from journeys.reasons import explain_tls
from loadtests.secured import Secured
from tests.children import child
from tests.waiting import LONG

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
GET = b"GET / HTTP/1.1\r\n\r\n"

authority = trustme.CA()


def trusting() -> ssl.SSLContext:
    """Return what a citizen trusts."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


class Ear(asyncio.Protocol):
    """A connection that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.heard = b""
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)


class Wire(asyncio.Transport):
    """A transport that notes what is written, and sends it where there is a socket."""

    def __init__(self, there: socket.socket | None = None) -> None:
        super().__init__()
        self._there = there
        self.written = bytearray()
        self.state = "open"

    def write(self, data: Any) -> None:
        self.written += data
        if self._there is not None:
            self._there.sendall(data)

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "aborted"

    def is_closing(self) -> bool:
        return self.state != "open"


class Side:
    """The client's side of a connection: secured, on a wire."""

    def __init__(self, name: str = "127.0.0.1", there: socket.socket | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        self.ear, self.wire = Ear(), Wire(there)
        self.secured = Secured(self.ear, trusting(), name, self._loop.create_future())
        self.secured.connection_made(self.wire)
        self._loop.close()

    @property
    def error(self) -> Exception | None:
        """What the handshake ended with."""
        return self.secured.shaken.result()


class Pair(Side):
    """A client and Python's TLS as its server; what either has written waits until it is carried over."""

    def __init__(
        self,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        name: str = "127.0.0.1",
        demanded: ssl.VerifyMode = ssl.CERT_NONE,
    ) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.verify_mode = demanded
        context.minimum_version = context.maximum_version = version
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self._incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = context.wrap_bio(self._incoming, self.outgoing, server_side=True)
        self.heard = b""
        super().__init__(name)

    def shake(self) -> Pair:
        """Carry over until both are done."""
        while not self.secured.shaken.done():
            self.carry()
        self.carry()
        return self

    def carry(self, cut: Callable[[int], int] = int) -> None:
        """Let the server hear what the client has written, then the client the server, as `cut` into pieces."""
        self.hear()
        ciphertext = self.outgoing.read()
        while ciphertext:
            size = cut(len(ciphertext))
            self.secured.data_received(ciphertext[:size])
            ciphertext = ciphertext[size:]

    def hear(self) -> None:
        """Let the server hear what the client has written."""
        self._incoming.write(bytes(self.wire.written))
        self.wire.written.clear()
        try:
            self.server.do_handshake()
            while data := self.server.read(65536):
                self.heard += data
        except ssl.SSLWantReadError:
            pass


@pytest.mark.parametrize("version", VERSIONS)
@given(
    cuts=st.lists(st.integers(1, 40_000), min_size=1, max_size=10),
    said=st.lists(st.tuples(st.booleans(), st.integers(1, 50_000)), max_size=10),
)
def test_what_is_said_arrives_wherever_the_wire_cuts_it(version, cuts, said):
    """In both directions, messages of many records and many in one piece; the handshake is cut as well."""
    pair = Pair(version)
    turn = 0

    def cut(size: int) -> int:
        nonlocal turn
        turn += 1
        return min(size, cuts[turn % len(cuts)])

    while not pair.secured.shaken.done():
        pair.carry(cut)
    pair.hear()
    to_server, to_client = b"", b""
    for number, (by_client, size) in enumerate(said):
        text = bytes([number]) * size
        if by_client:
            pair.secured.write(text)
            to_server += text
        else:
            pair.server.write(text)
            to_client += text
        if number % 3 == 2:
            pair.carry(cut)
    pair.carry(cut)
    assert pair.error is None
    assert (pair.heard, pair.ear.heard) == (to_server, to_client)
    assert pair.ear.told == ["made"]


def test_what_comes_with_the_end_of_the_handshake_is_heard():
    """In TLS 1.2 the server has the last word, and may go on in the same piece."""
    pair = Pair(ssl.TLSVersion.TLSv1_2)
    pair.carry()
    pair.hear()
    pair.server.write(b"early")
    pair.carry()
    assert pair.ear.told == ["made"]
    assert pair.ear.heard == b"early"


@pytest.mark.parametrize("version", VERSIONS)
def test_who_closes_says_goodbye_behind_their_last_words(version):
    """The server hears both; nobody waits for its own goodbye."""
    pair = Pair(version).shake()
    pair.secured.write(GET)
    pair.secured.close()
    assert pair.wire.state == "closed"
    pair.carry()
    assert pair.heard == GET
    assert pair.server.read(1) == b""


def test_nothing_is_said_on_a_transport_that_is_closing():
    """Once it is closed, uvloop's raises at a write."""
    pair = Pair().shake()
    pair.wire.close()
    pair.secured.close()
    assert not pair.wire.written


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_that_says_goodbye_is_heard_to_its_end(version):
    """Its last words come before the news that there will be no more."""
    pair = Pair(version).shake()
    pair.server.write(b"last words")
    with pytest.raises(ssl.SSLWantReadError):
        pair.server.unwrap()
    pair.carry()
    assert (pair.ear.heard, pair.ear.told, pair.wire.state) == (b"last words", ["made", "eof"], "closed")
    pair.secured.connection_lost(None)
    assert pair.ear.told == ["made", "eof", None]


def test_an_end_without_goodbye_is_an_end():
    """Many a server does not bother; whether an answer is whole is told by its length."""
    pair = Pair().shake()
    assert not pair.secured.eof_received()
    pair.secured.connection_lost(None)
    assert pair.ear.told == ["made", "eof", None]


def forged(record: bytes) -> bytes:
    """One bit of it turned: another byte in its place would be the true one, once in 256 times."""
    return record[:-1] + bytes([record[-1] ^ 1])


def test_a_record_that_was_tampered_with_ends_the_connection():
    """What came before it counts; the server is told, and so is the connection, once and with the first reason."""
    pair = Pair().shake()
    pair.server.write(b"good")
    good = pair.outgoing.read()
    pair.server.write(b"forged")
    pair.secured.data_received(good + forged(pair.outgoing.read()))
    assert (pair.ear.heard, pair.wire.state) == (b"good", "closed")
    with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
        pair.hear()
    pair.secured.write(GET)  # before the news has arrived
    pair.secured.close()
    pair.secured.connection_lost(None)
    made, error = pair.ear.told
    assert made == "made"
    assert isinstance(error, ssl.SSLError)
    assert "BAD_RECORD_MAC" in str(error)


def test_another_name_than_the_one_asked_for_is_refused():
    """Who awaits the handshake learns why; the connection has never been made; the server is told."""
    pair = Pair(name="127.0.0.2")
    pair.hear()
    pair.carry()
    assert pair.wire.state == "closed"
    pair.secured.connection_lost(None)
    assert isinstance(pair.error, ssl.SSLCertVerificationError)
    assert "127.0.0.2" in str(pair.error)
    assert pair.ear.told == []
    with pytest.raises(ssl.SSLError, match="ALERT"):
        pair.hear()


@pytest.mark.parametrize("exc", [None, ConnectionResetError("reset by peer")])
def test_an_end_within_the_handshake_is_told_to_who_awaits_it(exc):
    """Whether the server closes or resets."""
    pair = Pair()
    pair.secured.eof_received()
    pair.secured.connection_lost(exc)
    assert isinstance(pair.error, ConnectionResetError)
    assert pair.ear.told == []


def test_who_gives_up_hears_no_more():
    """Before there is a transport and within the handshake; the transport is let go of at once."""
    pair = Pair()
    pair.secured.abort()
    assert pair.wire.state == "aborted"
    pair.secured.connection_lost(None)
    assert pair.secured.shaken.cancelled()
    assert pair.ear.told == []
    loop = asyncio.new_event_loop()
    unborn = Secured(Ear(), trusting(), "127.0.0.1", loop.create_future())
    unborn.abort()
    assert unborn.shaken.cancelled()
    loop.close()


def test_a_certificate_that_is_missed_is_told_after_the_handshake():
    """In TLS 1.3 the server judges ours when the handshake is over for us."""
    pair = Pair(demanded=ssl.CERT_REQUIRED)
    pair.carry()
    assert pair.error is None
    pair.secured.write(GET)
    with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        pair.hear()
    pair.secured.data_received(pair.outgoing.read())
    pair.secured.connection_lost(None)
    made, error = pair.ear.told
    assert made == "made"
    assert isinstance(error, ssl.SSLError)
    assert explain_tls(error) is Reason.CLIENT_CERTIFICATE_REFUSED


def end_at_once(pair: Pair) -> None:
    pair.secured.connection_lost(None)


def refuse_the_name(pair: Pair) -> None:
    pair.carry()
    assert isinstance(pair.secured._error, ssl.SSLCertVerificationError)
    pair.secured.connection_lost(None)


def forge(pair: Pair) -> None:
    pair.shake()
    pair.server.write(b"forged")
    pair.secured.data_received(forged(pair.outgoing.read()))
    assert pair.secured._error is not None
    pair.secured.connection_lost(None)


@pytest.mark.parametrize(
    ("name", "end"), [("127.0.0.1", end_at_once), ("127.0.0.2", refuse_the_name), ("127.0.0.1", forge)]
)
def test_no_work_is_left_for_the_collector(name, end):
    """Connection and transport know each other only while they live; an error does not keep them alive."""

    def held() -> int:
        return sum(isinstance(each, Secured) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = held()
        for _ in range(10):
            pair = Pair(name=name)
            pair.ear.transport = pair.secured
            end(pair)
        del pair
        assert held() == before
    finally:
        gc.enable()


# --- a server that nobody here wrote


class Openssl:
    """A real `openssl s_server`: a line on its stdin is sent to the client, or is an order to it (`s_server`(1))."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said = ""

    def order(self, line: str) -> None:
        """Give it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self, words: str) -> str:
        """Wait until it has said something that it has not said before; return all it said until then."""
        assert self._process.stdout is not None
        while not (found := re.search(words, self._said)):
            line = self._process.stdout.readline()
            assert line, f"it ended with {self._said!r}"
            self._said += line
        before, self._said = self._said[: found.end()], self._said[found.end() :]
        return before


@contextmanager
def talking(program: str, folder: Path, *options: str) -> Iterator[tuple[Openssl, Side, socket.socket]]:
    """Give the server, a client that has shaken hands with it, and the client's socket."""
    pem = folder / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    command = [program, "s_server", "-accept", "127.0.0.1:0", "-cert", str(pem), "-key", str(pem), *options]
    pipe = subprocess.PIPE
    with child(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as process:
        server = Openssl(process)
        port = re.findall(r"\d+", server.wait(r"ACCEPT .*\n"))[-1]
        with socket.create_connection(("127.0.0.1", int(port)), timeout=LONG) as there:
            side = Side(there=there)
            while not side.secured.shaken.done():
                receive(side, there)
            server.order("ready")
            listen(side, there, b"ready\n")  # and what else it has to say about the handshake
            assert side.error is None
            yield server, side, there


def receive(side: Side, there: socket.socket) -> None:
    """Let the client receive what comes next, and note only what it writes because of it."""
    data = there.recv(65536)
    assert data
    side.wire.written.clear()
    side.secured.data_received(data)


def listen(side: Side, there: socket.socket, words: bytes) -> None:
    """Let the client receive until it has heard something."""
    while words not in side.ear.heard:
        receive(side, there)


def test_a_server_may_shake_hands_again(peer, tmp_path):
    """TLS 1.2, as some do to ask for a certificate; what is sent in the middle of it waits for its end."""
    with talking(peer("openssl"), tmp_path, "-tls1_2") as (server, side, there):
        server.order("r")
        receive(side, there)  # the wish for another handshake
        assert side.wire.written
        side.secured.write(b"meanwhile\n")
        assert side.secured._unsent == b"meanwhile\n"
        while side.secured._unsent:
            receive(side, there)
        server.wait("meanwhile\n")
        server.order("answer")
        listen(side, there, b"answer\n")
    assert side.ear.told == ["made"]


def test_a_server_may_change_its_keys(peer, tmp_path):
    """TLS 1.3: its own, and ours on its demand, which OpenSSL meets with the next that is sent."""
    with talking(peer("openssl"), tmp_path, "-tls1_3") as (server, side, there):
        for order in "kK":
            server.order(order)
            receive(side, there)
            server.order("answer " + order)
            listen(side, there, b"answer " + order.encode() + b"\n")
            side.secured.write(b"heard " + order.encode() + b"\n")
            server.wait(f"heard {order}\n")
    assert side.ear.told == ["made"]
