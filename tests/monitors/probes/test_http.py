"""Probes of kind http against real listeners, well-behaved and not."""

from __future__ import annotations

import asyncio
import errno
import gzip
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import pytest
import uvloop
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from journeys import Reason
from monitors.probes import measure
from monitors.probes.client import MAX_BODY, MAX_REDIRECTS, USER_AGENT
from monitors.probes.errors import explain
from monitors.verdict import Cause, Fail, Pass, Unknown
from tests.monitors.listeners import aim, answering, closed_port, environment, http_probe, look, page, saying, talking
from tests.waiting import LONG


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Loops name errors differently; monitors run on uvloop."""
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


OK = b"HTTP/1.1 200 OK\r\n"


def fails(verdict: object, reason: Reason) -> bool:
    return isinstance(verdict, Fail) and verdict.reason is reason and verdict.step == "request"


async def test_a_right_page_passes() -> None:
    """Status and text are right: pass, with a trace and phases that add up to no more than the duration."""
    async with answering(page("Welkom bij de Belastingdienst")) as base:
        outcome = await look(base, contains=["Belastingdienst", "Welkom"])
    assert outcome.verdict == Pass()
    assert [(each.step, each.method, each.url, each.result) for each in outcome.trace] == [
        ("request", "GET", f"{base}/", "200")
    ]
    phases = outcome.phases
    assert min(phases.connect, phases.first_byte, phases.transfer) > 0
    assert phases.resolve + phases.connect + phases.first_byte + phases.transfer <= outcome.duration


async def test_an_unexpected_status_fails() -> None:
    """A 503 is no pass, whatever the page says."""
    async with answering(page("Belastingdienst", 503)) as base:
        outcome = await look(base, contains=["Belastingdienst"])
    assert fails(outcome.verdict, Reason.UNEXPECTED_STATUS)
    assert outcome.trace[0].result == "503"


@pytest.mark.parametrize("contains", [["Uw overzicht"], []])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Wegens onderhoud is Mijn Belastingdienst gesloten", Reason.MAINTENANCE_PAGE),
        ("U staat in de wachtrij", Reason.WAITING_ROOM),
    ],
)
async def test_a_page_in_place_of_the_service_is_never_a_pass(text: str, reason: Reason, contains: list[str]) -> None:
    """A maintenance page or a waiting room with status 200 fails, even where the probe looks for no text."""
    async with answering(page(text)) as base:
        outcome = await look(base, contains=contains)
    assert fails(outcome.verdict, reason)


async def test_a_page_without_its_text_fails() -> None:
    """Every text of the probe must be there."""
    async with answering(page("Belastingdienst")) as base:
        outcome = await look(base, contains=["Belastingdienst", "Inloggen"])
    assert fails(outcome.verdict, Reason.CONTENT_MISSING)


async def test_a_closed_port_is_refused() -> None:
    """Nobody listens: refused, in words that name the place."""
    port = closed_port()
    outcome = await look(f"http://127.0.0.1:{port}")
    assert fails(outcome.verdict, Reason.CONNECTION_REFUSED)
    assert outcome.verdict.detail == f"127.0.0.1:{port}: Connection refused"


async def test_the_first_connection_dropped_each_time_is_counted_honestly() -> None:
    """A server that drops every other connection fails exactly every other run: no second attempt in secret."""
    connections = 0

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections % 2:
            return
        await saying(OK + b"Content-Length: 2\r\n\r\nok")(reader, writer)

    async with talking(converse) as base:
        verdicts = [(await look(base)).verdict for _ in range(10)]
    assert connections == 10
    assert [fails(verdict, Reason.CONNECTION_RESET) for verdict in verdicts] == [True, False] * 5
    assert verdicts[1::2] == [Pass()] * 5


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        OK + b"Content-Length: 100\r\n\r\nhalf",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"Content-Le",
    ],
)
async def test_an_answer_cut_off_is_a_reset(answer: bytes) -> None:
    """The server hangs up before the answer is complete."""
    async with talking(saying(answer)) as base:
        assert fails((await look(base)).verdict, Reason.CONNECTION_RESET)


async def test_a_hard_reset_is_a_reset() -> None:
    """The server answers a request with RST."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        linger_of_zero = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_of_zero)

    async with talking(converse) as base:
        assert fails((await look(base)).verdict, Reason.CONNECTION_RESET)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        OK + b"Content-Length: many\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
)
async def test_what_is_not_http_is_a_broken_response(answer: bytes) -> None:
    """The answer cannot be read as HTTP; nothing of it is quoted."""
    async with talking(saying(answer)) as base:
        verdict = (await look(base)).verdict
    assert fails(verdict, Reason.BROKEN_RESPONSE)
    assert "SSH" not in verdict.detail


async def test_a_compressed_page_is_read() -> None:
    """The text is found in a gzip answer."""
    body = gzip.compress(b"Belastingdienst")
    answer = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with talking(saying(answer)) as base:
        assert (await look(base, contains=["Belastingdienst"])).verdict == Pass()


async def test_an_endless_answer_is_given_up() -> None:
    """A body beyond the limit is a broken response; memory stays bounded."""
    async with talking(saying(OK + b"\r\n" + bytes(MAX_BODY + 1))) as base:
        assert fails((await look(base)).verdict, Reason.BROKEN_RESPONSE)


async def test_plain_http_on_a_tls_port_is_a_tls_failure() -> None:
    """The handshake fails."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with talking(converse) as base:
        assert fails((await look(base.replace("http:", "https:"))).verdict, Reason.TLS_FAILED)


async def test_silence_is_a_timeout_at_the_present_step() -> None:
    """A server that says nothing: the run ends with its timeout, and the time went into waiting for the first byte."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with talking(converse) as base:
        outcome = await look(base, timeout="2s")
    assert fails(outcome.verdict, Reason.TIMEOUT)
    phases = outcome.phases
    assert outcome.duration > 1.99
    assert phases.first_byte > phases.resolve + phases.connect
    assert phases.transfer == 0
    assert outcome.trace[0].result == "cut off"


async def test_a_slow_answer_is_a_failure_of_its_own() -> None:
    """Slower than the limit and quicker than the timeout: too slow, not a timeout."""

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(text="ok")

    async with answering(answer) as base:
        outcome = await look(base, limit="100ms")
    assert fails(outcome.verdict, Reason.TOO_SLOW)


async def test_a_redirect_to_an_allowed_host_is_followed() -> None:
    """The last page counts; the path is resolved against the page that redirects."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/":
            return web.Response(status=302, headers={"Location": "deeper/home"})
        return web.Response(text=f"here is {request.path}")

    async with answering(answer) as base:
        outcome = await look(base, contains=["here is /deeper/home"])
    assert outcome.verdict == Pass()
    assert [each.result for each in outcome.trace] == ["302", "200"]


@pytest.mark.parametrize(
    "location", ["http://192.0.2.7/", "//www.belastingdienst.nl/", "ftp://127.0.0.1/", "http://[bad"]
)
async def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(location: str) -> None:
    """The run fails before any packet goes there."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    async with answering(answer) as base:
        outcome = await look(base)
    assert fails(outcome.verdict, Reason.UNEXPECTED_REDIRECT)
    assert len(outcome.trace) == 1


async def test_redirects_in_a_circle_end() -> None:
    """A redirect too many is a failure."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": str(request.url)})

    async with answering(answer) as base:
        outcome = await look(base)
    assert fails(outcome.verdict, Reason.UNEXPECTED_REDIRECT)
    assert len(outcome.trace) == MAX_REDIRECTS + 1


async def test_each_run_starts_from_nothing() -> None:
    """No cookie and no connection of an earlier run is used again; the probe says who it is."""
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.headers["User-Agent"], request.headers.get("Cookie"), request.transport))
        response = web.Response(text="ok")
        response.set_cookie("session", "1")
        return response

    async with answering(answer) as base:
        assert [(await look(base)).verdict for _ in range(2)] == [Pass(), Pass()]
    assert {agent for agent, _, _ in seen} == {USER_AGENT}
    assert USER_AGENT.startswith("Piekwacht/")
    assert USER_AGENT.endswith(" (synthetic monitoring)")
    assert [cookie for _, cookie, _ in seen] == [None, None]
    assert seen[0][2] is not seen[1][2]


async def test_the_url_in_a_trace_has_no_query() -> None:
    """A query may carry a ticket."""
    async with answering(page("ok")) as base:
        outcome = await measure(aim(http_probe(path="/a?ticket=secret"), environment(base)), 0)
    assert outcome.verdict == Pass()
    assert outcome.trace[0].url == f"{base}/a"


async def test_a_cancelled_run_is_unknown() -> None:
    """Whoever cancels a run gets an outcome."""
    asked = asyncio.Event()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    async with talking(converse) as base:
        run = asyncio.create_task(look(base))
        await asyncio.wait_for(asked.wait(), LONG)
        run.cancel()
        assert (await run).verdict == Unknown(Cause.CANCELLED)


async def test_a_probe_that_breaks_is_unknown_and_quotes_nothing() -> None:
    """An error in the probe's own code names its place, not its message."""
    place = environment("http://127.0.0.1:1")
    verdict = (await measure(aim(http_probe(), place, system="no-such-system"), 0)).verdict
    assert isinstance(verdict, Unknown)
    assert verdict.cause is Cause.BROKEN_PROBE
    assert verdict.detail.startswith("KeyError at client.py:")
    assert "no-such-system" not in verdict.detail


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Let this process open nothing more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as last:
        resource.setrlimit(resource.RLIMIT_NOFILE, (last.fileno(), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_out_of_descriptors_is_the_probers_own_trouble() -> None:
    """EMFILE says nothing about the target."""
    async with answering(page("ok")) as base:
        with no_descriptors_left():
            verdict = (await look(base)).verdict
    assert isinstance(verdict, Unknown)
    assert verdict.cause is Cause.OVERLOADED


KEY = ConnectionKey("www.staging.example", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ENETUNREACH, "")), Cause.OWN_NETWORK),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EADDRNOTAVAIL, "")), Cause.OWN_NETWORK),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "")), Reason.CONNECTION_REFUSED),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ETIMEDOUT, "")), Reason.TIMEOUT),
        (aiohttp.ClientConnectorError(KEY, ConnectionResetError()), Reason.CONNECTION_RESET),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "")), Reason.NAME_NOT_RESOLVED),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(errno.EMFILE, "")), Cause.OVERLOADED),
        (ValueError("a bug"), None),
    ],
)
def test_errors_that_need_a_network_to_happen(error: BaseException, meaning: Reason | Cause | None) -> None:
    """What a loopback interface cannot show is told apart by its number."""
    assert explain(error) is meaning


@pytest.mark.parametrize(("route", "meaning"), [(True, Reason.NAME_NOT_RESOLVED), (False, Cause.OWN_NETWORK)])
def test_a_lookup_without_an_answer(monkeypatch: pytest.MonkeyPatch, route: bool, meaning: Reason | Cause) -> None:
    """No name server answers: the target's trouble, unless this machine has no way out at all."""
    monkeypatch.setattr("monitors.probes.errors._no_way_out", lambda: None if route else Cause.OWN_NETWORK)
    assert explain(aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, ""))) is meaning
