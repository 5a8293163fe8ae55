"""One HTTP/1.1 connection: request bytes out, parsed response in.

The connection belongs to one client at a time and calls it back: `answered` with the whole response, or `broken` with
the reason. It never retries; what a broken connection means is the client's decision.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, cast

import httptools

from journeys import Reason, Response
from journeys.reasons import explain_tls
from loadtests.outbox import Outbox

MAX_BODY = 16 * 1024 * 1024
"""Bytes of one answer; a larger one is broken off, so that no target can exhaust the generator."""

MAX_UNFINISHED = 1024 * 1024 * 1024
"""Bytes that a process holds of answers that are not whole yet: 10,000 pages of 100 KB. A target that sends everyone
far too much would else take all memory within seconds, and the results with it."""

MAX_HEAD = 256 * 1024
"""Bytes of one answer before its body begins; a larger head is broken off, as Chromium does."""

MAX_HEADS, LONGEST_HEAD = 1000, 4096
"""Heads of answers that are remembered, and the bytes of the longest: 4 MB in all."""

_LENGTH, _COOKIE, _TRANSFER, _ENCODING = range(1, 5)
_HEADERS_READ = {
    b"content-length": _LENGTH,
    b"set-cookie": _COOKIE,
    b"transfer-encoding": _TRANSFER,
    b"content-encoding": _ENCODING,
}


class _HeaderKinds(dict[bytes, int]):
    """Which headers say how to read the body, by name in every spelling met so far; 0 for all others."""

    def __missing__(self, name: bytes) -> int:
        kind = _HEADERS_READ.get(name.lower(), 0)
        if len(self) < 1000:  # a target that makes up names must not fill the memory
            self[name] = kind
        return kind


_header_kinds = _HeaderKinds()


class _Head(NamedTuple):
    """What a head said that was followed by a plain body of `length` bytes, after which the connection lived on."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    length: int


class _Heads(dict[bytes, _Head]):
    """Heads as the parser has read them, by their bytes: the same bytes say the same again.

    Within one second most answers of a server differ in their bodies only, if at all; reading such a head again costs
    more than all else that is done with an answer.
    """

    def keep(self, data: bytes, head: _Head) -> None:
        """Remember a head; all are forgotten now and then, for a target that makes up headers."""
        if len(self) == MAX_HEADS:
            self.clear()
        self[data] = head


_heads = _Heads()


def forget_heads() -> None:
    """Let go of the heads that were met so far: once a second, since they carry the time (`Date`)."""
    _heads.clear()


class Unfinished:
    """The bytes that all connections of a loop hold of answers that are not whole yet."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0


class Client(Protocol):
    """Who uses a connection."""

    def answered(self, response: Response, cookies: Sequence[bytes]) -> None:
        """Take the complete answer to the request sent, and its Set-Cookie headers."""

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:
        """Take the news that no answer will come.

        `stale`: the connection had served before and not one byte came back, so the server had just closed it.
        """

    def hindered(self, error: OSError) -> None:
        """Take the news that no answer can be taken for want of memory here."""


class Tenant(Protocol):
    """Who speaks another protocol on a connection that was handed over."""

    def received(self, data: bytes) -> None:
        """Take bytes as they come."""

    def ended(self, detail: str) -> None:
        """Take the news that the connection is gone."""


class Keeper(Protocol):
    """Who has answered on a connection."""

    def gone(self) -> None:
        """Take note that the connection exists no longer."""


class Connection(asyncio.Protocol):
    """A connection that is open, or being opened; no request may be sent once it is `closed`.

    `keepers` have answered on it; they are told when it is gone. `end` is why it was lost, once it was.
    """

    __slots__ = (
        "_answer",
        "_body",
        "_chunked",
        "_client",
        "_cookies",
        "_encoding",
        "_gone",
        "_head_complete",
        "_headers",
        "_kept",
        "_length_known",
        "_outbox",
        "_parser",
        "_requests",
        "_size",
        "_tenant",
        "_transport",
        "_unfinished",
        "closed",
        "end",
        "keepers",
        "silent",
    )

    def __init__(self, gone: Callable[[], None], outbox: Outbox, unfinished: Unfinished) -> None:
        """`gone` is called once, when the connection no longer exists."""
        self.closed = False
        self._outbox = outbox
        self._unfinished = unfinished
        self._size = 0
        self._body: list[bytes] = []
        self.end = Reason.CONNECTION_RESET
        self.keepers: tuple[Keeper, ...] = ()
        self._gone = gone
        self._requests = 0
        self.silent = True
        self._answer: Response | None = None
        self._kept = True
        self._client: Client | None = None
        self._tenant: Tenant | None = None
        self._transport: Any = None  # uvloop's, which is no subclass of asyncio's
        self._parser: Any = httptools.HttpResponseParser(self)
        self.on_message_begin()

    # --- used by the client

    def send(self, data: bytes, client: Client) -> None:
        """Send one request; `client` is called back exactly once unless `close` is called first."""
        self._client = client
        self._requests += 1
        self.silent = True
        self._outbox.put(self, data)

    def hand_over(self, tenant: Tenant) -> None:
        """Leave a connection that is open to `tenant`, for good: what arrives on it is no answer any more."""
        self._tenant = tenant

    def part(self, last: bytes = b"") -> None:
        """Close once everything has been sent, a tenant's last words included; nobody is called back."""
        self.write(last)
        self._tenant = None
        self.closed = True
        self._transport.close()

    def close(self) -> None:
        """Close at once; nobody is called back."""
        self._client = self._tenant = None
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def abandon(self) -> None:
        """Give up a connection that is being opened: nobody else will tell that it is gone."""
        self.close()
        self._leave()

    @property
    def idle(self) -> bool:
        """Whether no answer is awaited."""
        return self._client is None

    # --- called by the outbox, or by a tenant

    def write(self, data: bytes) -> None:
        """Write a request, or what a tenant says, unless the connection was closed meanwhile."""
        if not self.closed:
            self._transport.write(data)

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if self.closed:  # given up while it was being opened
            cast("asyncio.Transport", transport).abort()
            return
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand over an answer that is whole and has a known head; leave any other to the parser."""
        self.silent = False
        if self._client is None:
            if self._tenant is not None:
                self._tenant.received(data)
            else:  # nobody asked: it could not be told from the answer to the next request
                self.close()
            return
        if not self._size:
            end = data.find(b"\r\n\r\n") + 4
            head = _heads.get(data[:end])
            if head is not None and len(data) == end + head.length:
                client, self._client = self._client, None
                client.answered(Response(head.status, head.headers, data[end:]), ())
                return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        """Feed the parser, which calls the `on_` methods; then hand over the answer if it is complete."""
        trouble = ""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a bug of ours, not of the answer
        except httptools.HttpParserUpgrade:
            trouble = "a change of protocol that was not asked for"
        except httptools.HttpParserError as error:
            trouble = str(error)
        if self._answer is not None:
            self._kept = self._kept and not trouble
            if self._kept and not (self._size or self._cookies or self._encoding):
                self._remember(data, self._answer)
            self._deliver(self._answer)
            return
        self._size += len(data)
        self._unfinished.held += len(data)
        if trouble:
            self._break(Reason.BROKEN_RESPONSE, trouble)
        elif self._size > MAX_BODY:
            self._break(Reason.BROKEN_RESPONSE, f"larger than {MAX_BODY} bytes")
        elif self._size > MAX_HEAD and not self._head_complete:
            self._break(Reason.BROKEN_RESPONSE, f"head larger than {MAX_HEAD} bytes")
        elif self._unfinished.held > MAX_UNFINISHED:
            client, self._client = self._client, None
            self.close()
            assert client is not None
            client.hindered(OSError(errno.ENOMEM, f"{MAX_UNFINISHED:,} bytes of unfinished answers at once"))

    def _remember(self, data: bytes, answer: Response) -> None:
        """Remember the head if `data` is just this head and its body, neither more nor chunked."""
        end = data.find(b"\r\n\r\n") + 4
        if len(data) == end + len(answer.body) and end <= LONGEST_HEAD:
            _heads.keep(data[:end], _Head(answer.status, answer.headers, len(answer.body)))

    def eof_received(self) -> None:
        """Note that the server will send nothing more; the transport closes itself and then calls `connection_lost`."""
        self.closed = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Finish an answer that ends with the connection; anything else that was awaited is lost."""
        self.closed = True
        if isinstance(exc, ssl.SSLError):
            self.end = explain_tls(exc)
        if self._client is not None:
            if self._head_complete and not self._length_known and not self._chunked and exc is None:
                self._deliver(self._whole(self._parser.get_status_code()))
            else:
                self._break(self.end, str(exc) if exc else "closed before the answer was complete")
        elif self._tenant is not None:
            self._tenant.ended(str(exc) if exc else "closed")
        self._leave()

    # --- called by the parser

    def on_message_begin(self) -> None:
        """Forget the previous message; one that follows an answer at once was not asked for."""
        self._kept = self._answer is None
        self._headers: list[tuple[bytes, bytes]] = []
        self._cookies: list[bytes] = []
        self._encoding = b""
        self._settle()
        self._head_complete = False
        self._length_known = False
        self._chunked = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header; note those that say how to read the body."""
        self._headers.append((name, value))
        kind = _header_kinds[name]
        if not kind:
            return
        if kind == _LENGTH:
            self._length_known = True
        elif kind == _COOKIE:
            self._cookies.append(value)
        elif kind == _TRANSFER:
            self._chunked = b"chunked" in value.lower()
        else:
            self._encoding = value.lower()

    def on_headers_complete(self) -> None:
        """Note that the body begins."""
        self._head_complete = True

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Keep the answer until the parser is done; a 1xx answer is only an announcement."""
        status = self._parser.get_status_code()
        if status < 200 or self._answer is not None:
            return
        bounded = self._length_known or self._chunked or status in {204, 304}
        self._answer = self._whole(status)
        self._kept = bounded and self._parser.should_keep_alive()

    def _whole(self, status: int) -> Response:
        body = self._body
        return Response(status, self._headers, body[0] if len(body) == 1 else b"".join(body))

    def _deliver(self, answer: Response) -> None:
        """Hand the answer to the client, who may send the next request at once."""
        client = self._client
        assert client is not None
        self._client = self._answer = None
        self._head_complete = False
        self._settle()
        if not self._kept:
            self.close()
        if self._encoding and answer.body:
            try:
                answer.body = _decoded(self._encoding, answer.body)
            except (zlib.error, ValueError) as error:
                client.broken(Reason.BROKEN_RESPONSE, f"undecodable body ({error})", stale=False)
                return
        client.answered(answer, self._cookies)

    def _settle(self) -> None:
        """Hold nothing of an answer any more."""
        self._unfinished.held -= self._size
        self._size = 0
        self._body = []

    def _leave(self) -> None:
        self._settle()
        gone, self._gone = self._gone, _nothing
        gone()
        keepers, self.keepers = self.keepers, ()
        for keeper in keepers:
            keeper.gone()
        self._tenant = None
        self._parser = None  # it holds our methods: without the cycle, citizens leave no work for the collector

    def _break(self, reason: Reason, detail: str) -> None:
        client, stale = self._client, self.silent and self._requests > 1
        self.close()
        if client is not None:
            client.broken(reason, detail, stale=stale)


def _nothing() -> None:
    """Do nothing."""


def explain_connect_error(error: BaseException) -> Reason:
    """Return the reason for a connection that could not be opened."""
    if isinstance(error, ssl.SSLError):
        return explain_tls(error)
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, ConnectionResetError):
        return Reason.CONNECTION_RESET
    if isinstance(error, OSError) and type(error).__name__ == "gaierror":
        return Reason.NAME_NOT_RESOLVED
    return Reason.CONNECTION_REFUSED


def _decoded(encoding: bytes, body: bytes) -> bytes:
    if encoding == b"identity":
        return body
    if encoding not in {b"gzip", b"x-gzip", b"deflate"}:
        raise ValueError(f"unknown content-encoding {encoding.decode('latin-1')}")
    text = b""
    while body:  # a gzip file may have several members (RFC 1952, 2.2)
        bare = encoding == b"deflate" and body[0] & 15 != 8  # without zlib's header, as some servers send it
        unpack = zlib.decompressobj(wbits=-15 if bare else 47)
        text += unpack.decompress(body, MAX_BODY + 1 - len(text))
        if len(text) > MAX_BODY:
            raise ValueError(f"larger than {MAX_BODY} bytes")
        if not unpack.eof:
            raise ValueError("it ends too early")
        body = unpack.unused_data
    return text
