"""The smallest driver of journeys: one citizen, one jar, asyncio and aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from config import Channel
from journeys import Action, Citizen, Identities, JourneyFailed, Mark, Reason, Request, Response, Think, definitions
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
    answer: Response | None = None
    try:
        while True:
            action = walking.send(answer)
            answer = None
            if isinstance(action, Request):
                if steps is not None:
                    steps.append(action.step)
                try:
                    answer = await _send(session, systems[action.system], action)
                except (aiohttp.ClientError, TimeoutError) as error:
                    walking.throw(JourneyFailed(_reason(error), action.step, repr(error)))
            elif not isinstance(action, Mark):
                await asyncio.sleep(action.seconds * (think if isinstance(action, Think) else 1.0))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def walk_by_hand(journey: str, citizen: Citizen, answers: Mapping[str, tuple[int, str]]) -> list[Action]:
    """Walk a journey without any system: (status, body) by step answers its requests. Return every action taken."""
    walking = definitions()[journey].start(citizen)
    actions: list[Action] = []
    answer: Response | None = None
    try:
        while True:
            action = walking.send(answer)
            actions.append(action)
            answer = None
            if isinstance(action, Request):
                status, body = answers[action.step]
                answer = Response(status, (), body.encode())
    except StopIteration:
        return actions


async def _send(session: aiohttp.ClientSession, base_url: str, request: Request) -> Response:
    headers = dict(request.headers or {}) | ({"Content-Type": request.content_type} if request.content_type else {})
    async with session.request(
        request.method, base_url + request.path, data=request.body or None, headers=headers
    ) as answer:
        return Response(answer.status, list(answer.raw_headers), await answer.read())


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
