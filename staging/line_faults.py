"""What can be made to go wrong with the phone lines: parameters of the faults, and what a call then meets."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.source import Strict, expected
from staging.layout import LINES, OUTBOUND, Leg
from staging.phone import BEHAVIOURS

ALL = "all"
"""Every line that the public calls; not the calls back to citizens."""


def _known_line(name: str) -> str:
    if name != ALL and name not in LINES:
        raise expected(", ".join([f"one of {ALL}", *LINES]))
    return name


def _known_behaviour(name: str) -> str:
    known = [behaviour.name for behaviour in BEHAVIOURS]
    if name not in known:
        raise expected("one of " + ", ".join(known))
    return name


_Line = Annotated[
    str, AfterValidator(_known_line), Field(description=f"the line that is hit; {ALL}: each that the public calls")
]


class LineFault(Strict):
    """A fault of one line or of all."""

    line: _Line = ALL

    def hits(self, line: str) -> bool:
        """Tell whether it is a fault of this line."""
        return self.line == line or (self.line == ALL and line != OUTBOUND)

    @abstractmethod
    def met(self, leg: Leg) -> str | None:
        """Return the behaviour that a call meets on a leg; None if that leg is well."""


class NumberCancelled(LineFault):
    """Parameters of number-cancelled."""

    line: _Line = "digid-helpdesk"

    def met(self, leg: Leg) -> str | None:
        """The carrier knows no such number; the platform is well."""  # noqa: D401
        return "unallocated" if leg is Leg.CARRIER else None


class ForwardingBroken(LineFault):
    """Parameters of forwarding-broken."""

    how: Literal["no-progress", "cut-off"] = Field(
        default="no-progress", description="no-progress: it never rings; cut-off: it is answered and breaks off"
    )

    def met(self, leg: Leg) -> str | None:
        """The carrier does not get through, or not for long."""  # noqa: D401
        return self.how if leg is Leg.CARRIER else None


class QueueFull(LineFault):
    """Parameters of queue-full."""

    def met(self, leg: Leg) -> str | None:  # noqa: ARG002
        """Both legs lead to the same queue."""
        return "queue-full"


class Silent(LineFault):
    """Parameters of silent."""

    def met(self, leg: Leg) -> str | None:  # noqa: ARG002
        """Nothing is heard on either leg."""
        return "silence"


class LinesClosed(LineFault):
    """Parameters of lines-closed."""

    def met(self, leg: Leg) -> str | None:  # noqa: ARG002
        """Both legs say that the line is closed."""
        return "announcement"


class LineBehaves(LineFault):
    """Parameters of line-behaves."""

    leg: Literal["both", "carrier", "platform"] = Field(default="both", description="both, carrier, platform")
    behaviour: Annotated[str, AfterValidator(_known_behaviour)] = Field(
        default="no-answer", description="what a call meets, by its name in staging/phone/behaviours.py"
    )

    def met(self, leg: Leg) -> str | None:
        """Do as told."""
        return self.behaviour if self.leg in ("both", leg) else None
