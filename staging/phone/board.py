"""What a call stands on: how long things take, what is counted, the way to the caller, and the line itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol

from staging.phone.digest import Algorithm
from staging.phone.messages import Message

if TYPE_CHECKING:
    from staging.phone.calls import Call


@dataclass(slots=True)
class Counts:
    """What has become of the calls; `ringing` and `up` are of this moment, the others since the start.

    Each call that was invited is ringing still, or else was refused, turned away, challenged, cancelled, ignored or
    answered. One that two ends answer (a fork) counts as two from then on; one that got no answer at all is ignored,
    since it must not be cancelled (RFC 3261, 9.1). Each that was answered is up still, or else was ended by the caller
    or by the line.

    `never_hung_up`: calls that the line had to end itself, since the caller had neither hung up nor cancelled within
    `Pace.longest` or had never acknowledged the answer. `unacknowledged`: final answers that no ACK came for.
    `unconfirmed`: the caller did not confirm the line's BYE.
    """

    invited: int = 0
    ringing: int = 0
    up: int = 0
    refused: int = 0
    turned_away: int = 0
    challenged: int = 0
    cancelled: int = 0
    ignored: int = 0
    answered: int = 0
    ended_by_caller: int = 0
    ended_by_line: int = 0
    never_hung_up: int = 0
    unacknowledged: int = 0
    unconfirmed: int = 0

    @property
    def open(self) -> int:
        """Calls that somebody has yet to end."""
        return self.ringing + self.up


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds."""

    ringing: float = 0.3
    late: float = 6.0
    """Until a late far end rings."""
    gives_up: float = 8.0
    """Until a network that reaches nobody says so."""
    tone: float = 8.0
    """How long a tone or an announcement is heard before the answer, where the call is refused after it."""
    cut_off: float = 3.0
    shortly: float = 1.0
    ringback: float = 6.0
    """Of the queue, before the music: long enough that its cadence is heard."""
    announcement: float = 10.0
    longest: float = 90.0
    """Until the line ends a call that nobody has ended; a probe's call ends within 60 s."""
    t1: float = 0.5
    t2: float = 4.0


class Channel(Protocol):
    """The way to the caller: an address that datagrams go to, or a connection."""

    @property
    def transport(self) -> str:
        """UDP, TCP or TLS."""

    @property
    def local(self) -> tuple[str, int]:
        """Address and port of the line."""

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port of the caller."""

    def send(self, data: bytes) -> None:
        """Send, or lose it if the way is closed."""


class Switchboard(Protocol):
    """What a call needs of the line that it came in on."""

    pace: Pace
    counts: Counts
    random: Random

    def register(self, call: Call, tag: str) -> None:
        """Hand over messages with this tag in To to the call."""

    def expect(self, branch: str) -> asyncio.Future[Message]:
        """Return the final answer to a request of the line, once it has come."""

    def is_login_right(self, message: Message) -> bool:
        """Tell whether the message carries the right answer to a challenge."""

    def new_nonce(self, algorithm: Algorithm, mark: str) -> str:
        """Return what the next challenge is about; it begins with a mark."""
