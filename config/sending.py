"""HTTP requests that carry a secret: to one host and no other; and why one failed, in words."""

from __future__ import annotations

from http.client import HTTPResponse
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

PATIENCE = 10.0
"""Seconds that a server gets for its answer."""


def open_without_redirects(request: Request) -> HTTPResponse:
    """Send a request and return the answer. Raises `HTTPError` for a redirect, as `urlopen` for every failure.

    HTTPS is verified; `SSL_CERT_FILE` names further authorities, as for all of Python.
    """
    return build_opener(_Stay).open(request, timeout=PATIENCE)  # type: ignore[no-any-return]


def why(error: Exception) -> str:
    """Say in words why a request failed or a secret could not be read."""
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code} {error.reason}".rstrip()
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"  # its own words would show what is there
    reason = getattr(error, "reason", None) or error
    return getattr(reason, "strerror", None) or str(reason) or type(error).__name__


class _Stay(HTTPRedirectHandler):
    """Follow no redirect: the secret is for one host only."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""
