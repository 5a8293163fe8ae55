"""Journeys by eHerkenning and eIDAS on the replica; and what is said when they are refused."""

from __future__ import annotations

import json

import pytest

from journeys import Citizen, JourneyFailed, Reason, Request, Think, definitions
from journeys.brokered import LOGIN_STEPS
from journeys.identities import account_of
from tests.drivers import someone, walk, walk_by_hand
from tests.journeys.refusals import MAINTENANCE, failure, reachable, undeclared
from tests.replica import running_replica

NO_TEST_NUMBER = "111222333"  # passes the 11-test, begins with other digits
JOURNEYS = ("log-in-with-eherkenning", "log-in-with-eidas", "file-vat-return", "view-declarations")
LOGIN = {
    "open-login": (200, '{"request": "r"}'),
    "start-login": (200, '{"transaction": "x"}'),
    "read-code": (200, '{"code": "123456"}'),
    "enter-code": (200, '{"artifact": "a"}'),
    "log-in": (200, '{"ticket": "p"}'),
}
GOOD = {
    "log-in-with-eherkenning": LOGIN,
    "log-in-with-eidas": LOGIN,
    "file-vat-return": {
        **LOGIN,
        "open-portal": (200, "Uw aangiften"),
        "file-vat": (200, '{"receipt": "K1"}'),
        "check-vat": (200, '{"receipt": "K1", "owed": 5}'),
        "file-payroll": (200, '{"receipt": "K2"}'),
    },
    "view-declarations": {**LOGIN, "declarations": (200, '{"declarations": []}')},
}


@pytest.mark.parametrize("journey", JOURNEYS)
async def test_the_steps_taken_are_the_steps_declared(journey: str) -> None:
    """Each of them once, in order; nobody waits in a waiting room."""
    async with running_replica() as replica:
        taken = await walk(journey, replica.url, someone(3, watchful=True))
        assert replica.replica.state()["waiting_room"]["web"]["admitted_in_order"] == 0
    assert tuple(taken) == definitions()[journey].steps


async def test_both_returns_of_a_company_are_counted() -> None:
    """One of VAT and one of payroll; the same company files again when its number comes round."""
    async with running_replica() as replica:
        for expected in (2, 4):
            await walk("file-vat-return", replica.url, someone(5))
            assert replica.replica.state()["business"]["submissions"] == expected


@pytest.mark.parametrize("journey", JOURNEYS)
async def test_a_company_without_an_account_is_refused(journey: str) -> None:
    """At the step at which the broker says so; the number stands nowhere."""
    async with running_replica() as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk(journey, replica.url, Citizen(0, account_of(NO_TEST_NUMBER), "web"))
    assert (caught.value.reason, caught.value.step) == (Reason.LOGIN_REFUSED, "start-login")
    assert NO_TEST_NUMBER not in str(caught.value)


@pytest.mark.parametrize(
    ("journey", "means"), [("log-in-with-eherkenning", "eherkenning"), ("log-in-with-eidas", "eidas")]
)
def test_the_means_is_said_and_its_broker_asked(journey: str, means: str) -> None:
    """The access service hears by which means; password and code go to that broker and nowhere else."""
    sent = [action for action in walk_by_hand(journey, someone(), LOGIN) if isinstance(action, Request)]
    assert [request.system for request in sent] == ["access-service", means, means, means, "access-service"]
    assert json.loads(sent[0].body) == {"means": means}


def test_a_code_is_entered_as_it_was_delivered() -> None:
    """And for the login that was started with the request of the access service."""
    sent = {
        a.step: json.loads(a.body or b"null")
        for a in walk_by_hand(JOURNEYS[0], someone(), LOGIN)
        if isinstance(a, Request)
    }
    assert sent["start-login"]["request"] == "r"
    assert sent["enter-code"] == {"transaction": "x", "code": "123456"}
    assert sent["log-in"] == {"artifact": "a"}


def test_bookkeeping_takes_minutes_and_differs() -> None:
    """Companies take their figures from the books; the seed fixes how long that takes."""

    def thinking(number: int) -> float:
        actions = walk_by_hand("file-vat-return", someone(number), GOOD["file-vat-return"])
        return sum(action.seconds for action in actions if isinstance(action, Think))

    totals = [thinking(number) for number in range(50)]
    assert 120 < sum(totals) / 50 < 900
    assert len(set(totals)) == 50
    assert thinking(7) == totals[7]


@pytest.mark.parametrize("journey", JOURNEYS)
def test_each_refusal_is_at_its_step_and_for_a_declared_reason(journey: str) -> None:
    """Whatever goes wrong, and every reason that is declared can happen."""
    assert undeclared(journey, GOOD[journey]) == set()
    assert reachable(journey, GOOD[journey]) == definitions()[journey].reasons
    assert tuple(GOOD[journey]) == definitions()[journey].steps


@pytest.mark.parametrize(
    ("step", "answer", "reason"),
    [
        ("open-login", (403, ""), Reason.LOGIN_REFUSED),
        ("start-login", (423, ""), Reason.LOGIN_REFUSED),
        ("start-login", (400, ""), Reason.UNEXPECTED_STATUS),
        ("read-code", (200, "{}"), Reason.CONTENT_MISSING),
        ("enter-code", (403, ""), Reason.CODE_REJECTED),
        ("enter-code", (410, ""), Reason.CODE_REJECTED),
        ("log-in", (401, ""), Reason.LOGIN_REFUSED),
        ("open-portal", (403, ""), Reason.SESSION_LOST),
        ("open-portal", MAINTENANCE, Reason.MAINTENANCE_PAGE),
        ("file-vat", (400, ""), Reason.RETURN_NOT_ACCEPTED),
        ("file-vat", (401, ""), Reason.SESSION_LOST),
        ("check-vat", (404, ""), Reason.RETURN_NOT_ACCEPTED),
        ("check-vat", (200, '{"receipt": "K1"}'), Reason.CONTENT_MISSING),
        ("file-payroll", (500, ""), Reason.UNEXPECTED_STATUS),
    ],
)
def test_each_failure_has_its_reason_and_step(step: str, answer: tuple[int, str], reason: Reason) -> None:
    """From the login to the second return."""
    assert failure("file-vat-return", {**GOOD["file-vat-return"], step: answer}) == (reason, step)


def test_declarations_need_a_session() -> None:
    """A ticket that opens nothing is a lost session."""
    assert tuple(LOGIN) == LOGIN_STEPS
    answers = {**GOOD["view-declarations"], "declarations": (403, "")}
    assert failure("view-declarations", answers) == (Reason.SESSION_LOST, "declarations")
