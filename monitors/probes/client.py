"""Walks a journey with aiohttp and hides nothing that a citizen would meet.

Every run has its own cookie jar and every request its own connection: a probe that lives on a kept-alive connection
does not see that new ones are refused. aiohttp's masking defaults are off: no DNS cache, no happy eyeballs, no proxies
from the environment, no rounding of timeouts, and no second attempt in secret when the server drops a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from importlib.metadata import version
from types import SimpleNamespace
from typing import assert_never

import aiohttp
from yarl import URL

from config import Environment
from journeys import Action, Journey, JourneyFailed, Mark, Reason, Request, Response, Think, Wait
from monitors.probes.errors import explain, in_words
from monitors.probes.outcome import Exchange, Phase, Track, Undecided
from monitors.verdict import Cause

USER_AGENT = f"Piekwacht/{version('piekwacht')} (synthetic monitoring)"
MAX_REDIRECTS = 10
MAX_BODY = 8 * 1024 * 1024
"""Bytes of one answer; more is not a page for people."""
_REDIRECTS = {301, 302, 303, 307, 308}

Resume = Callable[[], Action]


async def walk(journey: Journey, environment: Environment, track: Track) -> None:
    """Walk `journey` to its end; returns when it passed.

    A wait is waited, thinking is not. Raises `JourneyFailed`, or `Undecided` for trouble in the prober's own network.
    """
    with closing(journey):
        async with _session(track) as session:
            resume: Resume = partial(next, journey)
            while True:
                try:
                    action = resume()
                except StopIteration:
                    return
                resume = await _perform(action, journey, session, environment, track)


async def _perform(
    action: Action, journey: Journey, session: aiohttp.ClientSession, environment: Environment, track: Track
) -> Resume:
    """Do what the citizen does next and return how the journey goes on from there."""
    match action:
        case Request():
            track.at(action.step)
            try:
                response = await _fetch(action, session, environment, track)
            except JourneyFailed as failure:
                return partial(journey.throw, failure)
            return partial(journey.send, response)
        case Wait(seconds):
            await asyncio.sleep(seconds)
        case Think() | Mark():
            pass
        case _:
            assert_never(action)
    return partial(journey.send, None)


def _session(track: Track) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, force_close=True, use_dns_cache=False, ttl_dns_cache=0, happy_eyeballs_delay=None
        ),
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # unsafe: keeps the cookies of hosts that are IP addresses
        headers={"User-Agent": USER_AGENT},
        timeout=aiohttp.ClientTimeout(),  # none: the run as a whole has one, by the exact clock
        trace_configs=[_phase_marks(track)],
        middlewares=[_no_second_attempt],
        trust_env=False,
    )


def _phase_marks(track: Track) -> aiohttp.TraceConfig:
    """Tell `track` when a request goes from one phase to the next; the connection counts as made after TLS."""
    marks = aiohttp.TraceConfig()

    def mark(phase: Phase) -> Callable[[aiohttp.ClientSession, SimpleNamespace, object], Awaitable[None]]:
        async def note(session: aiohttp.ClientSession, context: SimpleNamespace, parameters: object) -> None:  # noqa: ARG001
            track.enter(phase)

        return note

    marks.on_connection_create_start.append(mark("connect"))
    marks.on_dns_resolvehost_start.append(mark("resolve"))
    marks.on_dns_resolvehost_end.append(mark("connect"))
    marks.on_connection_create_end.append(mark("first_byte"))
    return marks


class _Dropped(aiohttp.ClientConnectionError):
    """The server dropped the connection; not the error that aiohttp would answer with a second attempt."""


async def _no_second_attempt(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _Dropped("connection lost before the answer") from error


async def _fetch(request: Request, session: aiohttp.ClientSession, environment: Environment, track: Track) -> Response:
    """Send one request of the journey and follow its redirects, to allowed hosts only. Raises `JourneyFailed`."""
    method, body = request.method, request.body
    headers = dict(request.headers or {})
    if request.content_type:
        headers["Content-Type"] = request.content_type
    url = URL(environment.endpoints[request.system] + request.path)
    if not environment.allows(str(url)):
        raise ValueError(f"the host {url.host!r} is not allowed in this environment")
    for _ in range(MAX_REDIRECTS + 1):
        response = await _exchange(session, method, url, body, headers, track)
        location = response.header("Location") if response.status in _REDIRECTS else None
        if location is None:
            return response
        url = _allowed_target(url, location, environment, request.step)
        if response.status == 303 or (response.status in {301, 302} and method == "POST"):
            method, body = "GET", b""
            headers.pop("Content-Type", None)
    raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, request.step, f"more than {MAX_REDIRECTS} redirects")


def _allowed_target(url: URL, location: str, environment: Environment, step: str) -> URL:
    try:
        target = url.join(URL(location))
        usable = target.scheme in {"http", "https"} and environment.allows(str(target))
    except ValueError:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, "to something that is not a URL") from None
    if not usable:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, f"to {target.scheme}://{target.host}")
    return target


async def _exchange(
    session: aiohttp.ClientSession, method: str, url: URL, body: bytes, headers: dict[str, str], track: Track
) -> Response:
    """Send one request, read the whole answer, and note what came of it. Raises `JourneyFailed` and `Undecided`."""
    before, result = track.elapsed, "cut off"
    try:
        async with session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as answer:
            track.enter("transfer")
            content = await _read(answer, track.step)
        result = str(answer.status)
        return Response(answer.status, answer.raw_headers, content)
    except JourneyFailed as failure:
        result = failure.reason
        raise
    except (aiohttp.ClientError, OSError) as error:
        trouble = explain(error)
        if trouble is None:
            raise
        result = trouble
        detail = _detail(error)
        if isinstance(trouble, Cause):
            raise Undecided(trouble, detail) from error
        raise JourneyFailed(trouble, track.step, detail) from error
    finally:
        track.enter(None)
        shown = str(url.with_query(None).with_fragment(None))
        track.trace.append(Exchange(track.step, method, shown, track.elapsed - before, result))


async def _read(answer: aiohttp.ClientResponse, step: str) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > MAX_BODY:
            raise JourneyFailed(Reason.BROKEN_RESPONSE, step, f"more than {MAX_BODY} bytes")
    return bytes(content)


def _detail(error: BaseException) -> str:
    """Say what happened without quoting anything that the server sent."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {in_words(error.os_error)}"
    return type(error.__cause__ or error).__name__
