"""Talking to an agent by video: a room, a line in front of it, and the words by which two browsers find each other.

A citizen asks for a room and opens a WebSocket to it; whoever is next in line is joined by a free agent. Then as WebRTC
services do: the citizen offers, the agent answers, both name their candidates, and the call is there until either side
hangs up. Neither sound nor picture is carried.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from staging.agreeing import Agent, Objection, Phase
from staging.answers import Refused, json_answer, text
from staging.expiring import Expiring
from staging.faults import Fault, Faults
from staging.layout import Route
from staging.settings import Settings

_SYSTEM = "chat"
MOST_ROOMS = 2000
"""That are open at a time, in front of which somebody waits or in which somebody talks."""
_LARGEST = 64 * 1024
"""Bytes of one message."""
_UPDATE = 1.0
"""Seconds from one word about the line to the next."""
_SILENCE = 60.0
"""Seconds after which a call that nobody arranges is over."""
_LONGEST = 1800.0
"""Seconds after which the agent hangs up."""
_HEARTBEAT = 20.0
"""Seconds after which a browser must show that it is still there."""


class Video:
    """Rooms that were asked for, the line, and calls under way. Nothing of them is kept when they are over."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._delay = settings.chat_delay
        self._agents = settings.video_agents
        self._asked: Expiring[str, bool] = Expiring(settings.session_lifetime)
        self._line: dict[str, None] = {}
        self._talking = 0

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(_SYSTEM, "POST", "/video/rooms", self._open)
        yield Route(_SYSTEM, "GET", "/video/signalling", self._connect)

    def state(self) -> dict[str, int]:
        """Return how many rooms nobody has entered yet, how many people wait in line, and how many talk."""
        return {"rooms": self._asked.count(self._clock()), "waiting": len(self._line), "talking": self._talking}

    async def _open(self, _: web.BaseRequest) -> web.Response:
        now = self._clock()
        if self._asked.count(now) + len(self._line) + self._talking >= MOST_ROOMS:
            raise Refused(503, "full", "Er is nu geen ruimte voor beeldbellen.")
        room = secrets.token_urlsafe(12)
        self._asked.put(room, True, now)
        return json_answer({"room": room})

    async def _connect(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._faults.is_on(Fault.VIDEO_REFUSED):
            raise Refused(503, "no_signalling", "Beeldbellen is nu niet mogelijk.")
        socket = web.WebSocketResponse(max_msg_size=_LARGEST, heartbeat=_HEARTBEAT)
        if not socket.can_prepare(request).ok:
            raise Refused(426, "no_websocket", "Hier wordt alleen een WebSocket aangenomen.")
        room = text(request.query, "room")
        if self._asked.pop(room, self._clock()) is None:
            raise Refused(404, "no_room", "Deze ruimte bestaat niet, of is al in gebruik.")
        await socket.prepare(request)
        try:
            if await self._wait_in_line(socket, room):
                await self._talk(socket)
            await socket.close()
        except Objection as objection:
            await _say(socket, {"type": "error", "error": objection.error, "message": str(objection)})
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        except ConnectionError:
            pass  # gone
        return socket

    async def _wait_in_line(self, socket: web.WebSocketResponse, room: str) -> bool:
        """Say how many are ahead until an agent joins; return whether one did before the citizen left."""
        self._line[room] = None
        pause = self._delay
        try:
            while True:
                try:
                    word = await _hear(socket, pause)
                except TimeoutError:
                    ahead = list(self._line).index(room)
                    if ahead < self._agents - self._talking and not self._faults.is_on(Fault.VIDEO_UNATTENDED):
                        self._talking += 1
                        return True
                    pause = _UPDATE
                    await _say(socket, {"type": "waiting", "ahead": ahead, "next": _UPDATE})
                else:
                    await _leave(socket, word)
                    return False
        finally:
            del self._line[room]

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        """Be the agent until either side hangs up. Raises `Objection`."""
        agent = Agent(picture=not self._faults.is_on(Fault.VIDEO_WITHOUT_PICTURE))
        try:
            await _say(socket, {"type": "joined"})
            while agent.phase is not Phase.OVER:
                try:
                    word = await _hear(socket, _LONGEST if agent.phase is Phase.CONNECTED else _SILENCE)
                except TimeoutError:
                    word = {"type": "bye"}  # of the agent
                if word is None:
                    return
                for each in agent.take(word):
                    await _say(socket, each)
        finally:
            self._talking -= 1


async def _hear(socket: web.WebSocketResponse, patience: float) -> dict[str, Any] | None:
    """Return the next word, or None once the citizen has left. Raises `Objection` and `TimeoutError`."""
    message = await socket.receive(timeout=max(patience, 0.001))  # aiohttp takes 0 for no end
    if message.type is WSMsgType.BINARY:
        raise Objection("no_text", "Only text is understood here.")
    if message.type is not WSMsgType.TEXT:
        return None
    try:
        word = json.loads(message.data)
    except (ValueError, RecursionError):
        word = None
    if not isinstance(word, dict):
        raise Objection("no_object", "That is no JSON object.")
    return word


async def _leave(socket: web.WebSocketResponse, word: Mapping[str, Any] | None) -> None:
    """Let somebody leave the line; anything else said there is too early. Raises `Objection`."""
    if word is not None:
        if word.get("type") != "bye":
            raise Objection("out_of_order", "Nobody is there yet.")
        await _say(socket, {"type": "bye"})


async def _say(socket: web.WebSocketResponse, word: Mapping[str, Any]) -> None:
    await socket.send_str(json.dumps(word))
