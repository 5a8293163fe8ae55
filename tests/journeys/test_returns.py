"""Filing a return on the replica; and what is said when the portal fails."""

from __future__ import annotations

import json

import pytest

from journeys import JourneyFailed, Reason, Request, Think, definitions
from tests.drivers import someone, walk, walk_by_hand
from tests.replica import running_replica

GOOD = {
    "join-queue": (200, '{"status": "admitted", "ticket": "t", "number": 1}'),
    "open-login": (200, '{"request": "r"}'),
    "start-app": (200, '{"transaction": "x", "code": "A1"}'),
    "poll-app": (200, '{"status": "confirmed", "artifact": "a"}'),
    "confirm-app": (200, "{}"),
    "log-in": (200, '{"ticket": "p"}'),
    "open-portal": (200, "Uw overzicht"),
    "open-return": (200, '{"return": "r1", "amounts": {}}'),
    "save-draft": (200, '{"version": 1}'),
    "change-draft": (200, '{"version": 2}'),
    "sign": (200, '{"signature": "s"}'),
    "submit": (200, '{"receipt": "K123"}'),
    "receipt": (200, "Kenmerk K123"),
}


@pytest.mark.parametrize("channel", ["web", "app"])
async def test_a_return_is_filed_from_login_to_receipt(channel: str) -> None:
    """The steps taken are the steps declared, and one return more was submitted."""
    async with running_replica() as replica:
        taken = await walk("file-return", replica.url, someone(5, channel, watchful=True))  # type: ignore[arg-type]
        assert replica.replica.state()["portal"]["submissions"] == 1
    assert list(dict.fromkeys(taken)) == [s for s in definitions()["file-return"].steps if s != "poll-queue"]


async def test_the_same_citizen_can_file_again() -> None:
    """The test numbers come round: the same one files a second time without waiting for anything to expire."""
    async with running_replica() as replica:
        for _ in range(2):
            await walk("file-return", replica.url, someone(5))
        assert replica.replica.state()["portal"]["submissions"] == 2


def test_the_second_draft_is_what_is_signed_and_submitted() -> None:
    """The return is saved, changed, signed in its last version, and submitted with that signature."""
    done = walk_by_hand("file-return", someone(), GOOD)
    sent = {action.step: action for action in done if isinstance(action, Request)}
    assert [sent[step].method for step in ("save-draft", "change-draft", "sign", "submit")] == [
        "PUT",
        "PUT",
        "POST",
        "POST",
    ]
    assert json.loads(sent["save-draft"].body)["amounts"] != json.loads(sent["change-draft"].body)["amounts"]
    assert json.loads(sent["sign"].body) == {"return": "r1", "version": 2}
    assert json.loads(sent["submit"].body) == {"return": "r1", "signature": "s"}


def test_reading_a_return_takes_minutes() -> None:
    """Over many citizens the time from the first to the last page is minutes, and differs."""
    totals = [
        sum(
            action.seconds for action in walk_by_hand("file-return", someone(number), GOOD) if isinstance(action, Think)
        )
        for number in range(50)
    ]
    assert 120 < sum(totals) / 50 < 360
    assert len(set(totals)) == 50


@pytest.mark.parametrize(
    ("step", "status", "body", "reason"),
    [
        ("open-portal", 403, "", Reason.SESSION_LOST),
        ("open-portal", 200, "Wegens onderhoud gesloten", Reason.MAINTENANCE_PAGE),
        ("open-return", 401, "", Reason.SESSION_LOST),
        ("open-return", 200, "<p>Tijdelijk niet beschikbaar</p>", Reason.MAINTENANCE_PAGE),
        ("save-draft", 500, "", Reason.UNEXPECTED_STATUS),
        ("change-draft", 409, "", Reason.RETURN_NOT_ACCEPTED),
        ("sign", 200, "{}", Reason.CONTENT_MISSING),
        ("submit", 422, "", Reason.RETURN_NOT_ACCEPTED),
        ("submit", 409, "", Reason.RETURN_NOT_ACCEPTED),
        ("receipt", 404, "", Reason.RETURN_NOT_ACCEPTED),
        ("receipt", 200, "Kenmerk K999", Reason.CONTENT_MISSING),
    ],
)
def test_each_failure_has_its_reason_and_step(step: str, status: int, body: str, reason: Reason) -> None:
    """What goes wrong in the portal is named, at the step at which it did."""
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand("file-return", someone(), {**GOOD, step: (status, body)})
    assert (caught.value.reason, caught.value.step) == (reason, step)
