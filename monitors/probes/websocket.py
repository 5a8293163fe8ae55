"""Kind `websocket`: a conversation in which somebody must answer.

A front end that takes the connection is not enough: an agent greets, and answers what this run has written. Redirects
are not followed: a WebSocket is where it is said to be.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus

import aiohttp
from yarl import URL

from config import Probe, WebsocketProbe
from config.probes import REFERENCE
from journeys import JourneyFailed, Reason
from monitors.probes.client import REDIRECTS, detail_of, session_of, verdict_of
from monitors.probes.errors import explain
from monitors.probes.lookup import is_of, only
from monitors.probes.masking import mask_url
from monitors.probes.outcome import Target, Track
from monitors.probes.reasons import CONNECTION

CONNECT, GREETING, ANSWER = "connect", "greeting", "answer"
REASONS = (
    *CONNECTION,
    Reason.BROKEN_RESPONSE,
    Reason.UNEXPECTED_STATUS,
    Reason.UNEXPECTED_REDIRECT,
    Reason.CONTENT_MISSING,
)

MOST_MESSAGES = 100
"""Messages among which the right one must be."""
_LARGEST = 64 * 1024
_CLOSING = aiohttp.ClientWSTimeout(ws_close=1.0)


def steps(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run can fail."""
    assert isinstance(probe, WebsocketProbe)
    return (CONNECT, GREETING, ANSWER) if probe.greeting else (CONNECT, ANSWER)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - a conversation has its own number
    """Return when the answer came. Raises `JourneyFailed` and `Undecided`."""
    probe = target.probe
    assert isinstance(probe, WebsocketProbe)
    reference = f"PW{secrets.token_hex(9).upper()}"
    url = URL(target.environment.endpoints[target.system] + probe.path)
    if not target.environment.allows(str(url)):
        raise ValueError(f"the host {url.host!r} is not allowed in this environment")
    family = only(probe.families)
    track.at(CONNECT)
    if not is_of(url.host or "", family):
        raise JourneyFailed(Reason.NAME_NOT_RESOLVED, CONNECT, f"{url.host} is of another address family")
    async with (
        session_of(target.environment.tls, family, track, _no_redirect) as session,
        _connected(session, url, track) as socket,
    ):
        if probe.greeting:
            track.at(GREETING)
            await _hear(socket, probe.greeting, GREETING)
        track.at(ANSWER)
        with track.exchange("SAY", mask_url(url)) as noted:
            await _say(socket, probe.say.replace(REFERENCE, reference))
            await _hear(socket, [text.replace(REFERENCE, reference) for text in probe.contains], ANSWER)
            noted.result = "answered"


async def _no_redirect(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Refuse what aiohttp would follow, to whichever host."""
    response = await send(request)
    if response.status in REDIRECTS:
        response.close()
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, CONNECT, f"status {response.status}")
    return response


@asynccontextmanager
async def _connected(
    session: aiohttp.ClientSession, url: URL, track: Track
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open the WebSocket, and close it at the end. Raises `JourneyFailed` and `Undecided`."""
    with track.exchange("GET", mask_url(url)) as noted:
        try:
            socket = await session.ws_connect(url, max_msg_size=_LARGEST, timeout=_CLOSING)
        except aiohttp.WSServerHandshakeError as error:
            if error.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise JourneyFailed(Reason.BROKEN_RESPONSE, CONNECT, "no handshake of a WebSocket") from error
            noted.status = error.status
            raise JourneyFailed(Reason.UNEXPECTED_STATUS, CONNECT, f"status {error.status}") from error
        except (aiohttp.ClientError, OSError) as error:
            trouble = explain(error)
            if trouble is None:
                raise
            raise verdict_of(trouble, CONNECT, detail_of(error)) from error
        noted.status, noted.result = HTTPStatus.SWITCHING_PROTOCOLS, "connected"
    async with socket:
        yield socket


async def _say(socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
    try:
        await socket.send_str(text)
    except (aiohttp.ClientError, OSError) as error:
        raise JourneyFailed(Reason.CONNECTION_RESET, ANSWER, "closed before anything was said") from error


async def _hear(socket: aiohttp.ClientWebSocketResponse, wanted: Collection[str], step: str) -> None:
    """Read until one message has every text in it; what else is said is passed over. Raises `JourneyFailed`."""
    for _ in range(MOST_MESSAGES):
        message = await socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            if all(text in message.data for text in wanted):
                return
        elif message.type is aiohttp.WSMsgType.ERROR:
            raise JourneyFailed(Reason.BROKEN_RESPONSE, step, "not the protocol of a WebSocket")
        elif message.type is not aiohttp.WSMsgType.BINARY:
            raise JourneyFailed(Reason.CONNECTION_RESET, step, "closed before the right message")
    raise JourneyFailed(Reason.CONTENT_MISSING, step, f"not in {MOST_MESSAGES} messages")
