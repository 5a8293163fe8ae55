"""Grafana's HTTP API: one request at a time, with a token, to one host and no other."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from config.secrets import place_of, read_secret

PATIENCE = 10.0
"""Seconds that Grafana gets for an answer."""


class GrafanaError(Exception):
    """Grafana could not be asked or refused; `status` is the HTTP status of its answer, None where there was none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Grafana:
    """A Grafana at a base URL. HTTPS is verified; `SSL_CERT_FILE` names further authorities, as for all of Python."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._opener = build_opener(_Stay)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, data: object = None) -> dict[str, Any]:
        """Send one request and return the object it is answered with, or else an empty one. Raises `GrafanaError`."""
        body = None if data is None else json.dumps(data).encode()
        request = Request(self.url + path, body, self._headers, method=method)  # noqa: S310 - http(s)
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                found = json.load(answer)
        except HTTPError as error:
            raise GrafanaError(": ".join(filter(None, (why(error), _words(error)))), error.code) from None
        except (OSError, HTTPException, ValueError) as error:
            raise GrafanaError(why(error)) from None
        return found if isinstance(found, dict) else {}


def read_token(reference: str) -> str:
    """Return the token of a service account, one line of text.

    Raises `GrafanaError`, with the place that was looked at and never with its content.
    """
    place = place_of(reference)
    try:
        token = read_secret(reference).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise GrafanaError(f"no token for Grafana: {place}: {why(error)}") from None
    if not token or not token.isprintable():
        raise GrafanaError(f"no token for Grafana: {place}: it is empty or no single line of text")
    return token


def why(error: Exception) -> str:
    """Say in words why a request failed or a secret could not be read."""
    if isinstance(error, HTTPError):
        return f"HTTP status {error.code} {error.reason}".rstrip()
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"  # its own words would show what is there
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    return str(reason) or type(error).__name__


def _words(error: HTTPError) -> str:
    """Return what Grafana itself says of a refusal."""
    try:
        return str(json.load(error)["message"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return ""


class _Stay(HTTPRedirectHandler):
    """Follow no redirect: the token is for one host only."""

    def redirect_request(self, *_: object) -> None:
        """Follow none."""
