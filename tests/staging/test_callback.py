"""The form to be called back: there in an emergency only, and working or not."""

from __future__ import annotations

import pytest

from journeys import JourneyFailed, Reason
from staging.faults import Fault
from tests.drivers import browser, send, someone, walk
from tests.replica import RunningReplica, running_replica


async def home(replica: RunningReplica) -> str:
    async with browser() as session:
        return str((await send(session, "GET", replica.endpoints["website"] + "/"))[1])


async def test_without_an_emergency_there_is_no_form() -> None:
    """The home page is as ever; who sends one all the same is told that there is none; the journey ends there."""
    async with running_replica() as replica, browser() as session:
        assert 'id="callback"' not in await home(replica)
        order = {"phone": "+31990009003", "subject": "storing"}
        async with session.post(replica.endpoints["callback"] + "/request", data=order) as answer:
            assert answer.status == 404
        assert await walk("request-callback", replica.url, someone()) == ["home"]


async def test_a_form_that_works_takes_a_request() -> None:
    """It stands on the home page; what is sent is kept; when it is switched off it is gone."""
    async with running_replica() as replica:
        replica.switch_on(Fault.CALLBACK_FORM)
        assert 'id="callback"' in await home(replica)
        assert await walk("request-callback", replica.url, someone()) == ["home", "request-callback"]
        assert replica.replica.state()["callback"] == {"requests": 1}
        replica.replica.faults.clear()
        assert 'id="callback"' not in await home(replica)


async def test_a_form_that_does_not_work_fails_with_a_good_status() -> None:
    """The form comes back empty: 200, no reference, nothing kept."""
    async with running_replica() as replica:
        replica.switch_on(Fault.CALLBACK_FORM, works=False)
        with pytest.raises(JourneyFailed) as caught:
            await walk("request-callback", replica.url, someone())
        assert (caught.value.reason, caught.value.step) == (Reason.CONTENT_MISSING, "request-callback")
        assert replica.replica.state()["callback"] == {"requests": 0}


async def test_the_form_stands_beside_the_notice() -> None:
    """Both are switched on and off on their own."""
    async with running_replica() as replica:
        seen = []
        for order in (("on", Fault.BANNER), ("on", Fault.CALLBACK_FORM), ("off", Fault.BANNER)):
            if order[0] == "on":
                replica.switch_on(order[1])
            else:
                replica.replica.faults.switch_off(order[1])
            page = await home(replica)
            seen.append(('role="alert"' in page, 'id="callback"' in page))
    assert seen == [(True, False), (True, True), (False, True)]


@pytest.mark.parametrize("fields", [{}, {"phone": ""}, {"subject": "storing"}, {"phone": "+31990009003"}])
async def test_a_form_that_is_not_filled_in_is_refused(fields: dict[str, str]) -> None:
    """A number and a subject."""
    async with running_replica() as replica, browser() as session:
        replica.switch_on(Fault.CALLBACK_FORM)
        async with session.post(replica.endpoints["callback"] + "/request", data=fields) as answer:
            assert answer.status == 400
