"""TLS between a connection and its transport: records on the wire's side, plain bytes on the connection's.

The event loop has TLS of its own, made for every kind of protocol; what that costs each connection and each message is
a good part of a citizen who comes, asks once and leaves. See docs/decisions/0008-own-tls-buffers.md.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any, cast

_RECORD = 16 * 1024
"""Bytes of plain text in one TLS record, at most (RFC 8446, 5.1)."""


class Secured(asyncio.Protocol):
    """The transport of a `connection`, which learns that it is made when the handshake is over.

    So does who awaits `shaken`: its result is the error that the handshake ended with, or none. Who speaks is verified
    as `context` demands, and has to be `name`. Nobody here looks at the time: who awaits bounds the handshake.
    """

    __slots__ = ("_connection", "_error", "_incoming", "_outgoing", "_tls", "_transport", "_unsent", "shaken")

    def __init__(
        self,
        connection: asyncio.Protocol,
        context: ssl.SSLContext,
        name: str,
        shaken: asyncio.Future[Exception | None],
    ) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._transport: Any = None  # uvloop's, which is no subclass of asyncio's
        self._unsent = b""
        self._error: ssl.SSLError | None = None
        self.shaken = shaken

    # --- called by the connection, whose transport this is

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        self._unsent += data
        self._send()

    def close(self) -> None:
        """Say goodbye (close_notify) behind what was written, and close without waiting for the other side's."""
        if self._error is None and not self._transport.is_closing():
            with suppress(ssl.SSLError):  # that the other side's goodbye is still to come
                self._tls.unwrap()
            self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, also what is only being opened."""
        self.shaken.cancel()
        if self._transport is not None:
            self._transport.abort()

    # --- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = transport
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """Decrypt what has come; go on with the handshake while it lasts."""
        self._incoming.write(data)
        if self.shaken.done():
            self._read()
        else:
            self._shake_hands()

    def eof_received(self) -> None:
        """Pass on that the server will send nothing more; the transport closes itself."""
        if self.shaken.done():
            self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone: because of what TLS says, if it said anything."""
        error = self._error or exc
        if not self.shaken.done():
            self.shaken.set_result(error or ConnectionResetError("closed during the TLS handshake"))
        elif not self.shaken.cancelled():
            self._connection.connection_lost(error)
        del self._connection  # it holds this one as its transport: citizens leave no cycles for the collector

    # --- the protocol

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._flush()
        self.shaken.set_result(None)
        self._connection.connection_made(cast("asyncio.Transport", self))
        if self._incoming.pending:
            self._read()

    def _read(self) -> None:
        """Hand over the plain bytes of all records that are whole."""
        plain, over, failed = b"", False, None
        try:
            while self._incoming.pending and not over:  # TLS takes no more from it than the record it is at
                data = self._tls.read(_RECORD)
                plain = plain + data if plain else data
                over = not data  # the other side has said goodbye
        except ssl.SSLWantReadError:  # the rest of a record is still to come
            pass
        except ssl.SSLError as error:
            failed = error
        if plain:
            self._connection.data_received(plain)
        if failed is not None:
            self._fail(failed)
            return
        if self._unsent:
            self._send()
        self._flush()  # what TLS itself has to say: another handshake
        if over:
            self._connection.eof_received()
            self._transport.close()

    def _send(self) -> None:
        """Encrypt what is to be sent, a record at a time; what TLS does not take before it has heard more waits."""
        try:
            while self._unsent:
                self._unsent = self._unsent[self._tls.write(self._unsent) :]
        except ssl.SSLWantReadError:  # within another handshake (TLS 1.2)
            pass
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _fail(self, error: ssl.SSLError) -> None:
        """Send the alert, if there is one, and close."""
        self._error = self._error or error.with_traceback(None)  # which holds the frame that holds this object
        self._flush()
        self._transport.close()
