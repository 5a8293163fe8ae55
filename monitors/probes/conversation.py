"""A conversation over a WebSocket, message by message; redirects to it are not followed."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

import aiohttp
from yarl import URL

from journeys import JourneyFailed, Reason
from journeys.core import LARGEST_MESSAGE, MOST_MESSAGES
from monitors.probes.errors import detail_of, explain, verdict_of
from monitors.probes.masking import mask_url
from monitors.probes.outcome import Track

REDIRECTS = {301, 302, 303, 307, 308}
_CLOSING = aiohttp.ClientWSTimeout(ws_close=1.0)


class Conversation:
    """One that is under way. What goes wrong is raised as `JourneyFailed` at the present step of the run.

    `url` may be shown to people.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, url: str, track: Track) -> None:
        self.url = url
        self._socket = socket
        self._track = track

    async def say(self, text: str) -> None:
        """Send a message; that the other side has left shows in what is heard."""
        with suppress(aiohttp.ClientError, OSError):
            await self._socket.send_str(text)

    async def hear(self) -> str:
        """Return the next text; bytes are passed over."""
        for _ in range(MOST_MESSAGES):
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                return str(message.data)
            if message.type is aiohttp.WSMsgType.ERROR:
                raise JourneyFailed(Reason.BROKEN_RESPONSE, self._track.step, "not the protocol of a WebSocket")
            if message.type is not aiohttp.WSMsgType.BINARY:
                raise JourneyFailed(Reason.CONNECTION_RESET, self._track.step, "closed before the right message")
        raise JourneyFailed(Reason.CONTENT_MISSING, self._track.step, f"no text in {MOST_MESSAGES} messages")

    async def aclose(self) -> None:
        """Say goodbye."""
        await self._socket.close()


async def connect(session: aiohttp.ClientSession, url: URL, track: Track) -> Conversation:
    """Open a WebSocket. Raises `JourneyFailed` and `Undecided`."""
    shown = mask_url(url)
    with track.exchange("GET", shown) as noted:
        try:
            socket = await session.ws_connect(url, max_msg_size=LARGEST_MESSAGE, timeout=_CLOSING)
        except aiohttp.WSServerHandshakeError as error:
            if error.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise JourneyFailed(Reason.BROKEN_RESPONSE, track.step, "no handshake of a WebSocket") from error
            noted.status = error.status
            reason = Reason.UNEXPECTED_REDIRECT if error.status in REDIRECTS else Reason.UNEXPECTED_STATUS
            raise JourneyFailed(reason, track.step, f"status {error.status}") from error
        except (aiohttp.ClientError, OSError) as error:
            trouble = explain(error)
            if trouble is None:
                raise
            raise verdict_of(trouble, track.step, detail_of(error)) from error
        noted.status, noted.result = HTTPStatus.SWITCHING_PROTOCOLS, "connected"
    return Conversation(socket, shown, track)


async def stay_put(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuse the redirect of a WebSocket that aiohttp would follow, to whichever host."""
    response = await send(request)
    if response.status in REDIRECTS and "Sec-WebSocket-Key" in request.headers:
        response.close()
        raise aiohttp.WSServerHandshakeError(response.request_info, response.history, status=response.status)
    return response
