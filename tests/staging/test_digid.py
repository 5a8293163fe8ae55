"""DigiD, and those who try to get past it."""

from __future__ import annotations

from typing import Any

import aiohttp

from journeys import Identities
from journeys.login import activate_app
from journeys.waiting_room import pass_waiting_room
from tests.drivers import browser, drive, send, someone
from tests.replica import Clock, RunningReplica, running_replica

BSN, OTHER = Identities().bsn(0), Identities().bsn(1)
APP = {"app": f"app-{BSN}", "pin": BSN[-5:]}


async def open_login(session: aiohttp.ClientSession, replica: RunningReplica) -> dict[str, Any]:
    admission = await drive(pass_waiting_room(someone()), session, replica.url)
    login = replica.endpoints["access-service"] + "/login"
    return dict((await send(session, "POST", login, {"channel": "web", "admission": admission}))[1])


async def start_app(session: aiohttp.ClientSession, replica: RunningReplica) -> dict[str, Any]:
    request = await open_login(session, replica)
    return dict((await send(session, "POST", replica.endpoints["digid-app"] + "/app/start", request))[1])


async def start_sms(session: aiohttp.ClientSession, replica: RunningReplica) -> dict[str, Any]:
    account = {**await open_login(session, replica), "bsn": BSN, "password": f"Test-{BSN}"}
    return dict((await send(session, "POST", replica.endpoints["digid-sms"] + "/sms/start", account))[1])


async def test_a_login_begins_at_a_relying_party() -> None:
    """DigiD starts nothing without a login request that the access service opened."""
    async with running_replica() as replica, browser() as session:
        digid = replica.endpoints["digid-app"]
        account = {"request": "invented", "bsn": BSN, "password": f"Test-{BSN}"}
        assert (await send(session, "POST", digid + "/app/start", {"request": "invented"}))[0] == 403
        assert (await send(session, "POST", digid + "/sms/start", account))[0] == 403


async def test_the_browser_waits_until_the_app_confirmed() -> None:
    """The status is pending, then confirmed with an artifact, then gone."""
    async with running_replica() as replica, browser() as session, browser() as telephone:
        digid, started = replica.endpoints["digid-app"], await start_app(session, replica)
        status = f"{digid}/app/status?transaction={started['transaction']}"
        assert await send(session, "GET", status) == (200, {"status": "pending"})
        assert (await send(telephone, "POST", digid + "/app/confirm", {**started, **APP}))[0] == 200
        assert "artifact" in (await send(session, "GET", status))[1]
        assert (await send(session, "GET", status))[0] == 410


async def test_no_one_confirms_another_one_s_login() -> None:
    """Without the code on the screen, or with another citizen's PIN, a transaction is not confirmed."""
    async with running_replica() as replica, browser() as session, browser() as thief:
        digid, started = replica.endpoints["digid-app"], await start_app(session, replica)
        guess = {**started, **APP, "code": "0000" if started["code"] != "0000" else "0001"}
        wrong_pin = {**started, "app": f"app-{OTHER}", "pin": APP["pin"]}
        assert (await send(thief, "POST", digid + "/app/confirm", guess))[0] == 403
        assert (await send(thief, "POST", digid + "/app/confirm", wrong_pin))[0] == 403
        status = f"{digid}/app/status?transaction={started['transaction']}"
        assert await send(session, "GET", status) == (200, {"status": "pending"})


async def test_no_one_collects_another_one_s_login() -> None:
    """A confirmed transaction gives its artifact to the browser that started it and to no other."""
    async with running_replica() as replica, browser() as session, browser() as thief:
        digid, started = replica.endpoints["digid-app"], await start_app(session, replica)
        await send(session, "POST", digid + "/app/confirm", {**started, **APP})
        status = f"{digid}/app/status?transaction={started['transaction']}"
        assert (await send(thief, "GET", status))[0] == 401
        await start_app(thief, replica)
        assert (await send(thief, "GET", status))[0] == 401
        assert (await send(session, "GET", status))[0] == 200


async def test_a_login_is_confirmed_once() -> None:
    """A second app cannot take over a confirmed login."""
    async with running_replica() as replica, browser() as session:
        digid, started = replica.endpoints["digid-app"], await start_app(session, replica)
        second = {**started, "app": f"app-{OTHER}", "pin": OTHER[-5:]}
        assert (await send(session, "POST", digid + "/app/confirm", {**started, **APP}))[0] == 200
        assert (await send(session, "POST", digid + "/app/confirm", second))[0] == 409


async def test_an_app_that_does_not_exist_confirms_nothing() -> None:
    """Neither an invented app nor the app of a number outside the test range is accepted."""
    async with running_replica() as replica, browser() as session:
        digid, started = replica.endpoints["digid-app"], await start_app(session, replica)
        outside = "111222333"  # passes the 11-test, is no test number
        for app, pin in (("invented", "12345"), (f"app-{outside}", outside[-5:])):
            order = {**started, "app": app, "pin": pin}
            assert (await send(session, "POST", digid + "/app/confirm", order))[0] == 403


async def test_only_test_numbers_have_an_account() -> None:
    """Wrong passwords, real-looking numbers and numbers that fail the 11-test are refused."""
    async with running_replica() as replica, browser() as session:
        digid, login = replica.endpoints["digid-sms"], await open_login(session, replica)
        wrong = f"{BSN[:-1]}{(int(BSN[-1]) + 1) % 10}"
        for bsn, password in ((BSN, "guess"), ("111222333", "Test-111222333"), (wrong, f"Test-{wrong}"), ("", "Test-")):
            account = {**login, "bsn": bsn, "password": password}
            status, answer = await send(session, "POST", digid + "/sms/start", account)
            assert (status, answer["error"]) == (403, "login_refused")


async def test_the_code_of_the_sms_must_match() -> None:
    """A wrong code is refused, the right one accepted, and only once."""
    async with running_replica() as replica, browser() as session:
        digid, started = replica.endpoints["digid-sms"], await start_sms(session, replica)
        _, sms = await send(session, "GET", f"{digid}/test-inbox?transaction={started['transaction']}")
        status, answer = await send(session, "POST", digid + "/sms/confirm", {**started, "code": "wrong"})
        assert (status, answer["error"]) == (403, "code_rejected")
        assert (await send(session, "POST", digid + "/sms/confirm", {**started, **sms}))[0] == 200
        assert (await send(session, "POST", digid + "/sms/confirm", {**started, **sms}))[0] == 410


async def test_three_wrong_codes_lock_the_login() -> None:
    """After the third wrong code even the right one is refused; a new login is possible."""
    async with running_replica() as replica, browser() as session:
        digid, started = replica.endpoints["digid-sms"], await start_sms(session, replica)
        _, sms = await send(session, "GET", f"{digid}/test-inbox?transaction={started['transaction']}")
        for _ in range(3):
            assert (await send(session, "POST", digid + "/sms/confirm", {**started, "code": "wrong"}))[0] == 403
        status, answer = await send(session, "POST", digid + "/sms/confirm", {**started, **sms})
        assert (status, answer["error"]) == (423, "locked")
        assert "transaction" in await start_sms(session, replica)


async def test_the_code_of_the_sms_expires() -> None:
    """A code is good until its lifetime is over, then it is refused."""
    clock = Clock()
    async with running_replica(clock, code_lifetime=300.0) as replica, browser() as session:
        digid = replica.endpoints["digid-sms"]
        for age, expected in ((299.0, 200), (300.0, 410)):
            started = await start_sms(session, replica)
            _, sms = await send(session, "GET", f"{digid}/test-inbox?transaction={started['transaction']}")
            clock.now += age
            assert (await send(session, "POST", digid + "/sms/confirm", {**started, **sms}))[0] == expected


async def test_a_code_works_in_the_browser_that_asked_for_it() -> None:
    """Whoever reads the SMS over someone's shoulder cannot use it elsewhere, nor for another kind of transaction."""
    async with running_replica() as replica, browser() as session, browser() as thief:
        digid, started = replica.endpoints["digid-sms"], await start_sms(session, replica)
        _, sms = await send(session, "GET", f"{digid}/test-inbox?transaction={started['transaction']}")
        assert (await send(thief, "POST", digid + "/sms/confirm", {**started, **sms}))[0] == 401
        order = {**started, **sms, "pin": "12345"}
        assert (await send(session, "POST", digid + "/activation/confirm", order))[0] == 410


async def test_the_inbox_holds_no_code_of_an_app_login() -> None:
    """The pairing code of an app login stands on a screen, not in an SMS."""
    async with running_replica() as replica, browser() as session:
        started = await start_app(session, replica)
        inbox = replica.endpoints["digid-sms"] + "/test-inbox?transaction="
        assert (await send(session, "GET", inbox + started["transaction"]))[0] == 404
        assert (await send(session, "GET", inbox + "invented"))[0] == 404


async def test_an_activated_app_logs_its_owner_in() -> None:
    """The new app confirms a login with the PIN that was chosen, and with no other."""
    async with running_replica() as replica, browser() as session:
        digid = replica.endpoints["digid-activation"]
        account = {"bsn": BSN, "password": f"Test-{BSN}"}
        _, begun = await send(session, "POST", digid + "/activation/start", account)
        _, sms = await send(session, "GET", f"{digid}/test-inbox?transaction={begun['transaction']}")
        order = {**begun, **sms, "pin": "54321"}
        assert (await send(session, "POST", digid + "/activation/confirm", {**order, "pin": "1"}))[0] == 400
        _, active = await send(session, "POST", digid + "/activation/confirm", order)
        assert (await send(session, "POST", digid + "/activation/confirm", order))[0] == 410
        started = await start_app(session, replica)
        for pin, expected in ((BSN[-5:], 403), ("54321", 200)):
            confirmation = {**started, "app": active["app"], "pin": pin}
            assert (await send(session, "POST", digid + "/app/confirm", confirmation))[0] == expected


async def test_memory_forgets_finished_and_forgotten_transactions() -> None:
    """Activated and abandoned transactions leave nothing behind after their lifetime."""
    clock = Clock()
    async with running_replica(clock) as replica, browser() as session:
        await start_app(session, replica)
        await drive(activate_app(someone()), session, replica.url)
        assert replica.replica.state()["digid"]["transactions"] == 1
        clock.now += 301
        assert replica.replica.state()["digid"]["transactions"] == 0
        assert replica.replica.state()["access"]["logins"] == 0
