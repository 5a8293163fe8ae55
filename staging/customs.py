"""Customs' message systems: each takes a declaration, acknowledges it, and sends a return message a little later.

A return message is asked for, or delivered to the address that came with the declaration. What was held is there when
it is asked for; what could not be delivered comes with the answer to the next declaration, to that one's address.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from staging.admin import is_loopback
from staging.answers import Refused, json_answer, read_json, text
from staging.expiring import Expiring
from staging.faults import Faults
from staging.layout import MESSAGE_SYSTEMS, Handler, Route
from staging.settings import Settings

_SYSTEM = "customs-messages"
_PATIENCE = 5.0
"""Seconds in which a return message is delivered, or not."""
_AGAIN_AT_ONCE = 20
"""Messages that are delivered again beside one new one."""


@dataclass(frozen=True, slots=True)
class _Declaration:
    """What was submitted to one message system: when, and what is said in return."""

    system: str
    submitted: float
    answer: dict[str, Any]


class Customs:
    """The gateway: takes declarations by their local reference number (LRN) and hands out return messages."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._delay = settings.return_message_delay
        self._declarations: Expiring[str, _Declaration] = Expiring(settings.declaration_lifetime)
        self._undelivered: Expiring[str, bool] = Expiring(settings.declaration_lifetime)
        self._under_way: set[asyncio.Task[None]] = set()

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the gateway: two for each message system."""
        for system in MESSAGE_SYSTEMS:
            yield Route(_SYSTEM, "POST", f"/{system}/declarations", self._takes(system))
            yield Route(_SYSTEM, "GET", f"/{system}/return-message", self._answer)

    def declarations(self) -> int:
        """Return how many declarations are kept."""
        return self._declarations.count(self._clock())

    async def close(self) -> None:
        """Give up what is being delivered."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _takes(self, system: str) -> Handler:
        async def submit(request: web.BaseRequest) -> web.Response:
            data, now = await read_json(request), self._clock()
            number = text(data, "lrn")
            if self._declarations.get(number, now) is not None:
                raise Refused(409, "submitted_before", "This local reference number was used before.")
            address = _loopback(text(data, "deliver")) if "deliver" in data else None
            kind = MESSAGE_SYSTEMS[system]
            answer = {"message": kind.answer, "lrn": number, kind.number: secrets.token_hex(9).upper()}
            self._declarations.put(number, _Declaration(system, now, answer), now)
            if address is not None:
                task = asyncio.create_task(self._deliver(number, address))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            return json_answer({"lrn": number, "status": "acknowledged"}, 202)

        return submit

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        number, now = text(request.query, "lrn"), self._clock()
        declaration = self._declarations.get(number, now)
        if declaration is None:
            raise Refused(404, "unknown", "There is no declaration with this local reference number.")
        if now - declaration.submitted < self._delay or self._faults.holds_messages_of(declaration.system):
            return json_answer({"lrn": number, "status": "pending"}, 202)
        return json_answer(declaration.answer)

    async def _deliver(self, number: str, address: URL) -> None:
        """Deliver the return messages that could not be delivered before, and then this one."""
        await asyncio.sleep(self._delay)
        before = self._undelivered.keys(self._clock())[:_AGAIN_AT_ONCE]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE)) as session:
            for each in (*before, number):
                self._undelivered.pop(each, self._clock())
                declaration = self._declarations.get(each, self._clock())
                if declaration is None:
                    continue
                held = self._faults.holds_messages_of(declaration.system)
                if held or not await _delivered(session, address, declaration.answer):
                    self._undelivered.put(each, True, self._clock())


async def _delivered(session: aiohttp.ClientSession, address: URL, message: dict[str, Any]) -> bool:
    try:
        async with session.post(address, json=message) as answer:
            return answer.ok
    except (aiohttp.ClientError, TimeoutError):
        return False


def _loopback(address: str) -> URL:
    """Return an address to deliver to. Raises `Refused` (400) unless it is on this machine."""
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if url.scheme != "http" or not is_loopback(url.host):
        raise Refused(400, "bad_address", "Return messages are delivered to addresses of this machine only.")
    return url
