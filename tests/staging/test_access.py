"""The access service, and those who try to get past it."""

from __future__ import annotations

import aiohttp
import pytest

from journeys.login import log_in_with_app
from journeys.waiting_room import pass_waiting_room
from tests.drivers import browser, drive, send, someone
from tests.replica import Clock, RunningReplica, running_replica


async def log_in_by_hand(session: aiohttp.ClientSession, replica: RunningReplica, *, number: int = 0) -> str:
    """Go as far as DigiD's assertion and return its artifact."""
    citizen = someone(number)
    access, digid = replica.endpoints["access-service"], replica.endpoints["digid-sms"]
    admission = await drive(pass_waiting_room(citizen), session, replica.url)
    _, login = await send(session, "POST", access + "/login", {"channel": "web", "admission": admission})
    account = {**login, "bsn": citizen.account.bsn, "password": f"Test-{citizen.account.bsn}"}
    _, started = await send(session, "POST", digid + "/sms/start", account)
    _, sms = await send(session, "GET", f"{digid}/test-inbox?transaction={started['transaction']}")
    _, confirmed = await send(session, "POST", digid + "/sms/confirm", {**started, **sms})
    return str(confirmed["artifact"])


async def test_health_is_ready() -> None:
    """The health page says 'ready'."""
    async with running_replica() as replica, browser() as session:
        assert await send(session, "GET", replica.endpoints["access-service"] + "/health") == (200, {"status": "ready"})


@pytest.mark.parametrize("admission", ["", "web-invented", "app-invented"])
async def test_no_login_without_an_admission(admission: str) -> None:
    """An invented admission is refused."""
    async with running_replica() as replica, browser() as session:
        login = replica.endpoints["access-service"] + "/login"
        status, answer = await send(session, "POST", login, {"channel": "web", "admission": admission})
        assert (status, answer["error"]) == (403, "not_admitted")


async def test_who_still_waits_is_not_let_in() -> None:
    """A ticket of someone in the queue is no admission."""
    async with running_replica(dose_web=0.001) as replica, browser() as session:
        queue, login = replica.endpoints["waiting-room"] + "/queue", replica.endpoints["access-service"] + "/login"
        await send(session, "POST", queue, {"channel": "web"})
        _, second = await send(session, "POST", queue, {"channel": "web"})
        assert (await send(session, "POST", login, {"channel": "web", "admission": second["ticket"]}))[0] == 403


async def test_an_admission_is_used_once() -> None:
    """Replaying an admission is refused."""
    async with running_replica() as replica, browser() as session:
        admission = await drive(pass_waiting_room(someone()), session, replica.url)
        login = replica.endpoints["access-service"] + "/login"
        order = {"channel": "web", "admission": admission}
        assert (await send(session, "POST", login, order))[0] == 200
        assert (await send(session, "POST", login, order))[0] == 403


async def test_an_admission_of_the_other_channel_is_refused() -> None:
    """The short queue of the app does not open the door of the website, and is not used up by the try."""
    async with running_replica() as replica, browser() as session:
        admission = await drive(pass_waiting_room(someone(channel="app")), session, replica.url)
        login = replica.endpoints["access-service"] + "/login"
        assert (await send(session, "POST", login, {"channel": "web", "admission": admission}))[0] == 403
        assert (await send(session, "POST", login, {"channel": "app", "admission": admission}))[0] == 200


async def test_an_admission_expires() -> None:
    """Who was admitted and does not come in time has to queue again."""
    clock = Clock()
    async with running_replica(clock, admission_lifetime=60.0) as replica, browser() as session:
        admission = await drive(pass_waiting_room(someone()), session, replica.url)
        clock.now += 61
        login = replica.endpoints["access-service"] + "/login"
        assert (await send(session, "POST", login, {"channel": "web", "admission": admission}))[0] == 403


async def test_an_assertion_needs_the_session_that_asked_for_it() -> None:
    """A stolen artifact is worth nothing in another browser, with or without a login of its own."""
    async with running_replica() as replica, browser() as victim, browser() as thief, browser() as stranger:
        assertion = replica.endpoints["access-service"] + "/assertion"
        artifact = await log_in_by_hand(victim, replica)
        assert (await send(stranger, "POST", assertion, {"artifact": artifact}))[0] == 401
        await log_in_by_hand(thief, replica, number=1)
        assert (await send(thief, "POST", assertion, {"artifact": artifact}))[0] == 403


async def test_an_assertion_is_used_once() -> None:
    """The same artifact does not log in twice; neither does an invented one."""
    async with running_replica() as replica, browser() as session:
        assertion = replica.endpoints["access-service"] + "/assertion"
        artifact = await log_in_by_hand(session, replica)
        assert (await send(session, "POST", assertion, {"artifact": "invented"}))[0] == 403
        status, answer = await send(session, "POST", assertion, {"artifact": artifact})
        assert (status, answer["status"]) == (200, "logged-in")
        assert (await send(session, "POST", assertion, {"artifact": artifact}))[0] == 401


async def test_a_ticket_opens_one_portal_session() -> None:
    """The way from the access service to the portal is open once."""
    async with running_replica() as replica, browser() as session, browser() as other:
        ticket = await drive(log_in_with_app(someone()), session, replica.url)
        door = f"{replica.endpoints['mijn-belastingdienst']}/session?ticket={ticket}"
        status, page = await send(session, "GET", door)
        assert (status, "Uw overzicht" in page) == (200, True)
        assert (await send(other, "GET", door))[0] == 403
