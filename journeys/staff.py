"""What employees do first thing in the morning."""

from __future__ import annotations

from journeys.core import Citizen, Journey, Think, fetch, fetch_json, journey
from journeys.reasons import Reason

STAFF_STEPS = ("front-door", "log-in")
_REFUSED = dict.fromkeys((401, 403, 423), Reason.LOGIN_REFUSED)


@journey(
    "log-in-as-employee",
    title="An employee logs in",
    steps=STAFF_STEPS,
    needs=("bsn", "password"),
    reasons=(Reason.LOGIN_REFUSED,),
)
def log_in_as_employee(citizen: Citizen) -> Journey:
    """Open the front door and log in: in November 2022 the one worked and the other did not."""
    yield from fetch("front-door", "staff-login", "/", contains="Personeel")
    yield Think(citizen.random.uniform(5, 20))
    account = {"user": citizen.account.user, "password": citizen.account.password}
    yield from fetch_json("log-in", "staff-login", "/login", data=account, keys=("status",), refusals=_REFUSED)


@journey(
    "open-internal-page",
    title="An employee opens an internal page",
    steps=(*STAFF_STEPS, "internal-page"),
    needs=("bsn", "password"),
    reasons=(Reason.LOGIN_REFUSED, Reason.SESSION_LOST),
)
def open_internal_page(citizen: Citizen) -> Journey:
    """Log in and open the intranet."""
    yield from log_in_as_employee(citizen)
    yield from fetch("internal-page", "internal-pages", "/", contains="intranet", refusals={401: Reason.SESSION_LOST})
