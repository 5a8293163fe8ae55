"""Submitting a declaration: it counts when the return message is there."""

from __future__ import annotations

import pytest

from journeys import JourneyFailed, Reason, Request, Wait
from journeys.core import Action, definitions
from journeys.core import Response as Answer
from staging.faults import Fault
from tests.drivers import someone, walk
from tests.replica import running_replica


def walk_answered(statuses: list[int], text: str = "{}") -> list[Action]:
    """Walk the journey by hand; the return message is asked for with these statuses in turn. `{}` is the number."""
    walking, number, actions = definitions()["submit-declaration"].start(someone()), "", []
    answer: Answer | None = None
    try:
        while True:
            action = walking.send(answer)
            actions.append(action)
            answer = None
            if isinstance(action, Request) and action.step == "submit-declaration":
                number = action.body.decode().split('"')[3]
                answer = Answer(202, (), b'{"status": "acknowledged"}')
            elif isinstance(action, Request):
                assert number in action.path
                answer = Answer(statuses.pop(0), (), text.format(number).encode())
    except StopIteration:
        return actions


async def test_a_declaration_is_submitted_and_answered() -> None:
    """On the replica, as often as there are message systems."""
    async with running_replica(return_message_delay=0.0) as replica:
        for number in range(6):
            assert await walk("submit-declaration", replica.url, someone(number)) == [
                "submit-declaration",
                "return-message",
            ]
        assert replica.replica.state()["customs"]["declarations"] == 6


def test_it_is_asked_for_until_it_is_there() -> None:
    """Each time after a pause."""
    actions = walk_answered([202, 202, 200])
    assert [type(action) for action in actions] == [Request, *[Wait, Request] * 3]


@pytest.mark.parametrize(
    ("statuses", "text", "reason"),
    [
        ([202] * 30, "{}", Reason.RETURN_MESSAGE_MISSING),
        ([202, 500], "{}", Reason.UNEXPECTED_STATUS),
        ([200], "another", Reason.CONTENT_MISSING),
    ],
)
def test_without_the_right_message_it_fails(statuses: list[int], text: str, reason: Reason) -> None:
    """It never comes, an error comes, or the answer to another declaration."""
    with pytest.raises(JourneyFailed) as caught:
        walk_answered(statuses, text)
    assert (caught.value.reason, caught.value.step) == (reason, "return-message")


async def test_an_error_at_the_submission_is_told_there() -> None:
    """Nothing is asked for."""
    async with running_replica() as replica:
        replica.switch_on(Fault.ERROR_SHARE, system="customs-messages", share=1)
        with pytest.raises(JourneyFailed) as caught:
            await walk("submit-declaration", replica.url, someone())
    assert (caught.value.reason, caught.value.step) == (Reason.UNEXPECTED_STATUS, "submit-declaration")
