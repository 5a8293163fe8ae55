"""Logging in with eHerkenning (companies) or eIDAS (citizens of other countries), and what is behind it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from journeys.core import Action, Citizen, Journey, Think, fetch, fetch_json, journey
from journeys.reasons import Reason

LOGIN_STEPS = ("open-login", "start-login", "read-code", "enter-code", "log-in")
LOGIN_REASONS = (Reason.LOGIN_REFUSED, Reason.CODE_REJECTED)
REASONS = (*LOGIN_REASONS, Reason.SESSION_LOST)
NEEDS = ("bsn", "password")

_REFUSED = dict.fromkeys((401, 403, 409, 410, 423), Reason.LOGIN_REFUSED)
_CODE_REJECTED = dict.fromkeys((401, 403, 410, 423), Reason.CODE_REJECTED)
SESSION = {401: Reason.SESSION_LOST, 403: Reason.SESSION_LOST}
FILED = SESSION | dict.fromkeys((400, 404, 409, 422), Reason.RETURN_NOT_ACCEPTED)

_BUSINESS = "mijn-belastingdienst-zakelijk"


def log_in_by(means: str, citizen: Citizen) -> Generator[Action, Any, str]:
    """Log in with a password and a code at a broker; return the ticket that opens a session. Raises `JourneyFailed`.

    Dosed access is for citizens with DigiD: nobody waits here.
    """
    opened = yield from fetch_json(
        "open-login", "access-service", "/login", data={"means": means}, keys=("request",), refusals=_REFUSED
    )
    yield Think(citizen.random.uniform(5, 20))  # types name and password
    account = {**opened, "user": citizen.account.user, "password": citizen.account.password}
    started = yield from fetch_json(
        "start-login", means, "/start", data=account, keys=("transaction",), refusals=_REFUSED
    )
    yield Think(citizen.random.uniform(5, 30))
    code = yield from fetch_json(
        "read-code", means, f"/test-inbox?transaction={started['transaction']}", keys=("code",)
    )
    answer = yield from fetch_json(
        "enter-code", means, "/confirm", data={**started, **code}, keys=("artifact",), refusals=_CODE_REJECTED
    )
    done = yield from fetch_json(
        "log-in", "access-service", "/assertion", data=answer, keys=("ticket",), refusals=_REFUSED
    )
    return str(done["ticket"])


@journey(
    "log-in-with-eherkenning",
    title="Log in with eHerkenning",
    steps=LOGIN_STEPS,
    needs=NEEDS,
    reasons=LOGIN_REASONS,
)
def log_in_with_eherkenning(citizen: Citizen) -> Journey:
    """Log in as a company."""
    yield from log_in_by("eherkenning", citizen)


@journey("log-in-with-eidas", title="Log in with eIDAS", steps=LOGIN_STEPS, needs=NEEDS, reasons=LOGIN_REASONS)
def log_in_with_eidas(citizen: Citizen) -> Journey:
    """Log in as a citizen of another country of the European Union."""
    yield from log_in_by("eidas", citizen)


@journey(
    "file-vat-return",
    title="File a VAT return and a payroll return",
    steps=(*LOGIN_STEPS, "open-portal", "file-vat", "check-vat", "file-payroll"),
    needs=NEEDS,
    reasons=(*REASONS, Reason.RETURN_NOT_ACCEPTED),
)
def file_vat_return(citizen: Citizen) -> Journey:
    """Log in as a company, file both returns of the period, and see what is owed."""
    ticket = yield from log_in_by("eherkenning", citizen)
    yield from fetch("open-portal", _BUSINESS, f"/session?ticket={ticket}", contains="Uw aangiften", refusals=SESSION)
    yield Think(citizen.random.triangular(30, 600, 120))  # takes the figures from the books
    vat = {"kind": "vat", "period": "2026-Q1", "turnover": citizen.random.randrange(1000, 90_000), "input": 200}
    filed = yield from fetch_json("file-vat", _BUSINESS, "/return", data=vat, keys=("receipt",), refusals=FILED)
    yield from fetch_json("check-vat", _BUSINESS, f"/return?receipt={filed['receipt']}", keys=("owed",), refusals=FILED)
    yield Think(citizen.random.triangular(20, 300, 60))
    payroll = {"kind": "payroll", "period": "2026-03", "withheld": citizen.random.randrange(500, 40_000)}
    yield from fetch_json("file-payroll", _BUSINESS, "/return", data=payroll, keys=("receipt",), refusals=FILED)


@journey(
    "view-declarations",
    title="See one's declarations at Mijn Douane",
    steps=(*LOGIN_STEPS, "declarations"),
    needs=NEEDS,
    reasons=REASONS,
)
def view_declarations(citizen: Citizen) -> Journey:
    """Log in as a company and see the customs declarations."""
    ticket = yield from log_in_by("eherkenning", citizen)
    yield from fetch_json(
        "declarations", "mijn-douane", f"/session?ticket={ticket}", keys=("declarations",), refusals=SESSION
    )
