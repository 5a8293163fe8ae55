"""Mandates, allowances and paying on the replica; and what is said when something is not as it should be."""

from __future__ import annotations

import json

import pytest

from journeys import Citizen, JourneyFailed, Reason, definitions
from journeys.identities import account_of
from journeys.waiting_room import WAITING_ROOM_REASONS
from tests.drivers import send, someone, walk
from tests.journeys.refusals import MAINTENANCE, Answers, failure, reachable, request_at, undeclared
from tests.replica import running_replica
from tests.staging.means import inside

NO_TEST_NUMBER = "111222333"  # passes the 11-test, begins with other digits
JOURNEYS = ("change-mandate", "change-allowance", "pay")
LOGIN = {
    "join-queue": (200, '{"status": "admitted", "ticket": "t", "number": 1}'),
    "open-login": (200, '{"request": "r"}'),
    "start-app": (200, '{"transaction": "x", "code": "A1"}'),
    "poll-app": (200, '{"status": "confirmed", "artifact": "a"}'),
    "confirm-app": (200, "{}"),
    "log-in": (200, '{"ticket": "p"}'),
    "allowances": (200, '{"income": 1}'),
    "start-payment": (200, '{"payment": "b"}'),
    "bank": (200, "{}"),
}
INCOME = json.loads(request_at("change-allowance", "change-income", LOGIN).body)["income"]
AMOUNT = json.loads(request_at("pay", "start-payment", LOGIN).body)["amount"]
GOOD = {
    **LOGIN,
    "mandates": (200, '{"mandates": {}}'),
    "give": (200, '{"mandates": {"adviseur-test": "2030-12-31"}}'),
    "withdraw": (200, '{"mandates": {}}'),
    "change-income": (200, f'{{"income": {INCOME}, "message": "M1"}}'),
    "status": (200, f'{{"status": "paid", "amount": {AMOUNT}}}'),
}
"""Answers with which the first citizen walks each of the journeys to its end."""


def good(journey: str) -> Answers:
    """Return the answers of the steps that a journey has."""
    return {step: GOOD[step] for step in definitions()[journey].steps if step != "poll-queue"}


@pytest.mark.parametrize("journey", JOURNEYS)
async def test_the_steps_taken_are_the_steps_declared(journey: str) -> None:
    """In order; polling may repeat."""
    async with running_replica() as replica:
        taken = await walk(journey, replica.url, someone(3, watchful=True))
    assert tuple(dict.fromkeys(taken)) == tuple(good(journey))


async def test_a_mandate_that_was_given_and_withdrawn_leaves_nothing() -> None:
    """The citizen has the mandates from before: a journey can be walked any number of times."""
    async with running_replica() as replica:
        base = replica.endpoints["mandates"] + "/"
        async with inside("mandates", replica, 4) as session:
            before = await send(session, "GET", base)
            for _ in range(2):
                await walk("change-mandate", replica.url, someone(4))
            assert await send(session, "GET", base) == before


async def test_the_income_that_was_reported_is_there() -> None:
    """Another login sees what the journey changed."""
    async with running_replica() as replica:
        await walk("change-allowance", replica.url, someone())
        async with inside("mijn-toeslagen", replica) as session:
            assert (await send(session, "GET", replica.endpoints["mijn-toeslagen"] + "/"))[1]["income"] == INCOME


async def test_every_payment_is_paid() -> None:
    """Each journey pays once."""
    async with running_replica() as replica:
        for number in range(3):
            await walk("pay", replica.url, someone(number))
        assert replica.replica.state()["payments"]["paid"] == 3


@pytest.mark.parametrize("journey", ["change-mandate", "change-allowance"])
async def test_a_citizen_without_an_account_is_refused(journey: str) -> None:
    """By DigiD, before the portal."""
    async with running_replica() as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk(journey, replica.url, Citizen(0, account_of(NO_TEST_NUMBER), "web"))
    assert (caught.value.reason, caught.value.step) == (Reason.LOGIN_REFUSED, "confirm-app")


@pytest.mark.parametrize("journey", JOURNEYS)
def test_each_refusal_is_at_its_step_and_for_a_declared_reason(journey: str) -> None:
    """Whatever goes wrong; and every reason that is declared can happen, but for those of the waiting room."""
    assert undeclared(journey, good(journey)) == set()
    own = definitions()[journey].reasons - set(WAITING_ROOM_REASONS)
    assert reachable(journey, good(journey)) - set(WAITING_ROOM_REASONS) == own


@pytest.mark.parametrize(
    ("journey", "step", "answer", "reason"),
    [
        ("change-mandate", "mandates", (403, ""), Reason.SESSION_LOST),
        ("change-mandate", "mandates", MAINTENANCE, Reason.MAINTENANCE_PAGE),
        ("change-mandate", "give", (401, ""), Reason.SESSION_LOST),
        ("change-mandate", "give", (200, '{"mandates": {}}'), Reason.CONTENT_MISSING),
        ("change-mandate", "give", (200, '{"mandates": null}'), Reason.CONTENT_MISSING),
        ("change-mandate", "withdraw", GOOD["give"], Reason.CONTENT_MISSING),
        ("change-mandate", "withdraw", (200, '{"mandates": null}'), Reason.CONTENT_MISSING),
        ("change-mandate", "withdraw", (404, ""), Reason.UNEXPECTED_STATUS),
        ("change-allowance", "allowances", (403, ""), Reason.SESSION_LOST),
        ("change-allowance", "allowances", (200, "{}"), Reason.CONTENT_MISSING),
        ("change-allowance", "change-income", (401, ""), Reason.SESSION_LOST),
        ("change-allowance", "change-income", (200, '{"income": 1, "message": "M"}'), Reason.CONTENT_MISSING),
        ("change-allowance", "change-income", (200, f'{{"income": {INCOME}}}'), Reason.CONTENT_MISSING),
        ("pay", "start-payment", (503, ""), Reason.UNEXPECTED_STATUS),
        ("pay", "start-payment", (200, "{}"), Reason.CONTENT_MISSING),
        ("pay", "bank", (404, ""), Reason.UNEXPECTED_STATUS),
        ("pay", "status", (200, f'{{"status": "open", "amount": {AMOUNT}}}'), Reason.CONTENT_MISSING),
        ("pay", "status", (200, f'{{"status": "paid", "amount": {AMOUNT + 1}}}'), Reason.CONTENT_MISSING),
    ],
)
def test_each_failure_has_its_reason_and_step(journey: str, step: str, answer: tuple[int, str], reason: Reason) -> None:
    """What was asked for did not happen: named, at the step at which it shows."""
    assert failure(journey, {**good(journey), step: answer}) == (reason, step)
