"""Telephone lines: the trunks over which calls leave, what may be dialled, and what a call must meet on its way.

A trunk that nobody describes further is the demo line on this machine, so nothing dials out by accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.fields import BaseUrl, Duration, Host, Identifier, host_and_port, known_host, shaped
from config.source import Contradiction, Strict

RING_AT_MOST = 25.0
"""Seconds for which a line may ring: nobody is to be kept from answering somebody else."""
CALL_AT_MOST = 60.0
"""Seconds from the answer to the end of a call."""
DEMO_SERVER = "127.0.0.1:8610"
"""Where `piekwacht staging run` has its carrier."""
DEMO_NUMBERS = "+3199*"
"""A range that the Dutch numbering plan gives to nobody: such a number rings nowhere but at the demo line."""
NUMBER = r"\+[1-9][0-9]{6,14}"

Dialled = Annotated[
    str,
    shaped(rf"{NUMBER}|sip:[A-Za-z0-9.+_-]+@[a-z0-9.-]+", "a number such as +31990000001, or sip:NAME@HOST"),
]
"""What is dialled: a number with its country (E.164), or the platform's own address (SIP URI) of a line."""

Allowed = Annotated[
    str,
    shaped(
        rf"{NUMBER}|\+[1-9][0-9]{{1,13}}\*|sip:[A-Za-z0-9.+_-]*\*?@[a-z0-9.-]+",
        "a number, how numbers begin (+3199*), sip:NAME@HOST or sip:+3199*@HOST",
    ),
]
"""What may be dialled; `*` stands for any end of a number."""

Digits = Annotated[str, shaped(r"[0-9*#]{1,8}", "one to eight of the keys 0 to 9, * and #, in quotes")]
Heard = Literal["ringback", "music"]
Port = Annotated[int, Field(strict=True, ge=1024, le=65535)]
Wire = Literal["udp", "tcp", "tls"]


def _server(text: str) -> str:
    """Return `host:port`, or a domain alone, whose servers are looked up (SRV). Raises a validation error."""
    return host_and_port(text) if ":" in text else known_host(text)


class CallLimits(Strict):
    """What may be called and how much; a call past a limit is skipped, which says nothing about its line.

    `calls_at_once` holds for all processes of the machine, the daily budget for each day (UTC). Between two calls to
    one number lies `pause` at least.
    """

    numbers: list[Allowed] = Field(default=[DEMO_NUMBERS], min_length=1)
    calls_at_once: int = Field(default=2, strict=True, ge=1, le=20)
    calls_a_day: int = Field(default=2000, strict=True, ge=1)
    minutes_a_day: int = Field(default=600, strict=True, ge=1)
    pause: Duration = 10.0

    def may_call(self, number: str) -> bool:
        """Tell whether the list has what is dialled; the monitors check it again, with more rules, for each call."""
        return any(_covers(allowed, number) for allowed in self.numbers)


class Trunk(CallLimits):
    """A way for calls into the telephone network, or straight to the platform of a line.

    `server`: `host:port`, or a domain whose servers the name service knows. `own`: it is the prober's, so its failure
    says nothing about a line; false for a line's own platform, whose silence is the line's. `domain` stands in the
    addresses of numbers, the server's host unless given. `password` is one of the secrets; `media_ports` the first and
    the last port for audio, without it any free one.
    """

    server: Annotated[str, AfterValidator(_server)] = DEMO_SERVER
    transport: Wire = "udp"
    own: bool = Field(default=True, strict=True)
    domain: Host | None = None
    caller: Annotated[str, shaped(r"\+?[A-Za-z0-9._-]{1,32}", "the name or number that calls")] = "piekwacht"
    user: str | None = None
    password: Identifier | None = None
    media_ports: list[Port] = Field(default=[], max_length=2)

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a password comes with its user, and a first port with the last."""
        if (self.user is None) != (self.password is None):
            yield Contradiction(("user" if self.user is None else "password",), "both user and password, or neither")
        if self.media_ports and (len(self.media_ports) < 2 or self.media_ports[0] >= self.media_ports[1]):
            yield Contradiction(("media_ports",), "the first port and the last", f"{self.media_ports}")

    @property
    def host(self) -> str:
        """The host of the server, without its port."""
        return self.server if self.port is None else self.server.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int | None:
        """The port of the server; None where it is looked up."""
        return int(self.server.rpartition(":")[2]) if ":" in self.server else None


class Asterisk(CallLimits):
    """An Asterisk that makes calls on the prober's behalf (ARI), where a call centre offers that and no trunk.

    `dial` is what it dials, with `{number}` where that belongs.
    """

    url: BaseUrl
    user: str = Field(min_length=1)
    password: Identifier
    dial: Annotated[str, shaped(r"[!-~]*\{number\}[!-~]*", "what is dialled, such as PJSIP/{number}@carrier")]
    caller: str = ""


class Script(Strict):
    """What a call must meet, in order; times count from what stands before.

    Answered within `answer_within`, something to hear within `audio_within`, speech within `prompt_within` (without it
    none is asked for). It is listened to for `listen`, since a tone is one only after two seconds. After the digits
    `press` the audio changes within `menu_within`; one of `queue` is heard within `queue_within`. Then the call is
    ended, before somebody is troubled, and `hang_up_after` the answer in any case.
    """

    answer_within: Duration = 15.0
    audio_within: Duration = 5.0
    prompt_within: Duration | None = None
    listen: Duration = 3.0
    press: Digits | None = None
    menu_within: Duration = 6.0
    queue: list[Heard] = Field(default=[], max_length=2)
    queue_within: Duration = 8.0
    hang_up_after: Duration = 30.0

    @property
    def longest(self) -> float:
        """Seconds that an answered call needs at most to come to the end of the script."""
        spoken = max(self.audio_within, self.prompt_within or 0.0) + self.listen
        return spoken + (self.menu_within if self.press else 0.0) + (self.queue_within if self.queue else 0.0)

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that nobody is called for longer than may be, and that the script fits into the call."""
        if self.answer_within > RING_AT_MOST:
            yield Contradiction(("answer_within",), f"at most {RING_AT_MOST:g}s of ringing")
        if self.hang_up_after > CALL_AT_MOST:
            yield Contradiction(("hang_up_after",), f"at most {CALL_AT_MOST:g}s")
        elif self.hang_up_after < self.longest:
            yield Contradiction(("hang_up_after",), f"at least {self.longest:g}s, which the script may take")


def _covers(allowed: str, dialled: str) -> bool:
    before, star, after = allowed.partition("*")
    if not star:
        return dialled == allowed
    return dialled.startswith(before) and dialled.endswith(after) and ("@" in dialled) == ("@" in after)
