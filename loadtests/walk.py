r"""One citizen under way: a suspended journey, its cookies and its connections.

            arrival instant
                  v
    +--------> resume journey -----> StopIteration: completed
    |             |        \-------> JourneyFailed: failed
    |   Request,  |   Think, Wait
    |   Connect,  v             v
    |   Hear:  send, await  timer until due
    |             |             |
    +-- answer <--+             |
    +---------------------------+

Nothing here waits: the parser's callback or a timer resumes the journey. There is no task and no greenlet per citizen;
only opening a connection is a task, for as long as it takes. Response times count from the instant at which the
request was due, so a generator or a target that falls behind cannot hide it.
"""

from __future__ import annotations

import asyncio
import errno
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

from journeys import (
    Citizen,
    Connect,
    Hear,
    JourneyDefinition,
    JourneyFailed,
    Mark,
    Reason,
    Request,
    Response,
    Say,
    Think,
    Wait,
    core,
)
from journeys.core import Exchange
from loadtests.behaviour import History, Manner
from loadtests.contact import Target
from loadtests.cookies import Jar
from loadtests.http1 import Connection, explain_connect_error
from loadtests.origin import Origin, split_url
from loadtests.websocket import WebSocket

if TYPE_CHECKING:
    from loadtests.engine import Engine

MAX_REDIRECTS = 10
WITH_BODY = frozenset({"POST", "PUT"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NEVER = float("inf")

OWN_TROUBLE = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
"""Errors of opening a connection that are the generator's own: no descriptors, ports or memory left."""


class BrokenJourneyError(Exception):
    """A journey ended with an error of its own: which one, where. Its message may quote a person's data: not said."""

    def __init__(self, journey: str, step: str, error: Exception) -> None:
        places = traceback.extract_tb(error.__traceback__)
        # A library may have raised it, or what journeys are written with, which lies beside the house's own. What is to
        # be mended is the last line of the journey, which our line resumed.
        folder = Path(places[:2][-1].filename).parent
        near = [place for place in places if Path(place.filename).parent == folder]
        place = ([place for place in near if place.filename != core.__file__] or near)[-1]
        what = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        super().__init__(f"the journey {journey}, in the step {step}: {what}")


class Walk:
    """The state of one citizen between two events.

    `tab_of` is the walk whose second tab this is: it shares that one's cookies, and what becomes of it does not decide
    what becomes of the citizen.
    """

    __slots__ = (
        "__weakref__",
        "_connections",
        "_data",
        "_engine",
        "_generator",
        "_method",
        "_opening",
        "_origin",
        "_path",
        "_redirects",
        "_request",
        "_sent",
        "_socket",
        "_target",
        "_timer",
        "begun",
        "citizen",
        "deadline",
        "definition",
        "due",
        "history",
        "jar",
        "journey",
        "manner",
        "number",
        "patience",
        "second_tab",
        "spare",
        "thinking",
        "thought",
        "watched",
    )

    def __init__(
        self,
        engine: Engine,
        definition: JourneyDefinition,
        citizen: Citizen,
        intended: float,
        manner: Manner | None = None,
        history: History = History(),  # noqa: B008 - immutable
        *,
        tab_of: Walk | None = None,
    ) -> None:
        self._engine = engine
        self._generator = definition.start(citizen)
        self.jar: Jar = tab_of.jar if tab_of else Jar()
        self._connections: dict[Origin, Connection] = {}
        self._opening: asyncio.Task[None] | None = None
        self._timer: asyncio.Handle | None = None
        self._socket: WebSocket | None = None
        self._request: Exchange | None = None
        self._target: Target | None = None
        self.definition = definition
        self.journey = definition.name
        self.citizen = citizen
        self.manner = manner
        self.history = history
        self.second_tab = tab_of is not None
        self.patience = min(engine.timeout, manner.patience(citizen.number)) if manner else engine.timeout
        self.spare = manner.spare_connections(citizen.number) if manner else 0
        self.number = citizen.number
        self.begun = self.due = intended
        self.thought = 0.0
        self.deadline = NEVER
        self.thinking = False
        self.watched = False

    # --- driving the journey

    def resume(self, response: Response | None = None) -> None:
        """Let the journey go on with the answer it waited for."""
        self._advance(self._generator.send, response)

    def fail(self, reason: Reason, detail: str) -> None:
        """Let the journey know that no usable answer came; it may carry on."""
        self.due = monotonic()
        self._advance(self._generator.throw, JourneyFailed(reason, self.step, detail))

    @property
    def step(self) -> str:
        """The step of the last request."""
        return self._request.step if self._request else "start"

    def _advance(self, go: Callable[[Any], object], value: object) -> None:
        self.deadline = NEVER
        try:
            action = go(value)
            while type(action) is not Request and self._takes_no_time(action):
                action = next(self._generator)
        except StopIteration:
            self._engine.completed(self)
        except JourneyFailed as failure:
            self._engine.failed(self, failure)
        except Exception as error:  # noqa: BLE001 - a bug in a journey must not stop the others
            self._engine.bug(BrokenJourneyError(self.journey, self.step, error))
        else:
            if self._engine.ending:
                self._engine.left_off(self, waiting=type(action) is Wait)
            elif type(action) is Request:
                self._ask(action)
            elif type(action) is Connect:
                self._call(action)
            elif type(action) is Hear:
                self._listen(action)
            else:
                self._rest(action)

    def _takes_no_time(self, action: object) -> bool:
        """Tell whether the journey goes on at once; what is only to be counted is counted."""
        if type(action) is Mark:
            self._engine.mark(self.citizen.channel, action)
            return True
        if type(action) is Say:
            if self._socket is not None:
                self._socket.say(action.text)
            return True
        return type(action) is Think and not action.seconds * self._engine.think_factor

    def _await(self, exchange: Exchange) -> None:
        """Begin to wait for what has to be answered, for as long as patience lasts."""
        self._request = exchange
        self._sent = monotonic()
        self.deadline = self._sent + self.patience
        if not self.watched:
            self._engine.watch(self)

    def _ask(self, request: Request) -> None:
        self._await(request)
        self._redirects = 0
        target = self._target = self._engine.targets[request.system]
        self._method = request.method
        self._go(target.origin, target.path + request.path, request.body, request.content_type, request.headers)

    def _rest(self, action: Any) -> None:
        seconds = float(action.seconds)  # Think or Wait
        self.thinking = isinstance(action, Think)
        if self.thinking:
            seconds *= self._engine.think_factor
            self.thought += seconds
        self.due = monotonic() + seconds
        if self._connections:
            self._engine.dialer.rest(self, self.due - seconds)
        self._timer = self._engine.loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._engine.dialer.wake(self)
        if self._engine.ending:  # they stay where the end has met them
            return
        early = max(0.0, self.due - monotonic())  # the loop's clock has millisecond steps and may wake a little early
        self.due -= early
        if self.thinking:
            self.thought -= early
        self.thinking = False
        self.resume()

    # --- requests

    def _go(
        self,
        origin: Origin,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send a request on this citizen's connection to the origin, or on a new one."""
        self._path = path = _quoted(path)
        fields = ""
        if self.jar.cookies:
            cookies = self.jar.header(origin.host, path, secure=origin.secure, now=time())
            fields = f"Cookie: {cookies}\r\n" if cookies else ""
        if body or self._method in WITH_BODY:
            fields += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        if headers:
            fields += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        data = f"{self._method} {path} HTTP/1.1\r\n{origin.headers}{fields}\r\n".encode("latin-1") + body
        self._origin, self._data = origin, data
        connection = self._connections.get(origin)
        if connection is None and (connection := self._engine.dialer.pooled(origin)) is not None:
            self._connections[origin] = connection
        if connection is not None and not connection.closed:
            connection.send(data, self)
        else:
            self._open()

    def _open(self) -> None:
        self._opening = self._engine.loop.create_task(self._connect(self._origin, self._send_on))
        for _ in range(self.spare):
            self._engine.open_spare(self._origin, self._data, self.patience)

    def _send_on(self, connection: Connection) -> None:
        self._connections[self._origin] = connection
        connection.send(self._data, self)

    async def _connect(self, origin: Origin, use: Callable[[Connection], None]) -> None:
        try:
            connection = await self._engine.dialer.connect(origin)
        except OSError as error:
            self._opening = None
            if error.errno in OWN_TROUBLE:
                self.hindered(error)
            else:
                self._refused(explain_connect_error(error), error.strerror or str(error))
            return
        self._opening = None
        if not connection.closed:
            use(connection)
        else:
            self._refused(connection.end, "closed as soon as it was open")

    def _refused(self, reason: Reason, detail: str) -> None:
        """Fail for want of a connection."""
        if self._target is not None:
            self._target.unopened(reason)
        self.fail(reason, detail)

    def answered(self, response: Response, cookies: Sequence[bytes]) -> None:
        """Take an answer: keep its cookies, then follow a redirect, or measure and resume the journey."""
        now = monotonic()
        self._engine.second.requests += 1
        if self._target is not None:
            self._target.answered(self._connections[self._origin])
        for cookie in cookies:
            self.jar.store(cookie.decode("latin-1"), self._origin.host, self._path.partition("?")[0], time())
        location = response.header("location") if response.status in REDIRECTS else None
        if location is not None:
            self._redirect(response.status, location)
            return
        self._measured(now, len(response.body))
        self._advance(self._generator.send, response)

    def _measured(self, now: float, size: int) -> None:
        assert self._request is not None
        self._engine.measured(self.journey, self._request, now - self.due, now - self._sent, size)
        self.due = now

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:
        """Fail the request; but send a GET once more if the server had closed an idle connection (RFC 9110, 9.2.2)."""
        if self._target is not None:
            self._target.broken(self._connections[self._origin], reason)
        if stale and self._method == "GET":
            self._engine.second.stale += 1
            self._open()
        else:
            self.fail(reason, detail)

    def hindered(self, error: OSError) -> None:
        """Give up: the generator cannot go on with this one."""
        self._engine.aborted(self, error)

    def _redirect(self, status: int, location: str) -> None:
        """Follow one redirect, to allowed hosts only; the step is measured when its last answer is there."""
        self._redirects += 1
        location = location.encode("latin-1").decode("utf-8", "replace")  # what servers write there beyond ASCII
        try:
            target, path = split_url(urljoin(self._origin.url + self._path, location))
        except ValueError:
            self.fail(Reason.UNEXPECTED_REDIRECT, "redirect to something that is not http(s)")
            return
        if self._redirects > MAX_REDIRECTS:
            self.fail(Reason.UNEXPECTED_REDIRECT, f"more than {MAX_REDIRECTS} redirects")
        elif not self._engine.dialer.allows(target.host):
            self.fail(Reason.UNEXPECTED_REDIRECT, f"redirect to {target.host}, which is not allowed")
        else:
            request = self._request
            assert isinstance(request, Request)
            self._target = None  # it may be any system that answers there
            if status == 303 or (status in {301, 302} and self._method == "POST"):  # as browsers do (RFC 9110, 15.4)
                self._method = "GET"
            if self._method == request.method:
                self._go(target, path, request.body, request.content_type, request.headers)
            else:
                self._go(target, path)

    # --- a WebSocket

    def _call(self, connect: Connect) -> None:
        """Open a WebSocket, on a connection of its own."""
        self._await(connect)
        self._hang_up()
        target = self._target = self._engine.targets[connect.system]
        origin, path = target.origin, _quoted(target.path + connect.path)
        cookies = self.jar.header(origin.host, path, secure=origin.secure, now=time()) if self.jar.cookies else ""

        def talk_on(connection: Connection) -> None:
            self._socket = WebSocket(connection, origin, path, cookies, self)

        self._opening = self._engine.loop.create_task(self._connect(origin, talk_on))

    def connected(self, connection: Connection) -> None:
        """Take the news that the other side talks: the citizen does so next."""
        self._engine.second.requests += 1
        if self._target is not None:
            self._target.answered(connection)
        self._measured(monotonic(), 0)
        self.resume()

    def _listen(self, hear: Hear) -> None:
        self._await(hear)
        if self._socket is None:
            raise TypeError("nothing is heard before a Connect")
        if (news := self._socket.hear()) is not None:
            self._timer = self._engine.loop.call_soon(news)

    def heard(self, text: str) -> None:
        """Take the message that was listened for."""
        self._timer = None
        self._measured(monotonic(), len(text))
        self._advance(self._generator.send, text)

    def lost(self, reason: Reason, detail: str) -> None:
        """Take the news that nothing more will be heard."""
        self._timer = None
        if type(self._request) is Connect and self._target is not None and self._socket is not None:
            self._target.broken(self._socket.connection, reason)
        self.fail(reason, detail)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    # --- the end

    def close(self) -> None:
        """Let go of everything: timer, connections, generator."""
        self.deadline = NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._engine.dialer.wake(self)
        if self._opening is not None:
            self._opening.cancel()
        self._hang_up()
        if self._connections:
            now = monotonic()
            for origin, connection in self._connections.items():
                self._engine.dialer.part_with(origin, connection, now)
            self._connections.clear()
        self._generator.close()

    def close_connections(self) -> int:
        """Close every connection at once and return how many were open."""
        count = sum(not connection.closed for connection in self._connections.values())
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        return count

    def give_up(self, reason: Reason, detail: str) -> None:
        """End the present request (a timeout): close what it waits for and tell the journey."""
        if self._target is not None:
            if self._opening is not None:
                self._target.unopened(reason)
            elif type(self._request) is Request and self._origin in self._connections:
                self._target.broken(self._connections[self._origin], reason)
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        self.close_connections()
        self._hang_up()
        self.fail(reason, detail)


def _quoted(path: str) -> str:
    """Return a path as it may stand in a request."""
    if not path.isascii() or not path.isprintable() or " " in path:
        return quote(path, safe="/?&=%:@!$'()*+,;~-._")
    return path
