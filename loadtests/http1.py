"""One HTTP/1.1 connection: request bytes out, parsed response in.

The connection belongs to one client at a time and calls it back: `answered` with the whole response, or `broken` with
the reason. It never retries; what a broken connection means is the client's decision.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httptools

from journeys import Reason, Response

MAX_BODY = 16 * 1024 * 1024
"""Bytes of one response body; a larger answer is broken off, so that no target can exhaust the generator."""

USER_AGENT = "Piekwacht (load test)"


class Origin:
    """Where a connection goes: one host and port, with or without TLS.

    There is one object for each origin (`Origin.of`), so that it is compared and hashed by identity on the way of
    every request. `headers` are those that every request to it carries.
    """

    __slots__ = ("headers", "host", "port", "secure")

    def __init__(self, host: str, port: int, secure: bool) -> None:
        self.host = host
        self.port = port
        self.secure = secure
        fields = {"Host": self.authority, "User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    @staticmethod
    @cache
    def of(host: str, port: int, secure: bool) -> Origin:
        """Return the one object of an origin."""
        return Origin(host, port, secure)

    @property
    def authority(self) -> str:
        """The host as URLs and the Host header write it: the port only where it is not the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The origin as a URL without a path."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"


def split_url(url: str) -> tuple[Origin, str]:
    """Return the origin and the path with query of an absolute http(s) URL. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"not an http(s) URL: {url!r}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin.of(parts.hostname, parts.port or (443 if secure else 80), secure), path


class Client(Protocol):
    """Who uses a connection."""

    def answered(self, response: Response, cookies: list[bytes]) -> None:
        """Take the complete answer to the request sent, and its Set-Cookie headers."""

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:
        """Take the news that no answer will come.

        `stale`: the connection had served before and not one byte came back, so the server had just closed it.
        """


class Connection(asyncio.Protocol):
    """A connection that is open or being opened."""

    __slots__ = (
        "_body",
        "_chunked",
        "_client",
        "_cookies",
        "_encoding",
        "_gone",
        "_head_complete",
        "_headers",
        "_length_known",
        "_parser",
        "_requests",
        "_silent",
        "_size",
        "_transport",
        "closed",
        "made",
    )

    def __init__(self, gone: Callable[[], None]) -> None:
        """`gone` is called once, when a connection that was `made` no longer exists."""
        self.closed = self.made = False
        self._gone = gone
        self._requests = 0
        self._silent = True
        self._client: Client | None = None
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self.on_message_begin()

    # --- used by the client

    def send(self, data: bytes, client: Client) -> None:
        """Send one request; `client` is called back exactly once unless `close` is called first."""
        assert self._transport is not None
        assert self._client is None
        self._client = client
        self._requests += 1
        self._silent = True
        self._transport.write(data)

    def close(self) -> None:
        """Close at once; nobody is called back."""
        self._client = None
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        return not self.closed and self._transport is not None and not self._transport.is_closing()

    @property
    def idle(self) -> bool:
        """Whether no answer is awaited."""
        return self._client is None

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if self.closed:  # given up while it was being opened
            self._gone = _nothing
            cast("asyncio.Transport", transport).abort()
            return
        self.made = True
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the `on_` methods."""
        self._silent = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise  # a bug of ours, not of the answer
        except httptools.HttpParserError as error:
            self._break(Reason.BROKEN_RESPONSE, str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Finish an answer that ends with the connection; anything else that was awaited is lost."""
        self.closed = True
        if self._client is not None:
            if self._head_complete and not self._length_known and not self._chunked and exc is None:
                self.on_message_complete()
            else:
                self._break(Reason.CONNECTION_RESET, str(exc) if exc else "closed before the answer was complete")
        self._gone()
        self._parser = None  # it holds our methods: without the cycle, citizens leave no work for the collector

    # --- called by the parser

    def on_message_begin(self) -> None:
        """Forget the previous message."""
        self._headers: list[tuple[bytes, bytes]] = []
        self._cookies: list[bytes] = []
        self._body: list[bytes] = []
        self._encoding = b""
        self._size = 0
        self._head_complete = False
        self._length_known = False
        self._chunked = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header; note those that say how to read the body."""
        self._headers.append((name, value))
        lower = name.lower()
        if lower == b"content-length":
            self._length_known = True
        elif lower == b"set-cookie":
            self._cookies.append(value)
        elif lower == b"transfer-encoding":
            self._chunked = b"chunked" in value.lower()
        elif lower == b"content-encoding":
            self._encoding = value.lower()

    def on_headers_complete(self) -> None:
        """Note that the body begins."""
        self._head_complete = True

    def on_body(self, body: bytes) -> None:
        """Collect a part of the body."""
        self._size += len(body)
        if self._size > MAX_BODY:
            self._break(Reason.BROKEN_RESPONSE, f"body larger than {MAX_BODY} bytes")
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer to the client; a 1xx answer is only an announcement."""
        status = self._parser.get_status_code()
        client = self._client
        if status < 200 or client is None:
            return
        self._client = None
        bounded = self._length_known or self._chunked or status in {204, 304}
        if not (bounded and self._parser.should_keep_alive()):
            self.close()
        try:
            body = _decoded(self._encoding, b"".join(self._body))
        except (zlib.error, ValueError) as error:
            client.broken(Reason.BROKEN_RESPONSE, f"undecodable body ({error})", stale=False)
            return
        client.answered(Response(status, self._headers, body), self._cookies)

    def _break(self, reason: Reason, detail: str) -> None:
        client, stale = self._client, self._silent and self._requests > 1
        self.close()
        if client is not None:
            client.broken(reason, detail, stale=stale)


def _nothing() -> None:
    """Do nothing."""


def explain_connect_error(error: BaseException) -> Reason:
    """Return the reason for a connection that could not be opened."""
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        return Reason.TLS_FAILED
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, ConnectionResetError):
        return Reason.CONNECTION_RESET
    if isinstance(error, OSError) and type(error).__name__ == "gaierror":
        return Reason.NAME_NOT_RESOLVED
    return Reason.CONNECTION_REFUSED


def _decoded(encoding: bytes, body: bytes) -> bytes:
    if not encoding or not body or encoding == b"identity":
        return body
    if encoding not in {b"gzip", b"x-gzip", b"deflate"}:
        raise ValueError(f"unknown content-encoding {encoding.decode('latin-1')}")
    unpack = zlib.decompressobj(wbits=15 if encoding == b"deflate" else 47)
    text = unpack.decompress(body, MAX_BODY)
    if unpack.unconsumed_tail:
        raise ValueError(f"larger than {MAX_BODY} bytes")
    return text
