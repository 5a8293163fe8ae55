"""Returns of few companies: bank tax, and VAT on what is sold to consumers in other countries."""

from __future__ import annotations

from journeys.brokered import FILED, LOGIN_STEPS, NEEDS, REASONS, SESSION, log_in_by
from journeys.core import Citizen, Journey, JourneyFailed, Think, fetch_json, journey
from journeys.reasons import Reason

_BANK_TAX, _ECOMMERCE = "bank-tax", "vat-ecommerce"
_FILING = (*REASONS, Reason.RETURN_NOT_ACCEPTED)


@journey(
    "file-bank-tax",
    title="A bank files its bank tax return",
    steps=(*LOGIN_STEPS, "open-bank-tax", "file-bank-tax", "check-bank-tax"),
    needs=NEEDS,
    reasons=_FILING,
)
def file_bank_tax(citizen: Citizen) -> Journey:
    """Log in as a bank, file, and see that the return is there with the same tax."""
    ticket = yield from log_in_by("eherkenning", citizen)
    yield from fetch_json("open-bank-tax", _BANK_TAX, f"/session?ticket={ticket}", keys=("returns",), refusals=SESSION)
    yield Think(citizen.random.triangular(60, 900, 300))
    debts = {name: citizen.random.randrange(10**9, 10**11) for name in ("short_term", "long_term")}
    filed = yield from fetch_json(
        "file-bank-tax", _BANK_TAX, "/return", data={"year": 2025, **debts}, keys=("receipt", "owed"), refusals=FILED
    )
    seen = yield from fetch_json("check-bank-tax", _BANK_TAX, "/", keys=("returns",), refusals=SESSION)
    returns = seen["returns"].values() if isinstance(seen["returns"], dict) else ()
    if not any(isinstance(each, dict) and each.get("receipt") == filed["receipt"] for each in returns):
        raise JourneyFailed(Reason.RETURN_NOT_ACCEPTED, "check-bank-tax", "the return is not there")


@journey(
    "file-vat-ecommerce",
    title="File VAT on sales to other countries",
    steps=(*LOGIN_STEPS, "open-vat-ecommerce", "file-vat-ecommerce", "check-vat-ecommerce"),
    needs=NEEDS,
    reasons=_FILING,
)
def file_vat_ecommerce(citizen: Citizen) -> Journey:
    """Log in as a company, file for two countries, and see that what is owed is what was filed."""
    ticket = yield from log_in_by("eherkenning", citizen)
    yield from fetch_json(
        "open-vat-ecommerce", _ECOMMERCE, f"/session?ticket={ticket}", keys=("track",), refusals=SESSION
    )
    yield Think(citizen.random.triangular(30, 600, 120))
    turnovers = {"BE": citizen.random.randrange(100, 50_000), "DE": citizen.random.randrange(100, 50_000)}
    rates = {"BE": 21, "DE": 19}
    lines = [{"country": country, "turnover": turnovers[country], "rate": rates[country]} for country in turnovers]
    filed = yield from fetch_json(
        "file-vat-ecommerce",
        _ECOMMERCE,
        "/return",
        data={"period": "2026-Q1", "lines": lines},
        keys=("receipt",),
        refusals=FILED,
    )
    seen = yield from fetch_json(
        "check-vat-ecommerce", _ECOMMERCE, f"/return?receipt={filed['receipt']}", keys=("owed",), refusals=FILED
    )
    if seen["owed"] != sum(turnovers[country] * rates[country] for country in turnovers) // 100:
        raise JourneyFailed(Reason.CONTENT_MISSING, "check-vat-ecommerce", "another sum is owed")
