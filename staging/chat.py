"""Talking to an agent in writing: over a WebSocket, or by asking again and again where that does not get through.

An agent greets whoever opens a conversation and repeats what is written, each a little later; unless nobody attends.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from staging.answers import Refused, json_answer, read_json, text
from staging.expiring import Expiring
from staging.faults import Fault, Faults
from staging.layout import Route
from staging.settings import Settings

_SYSTEM = "chat"
GREETING = "Goedendag, waarmee kan ik u helpen?"
MOST_LINES = 100
"""That one conversation may have."""
_LONGEST = 4096
"""Bytes of one line."""
_SILENCE = 60.0
"""Seconds after which a conversation in which nothing is written is over."""


@dataclass(slots=True)
class _Conversation:
    """What the agent says: each line with the moment from which it can be read."""

    lines: list[tuple[float, str]] = field(default_factory=list)


class Chat:
    """Conversations under way. Nothing of them is kept when they are over."""

    def __init__(self, settings: Settings, faults: Faults, clock: Callable[[], float]) -> None:
        self._faults = faults
        self._clock = clock
        self._delay = settings.chat_delay
        self._asked: Expiring[str, _Conversation] = Expiring(settings.session_lifetime)
        self._connected = 0

    def routes(self) -> Iterable[Route]:
        """Yield the addresses."""
        yield Route(_SYSTEM, "GET", "/socket", self._connect)
        yield Route(_SYSTEM, "POST", "/open", self._open)
        yield Route(_SYSTEM, "POST", "/say", self._say)
        yield Route(_SYSTEM, "GET", "/lines", self._lines)

    def conversations(self) -> int:
        """Return how many conversations are under way."""
        return self._connected + self._asked.count(self._clock())

    async def _connect(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=_LONGEST, receive_timeout=_SILENCE)
        if not socket.can_prepare(request).ok:
            raise Refused(426, "no_websocket", "Hier wordt alleen een WebSocket aangenomen.")
        await socket.prepare(request)
        self._connected += 1
        try:
            await self._answer(socket, GREETING)
            for _ in range(MOST_LINES):
                message = await socket.receive()
                if message.type is not WSMsgType.TEXT:
                    break
                await self._answer(socket, _repeated(message.data))
            await socket.close()
        except (TimeoutError, ConnectionError):
            pass  # gone, or silent for too long
        finally:
            self._connected -= 1
        return socket

    async def _answer(self, socket: web.WebSocketResponse, line: str) -> None:
        await asyncio.sleep(self._delay)
        if not self._faults.is_on(Fault.CHAT_UNATTENDED):
            await socket.send_str(json.dumps({"from": "agent", "text": line}))

    async def _open(self, _: web.BaseRequest) -> web.Response:
        key = secrets.token_urlsafe(12)
        conversation = _Conversation()
        self._add(conversation, GREETING)
        self._asked.put(key, conversation, self._clock())
        return json_answer({"chat": key})

    async def _say(self, request: web.BaseRequest) -> web.Response:
        data = await read_json(request)
        conversation, line = self._conversation(text(data, "chat")), text(data, "text")
        if len(line) > _LONGEST or len(conversation.lines) >= MOST_LINES:
            raise Refused(413, "too_much", "Dit gesprek is te lang.")
        self._add(conversation, _repeated(line))
        return json_answer({"status": "sent"})

    async def _lines(self, request: web.BaseRequest) -> web.Response:
        conversation, now = self._conversation(text(request.query, "chat")), self._clock()
        unattended = self._faults.is_on(Fault.CHAT_UNATTENDED)
        return json_answer({"lines": [] if unattended else [line for at, line in conversation.lines if at <= now]})

    def _add(self, conversation: _Conversation, line: str) -> None:
        conversation.lines.append((self._clock() + self._delay, line))

    def _conversation(self, key: str) -> _Conversation:
        conversation = self._asked.touch(key, self._clock())
        if conversation is None:
            raise Refused(404, "no_chat", "Dit gesprek is voorbij.")
        return conversation


def _repeated(line: str) -> str:
    return f"U schreef: {line}"
