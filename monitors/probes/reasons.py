"""Reasons that several kinds of probes share; each kind names those for which it can fail in `REASONS`.

Their counters exist from the start. A reason that happens all the same is counted like any other; only its first event
is lost to `increase()`.
"""

from __future__ import annotations

from journeys import Reason

CONNECTION = (
    Reason.NAME_NOT_RESOLVED,
    Reason.CONNECTION_REFUSED,
    Reason.CONNECTION_RESET,
    Reason.TLS_FAILED,
    Reason.TIMEOUT,
    Reason.TOO_SLOW,
)
"""What any probe that connects can meet."""

PAGE = (
    *CONNECTION,
    Reason.BROKEN_RESPONSE,
    Reason.UNEXPECTED_STATUS,
    Reason.UNEXPECTED_REDIRECT,
    Reason.CONTENT_MISSING,
    Reason.MAINTENANCE_PAGE,
    Reason.WAITING_ROOM,
)
"""What any probe that asks for a page can meet."""

JOURNEY = (
    *PAGE,
    Reason.PLACE_LOST,
    Reason.WAITING_ROOM_BYPASSED,
    Reason.LOGIN_REFUSED,
    Reason.CODE_REJECTED,
    Reason.SESSION_LOST,
    Reason.RETURN_NOT_ACCEPTED,
    Reason.DISRUPTION_ANNOUNCED,
)
"""What a journey can meet, unless it says more exactly what its own reasons are."""
