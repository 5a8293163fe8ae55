"""Where each system of the estate is found on the replica's one listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
}
"""Path prefix of every system that the replica plays; the same as in `config/environments/local.yaml`."""

SYSTEMS = tuple(PREFIXES)

Handler = Callable[[web.BaseRequest], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a system; `path` is relative to the system's prefix. Faults strike it unless told otherwise."""

    system: str
    method: str
    path: str
    handler: Handler
    can_fail: bool = True


def endpoints(url: str) -> dict[str, str]:
    """Return the base URL of every system of a replica that listens on `url`."""
    return {system: url + prefix for system, prefix in PREFIXES.items()}
