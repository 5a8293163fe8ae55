"""The whole replica: its systems wired together behind one request handler."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from staging.access import AccessService
from staging.admin import PREFIX as ADMIN
from staging.admin import Admin
from staging.answers import Refused
from staging.brokers import Broker
from staging.business import Business
from staging.callback import Callback
from staging.chat import Chat
from staging.citizens import Allowances, Mandates
from staging.companies import BankTax, Ecommerce
from staging.connections import Connections
from staging.customs import Customs
from staging.digid import DIGID, DigiD
from staging.faults import Faults
from staging.joint import JointReturns
from staging.layout import GATEWAY, PREFIXES, Route, Service
from staging.lines import Lines
from staging.payments import Payments
from staging.portal import Portal
from staging.settings import Settings
from staging.staff import Staff
from staging.trade import Trade
from staging.video import Video
from staging.waiting_room import WaitingRoom
from staging.website import Website


class Replica:
    """One estate in memory. `clock` is any clock in seconds that never goes back."""

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        settings = settings or Settings()
        self._clock = clock
        self._mutual_tls = settings.mutual_tls
        self.faults = Faults()
        self.waiting_room = WaitingRoom(settings, self.faults, clock)
        self._digid = DigiD(settings, clock)
        brokers = {name: Broker(name, settings, clock) for name in ("eherkenning", "eidas")}
        self._access = AccessService(settings, self.waiting_room, {DIGID: self._digid, **brokers}, clock)
        self._portal = Portal(settings, self._access, clock)
        self._customs = Customs(settings, self.faults, clock)
        self._business = Business(settings, self._access, clock)
        self._payments = Payments(settings, clock)
        self._joint = JointReturns(settings, self._access, clock)
        self._bank_tax = BankTax(settings, self._access, clock)
        self._ecommerce = Ecommerce(settings, self._access, clock)
        self._callback = Callback(settings, self.faults, clock)
        self._chat = Chat(settings, self.faults, clock)
        self._video = Video(settings, self.faults, clock)
        self.lines = Lines(self.faults, settings.most_calls)
        self._digid_connections = Connections()
        self._requests = 0
        self._admin = Admin(self.faults, self.waiting_room, clock, self.state)
        self._routes: dict[str, dict[str, Route]] = {}
        website = Website(self.faults)
        self.services: tuple[Service, ...] = (
            website,
            self.waiting_room,
            self._access,
            self._digid,
            *brokers.values(),
            self._portal,
            self._business,
            self._payments,
            self._joint,
            self._bank_tax,
            self._ecommerce,
            self._callback,
            self._chat,
            self._video,
            Mandates(settings, self._access, clock),
            Allowances(settings, self._access, clock),
            self._customs,
            Trade(settings, self._access, clock),
            Staff(settings, self.faults, clock),
        )
        for service in self.services:
            for route in service.routes():
                self._routes.setdefault(PREFIXES[route.system] + route.path, {})[route.method] = route

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a connection that DigiD has no room for is closed without an answer."""
        self._requests += 1
        try:
            if request.path.startswith(ADMIN):
                return await self._admin.answer(request)
            route = self._find(request)
            struck = await self._strike(route, request) if route.can_fail else None
            return await route.handler(request) if struck is None else struck
        except Refused as refused:
            return refused.answer()

    async def _strike(self, route: Route, request: web.BaseRequest) -> web.Response | None:
        """Let the faults that are on do their work; return the answer if they give it in the system's place."""
        if route.system.startswith("digid-") and not self._digid_has_room(request):
            request.protocol.force_close()
            return web.Response()  # goes nowhere: the connection is closed
        return await self.faults.strike(route.system)

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._customs.close()

    def state(self) -> dict[str, Any]:
        """Return counters as plain data: since the start, or of this moment."""
        now = self._clock()
        return {
            "requests": self._requests,
            "waiting_room": {
                channel: {
                    "dose": queue.dose,
                    "queued": queue.length(now),
                    "admitted_in_order": queue.admitted_in_order,
                    "admitted_unqueued": queue.admitted_unqueued,
                }
                for channel, queue in self.waiting_room.queues.items()
            },
            "access": {"logins": self._access.logins()},
            "digid": {
                "transactions": self._digid.transactions(),
                "connections": self._digid_connections.count(now),
            },
            "portal": {
                "sessions": self._portal.sessions(),
                "drafts": self._portal.returns.drafts(now),
                "submissions": self._portal.returns.submissions,
            },
            "business": {"submissions": self._business.submissions},
            "payments": {"paid": self._payments.paid()},
            "joint": {"submissions": self._joint.submissions},
            "bank_tax": {"filed": self._bank_tax.filed()},
            "vat_ecommerce": {"filed": self._ecommerce.filed()},
            "callback": {"requests": self._callback.requests()},
            "chat": {"conversations": self._chat.conversations()},
            "video": self._video.state(),
            "customs": {"declarations": self._customs.declarations()},
            "phone": self.lines.state(),
        }

    def _find(self, request: web.BaseRequest) -> Route:
        methods = self._routes.get(request.path)
        if methods is None:
            raise Refused(404, "not_found", "Deze pagina bestaat niet.")
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        if route is None:
            raise Refused(405, "wrong_method", "Zo kan deze pagina niet worden gebruikt.")
        if self._mutual_tls and request.secure is not (route.system == GATEWAY):
            raise Refused(403, "wrong_door", "Declarations, and nothing else, are taken over mutual TLS.")
        return route

    def _digid_has_room(self, request: web.BaseRequest) -> bool:
        connection = request.transport
        return connection is not None and self._digid_connections.admit(
            connection, self.faults.connection_limit, self._clock()
        )
