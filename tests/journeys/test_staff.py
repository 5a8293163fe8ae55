"""Employees on the replica; and what they say when the platform is stuck."""

from __future__ import annotations

import pytest

from journeys import Citizen, JourneyFailed, Reason, definitions
from journeys.identities import account_of
from staging.faults import Fault
from tests.drivers import someone, walk
from tests.journeys.refusals import failure, reachable, undeclared
from tests.replica import running_replica

NO_TEST_NUMBER = "111222333"  # passes the 11-test, begins with other digits
JOURNEYS = pytest.mark.parametrize("journey", ["log-in-as-employee", "open-internal-page"])
GOOD = {
    "front-door": (200, "<h1>Personeel</h1>"),
    "log-in": (200, '{"status": "logged-in"}'),
    "internal-page": (200, "intranet"),
}


@JOURNEYS
async def test_the_steps_taken_are_the_steps_declared(journey: str) -> None:
    """Each once, in order."""
    async with running_replica() as replica:
        assert tuple(await walk(journey, replica.url, someone(watchful=True))) == definitions()[journey].steps


@JOURNEYS
async def test_a_stuck_platform_is_met_behind_the_front_door(journey: str) -> None:
    """The door opens, the login does not: what a look at the door alone would miss."""
    async with running_replica() as replica:
        replica.switch_on(Fault.PLATFORM_STUCK)
        with pytest.raises(JourneyFailed) as caught:
            await walk(journey, replica.url, someone())
    assert (caught.value.reason, caught.value.step) == (Reason.UNEXPECTED_STATUS, "log-in")


@JOURNEYS
async def test_who_is_no_employee_is_refused(journey: str) -> None:
    """A number without an account."""
    async with running_replica() as replica:
        with pytest.raises(JourneyFailed) as caught:
            await walk(journey, replica.url, Citizen(0, account_of(NO_TEST_NUMBER), "web"))
    assert (caught.value.reason, caught.value.step) == (Reason.LOGIN_REFUSED, "log-in")


@JOURNEYS
def test_each_refusal_is_at_its_step_and_for_a_declared_reason(journey: str) -> None:
    """Whatever goes wrong, and every reason that is declared can happen."""
    answers = {step: GOOD[step] for step in definitions()[journey].steps}
    assert undeclared(journey, answers) == set()
    assert reachable(journey, answers) == definitions()[journey].reasons


@pytest.mark.parametrize(
    ("step", "answer", "reason"),
    [
        ("front-door", (200, "<h1>Welkom</h1>"), Reason.CONTENT_MISSING),
        ("front-door", (200, "Wegens onderhoud gesloten"), Reason.MAINTENANCE_PAGE),
        ("log-in", (403, ""), Reason.LOGIN_REFUSED),
        ("log-in", (503, ""), Reason.UNEXPECTED_STATUS),
        ("internal-page", (401, ""), Reason.SESSION_LOST),
        ("internal-page", (200, "<h1>Personeel</h1>"), Reason.CONTENT_MISSING),
    ],
)
def test_each_failure_has_its_reason_and_step(step: str, answer: tuple[int, str], reason: Reason) -> None:
    """From the door to the page."""
    assert failure("open-internal-page", {**GOOD, step: answer}) == (reason, step)
