"""SIP URIs and the addresses that hold them (RFC 3261, 19.1 and 20.10)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from monitors.probes.phone.sip.message import Malformed, unquoted

_URI = re.compile(r"(sips?|tel):([^?\s<>]+)(?:\?[^\s<>]*)?", re.IGNORECASE)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\-]+)(?::([0-9]{1,5}))?")
_ANGLED = re.compile(r"<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP, SIPS or tel URI. `host` of an IPv6 address has its brackets; a tel URI has only `user`."""

    scheme: str
    user: str
    host: str
    port: int | None
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse; header fields behind a question mark are dropped. Raises `Malformed`."""
        found = _URI.fullmatch(text)
        if found is None:
            raise Malformed("no SIP or tel URI")
        scheme = found[1].lower()
        address, *pairs = found[2].split(";") if scheme == "tel" else _after_user(found[2])
        parameters = tuple((name.lower(), value) for name, _, value in (pair.partition("=") for pair in pairs) if name)
        if scheme == "tel":
            return cls(scheme, address, "", None, parameters)
        user, _, place = address.rpartition("@")
        where = _HOST_PORT.fullmatch(place)
        if where is None or int(where[2] or 1) not in range(1, 65_536):
            raise Malformed("a URI without a host, or with a port that is none")
        port = int(where[2]) if where[2] else None
        return cls(scheme, user, where[1].lower(), port, parameters)

    def parameter(self, name: str) -> str | None:
        """Return the value of a parameter, empty where it has none; None where it is missing."""
        return dict(self.parameters).get(name)

    @property
    def loose(self) -> bool:
        """Whether this is the URI of a loose router (16.12); all of today's are."""
        return self.parameter("lr") is not None


def _after_user(rest: str) -> list[str]:
    """Split into address and parameters: semicolons in front of the @ belong to the user (19.1.1)."""
    user, at, place = rest.rpartition("@")
    address, *pairs = place.split(";")
    return [user + at + address, *pairs]


def address_uri(value: str) -> str:
    """Return the URI of a From, To, Contact or Route value, with its own parameters but not the field's.

    Raises `Malformed`.
    """
    found = next((_ANGLED.fullmatch(piece) for piece in re.findall(r'"(?:[^"\\]|\\.?)*"?|<[^>]*>?', value)
                  if piece.startswith("<")), None)  # fmt: skip
    text = found[1] if found else unquoted(value).partition(";")[0]
    text = text.strip()
    Uri.parse(text)
    return text


def contact_uri(values: list[str]) -> str:
    """Return the URI of the first Contact value. Raises `Malformed` where there is none, or `*`."""
    if not values:
        raise Malformed("no Contact")
    return address_uri(values[0])
