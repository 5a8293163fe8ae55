"""Who may see what: passwords for every page where there are users, and pages that act or show details for few.

Without users or client certificates, `private` pages are for this machine only: the request comes from a loopback
address, asks for a loopback host (a page elsewhere could point its own name at 127.0.0.1), and did not pass a proxy.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import wraps
from urllib.parse import urlsplit

import bcrypt
from aiohttp import BasicAuth, hdrs, web
from aiohttp.typedefs import Handler, Middleware

from config.fields import host_of
from monitors.web.web_config import WebConfig

WAITING = 8
"""Passwords that may wait to be checked; more are refused at once."""
REMEMBERED = 100
"""Answers that are remembered, of right passwords and of wrong ones."""
PENANCE = 3.0
"""A wrong password occupies the checker for so many times what it took, so that a flood costs a quarter of a core."""
_BCRYPT_BYTES = 72
_NOBODY = "$2b$10$" + "." * 53  # a hash that no password has; its cost is that of most files
_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


class Busy(Exception):  # noqa: N818 - an answer, not an error of the program
    """Too many passwords wait to be checked."""


class Passwords:
    """Checks passwords with bcrypt in `thread`, one at a time; what it knows it answers at once."""

    def __init__(self, users: Mapping[str, str], thread: Executor) -> None:
        self._users = users
        self._thread = thread
        self._salt = os.urandom(16)
        self._known: dict[bool, OrderedDict[bytes, None]] = {True: OrderedDict(), False: OrderedDict()}
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def match(self, user: str, password: str) -> bool:
        """Tell whether this is the user's password. Raises `Busy`."""
        key = hashlib.sha256(self._salt + f"{user}\0{password}".encode()).digest()
        for answer, known in self._known.items():
            if key in known:
                known.move_to_end(key)
                return answer
        if self._waiting >= WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turn:
                answer = await self._check(user, password)
        finally:
            self._waiting -= 1
        self._known[answer][key] = None
        if len(self._known[answer]) > REMEMBERED:
            self._known[answer].popitem(last=False)
        return answer

    async def _check(self, user: str, password: str) -> bool:
        started = time.perf_counter()
        # Nobody's hash is checked too: the time it takes does not tell which users there are.
        secret, stored = password.encode()[:_BCRYPT_BYTES], self._users.get(user, _NOBODY).encode()
        try:
            equal = await asyncio.get_running_loop().run_in_executor(self._thread, bcrypt.checkpw, secret, stored)
        except ValueError:  # such as a NUL in the password
            equal = False
        if not (equal and user in self._users):
            await asyncio.sleep(PENANCE * (time.perf_counter() - started))
            return False
        return True


class Access:
    """Applies a web configuration to requests; it can be exchanged while running."""

    def __init__(self, config: WebConfig) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bcrypt")
        self.replace(config)

    def replace(self, config: WebConfig) -> None:
        """Go on with another configuration; nothing that was remembered of passwords holds any more."""
        self.config, self._passwords = config, Passwords(config.users, self._thread)

    def close(self) -> None:
        """End the thread that checks passwords."""
        self._thread.shutdown(wait=False)

    def middleware(self) -> Middleware:
        """Return the middleware that asks for a password and adds the configured headers."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            refusal = await self._refusal(request)
            try:
                answer = refusal or await handler(request)
            except web.HTTPException as error:
                error.headers.update(self.config.headers)
                raise
            answer.headers.update(self.config.headers)
            return answer

        return check

    def private(self, handler: Handler) -> Handler:
        """Return a handler for those who have authenticated, or for this machine where nobody has to."""

        @wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            why = _foreign_page(request) or ("" if self.config.authenticates else _stranger(request))
            return web.Response(status=403, text=f"{why}\n") if why else await handler(request)

        return guarded

    async def _refusal(self, request: web.Request) -> web.Response | None:
        if not self.config.users:
            return None
        try:
            given = BasicAuth.decode(request.headers.get(hdrs.AUTHORIZATION, ""), encoding="utf-8")
            if await self._passwords.match(given.login, given.password):
                return None
        except ValueError:
            pass
        except Busy:
            return web.Response(status=503, text="too many passwords to check\n", headers={"Retry-After": "5"})
        return web.Response(
            status=401, text="a user and password are needed\n", headers={"WWW-Authenticate": 'Basic realm="Piekwacht"'}
        )


def _stranger(request: web.Request) -> str:
    """Say why a request is not certainly one from this machine, or return an empty text."""
    if not _is_loopback(request.remote or ""):
        return "only from this machine (a loopback address), or with users in --web-config"
    if any(name in request.headers for name in _PROXIED):
        return "a proxy passed this request on: only from this machine, or with users in --web-config"
    if not _is_loopback(host_of(f"//{request.host}")):
        return "ask for 127.0.0.1, [::1] or localhost, or put users into --web-config"
    return ""


def _foreign_page(request: web.Request) -> str:
    """Say why a request that changes something was made by a page of another site, or return an empty text."""
    origin = request.headers.get("Origin")
    if request.method in {"GET", "HEAD"} or origin is None or urlsplit(origin).netloc == request.host:
        return ""
    return "not from a page of another site"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
