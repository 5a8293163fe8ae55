"""One connection: the same bytes give the same answers however they arrive, and however often they were seen before."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys import Reason, Response
from loadtests import http1
from loadtests.http1 import LONGEST_HEAD, MAX_HEADS, Connection, Unfinished

PACKED = gzip.compress(b"Hello" * 9, mtime=0)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 5\r\n\r\nHello",
    b"HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 10\r\n\r\nA\r\n\r\nthere",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nOK",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
    b"HTTP/1.1 404 Not Found\r\nX-Words: a\r\nContent-Length: 4\r\n\r\nGone",
)


class Wire:
    """The transport of a connection, which only counts."""

    def __init__(self) -> None:
        self.sent = 0
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.sent += 1

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Asking:
    """A client that notes what it is told."""

    told: list[tuple[Response, list[bytes]]] = field(default_factory=list)
    trouble: list[Reason] = field(default_factory=list)
    shortages: list[str] = field(default_factory=list)

    def answered(self, response: Response, cookies: list[bytes]) -> None:
        self.told.append((response, list(cookies)))

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:
        self.trouble.append(reason)

    def hindered(self, error: OSError) -> None:
        self.shortages.append(str(error))


@pytest.fixture(autouse=True)
def no_head_known(monkeypatch):
    monkeypatch.setattr(http1, "_heads", http1._Heads())


class Unhurried:
    """An outbox that hands over at once."""

    def put(self, sender, data):
        sender.write(data)


def connected(unfinished: Unfinished | None = None) -> Connection:
    connection = Connection(lambda: None, Unhurried(), unfinished or Unfinished())
    connection.connection_made(Wire())
    return connection


def exchange(connection: Connection, answer: bytes, cuts: list[int]) -> Asking:
    """Ask, and let the answer come in pieces."""
    client = Asking()
    connection.send(b"GET / HTTP/1.1\r\n\r\n", client)
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(answer)}), len(answer)]
    for begin, end in pairwise(edges):
        connection.data_received(answer[begin:end])
    return client


def apart(answer: bytes) -> list[tuple[Response, list[bytes]]]:
    """Return what an answer says, byte by byte on a connection of its own: this is always the parser's work."""
    return exchange(connected(), answer, list(range(len(answer)))).told


@given(st.lists(st.tuples(st.sampled_from(ANSWERS), st.lists(st.integers(1, 90), max_size=3)), max_size=12))
def test_the_same_bytes_give_the_same_answers_however_they_arrive(exchanges):
    """Whole or in pieces, for the first time or again, after whatever came before on the same connection."""
    unfinished = Unfinished()
    connection = connected(unfinished)
    for answer, cuts in exchanges:
        assert exchange(connection, answer, cuts).told == apart(answer)
        assert unfinished.held == 0
    assert not connection.closed


def test_a_head_that_was_seen_is_not_parsed_again(monkeypatch):
    """Not even by another connection; a body of another length, or one more byte, is the parser's again."""
    hello = ANSWERS[0]
    exchange(connected(), hello, [])
    parsed: list[bytes] = []
    monkeypatch.setattr(Connection, "_parse", lambda self, data: parsed.append(data))
    assert exchange(connected(), hello.replace(b"Hello", b"World"), []).told[0][0].body == b"World"
    assert parsed == []
    for other in (hello + b"!", hello[:-1], hello.replace(b"Server: a", b"Server: b")):
        exchange(connected(), other, [])
        assert parsed.pop() == other


@pytest.mark.parametrize(
    "headers",
    [b"Set-Cookie: a=b\r\n", b"Connection: close\r\n", b"X: " + b"x" * LONGEST_HEAD + b"\r\n"],
    ids=["cookie", "close", "long"],
)
def test_heads_that_are_not_remembered(headers):
    """Those that set cookies, end the connection, or are long."""
    exchange(connected(), b"HTTP/1.1 200 OK\r\n" + headers + b"Content-Length: 2\r\n\r\nOK", [])
    assert not http1._heads


def test_the_tail_of_a_head_is_not_remembered_as_one():
    """An answer in two pieces, the second of which looks like a head with its body."""
    connection = connected()
    exchange(connection, ANSWERS[0], [len(b"HTTP/1.1 200 OK\r\nServer: a\r\n")])
    assert not http1._heads
    assert exchange(connection, b"Content-Length: 5\r\n\r\nHello", []).trouble == [Reason.BROKEN_RESPONSE]


def test_a_target_that_makes_up_headers_does_not_fill_the_memory():
    """However many different heads come, the number that is remembered stays bounded."""
    connection = connected()
    for number in range(2 * MAX_HEADS + 5):
        exchange(connection, b"HTTP/1.1 200 OK\r\nX: %d\r\nContent-Length: 2\r\n\r\nOK" % number, [])
        assert 0 < len(http1._heads) <= MAX_HEADS
    http1.forget_heads()
    assert not http1._heads


def test_answers_that_would_together_take_all_memory_are_given_up(monkeypatch):
    """Whichever grows beyond what is left: it frees what it held, the others go on."""
    monkeypatch.setattr(http1, "MAX_UNFINISHED", 200)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(100)
    unfinished = Unfinished()
    first, second = connected(unfinished), connected(unfinished)
    one, other = exchange(first, answer[:-20], []), exchange(second, answer[:-20], [])
    assert (one.shortages, other.shortages) == ([], ["[Errno 12] 200 bytes of unfinished answers at once"])
    assert second.closed
    second.connection_lost(None)
    assert unfinished.held == len(answer) - 20
    first.data_received(answer[-20:])
    assert [len(response.body) for response, _ in one.told] == [100]
    assert unfinished.held == 0
    assert other.trouble == []


@pytest.mark.parametrize("before", ANSWERS)
def test_a_connection_that_ends_without_an_answer_is_not_answered_by_the_one_before(before):
    """Whatever the answer before was like: nothing came in return for the second request."""
    connection, client = connected(), Asking()
    exchange(connection, before, [])
    connection.send(b"GET / HTTP/1.1\r\n\r\n", client)
    connection.connection_lost(None)
    assert client.told == []
    assert client.trouble == [Reason.CONNECTION_RESET]
