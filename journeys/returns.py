"""Filing the income-tax return."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from journeys.core import Action, Citizen, Journey, Think, fetch, fetch_json, journey
from journeys.login import APP_LOGIN_NEEDS, APP_LOGIN_STEPS, LOGIN_REASONS, log_in_with_app
from journeys.reasons import Reason

_PORTAL = "mijn-belastingdienst"
_REFUSED = {
    401: Reason.SESSION_LOST,
    403: Reason.SESSION_LOST,
    404: Reason.RETURN_NOT_ACCEPTED,
    409: Reason.RETURN_NOT_ACCEPTED,
    422: Reason.RETURN_NOT_ACCEPTED,
}
_RETURN_STEPS = ("open-portal", "open-return", "save-draft", "change-draft", "sign", "submit", "receipt")


@journey(
    "file-return",
    title="File the income-tax return",
    steps=(*APP_LOGIN_STEPS, *_RETURN_STEPS),
    needs=APP_LOGIN_NEEDS,
    reasons=(*LOGIN_REASONS, Reason.SESSION_LOST, Reason.RETURN_NOT_ACCEPTED),
)
def file_return(citizen: Citizen) -> Journey:
    """Log in, read the pre-filled return, save a draft, change it, sign, submit, and see the receipt."""
    ticket = yield from log_in_with_app(citizen)
    yield from fetch("open-portal", _PORTAL, f"/session?ticket={ticket}", contains="Uw overzicht", refusals=_REFUSED)
    yield Think(citizen.random.uniform(3, 20))
    opened = yield from fetch_json("open-return", _PORTAL, "/return", keys=("return", "amounts"), refusals=_REFUSED)
    key = opened["return"]
    yield Think(citizen.random.triangular(20, 300, 60))  # reads the return
    yield from _save("save-draft", key, gifts=citizen.random.randrange(1, 500))
    yield Think(citizen.random.triangular(10, 120, 30))  # has second thoughts
    draft = yield from _save("change-draft", key, gifts=citizen.random.randrange(500, 1000))
    yield Think(citizen.random.uniform(5, 30))
    signed = yield from _portal("sign", "/return/sign", {"return": key, "version": draft["version"]}, "signature")
    yield Think(citizen.random.uniform(1, 5))
    submitted = yield from _portal("submit", "/return/submit", {"return": key, **signed}, "receipt")
    yield from fetch(
        "receipt", _PORTAL, f"/return/receipt?return={key}", contains=str(submitted["receipt"]), refusals=_REFUSED
    )


def _save(step: str, key: object, **amounts: int) -> Generator[Action, Any, dict[str, Any]]:
    """Save amounts in the draft and return the draft."""
    data = {"return": key, "amounts": amounts}
    return fetch_json(step, _PORTAL, "/return", method="PUT", data=data, keys=("version",), refusals=_REFUSED)


def _portal(step: str, path: str, data: Mapping[str, object], key: str) -> Generator[Action, Any, dict[str, Any]]:
    """Post to the portal and return its answer, with `key` in it."""
    return fetch_json(step, _PORTAL, path, data=data, keys=(key,), refusals=_REFUSED)
