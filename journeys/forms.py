"""Filling in a form on a page as a browser does: what stands in its fields already is sent back with what one types.

page = yield from fetch("open", "admin", "/login/")
yield from fetch("log-in", "admin", "/login/", form=form_of(page) | {"username": "robot", "password": "..."})

A form is known by its fields alone: where it is sent, and with which address, the journey says itself.
"""

from __future__ import annotations

from journeys.core import Response
from journeys.markup import Markup

_LEFT_OUT = {"submit", "button", "reset", "image", "file"}
_CHOSEN = {"checkbox", "radio"}


class _Forms(Markup):
    """Collects the fields of every form of a page, each form under its `id` (or an empty text)."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = True
            self.forms.append((found.get("id", ""), {}))
        elif tag == "input" and self._inside and found.get("name"):
            kind = found.get("type", "text").lower()
            chosen = kind not in _CHOSEN or "checked" in dict(attrs)
            if kind not in _LEFT_OUT and chosen and "disabled" not in found:
                self.forms[-1][1][found["name"]] = found.get("value", "on" if kind in _CHOSEN else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def form_of(page: Response, id: str = "") -> dict[str, str]:  # noqa: A002 - the attribute's name
    """Return what the fields of a form hold: hidden ones, such as a token against forgery, and what is filled in.

    The form is the first of the page, or the one with this `id`; without one, nothing is returned.
    """
    reader = _Forms()
    reader.feed(page.text)
    return next((fields for name, fields in reader.forms if not id or name == id), {})
