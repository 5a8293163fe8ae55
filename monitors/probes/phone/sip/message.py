"""SIP messages (RFC 3261, 7 and 25): parse, serialise, and cut a stream into messages.

Every parser raises `Malformed` and nothing else, whatever it is given; its work is linear in the size of the input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MAX_SIZE = 65_535
"""Bytes of one message: what a datagram can hold, and what a stream is believed to hold."""
MAX_HEADERS = 256
"""Lines of header fields in one message."""

_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "e": "Content-Encoding", "f": "From",
    "i": "Call-ID", "k": "Supported", "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To",
    "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires",
}  # fmt: skip
_UNUSUAL = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "mime-version": "MIME-Version",
    "www-authenticate": "WWW-Authenticate",
}
_LISTS = frozenset(
    {
        "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events", "Call-Info", "Contact",
        "Content-Encoding", "Content-Language", "Error-Info", "In-Reply-To", "Path", "Proxy-Require", "Reason",
        "Record-Route", "Require", "Route", "Service-Route", "Supported", "Unsupported", "Via", "Warning",
    }
)  # fmt: skip
"""Header fields whose values may share a line, parted by commas (RFC 3261, 7.3.1 and 20)."""
_SINGLE = ("From", "To", "Call-ID", "CSeq", "Content-Length")
"""Header fields that may come only once, because everything is matched by them."""

_TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"  # noqa: S105 - RFC 3261's word for it
_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([^\s]+) SIP/2\.0", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: ([^\r\n]*))?", re.IGNORECASE)
_FIELD = re.compile(rf"({_TOKEN})[ \t]*:([^\r\n]*)")
_LINE_ENDS = re.compile(rb"[\r\n]*")
_CSEQ = re.compile(rf"([0-9]{{1,10}})[ \t]+({_TOKEN})")
_TAG = re.compile(rf";[ \t]*tag[ \t]*=[ \t]*({_TOKEN})[ \t]*(?:;|$)", re.IGNORECASE)
_BRANCH = re.compile(rf";[ \t]*branch[ \t]*=[ \t]*({_TOKEN})", re.IGNORECASE)
_Q850 = re.compile(r"Q\.850[ \t]*;(?:.*;)?[ \t]*cause[ \t]*=[ \t]*([0-9]{1,3})[ \t]*(?:;|$)", re.IGNORECASE)
_SECONDS = re.compile(r"([0-9]{1,9})(?![0-9])")


class Malformed(ValueError):  # noqa: N818 - says what the message is
    """The input is no SIP, or none that can be answered."""


class Headers:
    """Header fields in order. Names are taken in any case and in their compact forms and kept in the usual spelling."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple((canonical(name), value) for name, value in pairs)

    def get(self, name: str) -> str | None:
        """Return the first value of `name`, of a list its first member; None where there is none."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Return every value of `name` in order; lists are split at their commas where RFC 3261 has lists."""
        name = canonical(name)
        values = [value for each, value in self._pairs if each == name]
        return [part for value in values for part in split(value, ",")] if name in _LISTS else values

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._pairs == other._pairs

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"Headers({list(self._pairs)!r})"


class _Parts:
    """What requests and responses are matched by; `Malformed` where it is missing."""

    __slots__ = ()
    headers: Headers

    def _needed(self, name: str) -> str:
        value = self.headers.get(name)
        if not value:
            raise Malformed(f"no {name}")
        return value

    @property
    def call_id(self) -> str:
        """The value of Call-ID."""
        return self._needed("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq."""
        found = _CSEQ.fullmatch(self._needed("CSeq"))
        if found is None or int(found[1]) >= 2**31:  # 8.1.1.5
            raise Malformed("CSeq is not a number below 2**31 and a method")
        return int(found[1]), found[2]

    @property
    def branch(self) -> str:
        """The branch of the topmost Via; empty where it has none (RFC 2543)."""
        found = _BRANCH.search(unquoted(self._needed("Via")))
        return found[1] if found else ""

    @property
    def from_tag(self) -> str:
        """The tag of From; empty where it has none."""
        return tag(self._needed("From"))

    @property
    def to_tag(self) -> str:
        """The tag of To; empty where it has none."""
        return tag(self._needed("To"))


@dataclass(frozen=True, slots=True)
class Request(_Parts):
    """A request."""

    method: str
    uri: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response(_Parts):
    """A response."""

    status: int
    phrase: str
    headers: Headers
    body: bytes = b""


Message = Request | Response


def parse(data: bytes) -> Message:
    """Parse one datagram; bytes behind its Content-Length are dropped (18.3). Raises `Malformed`."""
    if len(data) > MAX_SIZE:
        raise Malformed(f"more than {MAX_SIZE} bytes")
    head, parted, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not parted:
        raise Malformed("no empty line behind the header fields")
    first, headers = _head(head)
    length = _content_length(headers)
    if length is not None and length > len(body):
        raise Malformed(f"Content-Length says {length}, {len(body)} bytes came")
    return _message(first, headers, body[:length])


def serialise(message: Message) -> bytes:
    """Return the message's bytes; Content-Length is counted here."""
    if isinstance(message, Request):
        first = f"{message.method} {message.uri} SIP/2.0"
    else:
        first = f"SIP/2.0 {message.status} {message.phrase}"
    lines = [first, *(f"{name}: {value}" for name, value in message.headers if name != "Content-Length")]
    lines.append(f"Content-Length: {len(message.body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + message.body


class Framer:
    """Cuts a stream (TCP, TLS) into messages by their Content-Length; line ends between them are keep-alives.

    After `Malformed` nobody knows where the next message begins: the connection is of no more use.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0  # bytes in which no end of a head was found
        self._begun: tuple[str, Headers, int] | None = None  # a head whose body, of so many bytes, is not complete

    def feed(self, data: bytes) -> list[Message]:
        """Take what came in; return the messages that are complete now. Raises `Malformed`."""
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        self._begun = self._begun or self._next_head()
        if self._begun is None:
            return None
        first, headers, length = self._begun
        if length > len(self._buffer):
            return None
        message = _message(first, headers, bytes(self._buffer[:length]))
        del self._buffer[:length]
        self._begun = None
        return message

    def _next_head(self) -> tuple[str, Headers, int] | None:
        if not self._searched and (blank := _LINE_ENDS.match(self._buffer)):
            del self._buffer[: blank.end()]
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if (len(self._buffer) if end < 0 else end) > MAX_SIZE:
            raise Malformed(f"more than {MAX_SIZE} bytes without an empty line")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        first, headers = _head(bytes(self._buffer[:end]))
        length = _content_length(headers)
        if length is None:
            raise Malformed("no Content-Length in a stream")  # 18.3
        if end + 4 + length > MAX_SIZE:
            raise Malformed(f"more than {MAX_SIZE} bytes")
        del self._buffer[: end + 4]
        self._searched = 0
        return first, headers, length


def _head(head: bytes) -> tuple[str, Headers]:
    """Return the first line and the header fields; a line that begins with a blank continues the one before (7.3.1)."""
    if b"\0" in head:
        raise Malformed("a zero byte among the header fields")
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise Malformed(f"more than {MAX_HEADERS} lines")
    fields: list[tuple[str, list[str]]] = []
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and fields:
            fields[-1][1].append(line.strip(" \t"))
        elif found := _FIELD.fullmatch(line):
            fields.append((found[1], [found[2].strip(" \t")]))
        else:
            raise Malformed("a header field has no name, or a line does not end in CRLF")
    return lines[0], Headers((name, " ".join(parts).strip(" ")) for name, parts in fields)


def _content_length(headers: Headers) -> int | None:
    values = set(headers.all("Content-Length"))
    if not values:
        return None
    value = values.pop()
    if values or not re.fullmatch(r"[0-9]{1,6}", value):
        raise Malformed("Content-Length is no number, or there are several")
    return int(value)


def _message(first: str, headers: Headers, body: bytes) -> Message:
    message: Message
    if found := _STATUS_LINE.fullmatch(first):
        message = Response(int(found[1]), found[2] or "", headers, body)
    elif found := _REQUEST_LINE.fullmatch(first):
        message = Request(found[1], found[2], headers, body)
    else:
        raise Malformed("the first line is none of SIP/2.0")
    _check(message)
    return message


def _check(message: Message) -> None:
    """Raise `Malformed` unless the message can be matched and answered (8.1.1)."""
    for name in _SINGLE:
        if len(set(message.headers.all(name))) > 1:
            raise Malformed(f"several {name}")
    _ = message.call_id, message.from_tag, message.to_tag, message.branch
    if isinstance(message, Request) and message.cseq[1] != message.method:
        raise Malformed("CSeq is of another method")
    if isinstance(message, Response):
        _ = message.cseq


def canonical(name: str) -> str:
    """Return the usual spelling of a header field's name, which may be a compact form (7.3.3)."""
    lower = name.lower()
    usual = _COMPACT.get(lower) or _UNUSUAL.get(lower)
    return usual or "-".join(part.capitalize() for part in lower.split("-"))


_PIECES = re.compile(r'"(?:[^"\\]|\\.?)*"?|<[^>]*>?|.', re.DOTALL)
"""What is never closed goes on to the end: nothing is looked at twice."""


def split(value: str, separator: str) -> list[str]:
    """Split at a separator, but not within quotes and angle brackets; empty parts are dropped."""
    parts: list[list[str]] = [[]]
    for piece in _PIECES.findall(value):
        if piece == separator:
            parts.append([])
        else:
            parts[-1].append(piece)
    return [part for part in ("".join(pieces).strip() for pieces in parts) if part]


def unquoted(value: str) -> str:
    """Return the value without what stands in quotes or angle brackets: only its own parameters are left."""
    return "".join(piece for piece in _PIECES.findall(value) if len(piece) == 1)


def tag(value: str) -> str:
    """Return the tag of a From or To value; empty where it has none."""
    found = _TAG.search(unquoted(value))
    return found[1] if found else ""


def is_session(message: Message) -> bool:
    """Tell whether the body is a session description."""
    kind = message.headers.get("Content-Type") or ""
    return bool(message.body) and kind.partition(";")[0].strip().lower() == "application/sdp"


def q850_cause(message: Message) -> int | None:
    """Return the Q.850 cause of the Reason header field (RFC 3326, 2), if there is one."""
    found = (_Q850.match(unquoted(reason)) for reason in message.headers.all("Reason"))
    return next((int(each[1]) for each in found if each), None)


def retry_after(message: Message) -> float | None:
    """Return the seconds of Retry-After (20.33), if there are any."""
    found = _SECONDS.match(message.headers.get("Retry-After") or "")
    return float(found[1]) if found else None
