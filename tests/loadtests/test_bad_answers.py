"""Answers that are no answers: each is counted with its reason, none ends the run, fills the memory or is mistaken.

`crowd` itself checks after every run that it ended within its bounds, that the accounts close exactly, that no
connection is counted as open and that no socket is left.
"""

from __future__ import annotations

import gzip
import resource
import time
import zlib
from collections.abc import Callable

import pytest

from journeys import Citizen, Journey, Reason
from journeys.core import Wait, fetch
from loadtests.http1 import MAX_BODY, MAX_HEAD
from tests.crowd import Talk, answering, crowd, listening, say, twice

BROKEN = Reason.BROKEN_RESPONSE


def in_handshake(data: bytes) -> Callable[[Talk], None]:
    def talk(it: Talk) -> None:
        it._receive()
        it.send(data)

    return talk


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (in_handshake(b""), Reason.CONNECTION_RESET),
        (in_handshake(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Reason.TLS_FAILED),
    ],
    ids=["closed", "plain"],
)
def test_a_handshake_that_fails(talk, reason):
    """Closed in the midst of it, or answered in plain HTTP."""
    with listening(talk) as target:
        outcome = crowd(target.url.replace("http:", "https:"))
    assert outcome.failure() == ("one", reason)
    assert outcome.failed == 10


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say(status=b"500 No"), Reason.UNEXPECTED_STATUS),
        (say(b"Other"), Reason.CONTENT_MISSING),
        (say(b"In verband met onderhoud gesloten"), Reason.MAINTENANCE_PAGE),
        (say(status=b"302 Found", headers=b"Location: /\r\n"), Reason.UNEXPECTED_REDIRECT),
    ],
    ids=["status", "content", "maintenance", "loop"],
)
def test_an_answer_that_is_not_the_one_expected_has_its_reason(answer, reason):
    """It is whole, and HTTP, and not what the citizen came for; a loop of redirects ends."""
    with listening(answering(answer)) as target:
        outcome = crowd(target.url)
    assert outcome.failure() == ("one", reason)
    assert outcome.failed == 10


GZIP = b"Content-Encoding: gzip\r\n"
DEFLATE = b"Content-Encoding: deflate\r\n"
PACKED = gzip.compress(b"Hello" * 1000, mtime=0)
BOMB = gzip.compress(bytes(2 * MAX_BODY), compresslevel=1, mtime=0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x00\x01rubbish\r\n\r\n", "Expected HTTP/"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "Expected HTTP/"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nHello", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nHello", ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nHello", ""),
        (b"HTTP/1.1 200 OK\r\nA: b\x00c\r\n\r\nHello", ""),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "change of protocol"),
        (say(BOMB, headers=GZIP), f"larger than {MAX_BODY} bytes"),
        (say(PACKED[:-20], headers=GZIP), "ends too early"),
        (say(PACKED[:-8] + bytes(8), headers=GZIP), "incorrect data check"),
        (say(b"Hello", headers=GZIP), "incorrect header check"),
        (say(b"Hello", headers=b"Content-Encoding: br\r\n"), "unknown content-encoding br"),
    ],
    ids=["rubbish", "ssh", "status", "two-lengths", "no-length", "chunk", "nul", "upgrade", "bomb", "cut", "checksum",
         "no-gzip", "brotli"],
)  # fmt: skip
def test_garbage_is_a_broken_answer(answer, words):
    """What is not HTTP, or cannot be unpacked, is named so; a compressed bomb is never unpacked in full."""
    with listening(answering(answer)) as target:
        outcome = crowd(target.url, citizens=3)
    assert outcome.failure() == ("one", BROKEN)
    assert outcome.failed == 3
    assert words in outcome.detail()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nHello",
        b"HTTP/1.1 200 OK\r\n\r\nHello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nHello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHello",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nHello and more",
    ],
    ids=["until-close-1.0", "until-close-1.1", "http-1.0", "length-too-short", "after-close"],
)
def test_a_connection_that_cannot_be_kept_is_replaced(answer):
    """HTTP/1.0, no length, or an answer that is longer than it says: the next request has a connection of its own."""
    talk = answering(answer)

    def closing(it: Talk) -> None:
        it.request()
        it.send(answer)

    with listening(closing if b" 200 OK\r\n\r\n" in answer else talk) as target:
        outcome = crowd(target.url, twice("Hel"), citizens=5)
        assert outcome.completed == 5
        assert outcome.counts["connections"] == target.connections == 10
    assert outcome.counts["stale"] == 0


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next(one_byte_apart):
    """A second answer, with the first or after it: the connection is given up, the next request has another."""
    with listening(one_byte_apart) as target:
        outcome = crowd(target.url, unasked, citizens=5)
    assert outcome.completed == 5
    assert outcome.counts["connections"] == target.connections == 10


def unasked(_citizen: Citizen) -> Journey:
    yield from fetch("one", "website", "/1", contains="Hello")
    yield Wait(0.3)
    yield from fetch("two", "website", "/2", contains="Hello")


@pytest.fixture(params=[0.0, 0.1])
def one_byte_apart(request: pytest.FixtureRequest) -> Callable[[Talk], None]:
    def talk(it: Talk) -> None:
        it.request()
        it.send(say() if request.param else say() + say(b"Other"))
        if request.param:
            time.sleep(request.param)
            it.send(say(b"Other"))
        it.request()
        it.send(say(b"Other"))

    return talk


def test_deflate_with_and_without_its_header():
    """Servers disagree on what deflate is; browsers read both."""
    bare = zlib.compressobj(wbits=-15)
    answers = (
        say(zlib.compress(b"Hello"), headers=DEFLATE),
        say(bare.compress(b"Hello") + bare.flush(), headers=DEFLATE),
    )
    with listening(answering(*answers)) as target:
        assert crowd(target.url, twice("Hello")).completed == 10


def endless(start: bytes, part: bytes) -> Callable[[Talk], None]:
    def talk(it: Talk) -> None:
        it.request()
        it.send(start)
        while True:
            it.send(part)

    return talk


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", bytes(65536)), f"larger than {MAX_BODY}"),
        (endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)), f"larger than {MAX_BODY}"),
        (endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 9999), f"than {MAX_BODY}"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 9999), f"head larger than {MAX_HEAD}"),
        (endless(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 65536), f"head larger than {MAX_HEAD}"),
        (endless(b"HTTP/1.1 200 ", b"b" * 65536), f"head larger than {MAX_HEAD}"),
    ],
    ids=["length", "until-close", "chunks", "headers", "header", "status-line"],
)
def test_an_answer_without_end_is_broken_off(talk, words):
    """No target can fill the generator's memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with listening(talk) as target:
        outcome = crowd(target.url, citizens=2, timeout=30.0)
    assert outcome.failure() == ("one", BROKEN)
    assert words in outcome.detail()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 12 * MAX_BODY, "two answers, joined and in parts, and room for the test itself"


@pytest.mark.parametrize(
    "cookie",
    [
        b"a=1; Expires=Fri, 31 Dec 0000 23:59:59 GMT",
        b"a=1; Expires=Mon, 01 Jan 0001 00:00:00 -0000",
        b"a=1; Expires=Fri, 31 Dec 9999 23:59:59 -9999",
        b"a=1; Expires=99999999999999999999",
        b"a=1; Max-Age=999999999999",
        b"a=\xff\xfe; Path=/\xff",
        b"=; =; ;;; Domain=..; Path",
        b"",
    ],
)
def test_no_cookie_ends_a_run(cookie):
    """Whatever stands in Set-Cookie, the journey goes on."""
    with listening(answering(say(headers=b"Set-Cookie: %s\r\n" % cookie))) as target:
        assert crowd(target.url, twice("Hello"), citizens=2).completed == 2


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (b"http://[::1", Reason.UNEXPECTED_REDIRECT),
        (b"http://127.0.0.1:99999/", Reason.UNEXPECTED_REDIRECT),
        (b"ftp://127.0.0.1/", Reason.UNEXPECTED_REDIRECT),
        (b"javascript:alert(1)", Reason.UNEXPECTED_REDIRECT),
        (b"//elsewhere.example/", Reason.UNEXPECTED_REDIRECT),
        (b"http:///", Reason.UNEXPECTED_REDIRECT),
    ],
)
def test_no_redirect_ends_a_run(location, reason):
    """A place that cannot be gone to is a redirect that was not expected."""
    answer = say(status=b"302 Found", headers=b"Location: %s\r\n" % location)
    with listening(answering(answer)) as target:
        outcome = crowd(target.url, citizens=2)
    assert outcome.failure() == ("one", reason)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (b"/caf\xc3\xa9", b"/caf%C3%A9"),
        (b"/a b", b"/a%20b"),
        (b"?q=1#x", b"/?q=1"),
        (b"", b"/"),
        (b"/%e2%82", b"/%e2%82"),
    ],
)
def test_odd_places_are_written_as_browsers_do(location, path):
    """Bytes beyond ASCII are quoted one by one, a fragment stays here, nothing means the same page."""
    redirect = say(status=b"302 Found", headers=b"Location: %s\r\n" % location)
    with listening(answering(redirect, say())) as target:
        assert crowd(target.url, citizens=1).completed == 1
    assert target.requests[1].split(b" ")[1] == path
