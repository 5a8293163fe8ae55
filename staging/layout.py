"""Where each system of the estate is found on the replica's one listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aiohttp import web

PREFIXES = {
    "website": "/website",
    "toeslagen-nl": "/toeslagen",
    "waiting-room": "/waiting-room",
    "access-service": "/access",
    "digid-app": "/digid",
    "digid-sms": "/digid",
    "digid-activation": "/digid",
    "mijn-belastingdienst": "/portal",
    "customs-messages": "/customs",
    "eherkenning": "/eherkenning",
    "eidas": "/eidas",
    "mandates": "/mandates",
    "mijn-belastingdienst-zakelijk": "/business",
    "payments": "/payments",
    "mijn-toeslagen": "/allowances",
    "mijn-douane": "/my-customs",
    "nh-douane": "/nh-douane",
    "douane-nl": "/douane-nl",
    "staff-login": "/staff",
    "internal-pages": "/staff/intranet",
    "generic-platform": "/platform",
    "belastingdienst-app": "/app",
    "bank-tax": "/bank-tax",
    "vat-ecommerce": "/vat-ecommerce",
    "callback": "/callback",
    "chat": "/chat",
}
"""Path prefix of every system that the replica plays; the same as in `config/environments/local.yaml`."""

SYSTEMS = tuple(PREFIXES)

GATEWAY = "customs-messages"
"""The system that demands a certificate where mutual TLS is on: declarations come from programs, not from people."""


@dataclass(frozen=True, slots=True)
class MessageSystem:
    """One of customs' message systems: the message in return, and the number that it brings."""

    answer: str
    number: str


MESSAGE_SYSTEMS = {
    "ecs": MessageSystem("IE528", "mrn"),
    "ics": MessageSystem("IE328", "mrn"),
    "ics2": MessageSystem("IE3R01", "mrn"),
    "ncts": MessageSystem("IE028", "mrn"),
    "emcs": MessageSystem("IE801", "arc"),
}
"""Export, entry (old and new), transit, excise goods under way (2022-12-douane-communication-protocol)."""


@dataclass(frozen=True, slots=True)
class Line:
    """A telephone line: the number that is dialled, and the digits of its menu that lead to the queue."""

    number: str
    choices: str = "1"


OUTBOUND = "outbound-calls"
"""The line by which citizens are called back."""

LINES = {
    "belastingtelefoon": Line("+31990000001", "12"),  # 1: taxes, 2: allowances (Toeslagen)
    "douanetelefoon": Line("+31990000002"),
    "nhd-line": Line("+31990000003"),
    "digid-helpdesk": Line("+31990000004"),
    OUTBOUND: Line("+31990009002"),  # a citizen who is called back, and answers
}
"""Every phone line that the replica plays; of a range of numbers that does not exist."""


class Leg(StrEnum):
    """A way to the phone lines: as the public reaches them, through a carrier, or at the platform's own border."""

    CARRIER = "carrier"
    PLATFORM = "platform"


def ports_beside(port: int) -> dict[Leg, int]:
    """Return the ports of the legs for a replica on `port`: 10 and 11 above it; 0, free ones, beside 0."""
    return {leg: port + above if port else 0 for leg, above in ((Leg.CARRIER, 10), (Leg.PLATFORM, 11))}


def gateway_port(port: int) -> int:
    """Return the port of customs' gateway for a replica on `port`: 20 above it; 0, a free one, beside 0."""
    return port + 20 if port else 0


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a system; `path` is relative to the system's prefix. Faults strike it unless told otherwise."""

    system: str
    method: str
    path: str
    handler: Handler
    can_fail: bool = True


class Service(Protocol):
    """A system that the replica plays."""

    def routes(self) -> Iterable[Route]:
        """Return its addresses."""


def endpoints(url: str) -> dict[str, str]:
    """Return the base URL of every system of a replica that listens on `url`."""
    return {system: url + prefix for system, prefix in PREFIXES.items()}
