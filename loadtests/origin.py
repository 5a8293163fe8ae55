"""Where a connection goes, and what every request to it carries."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

USER_AGENT = "Piekwacht (load test)"


class Origin:
    """Where a connection goes: one host and port, with or without TLS.

    There is one object for each origin (`Origin.of`), so that it is compared and hashed by identity on the way of
    every request. `headers` are those that every request to it carries.
    """

    __slots__ = ("headers", "host", "port", "secure")

    def __init__(self, host: str, port: int, secure: bool) -> None:
        self.host = host
        self.port = port
        self.secure = secure
        fields = {"Host": self.authority, "User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    @staticmethod
    @lru_cache(1000)  # bounded: a target may redirect to ever new hosts
    def of(host: str, port: int, secure: bool) -> Origin:
        """Return the one object of an origin."""
        return Origin(host, port, secure)

    @property
    def authority(self) -> str:
        """The host as URLs and the Host header write it: the port only where it is not the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The origin as a URL without a path."""
        return f"{'https' if self.secure else 'http'}://{self.authority}"


def split_url(url: str) -> tuple[Origin, str]:
    """Return the origin and the path with query of an absolute http(s) URL. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"not an http(s) URL: {url!r}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Origin.of(parts.hostname, parts.port or (443 if secure else 80), secure), path
