"""The portal: one citizen's return, and those who try to cheat with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from journeys.login import log_in_with_app
from tests.drivers import browser, drive, send, someone
from tests.replica import Clock, RunningReplica, running_replica


@asynccontextmanager
async def logged_in(replica: RunningReplica, number: int = 0) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a browser with a portal session."""
    async with browser() as session:
        ticket = await drive(log_in_with_app(someone(number)), session, replica.url)
        await send(session, "GET", f"{replica.endpoints['mijn-belastingdienst']}/session?ticket={ticket}")
        yield session


class Desk:
    """What a citizen can do with a return, as raw requests."""

    def __init__(self, session: aiohttp.ClientSession, replica: RunningReplica) -> None:
        self.session = session
        self.base = replica.endpoints["mijn-belastingdienst"]

    async def open(self) -> dict[str, Any]:
        return dict((await send(self.session, "GET", self.base + "/return"))[1])

    async def save(self, key: str, **amounts: Any) -> tuple[int, Any]:
        return await send(self.session, "PUT", self.base + "/return", {"return": key, "amounts": amounts})

    async def sign(self, key: str, version: int) -> tuple[int, Any]:
        return await send(self.session, "POST", self.base + "/return/sign", {"return": key, "version": version})

    async def submit(self, key: str, signature: str) -> tuple[int, Any]:
        order = {"return": key, "signature": signature}
        return await send(self.session, "POST", self.base + "/return/submit", order)

    async def receipt(self, key: str) -> tuple[int, Any]:
        return await send(self.session, "GET", f"{self.base}/return/receipt?return={key}")

    async def file(self) -> tuple[str, str]:
        """Sign and submit the return as it is; return its id and its signature."""
        opened = await self.open()
        key = opened["return"]
        signature = (await self.sign(key, opened["version"]))[1]["signature"]
        assert (await self.submit(key, signature))[0] == 200
        return key, signature


async def test_nothing_without_a_session() -> None:
    """Every page of the portal answers 401 to a browser that is not logged in, also with an invented cookie."""
    async with running_replica() as replica, browser() as session:
        desk = Desk(session, replica)
        for headers in ({}, {"Cookie": "mijn-belastingdienst=invented"}):
            for method, path in (
                ("GET", "/"),
                ("GET", "/return"),
                ("PUT", "/return"),
                ("POST", "/return/sign"),
                ("POST", "/return/submit"),
                ("GET", "/return/receipt?return=x"),
            ):
                assert (await send(session, method, desk.base + path, headers=headers))[0] == 401, path
        assert (await send(session, "GET", desk.base + "/session?ticket=invented"))[0] == 403


async def test_a_session_ends_when_it_is_not_used() -> None:
    """A session that is used goes on; a quarter of an hour of silence ends it."""
    clock = Clock()
    async with running_replica(clock, session_lifetime=900.0) as replica, logged_in(replica) as session:
        for pause, expected in ((800, 200), (800, 200), (900, 401)):
            clock.now += pause
            assert (await send(session, "GET", Desk(session, replica).base + "/"))[0] == expected


async def test_a_pre_filled_return_follows_from_the_citizen() -> None:
    """Two replicas show the same amounts for the same citizen, and others for another."""
    seen = []
    for number in (0, 0, 1):
        async with running_replica() as replica, logged_in(replica, number) as session:
            seen.append((await Desk(session, replica).open())["amounts"])
    assert seen[0] == seen[1] != seen[2]
    assert seen[0]["wage"] >= 12_000


async def test_a_draft_survives_a_new_login() -> None:
    """What was saved is there when the citizen comes back from another browser."""
    async with running_replica() as replica:
        async with logged_in(replica) as session:
            first = await Desk(session, replica).open()
            assert (await Desk(session, replica).save(first["return"], gifts=123))[0] == 200
        async with logged_in(replica) as session:
            again = await Desk(session, replica).open()
    assert (again["return"], again["amounts"]["gifts"], again["version"]) == (first["return"], 123, 1)


async def test_a_return_that_was_not_signed_is_not_accepted() -> None:
    """Submitting without a signature, or with an invented one, is refused."""
    async with running_replica() as replica, logged_in(replica) as session:
        desk = Desk(session, replica)
        key = (await desk.open())["return"]
        for signature in ("", "invented"):
            status, answer = await desk.submit(key, signature)
            assert (status, answer["error"]) == (422, "not_signed")
        assert (await desk.receipt(key))[0] == 404
    assert replica.replica.state()["portal"]["submissions"] == 0


async def test_a_change_undoes_the_signature() -> None:
    """What was signed is what is submitted: after a change the old signature does not count."""
    async with running_replica() as replica, logged_in(replica) as session:
        desk = Desk(session, replica)
        opened = await desk.open()
        _, signed = await desk.sign(opened["return"], 0)
        await desk.save(opened["return"], gifts=5)
        assert (await desk.submit(opened["return"], signed["signature"]))[0] == 422
        assert (await desk.sign(opened["return"], 0))[0] == 409
        assert (await desk.sign(opened["return"], 1))[0] == 200


async def test_a_return_is_submitted_once() -> None:
    """Submitting, signing or changing a submitted return is refused, also from a second login."""
    async with running_replica() as replica, logged_in(replica) as first, logged_in(replica) as second:
        key, signature = await Desk(first, replica).file()
        for session in (first, second):
            desk = Desk(session, replica)
            assert (await desk.submit(key, signature))[0] == 409
            assert (await desk.sign(key, 0))[0] == 409
            assert (await desk.save(key, gifts=1))[0] == 409
        assert replica.replica.state()["portal"]["submissions"] == 1


async def test_after_a_submission_a_correction_is_possible() -> None:
    """The citizen may send a corrected return: a new one, pre-filled again."""
    async with running_replica() as replica, logged_in(replica) as session:
        first, _ = await Desk(session, replica).file()
        second, _ = await Desk(session, replica).file()
        assert first != second


async def test_the_receipt_is_there_for_its_owner_and_expires() -> None:
    """The receipt names the reference that the submission gave; after its lifetime memory is free again."""
    clock = Clock()
    async with running_replica(clock, receipt_lifetime=600.0) as replica, logged_in(replica) as session:
        desk = Desk(session, replica)
        opened = await desk.open()
        _, signed = await desk.sign(opened["return"], opened["version"])
        _, submitted = await desk.submit(opened["return"], signed["signature"])
        status, page = await desk.receipt(opened["return"])
        assert (status, submitted["receipt"] in page, "Ontvangstbevestiging" in page) == (200, True, True)
        clock.now += 600
        assert (await desk.receipt(opened["return"]))[0] == 404


async def test_no_one_sees_or_files_another_one_s_return() -> None:
    """With a session of one's own, another citizen's return does not exist."""
    async with running_replica() as replica, logged_in(replica) as owner, logged_in(replica, 1) as thief:
        opened = await Desk(owner, replica).open()
        desk = Desk(thief, replica)
        assert (await desk.save(opened["return"], gifts=1))[0] == 404
        assert (await desk.sign(opened["return"], 0))[0] == 404
        key, _ = await Desk(owner, replica).file()
        assert (await desk.receipt(key))[0] == 404


async def test_amounts_are_whole_euros_of_known_questions() -> None:
    """Nonsense in a draft is refused and changes nothing."""
    async with running_replica() as replica, logged_in(replica) as session:
        desk = Desk(session, replica)
        before = await desk.open()
        for nonsense in ({"gifts": -1}, {"gifts": "1"}, {"gifts": 1.5}, {"gifts": True}, {"hobby": 1}):
            assert (await desk.save(before["return"], **nonsense))[0] == 400
        bad = {"return": before["return"], "amounts": 7}
        assert (await send(session, "PUT", desk.base + "/return", bad))[0] == 400
        assert await desk.open() == before
