"""Direct payment: only the bank makes a payment paid."""

from __future__ import annotations

import pytest

from tests.drivers import browser, send
from tests.replica import Clock, running_replica

SYSTEM = "payments"


async def test_a_payment_is_paid_when_the_bank_says_so() -> None:
    """Open until then; its amount stays what it was; paying twice is paying once."""
    async with running_replica() as replica, browser() as session:
        base = replica.endpoints[SYSTEM]
        _, started = await send(session, "POST", base + "/start", {"amount": 250})
        status = f"{base}/status?payment={started['payment']}"
        assert await send(session, "GET", status) == (200, {"status": "open", "amount": 250})
        assert replica.replica.state()["payments"]["paid"] == 0
        for _ in range(2):
            assert (await send(session, "POST", base + "/test-bank", started))[0] == 200
        assert await send(session, "GET", status) == (200, {"status": "paid", "amount": 250})
        assert replica.replica.state()["payments"]["paid"] == 1


async def test_one_payment_does_not_pay_another() -> None:
    """Of two, the one that was approved is paid."""
    async with running_replica() as replica, browser() as session:
        base = replica.endpoints[SYSTEM]
        first, second = [(await send(session, "POST", base + "/start", {"amount": 1}))[1] for _ in range(2)]
        await send(session, "POST", base + "/test-bank", first)
        seen = [
            (await send(session, "GET", f"{base}/status?payment={each['payment']}"))[1]["status"]
            for each in (first, second)
        ]
        assert seen == ["paid", "open"]


@pytest.mark.parametrize("amount", [0, -1, "10", 1.5, True, None])
async def test_an_amount_is_whole_euros(amount: object) -> None:
    """Anything else starts no payment."""
    async with running_replica() as replica, browser() as session:
        status, answer = await send(session, "POST", replica.endpoints[SYSTEM] + "/start", {"amount": amount})
        assert (status, answer["error"]) == (400, "bad_amount")


async def test_a_payment_that_does_not_exist_is_neither_paid_nor_open() -> None:
    """Invented or forgotten: 404, from the bank as well."""
    clock = Clock()
    async with running_replica(clock, receipt_lifetime=600.0) as replica, browser() as session:
        base = replica.endpoints[SYSTEM]
        _, started = await send(session, "POST", base + "/start", {"amount": 5})
        clock.now += 600
        for payment in (started["payment"], "invented"):
            assert (await send(session, "GET", f"{base}/status?payment={payment}"))[0] == 404
            assert (await send(session, "POST", base + "/test-bank", {"payment": payment}))[0] == 404
        assert (await send(session, "GET", base + "/status"))[0] == 400
