"""What a call is to be: over which trunk, to whom, and what is expected of it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.safety.limits import Limits
from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.wire.dns import Server
from monitors.probes.phone.wire.srv import Protocol

LONGEST_RING = 25.0
"""Seconds that a phone may ring; longer and it might be a person's evening."""
LONGEST_CALL = 60.0
"""Seconds that an answered call may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """Who takes our calls. `host` is a domain or an address; without `port` SRV is asked (RFC 3263).

    `domain` stands in the addresses that are called, the host unless given. `allowed`: numbers and URIs that may be
    called, with `*` for anything (`safety.numbers`). `user`: as whom we call. `media_ports`: the first and the last
    port for RTP, (0, 0) for any. `servers`: name servers, None for the machine's. `route`: proxies that each request
    passes.
    """

    name: str
    host: str
    port: int | None = None
    transport: Protocol = "UDP"
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    domain: str = ""
    user: str = "piekwacht"
    credentials: Credentials | None = None
    allowed: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    media_ports: tuple[int, int] = (0, 0)
    servers: tuple[Server, ...] | None = None
    route: tuple[str, ...] = ()

    @property
    def called_domain(self) -> str:
        """The host of numbers' addresses, in brackets if it is an IPv6 address."""
        host = self.domain or self.host
        return f"[{host}]" if ":" in host and not host.startswith("[") else host


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a call must meet, in this order; times are in seconds and count from what stands before.

    Answered within `answer_within`; more than silence within `audio_within` (None: nothing is expected of the audio),
    and somebody who speaks within `prompt_within`. For `listen` seconds it is heard what that is: a tone is one only
    after two. Then `press` is sent, and the audio must become something else within `menu_within`; then one of `queue`
    must be heard within `queue_within`. The call is ended when nothing more is expected, before an agent takes it, and
    `call_limit` after the answer in any case.
    """

    answer_within: float = 15.0
    audio_within: float | None = 5.0
    prompt_within: float | None = None
    listen: float = 3.0
    press: str = ""
    menu_within: float = 5.0
    queue: tuple[Sound, ...] = ()
    queue_within: float = 8.0
    call_limit: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what would ring or stay too long. Raises `ValueError`."""
        if not 0 < self.answer_within <= LONGEST_RING:
            raise ValueError(f"answer_within is {self.answer_within:g} s; at most {LONGEST_RING:g} are allowed")
        if not 0 < self.call_limit <= LONGEST_CALL:
            raise ValueError(f"call_limit is {self.call_limit:g} s; at most {LONGEST_CALL:g} are allowed")

    @property
    def longest(self) -> float:
        """Seconds that a call of this script may take at most, which the budget reserves."""
        return self.answer_within + self.call_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """One call to be made: `to` is a number or a SIP URI.

    `release_within`: seconds that the far end gets to confirm the end before it counts as not released: 64 * T1 and
    one.
    """

    to: str
    trunk: Trunk
    script: Script = Script()
    release_within: float = 33.0
