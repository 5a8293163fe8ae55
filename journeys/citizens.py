"""What citizens do beside their return: mandates, allowances, paying."""

from __future__ import annotations

from collections.abc import Mapping

from journeys.core import Citizen, Journey, JourneyFailed, Think, fetch_json, journey
from journeys.login import APP_LOGIN_NEEDS, APP_LOGIN_STEPS, LOGIN_REASONS, log_in_with_app
from journeys.reasons import Reason

_ADVISER = "adviseur-test"
_REFUSED: Mapping[int, Reason] = {401: Reason.SESSION_LOST, 403: Reason.SESSION_LOST}
_REASONS = (*LOGIN_REASONS, Reason.SESSION_LOST)


@journey(
    "change-mandate",
    title="Give a tax adviser a mandate and withdraw it",
    steps=(*APP_LOGIN_STEPS, "mandates", "give", "withdraw"),
    needs=APP_LOGIN_NEEDS,
    reasons=_REASONS,
)
def change_mandate(citizen: Citizen) -> Journey:
    """Log in, see the mandates, give one, and withdraw it again."""
    ticket = yield from log_in_with_app(citizen)
    yield from fetch_json("mandates", "mandates", f"/session?ticket={ticket}", keys=("mandates",), refusals=_REFUSED)
    yield Think(citizen.random.uniform(10, 60))
    mandate = {"adviser": _ADVISER, "until": "2030-12-31"}
    given = yield from fetch_json(
        "give", "mandates", "/mandate", method="PUT", data=mandate, keys=("mandates",), refusals=_REFUSED
    )
    _expect("give", given["mandates"], there=True)
    yield Think(citizen.random.uniform(5, 30))
    left = yield from fetch_json(
        "withdraw", "mandates", f"/mandate?adviser={_ADVISER}", method="DELETE", keys=("mandates",), refusals=_REFUSED
    )
    _expect("withdraw", left["mandates"], there=False)


def _expect(step: str, mandates: object, *, there: bool) -> None:
    """Make sure that the adviser is, or is not, among the mandates. Raises `JourneyFailed`."""
    if not isinstance(mandates, dict) or (_ADVISER in mandates) is not there:
        raise JourneyFailed(Reason.CONTENT_MISSING, step, f"the mandate is {'not' if there else 'still'} there")


@journey(
    "change-allowance",
    title="Report a change of income at Mijn toeslagen",
    steps=(*APP_LOGIN_STEPS, "allowances", "change-income"),
    needs=APP_LOGIN_NEEDS,
    reasons=_REASONS,
)
def change_allowance(citizen: Citizen) -> Journey:
    """Log in, see the allowances, report another income, and see that they have changed with it."""
    ticket = yield from log_in_with_app(citizen)
    yield from fetch_json(
        "allowances", "mijn-toeslagen", f"/session?ticket={ticket}", keys=("income",), refusals=_REFUSED
    )
    yield Think(citizen.random.triangular(15, 180, 45))
    income = citizen.random.randrange(12_000, 60_000)
    changed = yield from fetch_json(
        "change-income",
        "mijn-toeslagen",
        "/income",
        method="PUT",
        data={"income": income},
        keys=("income", "message"),
        refusals=_REFUSED,
    )
    if changed["income"] != income:
        raise JourneyFailed(Reason.CONTENT_MISSING, "change-income", "the income is what it was")


@journey("pay", title="Pay with iDEAL", steps=("start-payment", "bank", "status"), needs=(), reasons=())
def pay(citizen: Citizen) -> Journey:
    """Start a payment, approve it at the test bank, and see that it was paid."""
    amount = citizen.random.randrange(10, 5000)
    started = yield from fetch_json("start-payment", "payments", "/start", data={"amount": amount}, keys=("payment",))
    yield Think(citizen.random.uniform(15, 60))  # at the bank
    yield from fetch_json("bank", "payments", "/test-bank", data=started)
    done = yield from fetch_json(
        "status", "payments", f"/status?payment={started['payment']}", keys=("status", "amount")
    )
    if (done["status"], done["amount"]) != ("paid", amount):
        raise JourneyFailed(Reason.CONTENT_MISSING, "status", f"the payment is {done['status']}")
