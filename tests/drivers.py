"""The smallest driver of journeys: one citizen, one jar, asyncio and aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from config import Channel
from journeys import (
    Action,
    Citizen,
    Connect,
    Hear,
    Identities,
    JourneyFailed,
    Reason,
    Request,
    Response,
    Say,
    Think,
    Wait,
    definitions,
)
from staging.layout import endpoints

ResultT = TypeVar("ResultT")
_IDENTITIES = Identities()

PATIENCE = 40.0
"""Seconds for each answer: no machine is so busy, and an answer that comes a minute late is still too late."""


def someone(number: int = 0, channel: Channel = "web", *, watchful: bool = False, patience: float = 60.0) -> Citizen:
    """Return a citizen with a test number."""
    return Citizen(number, _IDENTITIES.account(number), channel, watchful=watchful, patience=patience)


@asynccontextmanager
async def browser(*, patience: float = PATIENCE) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a browser of its own: one cookie jar, also for IP addresses; `patience` is in seconds for each answer."""
    limit = aiohttp.ClientTimeout(total=patience)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=limit) as session:
        yield session


async def walk(
    journey: str, base_url: str, citizen: Citizen, *, think: float = 0.0, patience: float = PATIENCE
) -> list[str]:
    """Walk a journey on a replica in a new browser and return the steps taken. Raises `JourneyFailed`.

    `think` scales thinking time (0: none); waiting is never scaled.
    """
    steps: list[str] = []
    async with browser(patience=patience) as session:
        await drive(definitions()[journey].start(citizen), session, base_url, think=think, steps=steps)
    return steps


async def drive(
    walking: Generator[Action, Any, ResultT],
    session: aiohttp.ClientSession,
    base_url: str,
    *,
    think: float = 0.0,
    steps: list[str] | None = None,
) -> ResultT:
    """Walk (part of) a journey in a browser and return what it returns; its steps are added to `steps`."""
    systems = endpoints(base_url)
    answer: Response | str | None = None
    async with AsyncExitStack() as open_sockets:
        try:
            while True:
                action = walking.send(answer)
                answer = None
                if isinstance(action, Request | Connect | Hear) and steps is not None:
                    steps.append(action.step)
                match action:
                    case Request():
                        answer = await _send(session, systems[action.system], action, walking)
                    case Connect():
                        opening = session.ws_connect(systems[action.system] + action.path)
                        socket = await open_sockets.enter_async_context(opening)
                    case Say(text):
                        await socket.send_str(text)
                    case Hear():
                        answer = await socket.receive_str()
                    case Think(seconds):
                        await asyncio.sleep(seconds * think)
                    case Wait(seconds):
                        await asyncio.sleep(seconds)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def walk_by_hand(
    journey: str, citizen: Citizen, answers: Mapping[str, tuple[int, str]], heard: Iterable[str] = ()
) -> list[Action]:
    """Walk a journey without any system: (status, body) by step answers its requests, `heard` what it listens for.

    Return every action taken.
    """
    messages = list(heard)
    walking = definitions()[journey].start(citizen)
    actions: list[Action] = []
    answer: Response | str | None = None
    try:
        while True:
            action = walking.send(answer)
            actions.append(action)
            answer = None
            if isinstance(action, Request):
                status, body = answers[action.step]
                answer = Response(status, (), body.encode())
            elif isinstance(action, Hear):
                answer = messages.pop(0)
    except StopIteration:
        return actions


async def _send(
    session: aiohttp.ClientSession, base_url: str, request: Request, walking: Generator[Action, Any, Any]
) -> Response | None:
    """Send a request of a journey and return the answer; without one, let the journey know."""
    headers = dict(request.headers or {}) | ({"Content-Type": request.content_type} if request.content_type else {})
    try:
        async with session.request(
            request.method, base_url + request.path, data=request.body or None, headers=headers
        ) as answer:
            return Response(answer.status, list(answer.raw_headers), await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        walking.throw(JourneyFailed(_reason(error), request.step, repr(error)))
    return None


def _reason(error: Exception) -> Reason:
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorError):
        return Reason.CONNECTION_REFUSED
    return Reason.CONNECTION_RESET


async def send(
    session: aiohttp.ClientSession, method: str, url: str, data: object = None, **options: Any
) -> tuple[int, Any]:
    """Send one request as no journey would; return the status and the JSON of the answer (its text if it is none)."""
    async with session.request(method, url, json=data, **options) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await (answer.json() if is_json else answer.text())
