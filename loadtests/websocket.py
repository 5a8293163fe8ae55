"""One WebSocket (RFC 6455) of a citizen, on a connection that has become its own.

What arrives while the citizen does not listen is kept for when that is asked for; so is the news of its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, RejectConnection, Request, TextMessage
from wsproto.utilities import ProtocolError

from journeys import Reason
from journeys.core import LARGEST_MESSAGE, MOST_MESSAGES
from loadtests.http1 import Connection
from loadtests.origin import USER_AGENT, Origin

_NORMAL = 1000  # RFC 6455, 7.4.1


class Listener(Protocol):
    """Who talks on a WebSocket."""

    def connected(self, connection: Connection) -> None:
        """Take the news that the other side has agreed to talk."""

    def heard(self, text: str) -> None:
        """Take the next message."""

    def lost(self, reason: Reason, detail: str) -> None:
        """Take the news that nothing more will be heard."""


class WebSocket:
    """A WebSocket that is being opened, or open: `listener` is called back once for the opening and for each `hear`."""

    def __init__(self, connection: Connection, origin: Origin, path: str, cookies: str, listener: Listener) -> None:
        self.connection = connection
        self._listener = listener
        self._listening = True
        self._heard: deque[str] = deque()
        self._part = ""
        self._end: tuple[Reason, str] | None = None
        self._wire = WSConnection(ConnectionType.CLIENT)
        headers = [(b"User-Agent", USER_AGENT.encode())] + ([(b"Cookie", cookies.encode("latin-1"))] if cookies else [])
        asked = self._wire.send(Request(host=origin.authority, target=path, extra_headers=headers))
        connection.hand_over(self)
        connection.write(asked)

    def say(self, text: str) -> None:
        """Send a message; to who has left, nothing."""
        if self._end is None:
            self.connection.write(self._wire.send(TextMessage(text)))

    def hear(self) -> Callable[[], None] | None:
        """Listen for the next message; return the news to be told if there is some already."""
        if self._heard:
            return partial(self._listener.heard, self._heard.popleft())
        if self._end is not None:
            return partial(self._listener.lost, *self._end)
        self._listening = True
        return None

    def close(self) -> None:
        """Say goodbye and leave; nobody is called back."""
        self._listening = False
        if self._end is None:
            self._end = (Reason.CONNECTION_RESET, "closed")
            opened = self._wire.connection is not None
            self.connection.part(self._wire.send(CloseConnection(_NORMAL)) if opened else b"")

    # --- called by the connection

    def received(self, data: bytes) -> None:
        """Take bytes from the other side."""
        try:
            self._wire.receive_data(data)
            for event in self._wire.events():
                self._take(event)
                if self._end is not None:
                    return
        except ProtocolError as error:
            self._over(Reason.BROKEN_RESPONSE, str(error) or "not the protocol of a WebSocket")
        except UnicodeDecodeError:  # wsproto lets it through
            self._over(Reason.BROKEN_RESPONSE, "a head that is not ASCII")

    def ended(self, detail: str) -> None:
        """Take the news that the connection is gone."""
        self._over(Reason.CONNECTION_RESET, detail)

    def _take(self, event: Event) -> None:
        match event:
            case AcceptConnection():
                self._listening = False
                self._listener.connected(self.connection)
            case RejectConnection(status_code=status):
                reason = Reason.UNEXPECTED_REDIRECT if 300 <= status < 400 else Reason.UNEXPECTED_STATUS
                self._over(reason, f"status {status}")
            case TextMessage(data=text, message_finished=whole):
                self._part += text
                if len(self._part) > LARGEST_MESSAGE:
                    self._over(Reason.BROKEN_RESPONSE, f"a message of more than {LARGEST_MESSAGE} bytes")
                elif whole:
                    text, self._part = self._part, ""
                    self._tell(text)
            case Ping():
                self.connection.write(self._wire.send(event.response()))
            case CloseConnection(code=code):
                theirs = self._wire.state is ConnectionState.REMOTE_CLOSING  # else the parser could not go on
                self.connection.write(self._wire.send(event.response()))
                if theirs:
                    self._over(Reason.CONNECTION_RESET, f"closed by the other side ({code})")
                else:
                    self._over(Reason.BROKEN_RESPONSE, f"not the protocol of a WebSocket ({code})")

    def _tell(self, text: str) -> None:
        if self._listening:
            self._listening = False
            self._listener.heard(text)
        elif len(self._heard) < MOST_MESSAGES:
            self._heard.append(text)
        else:
            self._over(Reason.BROKEN_RESPONSE, f"more than {MOST_MESSAGES} messages unasked")

    def _over(self, reason: Reason, detail: str) -> None:
        if self._end is not None:
            return
        self._end = (reason, detail)
        self.connection.part()
        if self._listening:
            self._listening = False
            self._listener.lost(reason, detail)
