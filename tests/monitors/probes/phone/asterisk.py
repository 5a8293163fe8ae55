"""A listener that does what Asterisk's REST interface is documented to do, for one outgoing call at a time or many.

The events and their fields are those of Asterisk's own description of the interface (`rest-api/api-docs/events.json`),
in the order in which `chan_pjsip` brings them about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

USER, PASSWORD = "piekwacht", "geheim"

Happening = tuple[str, Any]
"""One thing that the line does: `dial`, `ringing`, `up`, `destroyed` (cause, tech_cause), `wait` (seconds)."""

ANSWERS: tuple[Happening, ...] = (
    ("dial", ""),
    ("dial", "RINGING"),
    ("ringing", None),
    ("dial", "ANSWER"),
    ("up", None),
)
RINGS: tuple[Happening, ...] = ANSWERS[:3]


@dataclass
class Asterisk:
    """The stand-in: what its lines do, and what was asked of it."""

    happenings: tuple[Happening, ...] = ANSWERS
    post_status: int = 200
    post_delay: float = 0.0
    never_ends: bool = False
    broken_events: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    deleted: int = 0
    channels: set[str] = field(default_factory=set)
    most_channels: int = 0
    seen: Callable[[str], None] = lambda _: None
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Route a request."""
        self.paths.append(f"{request.method} {request.path_qs}")
        if request.headers.get("Authorization") != aiohttp.BasicAuth(USER, PASSWORD, "utf-8").encode():
            return web.json_response({"message": "Authentication required"}, status=401)
        match request.method, request.path.split("/")[1:]:
            case "GET", ["ari", "events"]:
                return await self._events(request)
            case "POST", ["ari", "channels", name]:
                return await self._originate(request, name)
            case "DELETE", ["ari", "channels", name]:
                return await self._delete(name)
        return web.json_response({"message": "Resource not found"}, status=404)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["app"]] = socket
        self.seen("events")
        async for _ in socket:
            pass
        return socket

    async def _originate(self, request: web.Request, name: str) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        self.seen("post")
        await asyncio.sleep(self.post_delay)
        if self.post_status != 200:
            return web.json_response({"message": "Allocation failed"}, status=self.post_status)
        self.channels.add(name)
        self.most_channels = max(self.most_channels, len(self.channels))
        task = asyncio.ensure_future(self._play(asked["app"], name))
        self._tasks.add(task)
        self.seen("created")
        return web.json_response(channel(name, "Down"))

    async def _delete(self, name: str) -> web.Response:
        self.deleted += 1
        if name not in self.channels:
            return web.json_response({"message": "Channel not found"}, status=404)
        if not self.never_ends:
            asyncio.get_running_loop().call_later(0.02, self.channels.discard, name)
        return web.Response(status=204)

    async def _play(self, app: str, name: str) -> None:
        await self._send(app, {"type": "ChannelCreated", "channel": channel(name, "Down")})
        if self.broken_events:
            await self._sockets[app].close()
            return
        for what, how in self.happenings:
            if what == "wait":
                await asyncio.sleep(how)
                continue
            for event in EVENTS[what](name, how):
                await self._send(app, event)
            self.seen(what)
            if what == "destroyed":
                self.channels.discard(name)

    async def _send(self, app: str, event: dict[str, Any]) -> None:
        with suppress(ConnectionError):
            socket = self._sockets[app]
            await socket.send_json({"application": app, "timestamp": "2022-11-14T09:00:00.000+0100", **event})
            await socket.send_json({"application": app, **event, **_of_another()})


def channel(name: str, state: str) -> dict[str, Any]:
    """Return a snapshot of a channel, with a number and a name that nobody may see again."""
    return {"id": name, "name": "PJSIP/carrier-0000002a", "state": state, "caller": {"number": "+31990000000"}}


def _of_another() -> dict[str, Any]:
    """Return an event about another channel, which says that the line is dead."""
    return {
        "type": "ChannelDestroyed",
        "cause": 38,
        "cause_txt": "Network out of order",
        "channel": channel("other", "Up"),
    }


def _destroyed(name: str, how: tuple[int, int | None]) -> list[dict[str, Any]]:
    cause, tech = how
    more = {} if tech is None else {"tech_cause": tech}
    told = {"cause": cause, "cause_txt": "Server text", **more}
    return [
        {"type": "ChannelHangupRequest", "cause": cause, "channel": channel(name, "Down"), **more},
        {"type": "ChannelDestroyed", "channel": channel(name, "Down"), **told},
    ]


EVENTS: dict[str, Callable[[str, Any], list[dict[str, Any]]]] = {
    "dial": lambda name, status: [{"type": "Dial", "dialstatus": status, "peer": channel(name, "Down")}],
    "ringing": lambda name, _: [{"type": "ChannelStateChange", "channel": channel(name, "Ringing")}],
    "up": lambda name, _: [
        {"type": "ChannelStateChange", "channel": channel(name, "Up")},
        {"type": "StasisStart", "args": [], "channel": channel(name, "Up")},
    ],
    "destroyed": _destroyed,
}


@asynccontextmanager
async def listening(asterisk: Asterisk) -> AsyncIterator[str]:
    """Serve it on a free loopback port; yield the base of its interface."""
    runner = web.ServerRunner(web.Server(asterisk.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/ari"
    finally:
        await runner.cleanup()
