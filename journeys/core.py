"""What a journey is made of.

A journey is a generator without I/O. It yields what the citizen does next and receives the answer:

    yield Request(...)   an HTTP request; the driver sends it and resumes the journey with the `Response`
    yield Think(3.0)     a person reads or types for 3 s; a driver may shorten it (compressed time, probes)
    yield Wait(1.0)      a program waits for 1 s (a polling interval); never shortened
    yield Mark(...)      something happened at the waiting room that is counted; takes no time
    yield Connect(...)   a WebSocket is opened, in place of the one before; it ends with the journey
    yield Say(text)      a message goes out on it; takes no time
    yield Hear(step)     the next message on it; the driver resumes the journey with its text

Redirects and cookies are the driver's work: each citizen has one jar, and the journey sees the last response. A journey
that ends normally has passed. It fails by raising `JourneyFailed(reason, step)`; a driver throws the same into the
journey when no answer came (refused, reset, timeout, ...).

    @journey("visit-website", title="Visit the website", steps=["home"], needs=())
    def visit_website(citizen: Citizen) -> Journey:
        yield from fetch("home", "website", "/", contains="Belastingdienst")
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode

import orjson

from config import Channel
from config.behaviour import QUEUE_PATIENCE
from journeys.identities import Account
from journeys.reasons import Reason

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(slots=True)  # not frozen, as those below that are made often: it costs three times as much to make one
class Request:
    """One request of a citizen to a system of the estate; `path` is relative to that system's base URL."""

    step: str
    system: str
    path: str
    method: Method = "GET"
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a WebSocket to a system of the estate; redirects are not followed."""

    method: ClassVar[str] = "WS"
    step: str
    system: str
    path: str


@dataclass(frozen=True, slots=True)
class Say:
    """Send a text on the WebSocket. Whether it arrives shows in what is heard."""

    text: str


@dataclass(frozen=True, slots=True)
class Hear:
    """Receive the next text on the WebSocket; other messages are passed over."""

    method: ClassVar[str] = "WS"
    step: str


@dataclass(slots=True)
class Think:
    """A person thinks for `seconds`; drivers may scale it."""

    seconds: float


@dataclass(slots=True)
class Wait:
    """A program waits for `seconds`; drivers never scale it."""

    seconds: float


class Passage(StrEnum):
    """What can happen to a citizen at the waiting room."""

    JOINED = "joined"
    QUEUED = "queued"
    ADMITTED = "admitted"
    UNQUEUED = "unqueued"  # admitted without a place in the queue: dosed access was not applied
    EXPIRED = "expired"  # the ticket was not known any more
    LOST_PLACE = "lost_place"  # still waiting, behind more people than before
    GAVE_UP = "gave_up"


@dataclass(slots=True)
class Mark:
    """A passage of the waiting room, `waited` seconds after joining; `pause` is the time since the poll before."""

    passage: Passage
    waited: float = 0.0
    pause: float = 0.0


@dataclass(slots=True)
class Response:
    """The answer to a `Request`, after redirects. `headers` are raw pairs, `body` is decoded from gzip."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header called `name` (any case), or None."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    @property
    def text(self) -> str:
        """The body as UTF-8; undecodable bytes are replaced."""
        return self.body.decode("utf-8", "replace")


class JourneyFailed(Exception):  # noqa: N818 - the verdict, not an error of the program
    """The citizen did not reach the goal: `reason` says why, `step` where, `detail` adds what a person wants to know.

    `detail` never holds personal data.
    """

    def __init__(self, reason: Reason, step: str, detail: str = "") -> None:
        self.reason = reason
        self.step = step
        self.detail = detail
        super().__init__(f"{reason} at {step}" + (f": {detail}" if detail else ""))


class Citizen:
    """One synthetic person on the way: who, through which channel, with which luck.

    `number` identifies the citizen within a run and, with `seed`, fixes every random choice. A `watchful` citizen (a
    probe) also fails on what a person would not notice, such as a waiting room that admits without holding anyone
    back. `patience` is the number of seconds spent in a waiting room before giving up.
    """

    __slots__ = ("_random", "account", "channel", "number", "patience", "seed", "watchful")

    def __init__(
        self,
        number: int,
        account: Account,
        channel: Channel,
        *,
        seed: int = 0,
        watchful: bool = False,
        patience: float = QUEUE_PATIENCE,
    ) -> None:
        self.number = number
        self.account = account
        self.channel = channel
        self.seed = seed
        self.watchful = watchful
        self.patience = patience
        self._random: Random | None = None

    @property
    def random(self) -> Random:
        """The citizen's own random source, made on first use (a generator's state takes 2.5 KB)."""
        if self._random is None:
            self._random = Random(self.seed << 64 | self.number)
        return self._random

    def partner(self) -> Citizen:
        """Return the partner, at the same telephone and with the same luck, as one who can log in with the app."""
        account = Account("", "", self.account.partner_app, self.account.partner_pin)
        partner = Citizen(
            self.number, account, self.channel, seed=self.seed, watchful=self.watchful, patience=self.patience
        )
        partner._random = self.random
        return partner


OWN = Account._fields[:4]
"""The fields of an account that are the citizen's own."""

Exchange = Request | Connect | Hear
"""What a system has to answer."""

Action = Exchange | Say | Think | Wait | Mark
Journey = Generator[Action, Any, None]
"""A whole journey."""


@dataclass(frozen=True, slots=True)
class JourneyDefinition:
    """A registered journey: its name, a title for people, its steps in order, how to start it.

    `needs` are the fields of `Account` that it uses; a citizen of a journey that needs none needs no account.
    `reasons` are those for which it can fail besides those of any page.
    """

    name: str
    title: str
    steps: tuple[str, ...]
    start: Callable[[Citizen], Journey]
    needs: frozenset[str] = frozenset(OWN)
    reasons: frozenset[Reason] = frozenset(Reason)


_registry: dict[str, JourneyDefinition] = {}


def journey(
    name: str,
    *,
    title: str,
    steps: Sequence[str],
    needs: Collection[str] = OWN,
    reasons: Collection[Reason] = tuple(Reason),
) -> Callable[[Callable[[Citizen], Journey]], Callable[[Citizen], Journey]]:
    """Register a journey function under `name`; `steps` lists every step it may send, in order.

    `needs` are the fields of the citizen's account that it uses; without it, all but the partner's. `reasons` are those
    for which it can fail besides those of any page; without it, all.
    """

    def register(function: Callable[[Citizen], Journey]) -> Callable[[Citizen], Journey]:
        if name in _registry:
            raise ValueError(f"journey {name!r} exists already")
        _registry[name] = JourneyDefinition(name, title, tuple(steps), function, frozenset(needs), frozenset(reasons))
        return function

    return register


def definitions() -> Mapping[str, JourneyDefinition]:
    """Return every registered journey by name."""
    return dict(sorted(_registry.items()))


def fetch(
    step: str,
    system: str,
    path: str,
    *,
    method: Method = "GET",
    form: Mapping[str, str] | None = None,
    contains: str = "",
    status: int = 200,
    refusals: Mapping[int, Reason] | None = None,
) -> Generator[Action, Any, Response]:
    """Send one request and return the response, checked: status first, then content.

    `refusals` names the reason for status codes with a meaning of their own. Raises `JourneyFailed`.
    """
    if form is not None:
        body = urlencode(form).encode()
        request = Request(step, system, path, "POST", body, "application/x-www-form-urlencoded")
    else:
        request = Request(step, system, path, method)
    response: Response = yield request
    if response.status != status or contains.encode() not in response.body:
        check(response, step, contains=contains, statuses=(status,), refusals=refusals)
    return response


def fetch_json(
    step: str,
    system: str,
    path: str,
    *,
    method: Method = "GET",
    data: Mapping[str, object] | None = None,
    keys: Collection[str] = (),
    status: int = 200,
    refusals: Mapping[int, Reason] | None = None,
) -> Generator[Action, Any, dict[str, Any]]:
    """Send one request (with `data` as JSON, by POST unless told otherwise) and return the JSON object of the answer.

    Every name of `keys` must be in it. Raises `JourneyFailed`.
    """
    if data is not None:
        method = "POST" if method == "GET" else method
        request = Request(step, system, path, method, orjson.dumps(data), "application/json")
    else:
        request = Request(step, system, path, method)
    response: Response = yield request
    if response.status != status:
        check(response, step, statuses=(status,), refusals=refusals)
    try:
        answer = orjson.loads(response.body)
    except ValueError:
        raise missing_content(response, step, "JSON") from None
    if type(answer) is dict:
        for key in keys:  # a set of a few names, or a call, would cost more than all of this
            if key not in answer:
                break
        else:
            return answer
    raise missing_content(response, step, "JSON with " + ", ".join(sorted(keys)))


def check(
    response: Response,
    step: str,
    *,
    contains: str = "",
    statuses: Collection[int] = (200,),
    refusals: Mapping[int, Reason] | None = None,
) -> Response:
    """Return `response` if its status is one of `statuses` and its body contains the text. Raises `JourneyFailed`."""
    if response.status not in statuses:
        reason = (refusals or {}).get(response.status, Reason.UNEXPECTED_STATUS)
        raise JourneyFailed(reason, step, f"status {response.status}")
    if contains and contains.encode() not in response.body:
        raise missing_content(response, step, repr(contains))
    return response


MOST_MESSAGES = 100
"""Messages on a WebSocket that nobody listens for: more are not a conversation."""
LARGEST_MESSAGE = 64 * 1024
"""Bytes of one message on a WebSocket; a larger one is broken off."""

# What stands on a page that came in place of the expected one, in the order of evidence; compared in lower case.
_STAND_INS = {
    Reason.WAITING_ROOM: ("wachtrij", "wachtruimte", "waiting room", "u bent bijna aan de beurt"),
    Reason.MAINTENANCE_PAGE: ("onderhoud", "werkzaamheden", "maintenance", "tijdelijk niet beschikbaar"),
}


def missing_content(response: Response, step: str, wanted: str) -> JourneyFailed:
    """Explain a response with the right status and the wrong content: a waiting room, maintenance, or neither."""
    text = response.text.lower()
    for reason, phrases in _STAND_INS.items():
        if any(phrase in text for phrase in phrases):
            return JourneyFailed(reason, step, f"status {response.status} without {wanted}")
    return JourneyFailed(Reason.CONTENT_MISSING, step, f"{wanted} is missing")
