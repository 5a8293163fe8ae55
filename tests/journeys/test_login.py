"""Logging in and activating on the replica; and what is said when it is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from journeys import Citizen, JourneyFailed, Reason, Think, definitions
from journeys.identities import account_of
from journeys.login import log_in_with_app
from tests.drivers import browser, drive, someone, walk, walk_by_hand
from tests.replica import running_replica

NO_TEST_NUMBER = "111222333"  # passes the 11-test, begins with other digits


@pytest.mark.parametrize("journey", ["log-in-with-app", "log-in-with-sms", "activate-app"])
async def test_the_steps_taken_are_the_steps_declared(journey: str) -> None:
    """In order, each declared step is sent; polling steps may repeat or be missing."""
    async with running_replica() as replica:
        taken = await walk(journey, replica.url, someone())
    declared = [step for step in definitions()[journey].steps if step != "poll-queue"]
    assert list(dict.fromkeys(taken)) == declared


async def test_a_crowd_logs_in_on_both_channels() -> None:
    """Many citizens, one after the other, on both channels: everyone is logged in once."""
    async with running_replica() as replica:
        async with browser() as session:
            tickets = {
                await drive(log_in_with_app(someone(number, channel)), session, replica.url)
                for number in range(20)
                for channel in ("web", "app")
            }
        assert len(tickets) == 40
        assert replica.replica.state()["waiting_room"]["app"]["admitted_in_order"] == 20


@pytest.mark.parametrize(
    ("journey", "step"),
    [("log-in-with-app", "confirm-app"), ("log-in-with-sms", "start-sms"), ("activate-app", "start-activation")],
)
async def test_a_citizen_without_an_account_is_refused(journey: str, step: str) -> None:
    """The reason is a refused login, at the step at which DigiD says so."""
    async with running_replica() as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk(journey, replica.url, Citizen(0, account_of(NO_TEST_NUMBER), "web"))
    assert (caught.value.reason, caught.value.step) == (Reason.LOGIN_REFUSED, step)
    assert NO_TEST_NUMBER not in str(caught.value)


def refused_at(journey: str, answers: Mapping[str, tuple[int, str]]) -> tuple[Reason, str]:
    """Walk a journey answered by hand and return the reason and the step of its failure."""
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand(journey, someone(), answers)
    return caught.value.reason, caught.value.step


OPENED = {
    "join-queue": (200, '{"status": "admitted", "ticket": "t", "number": 1}'),
    "open-login": (200, '{"request": "r"}'),
    "start-app": (200, '{"transaction": "x", "code": "A1"}'),
    "poll-app": (200, '{"status": "pending"}'),
    "confirm-app": (200, "{}"),
    "start-sms": (200, '{"transaction": "x"}'),
    "start-activation": (200, '{"transaction": "x"}'),
    "read-sms": (200, '{"code": "123456"}'),
    "enter-code": (200, '{"artifact": "a", "app": "b"}'),
    "log-in": (200, '{"ticket": "p"}'),
}


@pytest.mark.parametrize("journey", ["log-in-with-sms", "activate-app"])
@pytest.mark.parametrize("status", [401, 403, 410, 423])
def test_a_rejected_code_has_its_own_reason(journey: str, status: int) -> None:
    """Wrong, expired or locked: the code was rejected."""
    answers = {**OPENED, "enter-code": (status, "")}
    assert refused_at(journey, answers) == (Reason.CODE_REJECTED, "enter-code")


def test_a_login_that_stays_pending_ends() -> None:
    """Confirmed in the app and never known to DigiD: refused after a few polls, not polled for ever."""
    assert refused_at("log-in-with-app", OPENED) == (Reason.LOGIN_REFUSED, "poll-app")


def test_an_error_is_no_refusal() -> None:
    """A 500 at a login step is an unexpected status."""
    answers = {**OPENED, "start-app": (500, "")}
    assert refused_at("log-in-with-app", answers) == (Reason.UNEXPECTED_STATUS, "start-app")


def test_people_take_their_time_and_the_seed_fixes_it() -> None:
    """Thinking differs between citizens, is the same for the same citizen, and lasts seconds."""

    def thinking(number: int) -> list[float]:
        actions = walk_by_hand("log-in-with-sms", someone(number), OPENED)
        return [action.seconds for action in actions if isinstance(action, Think)]

    assert thinking(1) == thinking(1) != thinking(2)
    assert all(5 <= seconds <= 30 for seconds in thinking(1))
