"""The replica's controls: faults, doses and counters, for peers on this machine only.

GET    /admin/faults   every fault in words, and those that are on
POST   /admin/faults   {"fault": NAME, "parameters": {...}}: switch on
DELETE /admin/faults   switch off ?fault=NAME, or everything
POST   /admin/dose     {"web": 20, "app": 5}: people per second, each or both
GET    /admin/state    counters
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from staging.answers import Refused, json_answer, read_json, text
from staging.faults import DEFINITIONS, BadParametersError, Fault, Faults
from staging.waiting_room import WaitingRoom

PREFIX = "/admin"


def is_loopback(peer: str | None) -> bool:
    """Tell whether the other end of a connection is on this machine."""
    try:
        return ip_address(peer or "").is_loopback
    except ValueError:
        return False


class Admin:
    """Answers requests under /admin; everyone who is not on this machine is refused (403)."""

    def __init__(
        self,
        faults: Faults,
        waiting_room: WaitingRoom,
        clock: Callable[[], float],
        state: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._faults = faults
        self._waiting_room = waiting_room
        self._clock = clock
        self._state = state
        self._actions: Mapping[tuple[str, str], Callable[[web.BaseRequest], Awaitable[None]]] = {
            ("GET", "/faults"): _nothing,
            ("POST", "/faults"): self._switch_on,
            ("DELETE", "/faults"): self._switch_off,
            ("POST", "/dose"): self._set_dose,
            ("GET", "/state"): _nothing,
        }

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Carry out one order and answer with what then holds. Raises `Refused`."""
        if not is_loopback(request.remote):
            raise Refused(403, "not_local", "The controls are for this machine only.")
        path = request.path.removeprefix(PREFIX)
        action = self._actions.get((request.method, path))
        if action is None:
            raise Refused(404, "not_found", "There is no such control.")
        await action(request)
        return json_answer(self._listing() if path == "/faults" else self._state())

    async def _switch_on(self, request: web.BaseRequest) -> None:
        data = await read_json(request)
        parameters = data.get("parameters", {})
        if not isinstance(parameters, dict):
            raise Refused(400, "bad_request", "'parameters' is no object.")
        try:
            self._faults.switch_on(_fault(text(data, "fault")), parameters)
        except BadParametersError as error:
            raise Refused(400, "bad_parameters", str(error)) from None

    async def _switch_off(self, request: web.BaseRequest) -> None:
        name = request.query.get("fault")
        if name is None:
            self._faults.clear()
        else:
            self._faults.switch_off(_fault(name))

    async def _set_dose(self, request: web.BaseRequest) -> None:
        doses = await read_json(request)
        for channel, dose in doses.items():
            usable = type(dose) in {int, float} and math.isfinite(dose) and dose >= 0
            if channel not in self._waiting_room.queues or not usable:
                raise Refused(400, "bad_dose", "A dose is a channel (web, app) and people per second from 0.")
        for channel, dose in doses.items():
            self._waiting_room.queues[channel].set_dose(float(dose), self._clock())

    def _listing(self) -> dict[str, Any]:
        known = [
            {
                "fault": str(fault),
                "title": definition.title,
                "effect": definition.effect,
                "parameters": {
                    name: {"default": None if field.is_required() else field.default, "meaning": field.description}
                    for name, field in definition.parameters.model_fields.items()
                },
            }
            for fault, definition in DEFINITIONS.items()
        ]
        return {"active": self._faults.active(), "known": known}


async def _nothing(_: web.BaseRequest) -> None:
    """Change nothing."""


def _fault(name: str) -> Fault:
    try:
        return Fault(name)
    except ValueError:
        known = ", ".join(Fault)
        raise Refused(400, "no_such_fault", f"There is no fault '{name}'; there is: {known}") from None
