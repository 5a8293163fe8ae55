"""Reading requests and writing answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web


class Refused(Exception):  # noqa: N818 - an answer of the system, not an error of the program
    """The system says no: an HTTP status, a word for programs, a sentence for the citizen."""

    def __init__(self, status: int, error: str, message: str) -> None:
        self.status = status
        self.error = error
        self.message = message
        super().__init__(message)

    def answer(self) -> web.Response:
        """Return the response that says so."""
        return json_answer({"error": self.error, "message": self.message}, self.status)


def json_answer(data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a JSON object."""
    return web.Response(body=json.dumps(data).encode(), status=status, headers=headers, content_type="application/json")


def page_answer(body: bytes, status: int = 200) -> web.Response:
    """Answer with an HTML page."""
    return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")


def set_cookie(name: str, value: str, path: str) -> dict[str, str]:
    """Return the header that sets a session cookie for the part of the site under `path`."""
    return {"Set-Cookie": f"{name}={value}; Path={path}; HttpOnly; SameSite=Lax"}


async def read_json(request: web.BaseRequest) -> dict[str, Any]:
    """Return the JSON object in the body. Raises `Refused` (400) if it is anything else."""
    try:
        data = json.loads(await request.read())
    except (ValueError, RecursionError):  # the second for one that is nested a thousand deep
        data = None
    if not isinstance(data, dict):
        raise Refused(400, "bad_request", "De aanvraag is geen JSON-object.")
    return data


def text(data: Mapping[str, Any], name: str) -> str:
    """Return a text out of a JSON object or a query. Raises `Refused` (400) if it is missing or no text."""
    value = data.get(name)
    if not isinstance(value, str):
        raise Refused(400, "bad_request", f"Het veld '{name}' ontbreekt.")
    return value
