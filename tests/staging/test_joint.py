"""The Belastingdienst app: one return, two partners, two logins."""

from __future__ import annotations

from typing import Any

import aiohttp

from journeys import Citizen, Identities, definitions
from journeys.login import log_in_with_app
from tests.drivers import browser, drive, send, walk
from tests.replica import RunningReplica, running_replica


def couple(number: int = 0) -> Citizen:
    return Citizen(number, Identities().account(number), "app", watchful=True)


class Couple:
    """What two partners do on one telephone, as raw requests."""

    def __init__(self, session: aiohttp.ClientSession, replica: RunningReplica) -> None:
        self.session, self.replica = session, replica
        self.base = replica.endpoints["belastingdienst-app"]

    async def ticket(self, citizen: Citizen) -> str:
        return await drive(log_in_with_app(citizen), self.session, self.replica.url)

    async def open(self, citizen: Citizen) -> dict[str, Any]:
        ticket = await self.ticket(citizen)
        return dict((await send(self.session, "GET", f"{self.base}/session?ticket={ticket}"))[1])

    async def divide(self, key: str, **amounts: Any) -> tuple[int, Any]:
        return await send(self.session, "PUT", self.base + "/return", {"return": key, "amounts": amounts})

    async def sign(self, key: str, version: int) -> tuple[int, Any]:
        return await send(self.session, "POST", self.base + "/sign", {"return": key, "version": version})

    async def sign_as(self, ticket: str, key: str, version: int) -> tuple[int, Any]:
        order = {"return": key, "version": version, "ticket": ticket}
        return await send(self.session, "POST", self.base + "/partner/sign", order)

    async def submit(self, key: str, signature: str) -> tuple[int, Any]:
        return await send(self.session, "POST", self.base + "/submit", {"return": key, "signature": signature})


async def test_partners_file_one_return_with_two_logins() -> None:
    """The steps taken are the steps declared; each login goes through the waiting room; one return is submitted."""
    async with running_replica() as replica:
        taken = await walk("file-joint-return", replica.url, couple())
        state = replica.replica.state()
        assert state["joint"]["submissions"] == 1
        assert state["waiting_room"]["app"]["admitted_in_order"] == 2
    declared = [step for step in definitions()["file-joint-return"].steps if step != "poll-queue"]
    assert list(dict.fromkeys(step for step in taken if step != "poll-queue")) == declared
    assert [taken.count(step) for step in ("open-login", "log-in", "sign", "partner-signs")] == [2, 2, 1, 1]


async def test_one_signature_is_not_enough() -> None:
    """Without the partner, and without one's own signature, the return is not accepted; with both it is, once."""
    citizen = couple()
    async with running_replica() as replica, browser() as session:
        app = Couple(session, replica)
        key = (await app.open(citizen))["return"]
        signature = (await app.sign(key, 0))[1]["signature"]
        assert (await app.submit(key, signature))[1]["error"] == "partner_not_signed"
        assert (await app.sign_as(await app.ticket(citizen.partner()), key, 0))[0] == 200
        assert (await app.submit(key, "invented"))[1]["error"] == "not_signed"
        assert (await app.submit(key, signature))[0] == 200
        assert (await app.submit(key, signature))[0] == 409
        assert replica.replica.state()["joint"]["submissions"] == 1


async def test_the_partner_is_somebody_else_who_has_logged_in() -> None:
    """Logging in twice oneself, an invented login, and a login used before are refused."""
    citizen = couple()
    async with running_replica() as replica, browser() as session:
        app = Couple(session, replica)
        key = (await app.open(citizen))["return"]
        used = await app.ticket(citizen.partner())
        assert (await app.sign_as(used, key, 0))[0] == 200
        for ticket in (await app.ticket(citizen), "invented", used):
            status, answer = await app.sign_as(ticket, key, 0)
            assert (status, answer["error"]) == (403, "partner_refused")


async def test_a_change_undoes_both_signatures() -> None:
    """What the partner has signed is a version: after a change it has to be signed again, by both."""
    citizen = couple()
    async with running_replica() as replica, browser() as session:
        app = Couple(session, replica)
        key = (await app.open(citizen))["return"]
        await app.sign(key, 0)
        await app.sign_as(await app.ticket(citizen.partner()), key, 0)
        assert (await app.divide(key, mortgage_interest=5))[1]["version"] == 1
        signature = (await app.sign(key, 1))[1]["signature"]
        assert (await app.submit(key, signature))[1]["error"] == "partner_not_signed"
        assert (await app.sign_as(await app.ticket(citizen.partner()), key, 0))[1]["error"] == "changed"
        assert (await app.sign_as(await app.ticket(citizen.partner()), key, 1))[0] == 200
        assert (await app.submit(key, signature))[0] == 200


async def test_nothing_without_a_session_and_nothing_of_others() -> None:
    """Every address asks for a login; another couple's return does not exist."""
    async with running_replica() as replica, browser() as session, browser() as other:
        app, thief = Couple(session, replica), Couple(other, replica)
        for done in (thief.divide("x"), thief.sign("x", 0), thief.sign_as("t", "x", 0), thief.submit("x", "s")):
            assert (await done)[0] == 401
        key = (await app.open(couple()))["return"]
        await thief.open(couple(1))
        assert (await thief.divide(key, gifts=1))[0] == 404
        assert (await thief.sign(key, 0))[0] == 404
        assert (await thief.sign_as(await thief.ticket(couple(2)), key, 0))[0] == 404
