"""The waiting room: a dosed queue for each channel in front of the access service."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import get_args

from aiohttp import web

from config import Channel
from staging.answers import Refused, json_answer, read_json, text
from staging.dosing import Admitted, DosedQueue, Waiting
from staging.faults import Fault, Faults
from staging.layout import Route
from staging.settings import Settings

CHANNELS: tuple[Channel, ...] = get_args(Channel)

# People poll when their turn is near, yet not more often than twice a second, nor less often than every ten seconds.
_SHORTEST_POLL, _LONGEST_POLL = 0.5, 10.0


class WaitingRoom:
    """Hands out tickets (`<channel>-<secret>`), says who stands where, and guards the door behind it."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self.queues: Mapping[str, DosedQueue] = {
            channel: DosedQueue(
                settings.dose(channel), patience=settings.ticket_patience, lifetime=settings.admission_lifetime
            )
            for channel in CHANNELS
        }

    def routes(self) -> Iterable[Route]:
        """Yield the addresses of the waiting room."""
        yield Route("waiting-room", "POST", "/queue", self._join)
        yield Route("waiting-room", "GET", "/queue", self._poll)

    def admits(self, ticket: str, channel: str) -> bool:
        """Tell whether this ticket opens the door of this channel; it does so once."""
        queue = self.queues.get(channel)
        return queue is not None and ticket.startswith(f"{channel}-") and queue.use(ticket, self._clock())

    async def _join(self, request: web.BaseRequest) -> web.Response:
        channel = text(await read_json(request), "channel")
        queue = self.queues.get(channel)
        if queue is None:
            raise Refused(400, "bad_request", "Onbekend kanaal.")
        ticket = f"{channel}-{secrets.token_urlsafe(12)}"
        if channel == "app" and self._faults.is_on(Fault.APP_UNGUARDED):
            return _answer(ticket, queue.let_in(ticket, self._clock()))
        return _answer(ticket, queue.join(ticket, self._clock()))

    async def _poll(self, request: web.BaseRequest) -> web.Response:
        ticket = text(request.query, "ticket")
        queue = self.queues.get(ticket.partition("-")[0])
        standing = queue.poll(ticket, self._clock()) if queue else None
        if standing is None:
            raise Refused(410, "ticket_unknown", "Uw plaats in de wachtrij is vervallen.")
        return _answer(ticket, standing)


def _answer(ticket: str, standing: Waiting | Admitted) -> web.Response:
    if isinstance(standing, Waiting):
        pause = min(max(standing.seconds, _SHORTEST_POLL), _LONGEST_POLL)
        place = {"number": standing.number, "ahead": standing.ahead, "retry_after": round(pause, 3)}
        return json_answer({"status": "queued", "ticket": ticket, **place, "message": "U staat in de wachtrij."})
    number = {} if standing.number is None else {"number": standing.number}
    return json_answer({"status": "admitted", "ticket": ticket, **number})
