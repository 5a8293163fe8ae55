"""Walks a journey with aiohttp and hides nothing that a citizen would meet.

Every run has its own cookie jar and every request its own connection: a probe that lives on a kept-alive connection
does not see that new ones are refused. aiohttp's masking defaults are off: no DNS cache, no happy eyeballs, no proxies
from the environment, no rounding of timeouts, and no second attempt in secret when the server drops a connection.
Bound to one address family, a run connects by that family or not at all.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from typing import assert_never

import aiohttp
from aiohttp.tracing import Trace
from yarl import URL

from config import Environment
from config.environment import Tls
from journeys import (
    Action,
    Connect,
    Hear,
    Journey,
    JourneyFailed,
    Mark,
    Reason,
    Request,
    Response,
    Say,
    Think,
    Wait,
)
from journeys.core import Exchange
from monitors.probes.conversation import REDIRECTS, Conversation, connect, stay_put
from monitors.probes.errors import detail_of, explain, verdict_of
from monitors.probes.lookup import ANY, Resolver, is_of
from monitors.probes.masking import mask_headers, mask_url
from monitors.probes.outcome import Track

USER_AGENT = f"Piekwacht/{version('piekwacht')} (synthetic monitoring)"
FORM = "application/x-www-form-urlencoded"
MAX_REDIRECTS = 10
MAX_BODY = 8 * 1024 * 1024
"""Bytes of one answer; more is not a page for people."""

Resume = Callable[[], Action]


async def walk(
    journey: Journey,
    environment: Environment,
    track: Track,
    *,
    family: socket.AddressFamily = ANY,
    follow: bool = True,
) -> None:
    """Walk `journey` to its end; returns when it passed.

    A wait is waited, thinking is not. Redirects are followed, to allowed hosts only, or given to the journey as they
    are. Raises `JourneyFailed`, or `Undecided` for trouble in the prober's own network.
    """
    with closing(journey):
        async with session_of(environment.tls, family, track) as session:
            browser = _Browser(session, environment, track, family, follow)
            resume: Resume = partial(next, journey)
            async with aclosing(browser):
                while True:
                    try:
                        action = resume()
                    except StopIteration:
                        return
                    resume = await _perform(action, journey, browser)


async def _perform(action: Action, journey: Journey, browser: _Browser) -> Resume:
    """Do what the citizen does next and return how the journey goes on from there."""
    match action:
        case Request() | Connect() | Hear():
            browser.track.at(action.step)
            try:
                answer = await browser.exchange(action)
            except JourneyFailed as failure:
                return partial(journey.throw, failure)
            return partial(journey.send, answer)
        case Say(text):
            await browser.say(text)
        case Wait(seconds):
            await asyncio.sleep(seconds)
        case Think() | Mark():
            pass
        case _:
            assert_never(action)
    return partial(journey.send, None)


def session_of(tls: Tls, family: socket.AddressFamily, track: Track) -> aiohttp.ClientSession:
    """Return what one run connects with; whoever asks for it closes it."""
    connector = _Connector(tls, family, track)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # unsafe: keeps the cookies of hosts that are IP addresses
        headers={"User-Agent": USER_AGENT},
        timeout=_NO_TIMEOUT,
        middlewares=(stay_put, connector.send_once),
        trust_env=False,
    )


_NO_TIMEOUT = aiohttp.ClientTimeout()  # the run as a whole has one, by the exact clock


class _Connector(aiohttp.TCPConnector):
    """Opens a connection for each request and tells the track when it goes from one phase to the next.

    The connection counts as made after TLS. aiohttp's own tracing would tell it too, at a tenth of the cost of a run.
    """

    def __init__(self, tls: Tls, family: socket.AddressFamily, track: Track) -> None:
        super().__init__(
            limit=0,
            force_close=True,
            use_dns_cache=False,
            ttl_dns_cache=0,
            happy_eyeballs_delay=None,
            family=family,
            resolver=Resolver(track),
            ssl=context_of(tls),
        )
        self._track = track
        self._opened: aiohttp.connector.Connection | None = None
        self._gone: asyncio.Future[None] | None = None
        self._end: BaseException | None = None

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> aiohttp.connector.Connection:
        """Return a new connection."""
        self._track.enter("connect")
        connection = await super().connect(req, traces, timeout)
        self._track.enter("first_byte")
        self._watch(connection)
        return connection

    def _watch(self, connection: aiohttp.connector.Connection) -> None:
        """Keep what ends the connection, whatever is said of it later."""

        def note(gone: asyncio.Future[None]) -> None:
            self._end = None if gone.cancelled() else gone.exception()

        protocol = connection.protocol
        assert protocol is not None
        self._opened, self._gone, self._end = connection, protocol.closed, protocol.exception()
        if self._gone is not None:
            self._gone.add_done_callback(note)

    async def send_once(
        self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request, and not again in secret where the server drops the connection."""
        try:
            return await send(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise _Dropped("connection lost before the answer") from await self._cause(error)

    async def _cause(self, error: aiohttp.ClientError) -> BaseException:
        """Return what closed the connection if that came before the request could be sent, else the error itself.

        In TLS 1.3 a server judges our certificate when the handshake is over for us: its alert may be that quick.
        """
        opened, gone = self._opened, self._gone
        if opened is not None and gone is not None and (opened.transport is None or opened.transport.is_closing()):
            await asyncio.wait([gone])
            await asyncio.sleep(0)  # its callback comes a turn of the loop later
        return self._end or error


@cache
def context_of(tls: Tls) -> ssl.SSLContext:
    """Return the one context for all connections with these settings: loading authorities takes milliseconds."""
    context = tls.context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Dropped(aiohttp.ClientConnectionError):
    """The server dropped the connection; not the error that aiohttp would answer with a second attempt."""


@dataclass(slots=True)
class _Browser:
    """What one citizen has in hand for one run; `conversation` once a WebSocket is open."""

    session: aiohttp.ClientSession
    environment: Environment
    track: Track
    family: socket.AddressFamily
    follow: bool
    conversation: Conversation | None = None

    async def exchange(self, action: Exchange) -> Response | str | None:
        """Return what a system answers. Raises `JourneyFailed` and `Undecided`."""
        match action:
            case Request():
                return await self.fetch(action)
            case Connect():
                await self.aclose()
                url = self._url(action)
                if not is_of(url.host or "", self.family):
                    raise _other_family(url, action.step)
                self.conversation = await connect(self.session, url, self.track)
                return None
            case Hear():
                if self.conversation is None:
                    raise TypeError("nothing is heard before a Connect")
                with self.track.exchange("HEAR", self.conversation.url) as noted:
                    message = await self.conversation.hear()
                    noted.result = "heard"
                return message

    async def say(self, text: str) -> None:
        """Send a message on the WebSocket."""
        if self.conversation is not None:
            await self.conversation.say(text)

    async def aclose(self) -> None:
        """Close the WebSocket, if there is one."""
        if self.conversation is not None:
            await self.conversation.aclose()

    def _url(self, action: Request | Connect) -> URL:
        url = URL(self.environment.endpoints[action.system] + action.path)
        if not self.environment.allows(str(url)):
            raise ValueError(f"the host {url.host!r} is not allowed in this environment")
        return url

    async def fetch(self, request: Request) -> Response:
        """Send one request of the journey and follow its redirects, to allowed hosts only. Raises `JourneyFailed`."""
        method, body = request.method, request.body
        headers = dict(request.headers or {})
        url = self._url(request)
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if request.content_type == FORM:
            headers.setdefault("Referer", f"{url.origin()}/")  # of the same site, as protection against forgery demands
        for _ in range(MAX_REDIRECTS + 1):
            if not is_of(url.host or "", self.family):
                raise _other_family(url, request.step)
            response = await self._exchange(method, url, body, headers)
            location = response.header("Location") if response.status in REDIRECTS else None
            if location is None or not self.follow:
                return response
            url = _allowed_target(url, location, self.environment, request.step)
            if response.status == 303 or (response.status in {301, 302} and method == "POST"):
                method, body = "GET", b""
                headers.pop("Content-Type", None)
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, request.step, f"more than {MAX_REDIRECTS} redirects")

    async def _exchange(self, method: str, url: URL, body: bytes, headers: dict[str, str]) -> Response:
        """Send one request, read the whole answer, and note what came of it.

        Raises `JourneyFailed` and `Undecided`.
        """
        track = self.track
        with track.exchange(method, mask_url(url)) as noted:
            try:
                async with self.session.request(
                    method, url, data=body or None, headers=headers, allow_redirects=False
                ) as answer:
                    track.enter("transfer")
                    noted.status, noted.headers = answer.status, mask_headers(answer.raw_headers)
                    content = await _read(answer, track.step)
            except (aiohttp.ClientError, OSError) as error:
                trouble = explain(error)
                if trouble is None:
                    raise
                raise verdict_of(trouble, track.step, detail_of(error)) from error
            noted.result = str(answer.status)
            return Response(answer.status, answer.raw_headers, content)


def _other_family(url: URL, step: str) -> JourneyFailed:
    return JourneyFailed(Reason.NAME_NOT_RESOLVED, step, f"{url.host} is of another address family")


def _allowed_target(url: URL, location: str, environment: Environment, step: str) -> URL:
    try:
        target = url.join(URL(location))
        usable = target.scheme in {"http", "https"} and environment.allows(str(target))
    except ValueError:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, "to something that is not a URL") from None
    if not usable:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, f"to {target.scheme}://{target.host}")
    return target


async def _read(answer: aiohttp.ClientResponse, step: str) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > MAX_BODY:
            raise JourneyFailed(Reason.BROKEN_RESPONSE, step, f"more than {MAX_BODY} bytes")
    return bytes(content)
