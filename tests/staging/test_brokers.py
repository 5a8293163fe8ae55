"""eHerkenning and eIDAS: a password, a code, and those who have neither."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from staging.brokers import TRIES
from tests.drivers import browser, send, someone
from tests.replica import Clock, RunningReplica, running_replica

MEANS = pytest.mark.parametrize("means", ["eherkenning", "eidas"])


class Visitor:
    """Someone who logs in by a broker, request by request."""

    def __init__(self, session: aiohttp.ClientSession, replica: RunningReplica, means: str, number: int = 0) -> None:
        self.session = session
        self.means = means
        self.access = replica.endpoints["access-service"]
        self.broker = replica.endpoints[means]
        self.user = someone(number).account.bsn

    async def open(self) -> dict[str, Any]:
        return dict((await send(self.session, "POST", self.access + "/login", {"means": self.means}))[1])

    async def start(self, request: str, **changes: str) -> tuple[int, Any]:
        data = {"request": request, "user": self.user, "password": f"Test-{self.user}", **changes}
        return await send(self.session, "POST", self.broker + "/start", data)

    async def started(self) -> str:
        """Open a login and give the password; return the transaction."""
        status, answer = await self.start((await self.open())["request"])
        assert status == 200
        return str(answer["transaction"])

    async def code(self, transaction: str) -> tuple[int, Any]:
        return await send(self.session, "GET", f"{self.broker}/test-inbox?transaction={transaction}")

    async def confirm(self, transaction: str, code: str) -> tuple[int, Any]:
        return await send(self.session, "POST", self.broker + "/confirm", {"transaction": transaction, "code": code})

    async def confirmed(self) -> str:
        """Log in as far as the broker's assertion; return its artifact."""
        transaction = await self.started()
        _, inbox = await self.code(transaction)
        return str((await self.confirm(transaction, inbox["code"]))[1]["artifact"])

    async def assertion(self, artifact: str) -> tuple[int, Any]:
        return await send(self.session, "POST", self.access + "/assertion", {"artifact": artifact})


@MEANS
async def test_password_and_code_log_in(means: str) -> None:
    """Who knows both is logged in, without an admission of the waiting room."""
    async with running_replica() as replica, browser() as session:
        visitor = Visitor(session, replica, means)
        status, answer = await visitor.assertion(await visitor.confirmed())
        assert (status, answer["status"]) == (200, "logged-in")


@MEANS
async def test_a_login_begins_at_the_access_service(means: str) -> None:
    """A request that nobody opened, or that was opened for the other broker, is refused."""
    other = "eidas" if means == "eherkenning" else "eherkenning"
    async with running_replica() as replica, browser() as session:
        visitor = Visitor(session, replica, means)
        elsewhere = await Visitor(session, replica, other).open()
        for request in ("invented", elsewhere["request"]):
            status, answer = await visitor.start(request)
            assert (status, answer["error"]) == (403, "no_request")


@MEANS
@pytest.mark.parametrize("changes", [{"password": "Test-1"}, {"user": "123456782", "password": "Test-123456782"}])
async def test_a_wrong_password_and_a_number_without_an_account_are_refused(
    means: str, changes: dict[str, str]
) -> None:
    """Only test numbers have accounts; the answer does not say which of the two was wrong."""
    async with running_replica() as replica, browser() as session:
        visitor = Visitor(session, replica, means)
        status, answer = await visitor.start((await visitor.open())["request"], **changes)
        assert (status, answer["error"]) == (403, "login_refused")


@MEANS
async def test_three_wrong_codes_lock_the_login(means: str) -> None:
    """After three the right code does not help either; a login begun anew does."""
    async with running_replica() as replica, browser() as session:
        visitor = Visitor(session, replica, means)
        transaction = await visitor.started()
        _, inbox = await visitor.code(transaction)
        for _ in range(TRIES):
            status, answer = await visitor.confirm(transaction, "no code")
            assert (status, answer["error"]) == (403, "code_rejected")
        assert (await visitor.confirm(transaction, inbox["code"]))[0] == 423
        assert (await visitor.assertion(await visitor.confirmed()))[0] == 200


async def test_a_code_is_used_once_and_expires() -> None:
    """The same code does not log in twice; after its lifetime it is gone, and so is the message with it."""
    clock = Clock()
    async with running_replica(clock, code_lifetime=300.0) as replica, browser() as session:
        visitor = Visitor(session, replica, "eherkenning")
        transaction = await visitor.started()
        _, inbox = await visitor.code(transaction)
        assert (await visitor.confirm(transaction, inbox["code"]))[0] == 200
        assert (await visitor.confirm(transaction, inbox["code"]))[0] == 410
        late = await visitor.started()
        clock.now += 300
        assert (await visitor.code(late))[0] == 410
        assert (await visitor.confirm(late, "000000"))[0] == 410


async def test_an_assertion_is_used_once_and_by_whoever_asked_for_it() -> None:
    """A stolen artifact logs nobody else in, and a used one nobody at all."""
    async with running_replica() as replica, browser() as victim, browser() as thief:
        owner, other = Visitor(victim, replica, "eherkenning"), Visitor(thief, replica, "eherkenning", 1)
        artifact = await owner.confirmed()
        assert (await other.assertion(artifact))[0] == 401
        second = await owner.confirmed()
        await other.open()
        assert (await other.assertion(second))[0] == 403
        third = await owner.confirmed()
        assert (await owner.assertion(third))[0] == 200
        assert (await owner.assertion(third))[0] == 401


async def test_an_assertion_of_another_broker_does_not_count() -> None:
    """A login that was opened for eHerkenning is not finished by what eIDAS says."""
    async with running_replica() as replica, browser() as session:
        artifact = await Visitor(session, replica, "eidas").confirmed()
        visitor = Visitor(session, replica, "eherkenning")
        await visitor.open()
        assert (await visitor.assertion(artifact))[0] == 403


async def test_a_means_that_does_not_exist_is_refused() -> None:
    """The access service knows DigiD, eHerkenning and eIDAS."""
    async with running_replica() as replica, browser() as session:
        login = replica.endpoints["access-service"] + "/login"
        status, answer = await send(session, "POST", login, {"means": "passport"})
        assert (status, answer["error"]) == (400, "bad_request")
        assert replica.replica.state()["access"]["logins"] == 0
