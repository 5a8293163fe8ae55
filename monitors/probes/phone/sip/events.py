"""What a call, or an OPTIONS, has to tell whoever leads it.

The order within one call:

    Trying?  Progress*  ( Answered  (Offered | Renegotiated)*  Ended  |  Refused  |  Silent )?  (Released | Unreleased)

Every call that was started ends with `Released` or `Unreleased`, and with one of them only, unless something comes in
later, such as a forked 2xx, or a ringing after long silence: that is ended too and has its own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trying:
    """100: the next hop has the INVITE. It comes once; no progress."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional answer from 101 to 199. `answer`: the session description for early audio, if there is one."""

    status: int
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The first 2xx. `answer`: the session description; that of the same party's last 18x where the 2xx has none.

    It also comes after `hang_up`, when the answer was quicker; the call is then being ended already.
    """

    answer: bytes
    status: int = 200


@dataclass(frozen=True, slots=True)
class Refused:
    """A final answer from 300 to 699, but for the 487 that our own CANCEL asked for.

    `cause`: the Q.850 cause of its Reason header (RFC 3326, RFC 6432). `retry_after`: seconds. `challenged`:
    credentials had been asked for before and were sent; so a 401 or 407 with it says that they are wrong. A status of
    408 also stands for silence after something, a challenge, had come back (8.1.3.1).
    """

    status: int
    cause: int | None = None
    retry_after: float | None = None
    challenged: bool = False


@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing at all came back for 64 * T1 (timer B, or F)."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A re-INVITE or UPDATE offers this session description: call `Call.accept` or `Call.decline`."""

    offer: bytes


@dataclass(frozen=True, slots=True)
class Renegotiated:
    """The far end asked for an offer (re-INVITE without one), got our present one again, and answers with this."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """An answered call is over; `cause`: the Q.850 cause of the far end's BYE. It comes when the first BYE does."""

    by_far_end: bool
    cause: int | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """Nothing is up any more: the far end confirmed it, or there was nothing to end."""


@dataclass(frozen=True, slots=True)
class Unreleased:
    """A BYE or CANCEL was never confirmed: something may still be up."""


@dataclass(frozen=True, slots=True)
class Replied:
    """The final answer to OPTIONS, whatever it is; `challenged` as in `Refused`."""

    status: int
    retry_after: float | None = None
    challenged: bool = False


Event = (
    Trying | Progress | Answered | Refused | Silent | Offered | Renegotiated | Ended | Released | Unreleased | Replied
)
