"""Who calls: the identity that everything of one call shares, and the requests that it writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Literal

from monitors.probes.phone.sip.digest import Authenticator, Credentials
from monitors.probes.phone.sip.events import Event
from monitors.probes.phone.sip.message import Headers, Message, Request

Transport = Literal["UDP", "TCP", "TLS"]

MAX_FORWARDS = 70  # 8.1.1.6
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"
SESSION = "application/sdp"
USER_AGENT = "Piekwacht"
CREDENTIALS = ("Authorization", "Proxy-Authorization")
BRANCH = "z9hG4bK"  # 8.1.1.7


@dataclass(frozen=True, slots=True)
class Dial:
    """Who is called and as whom.

    `to`, `from_`, `contact` and `route` are URIs without angle brackets, `via` is our host:port, `offer` the session
    description. `credentials` answer challenges; without them a challenge is a refusal.
    """

    to: str
    from_: str
    contact: str
    via: str
    transport: Transport
    offer: bytes
    credentials: Credentials | None = None
    route: tuple[str, ...] = ()


class Caller:
    """Our side of one call: its Call-ID and tag, its credentials, and `out`, what is to be sent and told, in order.

    `description` is what we last said of our media; `reliable` says that the transport repeats what gets lost (17.1).
    """

    def __init__(self, dial: Dial, random: Random) -> None:
        self.dial = dial
        self.call_id = f"{random.getrandbits(96):024x}"
        self.tag = f"{random.getrandbits(48):012x}"
        self.authenticator = Authenticator(dial.credentials, random)
        self.out: list[Message | Event] = []
        self.description = dial.offer
        self.reliable = dial.transport != "UDP"
        self._random = random

    def send(self, message: Message) -> None:
        """Have it sent."""
        self.out.append(message)

    def tell(self, event: Event) -> None:
        """Have it told."""
        self.out.append(event)

    def new_branch(self) -> str:
        """Return a branch that nothing else has."""
        return f"{BRANCH}{self._random.getrandbits(64):016x}"

    @property
    def own(self) -> str:
        """Our From value."""
        return f"<{self.dial.from_}>;tag={self.tag}"

    @property
    def contact(self) -> tuple[str, str]:
        """Our Contact."""
        return "Contact", f"<{self.dial.contact}>"

    def request(
        self,
        method: str,
        uri: str,
        to: str,
        cseq: int,
        *,
        routes: Iterable[str],
        branch: str,
        more: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:
        """Write a request of this call (8.1.1); `to` and `routes` are whole values of header fields."""
        headers = [
            ("Via", f"SIP/2.0/{self.dial.transport} {self.dial.via};rport;branch={branch}"),  # rport: RFC 3581
            ("Max-Forwards", str(MAX_FORWARDS)),
            *(("Route", route) for route in routes),
            ("From", self.own),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("User-Agent", USER_AGENT),
            *more,
        ]
        return Request(method, uri, Headers(headers), body)

    def outside_dialog(self, method: str, cseq: int, branch: str, more: Iterable[tuple[str, str]] = ()) -> Request:
        """Write a request to whom we dial."""
        routes = [f"<{route}>" for route in self.dial.route]
        offer = self.dial.offer if method == "INVITE" else b""
        more = [self.contact, ("Allow", ALLOW), *more, *([("Content-Type", SESSION)] if offer else [])]
        to = f"<{self.dial.to}>"
        return self.request(method, self.dial.to, to, cseq, routes=routes, branch=branch, more=more, body=offer)


def follow_up(invite: Request, method: Literal["ACK", "CANCEL"], to: str) -> Request:
    """Return the CANCEL of an INVITE, or the ACK of its refusal: same branch, route and CSeq number (9.1, 17.1.1.3).

    The ACK has the credentials of its INVITE (22.1).
    """
    kept = [("Via", value) for value in invite.headers.all("Via")[:1]]
    names = {"Max-Forwards", "Route", "From", "Call-ID", "User-Agent", *(CREDENTIALS if method == "ACK" else ())}
    kept += [pair for pair in invite.headers if pair[0] in names]
    return Request(method, invite.uri, Headers([*kept, ("To", to), ("CSeq", f"{invite.cseq[0]} {method}")]))
