"""A receiver of notifications on this machine: what Alertmanager delivers to it, when, and for whom."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any, Self

MOST_BYTES = 10_000_000
"""A notification is a few kilobytes."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of a notification. `fired` is when its rule began to hold, in seconds of the epoch."""

    labels: Mapping[str, str]
    summary: str
    firing: bool
    fired: float

    @property
    def name(self) -> str:
        """What the rule calls it."""
        return self.labels["alertname"]

    @property
    def pages(self) -> bool:
        """Whether it wakes someone."""
        return self.labels.get("severity") == "page"


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one receiver. `arrived` in seconds of the epoch."""

    arrived: float
    receiver: str
    firing: bool
    alerts: tuple[Alert, ...]

    def text(self) -> str:
        """Say it in one line: to whom, and what. Alerts that say the same are named together."""
        told: dict[str, list[str]] = {}
        for alert in self.alerts:
            if alert.firing == self.firing:
                names = told.setdefault(alert.summary, [])
                names += [alert.name] if alert.name not in names else []
        what = "; ".join(f"{', '.join(names)}: {summary}" for summary, names in told.items())
        return f"{'FIRING  ' if self.firing else 'resolved'}  to {self.receiver:<22}  {what}"


def read(data: Mapping[str, Any], arrived: float) -> Notification:
    """Read what Alertmanager's webhook sends (version 4). Raises `LookupError`, `ValueError`."""
    alerts = tuple(
        Alert(
            labels=each["labels"],
            summary=each["annotations"].get("summary", ""),
            firing=each["status"] == "firing",
            fired=datetime.fromisoformat(each["startsAt"]).timestamp(),
        )
        for each in data["alerts"]
    )
    return Notification(arrived, data["receiver"], data["status"] == "firing", alerts)


class Receiver:
    """Listens on a loopback port and answers only while `take` runs: no thread, nothing behind one's back."""

    def __init__(self) -> None:
        self._new: list[Notification] = []
        self._server = HTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, within: float) -> list[Notification]:
        """Return what is delivered within so many seconds."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self._server.timeout = left
            self._server.handle_request()
        new, self._new[:] = list(self._new), []
        return new

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        new = self._new

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0  # a peer that says nothing must not keep the others out

            def do_POST(self) -> None:
                arrived = time.time()
                length = int(self.headers.get("Content-Length") or 0)
                try:
                    new.append(read(json.loads(self.rfile.read(min(length, MOST_BYTES))), arrived))
                except (LookupError, TypeError, ValueError):
                    self.send_error(400, "not a notification")
                    return
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is inherited
                """Stay quiet: what was delivered is printed by others."""

        return Handler
