"""Who may see what: passwords, and pages for this machine only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import aiohttp
import bcrypt
import pytest
from aiohttp import BasicAuth, web

from monitors.web import access as module
from monitors.web.access import REMEMBERED, WAITING, Access, Busy, Passwords
from monitors.web.web_config import WebConfig

USERS = {"alice": bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()}
OPEN, WITH_USERS = WebConfig(), WebConfig(users=USERS, authenticates=True, headers={"X-Frame-Options": "deny"})


@asynccontextmanager
async def serving(config: WebConfig, host: str = "127.0.0.1") -> AsyncIterator[tuple[aiohttp.ClientSession, Access]]:
    """Serve a public page at / and a private one at /private."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="here")

    access = Access(config)
    application = web.Application(middlewares=[access.middleware()])
    application.add_routes([web.get("/", page), web.route("*", "/private", access.private(page))])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    try:
        async with aiohttp.ClientSession(f"http://{host}:{runner.addresses[0][1]}") as session:
            yield session, access
    finally:
        await runner.cleanup()
        access.close()


async def status(session: aiohttp.ClientSession, path: str, method: str = "GET", **options: object) -> int:
    async with session.request(method, path, **options) as answer:  # type: ignore[arg-type]
        return answer.status


async def test_with_users_every_page_asks_for_a_password() -> None:
    """Also the ones that do not exist; the configured headers are on every answer."""
    async with serving(WITH_USERS) as (session, _):
        for path in ("/", "/private", "/nowhere"):
            async with session.get(path) as answer:
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith("Basic")
                assert answer.headers["X-Frame-Options"] == "deny"
        right = BasicAuth("alice", "open sesame")
        assert [await status(session, path, auth=right) for path in ("/", "/private", "/nowhere")] == [200, 200, 404]


@pytest.mark.parametrize(
    "header",
    [
        BasicAuth("alice", "").encode(),
        BasicAuth("alice", "open sesam").encode(),
        BasicAuth("bob", "open sesame").encode(),
        BasicAuth("alice", "open sesame" + "x" * 100).encode(),
        BasicAuth("alice", "open\0sesame").encode(),
        BasicAuth("", "").encode(),
        "Basic",
        "Basic ???",
        "Basic " + "YWxpY2U=",
        "Bearer open sesame",
    ],
)
async def test_a_wrong_password_is_refused(header: str) -> None:
    async with serving(WITH_USERS) as (session, _):
        assert await status(session, "/", headers={"Authorization": header}) == 401


async def test_users_can_be_exchanged() -> None:
    """The old password is worth nothing after a reload, although it was remembered."""
    async with serving(WITH_USERS) as (session, access):
        old, new = BasicAuth("alice", "open sesame"), BasicAuth("alice", "changed")
        assert await status(session, "/", auth=old) == 200
        access.replace(WebConfig(users={"alice": bcrypt.hashpw(b"changed", bcrypt.gensalt(4)).decode()}))
        assert await status(session, "/", auth=old) == 401
        assert await status(session, "/", auth=new) == 200


class Counting:
    """Stands in the place of bcrypt.checkpw: counts, notes the thread, and takes no time."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.calls = 0
        self.threads: set[int] = set()
        self._gate = gate

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.calls += 1
        self.threads.add(threading.get_ident())
        if self._gate:
            self._gate.wait(30)
        return password == b"right"


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Callable[[threading.Event | None], Counting]:
    def install(gate: threading.Event | None = None) -> Counting:
        counted = Counting(gate)
        monkeypatch.setattr(module.bcrypt, "checkpw", counted)
        return counted

    return install


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


async def test_what_is_known_is_not_computed_again(
    counting: Callable[..., Counting], thread: ThreadPoolExecutor
) -> None:
    """Right and wrong answers are remembered; a flood of wrong ones does not push the right one out."""
    counted, passwords = counting(), Passwords({"alice": "..."}, thread)
    for _ in range(3):
        assert await passwords.match("alice", "right")
        assert not await passwords.match("alice", "wrong")
    assert counted.calls == 2
    for number in range(2 * REMEMBERED):
        assert not await passwords.match("alice", f"guess {number}")
    assert await passwords.match("alice", "right")
    assert counted.calls == 2 + 2 * REMEMBERED
    assert threading.get_ident() not in counted.threads
    assert len(counted.threads) == 1


async def test_a_flood_of_wrong_passwords_is_turned_away(
    counting: Callable[..., Counting], thread: ThreadPoolExecutor
) -> None:
    """While one is computed a few wait, others are refused at once; who is known gets in meanwhile."""
    gate = threading.Event()
    gate.set()
    counted, passwords = counting(gate), Passwords({"alice": "..."}, thread)
    assert await passwords.match("alice", "right")
    gate.clear()
    guesses = [asyncio.create_task(passwords.match("alice", f"guess {number}")) for number in range(WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await passwords.match("alice", "one more")
    assert await passwords.match("alice", "right")
    gate.set()
    assert await asyncio.gather(*guesses) == [False] * WAITING
    assert counted.calls == 1 + WAITING
    assert not await passwords.match("alice", "one more"), "there is room again"


async def test_private_pages_are_for_this_machine() -> None:
    """From a loopback address, for a loopback host, by no proxy; public pages are for all."""
    async with serving(OPEN) as (session, _):
        assert await status(session, "/private") == 200
        assert await status(session, "/private", headers={"Host": "localhost:9464"}) == 200
        assert await status(session, "/private", headers={"Host": "[::1]:9464"}) == 200
        for headers in ({"Host": "rebound.example"}, {"X-Forwarded-For": "10.1.2.3"}, {"Forwarded": "for=10.1.2.3"}):
            async with session.get("/private", headers=headers) as answer:
                assert (answer.status, bool(await answer.text())) == (403, True)
            assert await status(session, "/", headers=headers) == 200


async def test_another_address_of_this_machine_is_no_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes from elsewhere is told what would let him in."""
    monkeypatch.setattr(module, "_is_loopback", lambda host: host == "localhost")
    async with serving(OPEN) as (session, _), session.get("/private") as answer:
        assert answer.status == 403
        assert "--web-config" in await answer.text()


@pytest.mark.parametrize("config", [OPEN, WITH_USERS])
async def test_a_page_of_another_site_changes_nothing(config: WebConfig) -> None:
    """A browser sends passwords that it knows, and says where the page came from."""
    async with serving(config) as (session, _):
        options = {"auth": BasicAuth("alice", "open sesame")}
        assert await status(session, "/private", "POST", **options) == 200
        mine = f"http://{session._base_url.authority}"  # type: ignore[union-attr]
        assert await status(session, "/private", "POST", headers={"Origin": mine}, **options) == 200
        for origin in ("https://evil.example", "null"):
            assert await status(session, "/private", "POST", headers={"Origin": origin}, **options) == 403
