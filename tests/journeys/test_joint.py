"""Partners who file together: the second login is another person's, and what goes wrong is named."""

from __future__ import annotations

import json

import pytest

from journeys import Citizen, Identities, JourneyFailed, Reason, Request
from tests.drivers import walk_by_hand

GOOD = {
    "join-queue": (200, '{"status": "admitted", "ticket": "t", "number": 1}'),
    "open-login": (200, '{"request": "r"}'),
    "start-app": (200, '{"transaction": "x", "code": "A1"}'),
    "poll-app": (200, '{"status": "confirmed", "artifact": "a"}'),
    "confirm-app": (200, "{}"),
    "log-in": (200, '{"ticket": "p"}'),
    "open-joint-return": (200, '{"return": "r1", "amounts": {}}'),
    "divide": (200, '{"version": 1}'),
    "sign": (200, '{"signature": "s"}'),
    "partner-signs": (200, "{}"),
    "submit": (200, '{"receipt": "K1"}'),
}


def couple() -> Citizen:
    return Citizen(4, Identities().account(4), "app", watchful=True)


def test_two_people_log_in_for_one_return() -> None:
    """Two logins, by two apps; both sign the same version of the same return; it is submitted once."""
    citizen = couple()
    sent = [action for action in walk_by_hand("file-joint-return", citizen, GOOD) if isinstance(action, Request)]
    apps = [json.loads(each.body)["app"] for each in sent if each.step == "confirm-app"]
    assert apps == [citizen.account.app, citizen.account.partner_app]
    bodies = {each.step: json.loads(each.body) for each in sent if each.body}
    assert bodies["sign"] == {"return": "r1", "version": 1}
    assert bodies["partner-signs"] == {"return": "r1", "version": 1, "ticket": "p"}
    assert bodies["submit"] == {"return": "r1", "signature": "s"}
    assert [each.step for each in sent].count("join-queue") == 2


@pytest.mark.parametrize(
    ("step", "status", "body", "reason"),
    [
        ("confirm-app", 403, "", Reason.LOGIN_REFUSED),
        ("open-joint-return", 403, "", Reason.SESSION_LOST),
        ("divide", 409, "", Reason.RETURN_NOT_ACCEPTED),
        ("sign", 200, "{}", Reason.CONTENT_MISSING),
        ("partner-signs", 403, "", Reason.SESSION_LOST),
        ("partner-signs", 409, "", Reason.RETURN_NOT_ACCEPTED),
        ("submit", 422, "", Reason.RETURN_NOT_ACCEPTED),
        ("submit", 500, "", Reason.UNEXPECTED_STATUS),
    ],
)
def test_each_failure_has_its_reason_and_step(step: str, status: int, body: str, reason: Reason) -> None:
    """What goes wrong is named, at the step at which it did."""
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand("file-joint-return", couple(), {**GOOD, step: (status, body)})
    assert (caught.value.reason, caught.value.step) == (reason, step)
