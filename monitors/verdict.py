"""What one run of a probe says: pass, fail(reason, step) or unknown(cause).

'Unknown' is the prober's own trouble. It is neither up nor down, and shows as missing coverage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from journeys import Reason


class Cause(StrEnum):
    """Why a run says nothing about its target."""

    BROKEN_PROBE = "broken_probe"
    CANCELLED = "cancelled"
    OVERLOADED = "overloaded"
    OWN_NETWORK = "own_network"
    TRUNK_ERROR = "trunk_error"
    TRUNK_DOWN = "trunk_down"
    CALL_SKIPPED = "call_skipped"


class Window(StrEnum):
    """In which kind of time a run was measured, decided at that moment."""

    NONE = "none"
    PLANNED = "planned"
    OVERRUN = "overrun"
    AFTERMATH = "aftermath"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Pass:
    """The citizen reached the goal in time."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The citizen did not: why, at which step, and a detail for people (never personal data)."""

    reason: Reason
    step: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The prober could not tell."""

    cause: Cause
    detail: str = ""


Verdict = Pass | Fail | Unknown


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds that one run spent in each phase, summed over its requests; `connect` includes TLS."""

    resolve: float = 0.0
    connect: float = 0.0
    first_byte: float = 0.0
    transfer: float = 0.0

    def __add__(self, other: Phases) -> Phases:
        """Return the sums."""
        return Phases(
            self.resolve + other.resolve,
            self.connect + other.connect,
            self.first_byte + other.first_byte,
            self.transfer + other.transfer,
        )


@dataclass(frozen=True, slots=True)
class Called:
    """What is counted of one call beside its verdict.

    `result` is its class (`monitors.probes.phone.classes`), or "" for a call that was not made because of a limit: then
    `skipped` says which.
    """

    result: str = ""
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run of a probe. `started` is Unix time in seconds, `duration` seconds without thinking time.

    `due` is the Unix time of the slot whose run this is, where that is not the last slot before the start: the run that
    confirms a failure is the next one brought forward. `called` is there if the run was a call.
    """

    system: str
    probe: str
    started: float
    duration: float
    verdict: Verdict
    window: Window = Window.NONE
    phases: Phases = field(default_factory=Phases)
    due: float | None = None
    called: Called | None = None
