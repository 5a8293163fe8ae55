"""Logging in with DigiD by the access service, and activating the DigiD app."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from journeys.core import Action, Citizen, Journey, JourneyFailed, Think, Wait, fetch_json, journey
from journeys.reasons import Reason
from journeys.waiting_room import WAITING_ROOM_REASONS, WAITING_ROOM_STEPS, pass_waiting_room

APP_LOGIN_STEPS = (*WAITING_ROOM_STEPS, "open-login", "start-app", "poll-app", "confirm-app", "log-in")
SMS_LOGIN_STEPS = (*WAITING_ROOM_STEPS, "open-login", "start-sms", "read-sms", "enter-code", "log-in")
APP_LOGIN_NEEDS = ("app", "pin")
LOGIN_REASONS = (*WAITING_ROOM_REASONS, Reason.LOGIN_REFUSED)

_REFUSED = dict.fromkeys((401, 403, 409, 410, 423), Reason.LOGIN_REFUSED)
_CODE_REJECTED = dict.fromkeys((401, 403, 410, 423), Reason.CODE_REJECTED)

# After the citizen confirmed, the browser asks this often, this many seconds apart, whether DigiD knows.
_POLLS, _POLL_INTERVAL = 10, 1.0


@journey(
    "log-in-with-app",
    title="Log in with the DigiD app",
    steps=APP_LOGIN_STEPS,
    needs=APP_LOGIN_NEEDS,
    reasons=LOGIN_REASONS,
)
def log_in(citizen: Citizen) -> Journey:
    """Pass the waiting room and log in by confirming in the DigiD app."""
    yield from log_in_with_app(citizen)


def log_in_with_app(citizen: Citizen) -> Generator[Action, Any, str]:
    """Log in by confirming in the DigiD app; return the ticket that opens a portal session. Raises `JourneyFailed`."""
    request = yield from _open_login(citizen)
    started = yield from fetch_json(
        "start-app",
        "digid-app",
        "/app/start",
        data={"request": request},
        keys=("transaction", "code"),
        refusals=_REFUSED,
    )
    status = f"/app/status?transaction={started['transaction']}"
    yield from fetch_json("poll-app", "digid-app", status, keys=("status",), refusals=_REFUSED)
    yield Think(citizen.random.uniform(4, 20))  # takes the telephone, types the code and the PIN
    confirmation = {**started, "app": citizen.account.app, "pin": citizen.account.pin}
    yield from fetch_json("confirm-app", "digid-app", "/app/confirm", data=confirmation, refusals=_REFUSED)
    for _ in range(_POLLS):
        answer = yield from fetch_json("poll-app", "digid-app", status, keys=("status",), refusals=_REFUSED)
        if "artifact" in answer:
            return (yield from _finish_login(answer["artifact"]))
        yield Wait(_POLL_INTERVAL)
    raise JourneyFailed(Reason.LOGIN_REFUSED, "poll-app", "confirmed in the app, yet never logged in")


@journey(
    "log-in-with-sms",
    title="Log in with an SMS code",
    steps=SMS_LOGIN_STEPS,
    needs=("bsn", "password"),
    reasons=(*LOGIN_REASONS, Reason.CODE_REJECTED),
)
def log_in_with_sms(citizen: Citizen) -> Journey:
    """Pass the waiting room and log in with a password and a code by SMS."""
    request = yield from _open_login(citizen)
    yield Think(citizen.random.uniform(5, 20))  # types number and password
    account = {"request": request, "bsn": citizen.account.bsn, "password": citizen.account.password}
    started = yield from fetch_json(
        "start-sms", "digid-sms", "/sms/start", data=account, keys=("transaction",), refusals=_REFUSED
    )
    code = yield from _read_sms(citizen, "digid-sms", started["transaction"])
    answer = yield from fetch_json(
        "enter-code",
        "digid-sms",
        "/sms/confirm",
        data={**started, "code": code},
        keys=("artifact",),
        refusals=_CODE_REJECTED,
    )
    yield from _finish_login(answer["artifact"])


@journey(
    "activate-app",
    title="Activate the DigiD app",
    steps=["start-activation", "read-sms", "enter-code"],
    needs=("bsn", "password", "pin"),
    reasons=(Reason.LOGIN_REFUSED, Reason.CODE_REJECTED),
)
def activate_app(citizen: Citizen) -> Journey:
    """Activate the app on a new telephone: at DigiD itself, so without the waiting room of a portal."""
    account = {"bsn": citizen.account.bsn, "password": citizen.account.password}
    started = yield from fetch_json(
        "start-activation",
        "digid-activation",
        "/activation/start",
        data=account,
        keys=("transaction",),
        refusals=_REFUSED,
    )
    code = yield from _read_sms(citizen, "digid-activation", started["transaction"])
    chosen = {**started, "code": code, "pin": citizen.account.pin}
    yield from fetch_json(
        "enter-code", "digid-activation", "/activation/confirm", data=chosen, keys=("app",), refusals=_CODE_REJECTED
    )


def _open_login(citizen: Citizen) -> Generator[Action, Any, str]:
    """Pass the waiting room, open a login at the access service and return its request to DigiD."""
    admission = yield from pass_waiting_room(citizen)
    data = {"channel": citizen.channel, "admission": admission}
    answer = yield from fetch_json(
        "open-login", "access-service", "/login", data=data, keys=("request",), refusals=_REFUSED
    )
    return str(answer["request"])


def _finish_login(artifact: object) -> Generator[Action, Any, str]:
    """Bring DigiD's assertion to the access service and return the ticket that opens a portal session."""
    answer = yield from fetch_json(
        "log-in", "access-service", "/assertion", data={"artifact": artifact}, keys=("ticket",), refusals=_REFUSED
    )
    return str(answer["ticket"])


def _read_sms(citizen: Citizen, system: str, transaction: object) -> Generator[Action, Any, str]:
    """Wait for the SMS and read its code, which the test gateway delivers."""
    yield Think(citizen.random.uniform(5, 30))
    message = yield from fetch_json("read-sms", system, f"/test-inbox?transaction={transaction}", keys=("code",))
    return str(message["code"])
