"""Partners who file one return together: two logins with DigiD for one return (2023-03-digid-outage-letter)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from journeys.core import Action, Citizen, Journey, Method, Think, fetch_json, journey
from journeys.login import APP_LOGIN_NEEDS, APP_LOGIN_STEPS, LOGIN_REASONS, log_in_with_app
from journeys.reasons import Reason

_APP = "belastingdienst-app"
_REFUSED = dict.fromkeys((401, 403), Reason.SESSION_LOST) | dict.fromkeys((404, 409, 422), Reason.RETURN_NOT_ACCEPTED)


@journey(
    "file-joint-return",
    title="Partners file a return together",
    steps=(*APP_LOGIN_STEPS, "open-joint-return", "divide", "sign", "partner-signs", "submit"),
    needs=(*APP_LOGIN_NEEDS, "partner_app", "partner_pin"),
    reasons=(*LOGIN_REASONS, Reason.SESSION_LOST, Reason.RETURN_NOT_ACCEPTED),
)
def file_joint_return(citizen: Citizen) -> Journey:
    """Log in, divide the deductions and sign; the partner logs in on the same telephone and signs too; submit."""
    ticket = yield from log_in_with_app(citizen)
    opened = yield from _app("open-joint-return", f"/session?ticket={ticket}", keys=("return", "amounts"))
    key = opened["return"]
    yield Think(citizen.random.triangular(30, 400, 90))
    amounts = {"mortgage_interest": citizen.random.randrange(1, 4000)}
    draft = yield from _app("divide", "/return", {"return": key, "amounts": amounts}, "PUT", keys=("version",))
    version = draft["version"]
    yield Think(citizen.random.uniform(5, 30))
    signed = yield from _app("sign", "/sign", {"return": key, "version": version}, keys=("signature",))
    yield Think(citizen.random.uniform(10, 120))  # hands over the telephone
    ticket = yield from log_in_with_app(citizen.partner())
    yield Think(citizen.random.triangular(10, 200, 40))
    yield from _app("partner-signs", "/partner/sign", {"return": key, "version": version, "ticket": ticket})
    yield from _app("submit", "/submit", {"return": key, **signed}, keys=("receipt",))


def _app(
    step: str,
    path: str,
    data: Mapping[str, object] | None = None,
    method: Method = "GET",
    *,
    keys: tuple[str, ...] = (),
) -> Generator[Action, Any, dict[str, Any]]:
    return fetch_json(step, _APP, path, data=data, method=method, keys=keys, refusals=_REFUSED)
