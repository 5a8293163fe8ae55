"""A crowd against real listeners: runs the engine in the test's process and checks that its accounts close."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config import Campaign, Environment
from journeys import Citizen, Identities, Journey
from journeys.core import _registry, fetch, journey
from journeys.identities import PARTNER, RESERVED, _test_numbers
from loadtests.accounts import pool_of
from loadtests.engine import Engine
from loadtests.lending import Lending
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.second import pack

HELLO = b"Hello"


def greet(_citizen: Citizen) -> Journey:
    """One page that says Hello."""
    yield from fetch("one", "website", "/", contains="Hello")


def twice(contains: str) -> Callable[[Citizen], Journey]:
    """Return a journey of two pages, /1 and /2, that hold a text."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/1", contains=contains)
        yield from fetch("two", "website", "/2", contains=contains)

    return walk


@dataclass
class Outcome:
    """What a run gave: everything that was counted, and the engine that has ended."""

    results: Results
    engine: Engine

    @property
    def completed(self) -> int:
        return self.results.total_completed

    @property
    def failed(self) -> int:
        return self.results.total_failed

    @property
    def counts(self) -> Mapping[str, int]:
        return self.results.counts

    @property
    def setbacks(self) -> int:
        """Failed attempts that did not decide what became of the citizen."""
        return sum(self.results.setbacks.values())

    def failure(self) -> tuple[str, str]:
        """Return step and reason of the only kind of failure."""
        assert len(self.results.failed) == 1, self.results.details
        ((_, step, reason),) = self.results.failed
        return step, reason

    def detail(self) -> str:
        """Return what was said about the only kind of trouble."""
        assert len(self.results.details) == 1, self.results.details
        (text,) = self.results.details.values()
        return text


def plan(
    endpoints: Mapping[str, str] | str,
    *,
    citizens: int = 10,
    seconds: float = 0.1,
    behaviour: Mapping[str, Any] | None = None,
    environment: Mapping[str, Any] | None = None,
    **options: Any,
) -> Plan:
    """Plan the journey `test` for exactly so many citizens, evenly over `seconds`; `endpoints` may be the website's."""
    if isinstance(endpoints, str):
        endpoints = {"website": endpoints}
    campaign = Campaign.model_validate(
        {
            "title": "Test",
            "sources": ["none"],
            "assumptions": [],
            "days": {
                "day": {
                    "start": "2026-01-15T00:00:00+01:00",
                    "source": "none",
                    "totals": {"all": citizens / seconds * 86_400.0},
                }
            },
            "hourly_profile": [1] * 24,
            "streams": {"all": {"title": "All", "split": [{"journey": "test", "share": 1.0}]}},
            "behaviour": {"web": behaviour} if behaviour else {},
        }
    )
    place = {"title": "Test", "endpoints": dict(endpoints), "allow": ["127.0.0.1"], **(environment or {})}
    settings: dict[str, Any] = {"timeout": 5.0, "drain": 20.0, "spacing": "even", **options}
    return Plan(
        campaign_id="test",
        campaign=campaign,
        environment_id="test",
        environment=Environment.model_validate(place),
        day="day",
        start=0.0,
        end=seconds,
        **settings,
    )


def few_numbers(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let there be so few generated test numbers, beside those that are set aside."""
    others = RESERVED + 1 + (count - 1) // (PARTNER - 1)  # the probes', and the partners among the first
    numbers = _test_numbers()[: count + others]
    monkeypatch.setattr("journeys.identities._test_numbers", lambda: numbers)
    assert len(Identities()) == count


@contextmanager
def registered(walk: Callable[[Citizen], Journey]) -> Iterator[None]:
    """Let `walk` be the journey `test`."""
    journey("test", title="Test", steps=["one", "two"])(walk)
    try:
        yield
    finally:
        del _registry["test"]


def crowd(
    endpoints: Mapping[str, str] | str,
    walk: Callable[[Citizen], Journey] = greet,
    *,
    stop_after: float | None = None,
    stop_when: Callable[[Engine], bool] = lambda _engine: False,
    **options: Any,
) -> Outcome:
    """Run a whole plan (see `plan`) with the journey `walk`; stop it early, after so many seconds or when it is time.

    However it went: the run has ended within its bounds, nobody is missing, and no connection is left.
    """
    with registered(walk):
        the_plan = plan(endpoints, **options)
        before = sockets()
        engine = Engine(the_plan, lending=Lending(the_plan, pool_of(the_plan)))
        engine.start(time.monotonic() + 0.02)
        bound = the_plan.duration + the_plan.drain + 20
        if stop_after is not None:
            threading.Timer(stop_after, engine.stop).start()
        end = time.monotonic() + bound
        while not engine.finished:
            assert time.monotonic() < end, f"the run did not end within {bound:g} s"
            if stop_when(engine):
                engine.stop()
            time.sleep(0.01)
        results = Results()
        for second in engine.collect():
            results.add(pack(second))
    assert engine.error is None, repr(engine.error)
    check_accounts(results, engine.scheduled)
    assert engine.dialer.open == 0, "connections are still counted as open"
    assert all(target.open == 0 for target in engine.targets.values()), "connections are still counted as kept"
    settle(before)
    return Outcome(results, engine)


def check_accounts(results: Results, scheduled: int) -> None:
    """Nobody is forgotten and nobody counted twice."""
    counts = results.counts
    ended = results.total_completed + results.total_failed + results.total_unfinished + counts["aborted"]
    not_started = counts["dropped"] + counts["no_account"]
    assert counts["due"] == not_started + ended
    assert counts["due"] == counts["started"] + not_started
    assert counts["due"] <= scheduled


def sockets() -> int:
    """Return how many sockets this process has."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            count += str(descriptor.readlink()).startswith("socket:")
    return count


def settle(most: int) -> None:
    """Wait until the listeners of this process have noticed, too, that their clients are gone."""
    end = time.monotonic() + 10
    while sockets() > most:
        assert time.monotonic() < end, f"{sockets()} sockets where there were {most}"
        time.sleep(0.01)


@dataclass(eq=False)
class Talk:
    """One connection, seen from the server."""

    number: int
    peer: str
    _socket: socket.socket
    _log: list[bytes]
    _rest: bytes = b""

    def request(self) -> bytes:
        """Return the next whole request; raises `ConnectionError` when none comes any more."""
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        self._log.append(head + b"\r\n\r\n" + body)
        return self._log[-1]

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def finish(self) -> None:
        """Say that nothing more will be sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off, so that the client gets an RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()
        raise ConnectionError

    def wait_for_end(self) -> None:
        """Return when the client has closed its side."""
        try:
            while self._socket.recv(65536):
                pass
        except OSError:
            pass

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError
        self._rest += data


@dataclass(eq=False)
class Listener:
    """A server on a free loopback port, and what it has seen."""

    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    peers: list[str] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    """Connections that are over, by number, in the order of their end."""


@contextmanager
def listening(talk: Callable[[Talk], object], host: str = "127.0.0.1") -> Iterator[Listener]:
    """Serve each connection by `talk` in a thread of its own; what it leaves open is closed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.create_server((host, 0), family=family, backlog=1024)
    name = f"[{host}]" if ":" in host else host
    listener = Listener(f"http://{name}:{server.getsockname()[1]}")
    open_ones: set[socket.socket] = set()

    def serve(connection: socket.socket, number: int, peer: str) -> None:
        with connection:
            open_ones.add(connection)
            try:
                talk(Talk(number, peer, connection, listener.requests))
            except OSError:
                pass
            finally:
                open_ones.discard(connection)
                listener.ended.append(number)

    def accept() -> None:
        while True:
            try:
                connection, address = server.accept()
            except OSError:
                return
            listener.connections += 1
            listener.peers.append(address[0])
            arguments = (connection, listener.connections, address[0])
            threading.Thread(target=serve, args=arguments, daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        accepting.join(5)
        for connection in list(open_ones):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def answering(*answers: bytes) -> Callable[[Talk], None]:
    """Return a talk that sends one of `answers` for each request of a connection, the last one again and again."""

    def talk(it: Talk) -> None:
        left = list(answers)
        while True:
            it.request()
            it.send(left.pop(0) if len(left) > 1 else left[0])

    return talk


def over_tls(talk: Callable[[Talk], object], context: ssl.SSLContext) -> Callable[[Talk], None]:
    """Return the same talk behind a TLS handshake."""

    def secured(it: Talk) -> None:
        try:
            it._socket = context.wrap_socket(it._socket, server_side=True, suppress_ragged_eofs=False)
            talk(it)
        finally:
            it._socket.close()

    return secured


def say(body: bytes = HELLO, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    """Return a whole answer; `headers` are lines that end with CR LF."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), headers, body)
