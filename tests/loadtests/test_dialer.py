"""The dialer counts what is open, shares what was left, closes what is idle, and leaks nothing."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from config import Environment
from journeys import Reason, Response
from loadtests.dialer import IDLE_CLOSE, Dialer
from loadtests.http1 import Connection, explain_connect_error
from loadtests.origin import Origin, split_url
from tests.crowd import Listener, Talk, answering, listening, over_tls, say, settle, sockets

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Asker:
    """A client that waits for one answer."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def answered(self, response: Response, cookies: list[bytes]) -> None:
        self.answer.set_result(response)

    def broken(self, reason: Reason, detail: str, *, stale: bool) -> None:
        self.answer.set_exception(ConnectionError(reason))


async def ask(connection: Connection) -> Response:
    """Send one request and wait for its answer."""
    asker = Asker()
    connection.send(GET, asker)
    return await asyncio.wait_for(asker.answer, 10)


class Idle:
    """Someone who holds connections."""

    def __init__(self, *connections: Connection) -> None:
        self.connections = connections
        self.closed = False

    def close_connections(self) -> int:
        self.closed = True
        for connection in self.connections:
            connection.close()
        return len(self.connections)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test on uvloop; no socket of it is left."""
    before = sockets()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(test())
    settle(before)


def dialer(url: str, *, pooled: bool = False, **environment: Any) -> Dialer:
    place = {"title": "Test", "endpoints": {"website": url}, "allow": ["127.0.0.1"], **environment}
    return Dialer(asyncio.get_running_loop(), Environment.model_validate(place), pooled=pooled)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")


@asynccontextmanager
async def count_of_open(it: Dialer) -> AsyncIterator[None]:
    """Check that afterwards no connection counts as open."""
    yield
    await until(lambda: it.open == 0)
    await asyncio.sleep(0.01)
    assert it.open == 0


def origin(url: str) -> Origin:
    return split_url(url)[0]


@pytest.fixture
def website() -> Iterator[Listener]:
    with listening(answering(say())) as listener:
        yield listener


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_website(authority: trustme.CA, tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve HTTPS; give its URL and the TLS part of an environment that trusts it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authorities.pem")

    with listening(over_tls(answering(say()), context)) as listener:
        yield listener.url.replace("http:", "https:"), {"authorities": str(tmp_path / "authorities.pem")}


def test_what_is_open_is_counted(website):
    """From the attempt on, until either side has closed it; `opened` counts those that came about."""

    async def test() -> None:
        it = dialer(website.url)
        async with count_of_open(it):
            first, second = [await it.connect(origin(website.url)) for _ in range(2)]
            assert (it.open, it.opened) == (2, 2)
            first.close()
            await until(lambda: it.open == 1)
            first.close()
            second.close()

    run(test)


def test_a_connection_that_the_server_closes_is_not_open():
    """The news of it is enough; nobody has to ask."""
    with listening(lambda talk: talk.finish()) as target:

        async def test() -> None:
            it = dialer(target.url)
            connection = await it.connect(origin(target.url))
            await until(lambda: it.open == 0)
            assert connection.closed

        run(test)


def test_a_host_that_is_not_allowed_gets_no_connection(website):
    """Refused before anything is opened."""

    async def test() -> None:
        it = dialer(website.url, allow=["localhost"])
        with pytest.raises(PermissionError, match=r"127\.0\.0\.1 is not allowed"):
            await it.connect(origin(website.url))
        assert (it.open, it.opened) == (0, 0)

    run(test)
    assert website.connections == 0


@pytest.mark.parametrize("sources", [[], ["127.0.0.2"]])
def test_a_handshake_that_fails_is_taken_back(secure_website, sources):
    """A certificate that nobody trusts: as many attempts, and none counts as open."""
    url, _ = secure_website

    async def test() -> None:
        it = dialer(url, source_addresses=sources)
        async with count_of_open(it):
            for _ in range(3):
                with pytest.raises(ssl.SSLCertVerificationError):
                    await it.connect(origin(url))
        assert it.opened == 0

    run(test)


@pytest.mark.parametrize("sources", [[], ["127.0.0.2"]])
@pytest.mark.parametrize("talk", [None, lambda talk: talk.finish(), lambda talk: talk.reset()])
def test_a_handshake_that_fails_leaves_no_work_for_the_collector(secure_website, talk, sources):
    """Refused by us, ended or reset by the server: what it took is given back at once; a collection comes too late."""

    def held() -> int:
        return sum(isinstance(each, ssl.SSLObject | Connection) for each in gc.get_objects())

    with listening(talk or Talk.wait_for_end) as target:
        url = target.url.replace("http:", "https:") if talk else secure_website[0]

        async def test() -> None:
            it = dialer(url, source_addresses=sources)
            before = held()
            for _ in range(10):
                with suppress(ssl.SSLError, ConnectionError):  # pytest.raises would hold it
                    await it.connect(origin(url))
            await until(lambda: held() == before)
            assert it.opened == 0

        gc.collect()
        gc.disable()
        try:
            run(test)
        finally:
            gc.enable()


def test_who_is_redirected_from_http_to_https_speaks_tls(website, secure_website):
    """Where no system has an address with TLS and one redirects to it: with the trust of the environment."""
    secure, tls = secure_website

    async def test() -> None:
        it = dialer(website.url, tls=tls)
        connection = await it.connect(origin(secure))
        assert (await ask(connection)).body == b"Hello"
        connection.close()
        untrusting = dialer(website.url)
        with pytest.raises(ssl.SSLCertVerificationError):
            await untrusting.connect(origin(secure))

    run(test)


@pytest.mark.parametrize("sources", [[], ["127.0.0.2"]])
def test_cancelling_at_any_moment_leaks_nothing(website, secure_website, sources):
    """After so many turns of the loop, plain and with TLS: whether it was open already or not, it is gone then."""
    secure, tls = secure_website

    async def test() -> None:
        it = dialer(secure, tls=tls, source_addresses=sources)
        made = 0
        for url in (website.url, secure):
            async with count_of_open(it):
                for turns in range(40):
                    opening = asyncio.ensure_future(it.connect(origin(url)))
                    for _ in range(turns):
                        await asyncio.sleep(0.0001 if turns % 2 else 0)
                    opening.cancel()
                    for outcome in await asyncio.gather(opening, return_exceptions=True):
                        if isinstance(outcome, Connection):
                            made += 1
                            outcome.close()
                        else:
                            assert isinstance(outcome, asyncio.CancelledError)
        assert it.opened == made

    run(test)


def test_a_descriptor_is_never_closed_twice(monkeypatch):
    """Whoever holds the socket from a source address, its descriptor is the transport's: it may be another's soon."""
    made = []
    real = Dialer._from_source

    async def kept(it: Dialer, where: Origin, source: str) -> socket.socket:
        made.append(await real(it, where, source))
        return made[-1]

    monkeypatch.setattr(Dialer, "_from_source", kept)
    with listening(lambda talk: talk.reset()) as target:
        url = target.url.replace("http:", "https:")

        async def test() -> None:
            it = dialer(url, source_addresses=["127.0.0.2"])
            for _ in range(200):
                with suppress(OSError):
                    await it.connect(origin(url))
            await until(lambda: it.open == 0)
            assert {each.fileno() for each in made} == {-1}

        run(test)


def test_source_addresses_take_turns(website):
    """Each connection leaves from the next one."""

    async def test() -> None:
        it = dialer(website.url, source_addresses=["127.0.0.2", "127.0.0.3"])
        for _ in range(4):
            connection = await it.connect(origin(website.url))
            await ask(connection)
            connection.close()

    run(test)
    assert website.peers == ["127.0.0.2", "127.0.0.3"] * 2


# --- connections without work


def test_without_a_pool_whoever_leaves_closes(website):
    """The next one gets nothing."""

    async def test() -> None:
        it = dialer(website.url)
        async with count_of_open(it):
            connection = await it.connect(origin(website.url))
            it.part_with(origin(website.url), connection)
            assert it.pooled(origin(website.url)) is None

    run(test)


def test_a_connection_that_was_left_is_handed_out_once(website):
    """To who asks for the same origin, and to one only."""

    async def test() -> None:
        it = dialer(website.url, pooled=True)
        here = origin(website.url)
        async with count_of_open(it):
            connection = await it.connect(here)
            await ask(connection)
            it.part_with(here, connection)
            assert it.pooled(Origin.of("127.0.0.1", 9, secure=False)) is None
            assert it.pooled(here) is connection
            assert it.pooled(here) is None
            assert (await ask(connection)).body == b"Hello"
            it.part_with(here, connection)
            it.close()

    run(test)


def test_a_connection_with_an_answer_on_its_way_is_never_handed_out():
    """Its answer would be taken for the next one's: it is closed."""
    with listening(lambda talk: (talk.request(), talk.wait_for_end())) as target:

        async def test() -> None:
            it = dialer(target.url, pooled=True)
            async with count_of_open(it):
                connection = await it.connect(origin(target.url))
                connection.send(GET, Asker())
                it.part_with(origin(target.url), connection)
                assert connection.closed
                assert it.pooled(origin(target.url)) is None

        run(test)


def test_a_connection_that_gets_an_unasked_answer_is_never_handed_out():
    """Neither in the pool nor just before it."""
    with listening(answering(say() + say(b"Other"))) as target:

        async def test() -> None:
            it = dialer(target.url, pooled=True)
            async with count_of_open(it):
                connection = await it.connect(origin(target.url))
                assert (await ask(connection)).body == b"Hello"
                it.part_with(origin(target.url), connection)
                await until(lambda: connection.closed)
                assert it.pooled(origin(target.url)) is None

        run(test)


def test_a_connection_that_the_server_has_closed_is_not_handed_out():
    """It closed in the pool; the one beside it is still good."""

    def close_the_second(talk: Talk) -> None:
        talk.request()
        talk.send(say())
        if talk.number == 1:
            talk.wait_for_end()

    with listening(close_the_second) as target:

        async def test() -> None:
            it = dialer(target.url, pooled=True)
            here = origin(target.url)
            async with count_of_open(it):
                both = [await it.connect(here)]
                await ask(both[0])
                both.append(await it.connect(here))
                await ask(both[1])
                for connection in both:
                    it.part_with(here, connection)
                await until(lambda: both[1].closed)
                assert it.pooled(here) is both[0]
                both[0].close()

        run(test)


def test_idle_connections_are_closed_as_browsers_do():
    """After a minute without a request, those of whoever has rested longest first; who woke up keeps them."""

    async def test() -> None:
        it = dialer("http://127.0.0.1:9")
        first, woken, second = Idle(), Idle(), Idle()
        for number, someone in enumerate((first, woken, second)):
            it.rest(someone, 100.0 + number)
        it.wake(woken)
        it.close_idle(100.0 + IDLE_CLOSE - 0.1)
        assert not first.closed
        it.close_idle(101.5 + IDLE_CLOSE)
        assert (first.closed, woken.closed, second.closed) == (True, False, False)
        it.close_idle(1e9)
        assert (woken.closed, second.closed) == (False, True)
        assert it.closed_early == 0

    run(test)


def test_under_the_limit_those_that_rest_make_room(website):
    """The one that has rested longest is closed, and counted; when nobody rests, the limit is named."""

    async def test() -> None:
        it = dialer(website.url)
        it.limit = 2
        async with count_of_open(it):
            resting = [Idle(await it.connect(origin(website.url))) for _ in range(2)]
            for number, someone in enumerate(resting):
                it.rest(someone, float(number))
            third = await it.connect(origin(website.url))
            assert (resting[0].closed, resting[1].closed) == (True, False)
            assert (it.open, it.closed_early) == (2, 1)
            it.wake(resting[1])
            with pytest.raises(OSError, match="the limit allows 2 connections") as caught:
                await it.connect(origin(website.url))
            assert caught.value.errno == errno.EMFILE
            assert not resting[1].closed
            for connection in (third, *resting[1].connections):
                connection.close()

    run(test)


def test_many_at_once_stay_under_the_limit(website):
    """Forty who come in one turn of the loop, room for ten, and ten who rest: ten get through."""

    async def test() -> None:
        it = dialer(website.url)
        it.limit = 10
        async with count_of_open(it):
            for number in range(10):
                it.rest(Idle(await it.connect(origin(website.url))), float(number))
            outcomes = await asyncio.gather(
                *(it.connect(origin(website.url)) for _ in range(40)), return_exceptions=True
            )
            got = [outcome for outcome in outcomes if isinstance(outcome, Connection)]
            assert len(got) == it.open == it.closed_early == 10
            for connection in got:
                connection.close()

    run(test)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(), Reason.CONNECTION_REFUSED),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Reason.CONNECTION_REFUSED),
        (PermissionError("not allowed"), Reason.CONNECTION_REFUSED),
        (ConnectionResetError(), Reason.CONNECTION_RESET),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), Reason.TIMEOUT),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Reason.NAME_NOT_RESOLVED),
        (ssl.SSLCertVerificationError(1, "certificate has expired"), Reason.TLS_FAILED),
        (ssl.SSLError(1, "wrong version number"), Reason.TLS_FAILED),
    ],
)
def test_every_error_of_opening_has_its_reason(error, reason):
    """What a person on call would look at first."""
    assert explain_connect_error(error) is reason


# --- trust


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_pem_file_that_cannot_be_used_is_named(tmp_path, scheme):
    """Before the run begins, and only where HTTPS is spoken at all."""
    (tmp_path / "empty.pem").touch()
    for name, words in (("empty.pem", "not a usable PEM file"), ("no.pem", "No such file or directory")):
        tls = {"authorities": str(tmp_path / name)}

        async def test(tls: dict[str, str] = tls, name: str = name, words: str = words) -> None:
            if scheme == "http":
                dialer("http://127.0.0.1:9", tls=tls)
                return
            with pytest.raises(OSError, match=f"{name}: {words}"):
                dialer("https://127.0.0.1:9", tls=tls)

        run(test)
