from __future__ import annotations

from tests.drivers import browser, send
from tests.replica import Clock, running_replica


async def test_the_first_goes_in_and_the_second_waits() -> None:
    """With a dose of one a second the second in line is told to wait, how long, and that it is a queue."""
    async with running_replica(Clock(), dose_web=1.0) as replica, browser() as session:
        queue = replica.endpoints["waiting-room"] + "/queue"
        _, first = await send(session, "POST", queue, {"channel": "web"})
        status, second = await send(session, "POST", queue, {"channel": "web"})
        assert (first["status"], first["number"]) == ("admitted", 1)
        assert (status, second["status"], second["number"], second["ahead"]) == (200, "queued", 2, 0)
        assert second["retry_after"] == 1.0
        assert "wachtrij" in second["message"]


async def test_polling_lets_in_when_it_is_one_s_turn() -> None:
    """The ticket keeps its number and becomes an admission when its slot has come."""
    clock = Clock()
    async with running_replica(clock, dose_web=0.5) as replica, browser() as session:
        queue = replica.endpoints["waiting-room"] + "/queue"
        await send(session, "POST", queue, {"channel": "web"})
        _, second = await send(session, "POST", queue, {"channel": "web"})
        clock.now += 1.9
        assert (await send(session, "GET", f"{queue}?ticket={second['ticket']}"))[1]["status"] == "queued"
        clock.now += 0.2
        _, admitted = await send(session, "GET", f"{queue}?ticket={second['ticket']}")
        assert (admitted["status"], admitted["number"]) == ("admitted", 2)


async def test_the_channels_have_their_own_dose() -> None:
    """A full web channel does not hold back the app channel."""
    async with running_replica(dose_web=0.001, dose_app=0.001) as replica, browser() as session:
        queue = replica.endpoints["waiting-room"] + "/queue"
        statuses = [(await send(session, "POST", queue, {"channel": c}))[1]["status"] for c in ("web", "web", "app")]
        assert statuses == ["admitted", "queued", "admitted"]


async def test_a_ticket_that_is_not_polled_is_lost() -> None:
    """Who goes away loses the place."""
    clock = Clock()
    async with running_replica(clock, dose_web=0.01, ticket_patience=30.0) as replica, browser() as session:
        queue = replica.endpoints["waiting-room"] + "/queue"
        await send(session, "POST", queue, {"channel": "web"})
        _, second = await send(session, "POST", queue, {"channel": "web"})
        clock.now += 31
        status, answer = await send(session, "GET", f"{queue}?ticket={second['ticket']}")
        assert (status, answer["error"]) == (410, "ticket_unknown")


async def test_nonsense_is_refused_politely() -> None:
    """An unknown channel, an invented ticket, no ticket, no JSON: a status and a word, never a 500."""
    async with running_replica() as replica, browser() as session:
        queue = replica.endpoints["waiting-room"] + "/queue"
        assert (await send(session, "POST", queue, {"channel": "fax"}))[0] == 400
        assert (await send(session, "POST", queue, ["web"]))[0] == 400
        assert (await send(session, "POST", queue, {"channel": 7}))[0] == 400
        assert (await send(session, "POST", queue))[0] == 400
        assert (await send(session, "GET", queue))[0] == 400
        assert (await send(session, "GET", queue + "?ticket=web-invented"))[0] == 410
        assert (await send(session, "GET", queue + "?ticket=fax-1"))[0] == 410
        assert (await send(session, "DELETE", queue))[0] == 405
        assert (await send(session, "GET", replica.url + "/nowhere"))[0] == 404
