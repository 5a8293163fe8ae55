"""The dialer opens connections where it may, with the trust it was given, and leaks nothing when that fails."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from journeys import Reason
from loadtests.dialer import Dialer
from loadtests.http1 import Connection, explain_connect_error
from loadtests.origin import Origin
from tests.crowd import Talk, answering, listening, over_tls, say
from tests.loadtests.dialing import ask, count_of_open, dialer, origin, run
from tests.waiting import until


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
