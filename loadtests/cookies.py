"""One citizen's cookies, as far as a browser's behaviour matters under load (RFC 6265).

A jar keeps name, value, domain, path, expiry and the Secure flag. It is made for thousands of small jars: most hold one
to five cookies, so they are a plain list.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,12}")


class _Cookie:
    __slots__ = ("domain", "expires", "host_only", "name", "pair", "path", "secure")

    def __init__(self, name: str, value: str, host: str, path: str) -> None:
        self.name = name
        self.pair = f"{name}={value}"
        self.domain = host
        self.host_only = True
        self.path = path
        self.secure = False
        self.expires: float | None = None

    def goes_to(self, host: str, path: str, secure: bool) -> bool:
        if self.secure and not secure:
            return False
        if host != self.domain and (self.host_only or not host.endswith("." + self.domain)):
            return False
        own = self.path
        if own == "/":  # as most are
            return True
        return path.startswith(own) and (own.endswith("/") or path[len(own) :][:1] in {"", "/", "?"})


class Jar:
    """The cookies of one citizen. Times are Unix seconds."""

    __slots__ = ("cookies",)

    def __init__(self) -> None:
        self.cookies: list[_Cookie] = []

    def store(self, header: str, host: str, path: str, now: float) -> None:
        """Take over one Set-Cookie header of a response from `host` for `path`; what is not a cookie is ignored."""
        pair, *attributes = header.split(";")
        name, separator, value = pair.partition("=")
        if not separator or not name.strip():
            return
        cookie = _Cookie(name.strip(), value.strip(), host, path[: path.rfind("/")] or "/")
        for attribute in attributes:
            key, _, text = attribute.partition("=")
            if not _apply(cookie, key.strip().lower(), text.strip(), host, now):
                return
        same = (cookie.name, cookie.domain, cookie.path)
        self.cookies = [old for old in self.cookies if (old.name, old.domain, old.path) != same]
        if cookie.expires is None or cookie.expires > now:
            self.cookies.append(cookie)

    def header(self, host: str, path: str, *, secure: bool, now: float) -> str:
        """Return the value of the Cookie header for a request, or an empty text."""
        fitting = [
            cookie
            for cookie in self.cookies
            if (cookie.expires is None or cookie.expires > now) and cookie.goes_to(host, path, secure)
        ]
        if len(fitting) > 1:
            fitting.sort(key=lambda cookie: -len(cookie.path))  # the longer path first, as RFC 6265 5.4 says
        return "; ".join([cookie.pair for cookie in fitting])


def _apply(cookie: _Cookie, key: str, text: str, host: str, now: float) -> bool:
    """Apply one attribute; return False if the cookie must be refused."""
    if key == "path" and text.startswith("/"):
        cookie.path = text
    elif key == "secure":
        cookie.secure = True
    elif key == "max-age" and _WHOLE_NUMBER.fullmatch(text):
        cookie.expires = now + int(text)
    elif key == "expires" and cookie.expires is None:
        try:
            cookie.expires = parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError):
            return True
    elif key == "domain" and text:
        domain = text.lower().lstrip(".")
        if host != domain and not host.endswith("." + domain):
            return False
        cookie.domain, cookie.host_only = domain, False
    return True
