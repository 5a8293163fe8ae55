"""Grafana's HTTP API: one request at a time, with a token, to one host and no other."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from config.secrets import place_of, read_secret
from config.sending import open_without_redirects, why


class GrafanaError(Exception):
    """Grafana could not be asked or refused; `status` is the HTTP status of its answer, None where there was none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Grafana:
    """A Grafana at a base URL."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, data: object = None) -> dict[str, Any]:
        """Send one request and return the object it is answered with, or else an empty one. Raises `GrafanaError`."""
        body = None if data is None else json.dumps(data).encode()
        request = Request(self.url + path, body, self._headers, method=method)  # noqa: S310 - http(s)
        try:
            with open_without_redirects(request) as answer:
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


def _words(error: HTTPError) -> str:
    """Return what Grafana itself says of a refusal."""
    try:
        return str(json.load(error)["message"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return ""
