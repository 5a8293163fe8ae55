"""Bank tax, and VAT on sales to other countries: what is filed, by whom, and what is refused."""

from __future__ import annotations

import pytest

from staging.companies import BANKS
from tests.drivers import browser, send, someone, walk
from tests.replica import running_replica
from tests.staging.means import inside

BALANCE = {"year": 2025, "short_term": 1_000_000_000, "long_term": 2_000_000_000}
LINES = [{"country": "BE", "turnover": 1000, "rate": 21}, {"country": "DE", "turnover": 2000, "rate": 19}]


async def test_bank_tax_is_a_part_of_what_the_bank_owes() -> None:
    """By hand: 1e9 * 44 / 100,000 + 2e9 * 22 / 100,000 = 440,000 + 440,000."""
    async with running_replica() as replica, inside("bank-tax", replica) as session:
        _, filed = await send(session, "POST", replica.endpoints["bank-tax"] + "/return", BALANCE)
        assert (filed["owed"], filed["correction"]) == (880_000, 0)


async def test_a_bank_has_one_return_for_each_year() -> None:
    """The last one counts and says that it is a correction; another year is another return."""
    async with running_replica() as replica, inside("bank-tax", replica) as session:
        base = replica.endpoints["bank-tax"]
        first = (await send(session, "POST", base + "/return", BALANCE))[1]
        second = (await send(session, "POST", base + "/return", {**BALANCE, "short_term": 0}))[1]
        await send(session, "POST", base + "/return", {**BALANCE, "year": 2024})
        _, seen = await send(session, "GET", base + "/")
        assert set(seen["returns"]) == {"2024", "2025"}
        assert seen["returns"]["2025"] == second
        assert (second["owed"], second["correction"]) == (440_000, 1)
        assert first["receipt"] != second["receipt"]
        assert replica.replica.state()["bank_tax"] == {"filed": 2}


async def test_there_are_no_more_banks_than_there_are() -> None:
    """However many log in: each acts for one of the large banks."""
    async with running_replica() as replica:
        for number in range(3 * BANKS):
            await walk("file-bank-tax", replica.url, someone(number))
        assert 1 < replica.replica.state()["bank_tax"]["filed"] <= BANKS


async def test_what_is_owed_on_sales_to_other_countries_is_their_sum() -> None:
    """By hand: 1000 * 21 % + 2000 * 19 % = 210 + 380; on the emergency track, and only for who filed it."""
    async with running_replica() as replica, inside("vat-ecommerce", replica) as session:
        base = replica.endpoints["vat-ecommerce"]
        assert (await send(session, "GET", base + "/"))[1] == {"track": "emergency"}
        _, filed = await send(session, "POST", base + "/return", {"period": "2026-Q1", "lines": LINES})
        assert filed["status"] == "received"
        _, seen = await send(session, "GET", f"{base}/return?receipt={filed['receipt']}")
        assert (seen["period"], seen["owed"]) == ("2026-Q1", 590)
        assert replica.replica.state()["vat_ecommerce"] == {"filed": 1}
        async with inside("vat-ecommerce", replica, 1) as other:
            assert (await send(other, "GET", f"{base}/return?receipt={filed['receipt']}"))[0] == 404


@pytest.mark.parametrize(
    ("system", "data"),
    [
        ("bank-tax", {**BALANCE, "year": "2025"}),
        ("bank-tax", {**BALANCE, "short_term": -1}),
        ("bank-tax", {"year": 2025}),
        ("vat-ecommerce", {"period": "2026-Q1"}),
        ("vat-ecommerce", {"period": "2026-Q1", "lines": []}),
        ("vat-ecommerce", {"period": "2026-Q1", "lines": ["BE"]}),
        ("vat-ecommerce", {"period": "2026-Q1", "lines": [LINES[0], LINES[0]]}),
        ("vat-ecommerce", {"period": "2026-Q1", "lines": [{"country": "BE", "turnover": 1.5, "rate": 21}]}),
        ("vat-ecommerce", {"lines": LINES}),
    ],
)
async def test_nonsense_is_refused_and_nothing_is_filed(system: str, data: dict[str, object]) -> None:
    """No year, no amount, no line, a country twice."""
    async with running_replica() as replica, inside(system, replica) as session:
        assert (await send(session, "POST", replica.endpoints[system] + "/return", data))[0] == 400
        state = replica.replica.state()
        assert (state["bank_tax"]["filed"], state["vat_ecommerce"]["filed"]) == (0, 0)


@pytest.mark.parametrize("system", ["bank-tax", "vat-ecommerce"])
async def test_nothing_without_a_session(system: str) -> None:
    """Neither reading nor filing."""
    async with running_replica() as replica, browser() as session:
        for method, path in (("GET", "/"), ("POST", "/return")):
            assert (await send(session, method, replica.endpoints[system] + path, {}))[0] == 401
