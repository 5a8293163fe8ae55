"""Mandates and allowances: a citizen's own, kept, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drivers import send
from tests.replica import Clock, running_replica
from tests.staging.means import inside

MANDATES, ALLOWANCES = "mandates", "mijn-toeslagen"
ADVISER = {"adviser": "adviseur-a", "until": "2030-12-31"}


async def test_a_mandate_is_given_and_withdrawn() -> None:
    """What was given is there after another login, and what was withdrawn is gone."""
    async with running_replica() as replica:
        base = replica.endpoints[MANDATES]
        async with inside(MANDATES, replica) as session:
            before = (await send(session, "GET", base + "/"))[1]["mandates"]
            _, given = await send(session, "PUT", base + "/mandate", ADVISER)
            assert given["mandates"] == {**before, "adviseur-a": "2030-12-31"}
        async with inside(MANDATES, replica) as session:
            assert (await send(session, "GET", base + "/"))[1] == given
            _, left = await send(session, "DELETE", base + "/mandate?adviser=adviseur-a")
            assert left["mandates"] == before
            assert (await send(session, "DELETE", base + "/mandate?adviser=adviseur-a"))[0] == 404


async def test_who_withdraws_every_mandate_has_none() -> None:
    """The mandate that everybody begins with does not come back by itself."""
    async with running_replica() as replica, inside(MANDATES, replica) as session:
        base = replica.endpoints[MANDATES]
        for adviser in (await send(session, "GET", base + "/"))[1]["mandates"]:
            await send(session, "DELETE", f"{base}/mandate?adviser={adviser}")
        assert (await send(session, "GET", base + "/"))[1] == {"mandates": {}}


async def test_a_mandate_given_again_is_changed() -> None:
    """One for each adviser; the last date counts."""
    async with running_replica() as replica, inside(MANDATES, replica) as session:
        mandate = replica.endpoints[MANDATES] + "/mandate"
        await send(session, "PUT", mandate, ADVISER)
        _, changed = await send(session, "PUT", mandate, {**ADVISER, "until": "2027-01-31"})
        assert changed["mandates"]["adviseur-a"] == "2027-01-31"


@pytest.mark.parametrize("nonsense", [{"adviser": 1}, {"until": "for ever"}, {"until": 2030}, {"until": None}])
async def test_a_mandate_names_an_adviser_and_a_date(nonsense: dict[str, Any]) -> None:
    """Anything else is refused and changes nothing."""
    async with running_replica() as replica, inside(MANDATES, replica) as session:
        base = replica.endpoints[MANDATES]
        before = await send(session, "GET", base + "/")
        assert (await send(session, "PUT", base + "/mandate", {**ADVISER, **nonsense}))[0] == 400
        assert (await send(session, "DELETE", base + "/mandate"))[0] == 400
        assert await send(session, "GET", base + "/") == before


async def test_nobody_gives_or_withdraws_another_one_s_mandate() -> None:
    """Without a session nothing; with one's own, one's own mandates only."""
    async with (
        running_replica() as replica,
        inside(MANDATES, replica) as owner,
        inside(MANDATES, replica, 1) as other,
        inside(ALLOWANCES, replica, 2) as stranger,
    ):
        base = replica.endpoints[MANDATES]
        _, given = await send(owner, "PUT", base + "/mandate", ADVISER)
        assert (await send(other, "DELETE", base + "/mandate?adviser=adviseur-a"))[0] == 404
        for method, path in (("GET", "/"), ("PUT", "/mandate"), ("DELETE", "/mandate?adviser=adviseur-a")):
            assert (await send(stranger, method, base + path))[0] == 401, path
        assert (await send(owner, "GET", base + "/"))[1] == given


async def test_allowances_follow_from_the_citizen() -> None:
    """Two replicas show the same for the same citizen, and something else for another."""
    seen = []
    for number in (0, 0, 1):
        async with running_replica() as replica, inside(ALLOWANCES, replica, number) as session:
            seen.append((await send(session, "GET", replica.endpoints[ALLOWANCES] + "/"))[1])
    assert seen[0] == seen[1] != seen[2]
    assert 15_000 <= seen[0]["income"] < 45_000


async def test_a_change_of_income_changes_the_allowances_and_stays() -> None:
    """Nothing is paid to the rich, the most to those without an income; another login shows the same."""
    async with running_replica() as replica:
        base = replica.endpoints[ALLOWANCES]
        async with inside(ALLOWANCES, replica) as session:
            _, rich = await send(session, "PUT", base + "/income", {"income": 100_000})
            _, poor = await send(session, "PUT", base + "/income", {"income": 0})
            assert rich["message"] != poor["message"]
        assert (rich["zorgtoeslag"], rich["huurtoeslag"]) == (0, 0)
        assert (poor["zorgtoeslag"], poor["huurtoeslag"]) == (130, 420)
        async with inside(ALLOWANCES, replica) as session:
            assert (await send(session, "GET", base + "/"))[1]["income"] == 0


@pytest.mark.parametrize("income", [-1, "1", 1.5, True, None])
async def test_an_income_is_whole_euros(income: object) -> None:
    """Nonsense is refused and changes nothing."""
    async with running_replica() as replica, inside(ALLOWANCES, replica) as session:
        base = replica.endpoints[ALLOWANCES]
        before = await send(session, "GET", base + "/")
        status, answer = await send(session, "PUT", base + "/income", {"income": income})
        assert (status, answer["error"]) == (400, "bad_amount")
        assert await send(session, "GET", base + "/") == before


async def test_nobody_changes_another_one_s_income() -> None:
    """A change is of whoever is logged in; without a session it is refused."""
    async with (
        running_replica() as replica,
        inside(ALLOWANCES, replica) as owner,
        inside(ALLOWANCES, replica, 1) as other,
        inside(MANDATES, replica, 2) as stranger,
    ):
        base = replica.endpoints[ALLOWANCES]
        before = await send(owner, "GET", base + "/")
        await send(other, "PUT", base + "/income", {"income": 1})
        assert (await send(stranger, "PUT", base + "/income", {"income": 1}))[0] == 401
        assert await send(owner, "GET", base + "/") == before


async def test_what_was_changed_is_forgotten_in_the_end() -> None:
    """After the lifetime of a draft both begin anew: memory is free again."""
    clock = Clock()
    async with running_replica(clock, draft_lifetime=3600.0) as replica:
        async with inside(MANDATES, replica) as session:
            await send(session, "PUT", replica.endpoints[MANDATES] + "/mandate", ADVISER)
        clock.now += 3600
        async with inside(MANDATES, replica) as session:
            assert "adviseur-a" not in (await send(session, "GET", replica.endpoints[MANDATES] + "/"))[1]["mandates"]
