"""Mijn Belastingdienst Zakelijk: returns of companies, and those who would file nonsense or read another's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drivers import send
from tests.replica import Clock, RunningReplica, running_replica
from tests.staging.means import inside

SYSTEM = "mijn-belastingdienst-zakelijk"
VAT = {"kind": "vat", "period": "2026-Q1", "turnover": 10_000, "input": 300}
PAYROLL = {"kind": "payroll", "period": "2026-03", "withheld": 4321}


def filed(replica: RunningReplica) -> int:
    """Return how many returns the portal counts."""
    return int(replica.replica.state()["business"]["submissions"])


@pytest.mark.parametrize(
    ("data", "owed"),
    [
        (VAT, 1800),  # 21 % of 10,000 is 2,100, less 300
        ({**VAT, "input": 5000}, -2900),  # more was paid than is owed: it comes back
        ({**VAT, "turnover": 99, "input": 0}, 20),  # whole euros, rounded down
        (PAYROLL, 4321),
    ],
)
async def test_a_return_is_filed_and_says_what_is_owed(data: dict[str, Any], owed: int) -> None:
    """The receipt leads to the amount that follows from the figures."""
    async with running_replica() as replica, inside(SYSTEM, replica) as session:
        base = replica.endpoints[SYSTEM] + "/return"
        status, answer = await send(session, "POST", base, data)
        assert status == 200
        assert await send(session, "GET", f"{base}?receipt={answer['receipt']}") == (200, {**answer, "owed": owed})
        assert filed(replica) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"turnover": -1}, "bad_amount"),
        ({"turnover": "1"}, "bad_amount"),
        ({"turnover": 1.5}, "bad_amount"),
        ({"turnover": True}, "bad_amount"),
        ({"input": None}, "bad_amount"),
        ({"kind": "payroll"}, "bad_amount"),
        ({"kind": "wealth"}, "bad_request"),
        ({"kind": 7}, "bad_request"),
        ({"period": None}, "bad_request"),
    ],
)
async def test_nonsense_is_refused_and_not_counted(changes: dict[str, Any], error: str) -> None:
    """Whole euros of known returns for a period, or nothing."""
    async with running_replica() as replica, inside(SYSTEM, replica) as session:
        status, answer = await send(session, "POST", replica.endpoints[SYSTEM] + "/return", {**VAT, **changes})
        assert (status, answer["error"]) == (400, error)
        assert filed(replica) == 0


async def test_a_company_may_correct_its_return() -> None:
    """Each submission has a receipt of its own with its own amount."""
    async with running_replica() as replica, inside(SYSTEM, replica) as session:
        base = replica.endpoints[SYSTEM] + "/return"
        receipts = [(await send(session, "POST", base, {**VAT, "turnover": t}))[1]["receipt"] for t in (1000, 2000)]
        owed = [(await send(session, "GET", f"{base}?receipt={receipt}"))[1]["owed"] for receipt in receipts]
        assert owed == [-90, 120]
        assert filed(replica) == 2


async def test_nobody_reads_another_company_s_return() -> None:
    """With the receipt of another, or an invented one, there is no return."""
    async with running_replica() as replica, inside(SYSTEM, replica) as owner, inside(SYSTEM, replica, 1) as thief:
        base = replica.endpoints[SYSTEM] + "/return"
        _, answer = await send(owner, "POST", base, VAT)
        assert (await send(thief, "GET", f"{base}?receipt={answer['receipt']}"))[0] == 404
        assert (await send(owner, "GET", base + "?receipt=invented"))[0] == 404
        assert (await send(owner, "GET", f"{base}?receipt={answer['receipt']}"))[0] == 200


async def test_receipts_expire() -> None:
    """Memory is free again after their lifetime; the count stays."""
    clock = Clock()
    async with running_replica(clock, receipt_lifetime=600.0) as replica, inside(SYSTEM, replica) as session:
        base = replica.endpoints[SYSTEM] + "/return"
        _, answer = await send(session, "POST", base, VAT)
        clock.now += 600
        assert (await send(session, "GET", f"{base}?receipt={answer['receipt']}"))[0] == 404
        assert filed(replica) == 1
