"""SIP messages (RFC 3261, 7), as far as an answering line needs them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "k": "supported"}
"""Short names of headers (RFC 3261, 7.3.3) and what they stand for."""

PHRASES = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    607: "Unwanted",
    608: "Rejected",
}

LONGEST = 65_536
"""Bytes of one message on a stream."""

_START = re.compile(r"SIP/2\.0 [1-6]\d\d |[A-Z]+ \S+ SIP/2\.0$")
_CSEQ = re.compile(r"\d{1,10} +[A-Z]+$")
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d{1,6})[ \t]*\r?$")


class NoMessageError(ValueError):
    """What came in is no SIP message."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request (`start` is `INVITE sip:... SIP/2.0`) or a response (`SIP/2.0 200 OK`)."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @property
    def is_response(self) -> bool:
        """Whether it answers a request."""
        return self.start.startswith("SIP/")

    @property
    def method(self) -> str:
        """Of the request, or of the one that is answered."""
        return self.cseq[1]

    @property
    def status(self) -> int:
        """Of a response."""
        return int(self.start.split(" ", 2)[1])

    @property
    def user(self) -> str:
        """What is called: the user part of the request's URI."""
        found = re.match(r"\S+ sips?:([^@;>\s]*)@", self.start)
        return found[1] if found else ""

    @property
    def cseq(self) -> tuple[int, str]:
        """Sequence number and method."""
        number, _, method = self.get("CSeq").partition(" ")
        return int(number), method.strip()

    @property
    def branch(self) -> str:
        """What makes the transaction one of its kind (RFC 3261, 17.2.3), empty if there is none."""
        found = re.search(r";\s*branch\s*=\s*([^;,\s]+)", self.get("Via"))
        return found[1] if found else ""

    @property
    def login(self) -> str:
        """The answer to a challenge (RFC 3261, 22), empty if there is none."""
        return self.get("Authorization") or self.get("Proxy-Authorization")

    def get(self, name: str) -> str:
        """Return the first header of that name; empty if there is none."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        """Return every header of that name, in order."""
        return [value for known, value in self.headers if known == name.lower()]

    def tag(self, name: str) -> str:
        """Return the tag in From or To, empty if there is none."""
        found = re.search(r";\s*tag\s*=\s*([^;,\s>]+)", self.get(name))
        return found[1] if found else ""

    def address(self, name: str) -> str:
        """Return the URI in a header such as Contact."""
        found = re.search(r"<([^>]*)>", self.get(name))
        return found[1] if found else self.get(name).partition(";")[0].strip()


def parse(data: bytes) -> Message:
    """Read one message. Raises `NoMessageError`."""
    head, _, body = data.partition(_END)
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not (colon and name):
            raise NoMessageError(f"no header: {line!r}")
        headers.append((COMPACT.get(name, name), value.strip()))
    message = Message(start, tuple(headers), body)
    if not (_START.match(start) and _CSEQ.match(message.get("CSeq"))):
        raise NoMessageError("no start line, or no CSeq")
    return message


def build(start: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """Write a message; Content-Length comes by itself."""
    lines = [start, *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END + body


def cut(buffer: bytearray) -> bytes | None:
    """Take one message off the beginning of a stream; None until it is complete. Raises `NoMessageError`."""
    while buffer[:2] == b"\r\n":  # a sign of life between messages (RFC 5626, 3.5.1)
        del buffer[:2]
    end = buffer.find(_END)
    if end < 0:
        if len(buffer) > LONGEST:
            raise NoMessageError("the header does not end")
        return None
    found = _LENGTH.search(buffer, 0, end + 2)
    size = end + len(_END) + (int(found[1]) if found else 0)
    if size > LONGEST:
        raise NoMessageError("the message is too long")
    if len(buffer) < size:
        return None
    data = bytes(buffer[:size])
    del buffer[:size]
    return data
