"""The receiver on this machine: what it takes, and how it says it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from demo.receiver import Notification, Receiver, read


def alert(name: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "page", **labels},
        "annotations": {"summary": f"{labels.get('system', 'it')} is down"},
        "startsAt": "2026-03-01T08:00:15.123456789Z",
    }


def notification(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    return {"version": "4", "receiver": "logius-page", "status": status, "alerts": list(alerts)}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def deliver(receiver: Receiver, body: bytes) -> tuple[int, list[Notification]]:
    """Post it while the receiver takes; return the status and what was taken."""

    def post() -> int:
        try:
            with urlopen(Request(f"{receiver.url}/logius/page", body), timeout=10) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(post)
        taken = []
        while not posted.done():
            taken += receiver.take(0.05)
        return posted.result(), taken + receiver.take(0.05)


def test_what_is_delivered_is_returned_once(receiver: Receiver) -> None:
    """With its alerts, when they fired, and for whom."""
    status, taken = deliver(receiver, json.dumps(notification(alert("Burns", system="digid-app"))).encode())
    assert (status, len(taken)) == (204, 1)
    assert taken[0].receiver == "logius-page"
    assert taken[0].alerts[0].pages
    assert taken[0].alerts[0].fired == pytest.approx(1772352015.123456, abs=1e-5)
    assert receiver.take(0.05) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"alerts": [1], "receiver": "", "status": ""}'])
def test_what_is_no_notification_is_refused(receiver: Receiver, body: bytes) -> None:
    """And the receiver goes on."""
    assert deliver(receiver, body) == (400, [])
    assert deliver(receiver, json.dumps(notification(alert("Burns"))).encode())[0] == 204


def test_a_notification_is_one_readable_line() -> None:
    """Alerts that say the same are named together; those that ended are not named while others fire."""
    alerts = [
        alert("Burns", system="digid-app", pair="1h/5m"),
        alert("Burns", system="digid-app", pair="6h/30m"),
        alert("Overruns", system="digid-app"),
        alert("Other", "resolved", system="digid-sms"),
    ]
    text = read(notification(*alerts), 0.0).text()
    assert text == "FIRING    to logius-page             Burns, Overruns: digid-app is down"
    ended = read(notification(alert("Other", "resolved", system="digid-sms"), status="resolved"), 0.0).text()
    assert ended == "resolved  to logius-page             Other: digid-sms is down"
