"""Connections without work: shared where they were left, closed where they are idle or room is needed."""

from __future__ import annotations

import asyncio
import errno

import pytest

from loadtests.dialer import IDLE_CLOSE
from loadtests.http1 import Connection
from loadtests.origin import Origin
from tests.crowd import Talk, answering, listening, say
from tests.loadtests.dialing import GET, Asker, ask, count_of_open, dialer, origin, run
from tests.waiting import until


class Idle:
    """Someone who holds connections."""

    def __init__(self, *connections: Connection) -> None:
        self.connections = connections
        self.closed = False

    def close_connections(self) -> int:
        self.closed = True
        for connection in self.connections:
            connection.close()
        return len(self.connections)


def test_without_a_pool_whoever_leaves_closes(website):
    """The next one gets nothing."""

    async def test() -> None:
        it = dialer(website.url)
        async with count_of_open(it):
            connection = await it.connect(origin(website.url))
            it.part_with(origin(website.url), connection, 0.0)
            assert it.pooled(origin(website.url)) is None

    run(test)


def test_a_connection_that_was_left_is_handed_out_once(website):
    """To who asks for the same origin, and to one only."""

    async def test() -> None:
        it = dialer(website.url, pooled=True)
        here = origin(website.url)
        async with count_of_open(it):
            connection = await it.connect(here)
            await ask(connection)
            it.part_with(here, connection, 0.0)
            assert it.pooled(Origin.of("127.0.0.1", 9, secure=False)) is None
            assert it.pooled(here) is connection
            assert it.pooled(here) is None
            assert (await ask(connection)).body == b"Hello"
            it.part_with(here, connection, 0.0)
            it.close()

    run(test)


def test_a_connection_with_an_answer_on_its_way_is_never_handed_out():
    """Its answer would be taken for the next one's: it is closed."""
    with listening(lambda talk: (talk.request(), talk.wait_for_end())) as target:

        async def test() -> None:
            it = dialer(target.url, pooled=True)
            async with count_of_open(it):
                connection = await it.connect(origin(target.url))
                connection.send(GET, Asker())
                it.part_with(origin(target.url), connection, 0.0)
                assert connection.closed
                assert it.pooled(origin(target.url)) is None

        run(test)


def test_a_connection_that_gets_an_unasked_answer_is_never_handed_out():
    """Neither in the pool nor just before it."""
    with listening(answering(say() + say(b"Other"))) as target:

        async def test() -> None:
            it = dialer(target.url, pooled=True)
            async with count_of_open(it):
                connection = await it.connect(origin(target.url))
                assert (await ask(connection)).body == b"Hello"
                it.part_with(origin(target.url), connection, 0.0)
                await until(lambda: connection.closed)
                assert it.pooled(origin(target.url)) is None

        run(test)


def test_a_connection_that_the_server_has_closed_is_not_handed_out():
    """It closed in the pool; the one beside it is still good."""

    def close_the_second(talk: Talk) -> None:
        talk.request()
        talk.send(say())
        if talk.number == 1:
            talk.wait_for_end()

    with listening(close_the_second) as target:

        async def test() -> None:
            it = dialer(target.url, pooled=True)
            here = origin(target.url)
            async with count_of_open(it):
                both = [await it.connect(here)]
                await ask(both[0])
                both.append(await it.connect(here))
                await ask(both[1])
                for connection in both:
                    it.part_with(here, connection, 0.0)
                await until(lambda: both[1].closed)
                assert it.pooled(here) is both[0]
                both[0].close()

        run(test)


def test_idle_connections_are_closed_as_browsers_do():
    """After a minute without a request, those of whoever has rested longest first; who woke up keeps them."""

    async def test() -> None:
        it = dialer("http://127.0.0.1:9")
        first, woken, second = Idle(), Idle(), Idle()
        for number, someone in enumerate((first, woken, second)):
            it.rest(someone, 100.0 + number)
        it.wake(woken)
        it.close_idle(100.0 + IDLE_CLOSE - 0.1)
        assert not first.closed
        it.close_idle(101.5 + IDLE_CLOSE)
        assert (first.closed, woken.closed, second.closed) == (True, False, False)
        it.close_idle(1e9)
        assert (woken.closed, second.closed) == (False, True)
        assert it.closed_early == 0

    run(test)


def test_what_nobody_takes_over_is_closed_as_well(website):
    """After a minute in the pool. Whoever takes a connection takes the one that was left last: the first are idle."""

    async def test() -> None:
        it = dialer(website.url, pooled=True)
        here = origin(website.url)
        async with count_of_open(it):
            first, second = [await it.connect(here) for _ in range(2)]
            for number, connection in enumerate((first, second)):
                await ask(connection)
                it.part_with(here, connection, 100.0 + number)
            it.close_idle(100.0 + IDLE_CLOSE - 0.1)
            assert not first.closed
            it.close_idle(100.0 + IDLE_CLOSE)
            assert (first.closed, second.closed) == (True, False)
            assert it.pooled(here) is second
            it.close_idle(1e9)
            assert not second.closed, "who uses it is not idle"
            second.close()
        assert it.closed_early == 0

    run(test)


def test_under_the_limit_those_that_rest_make_room(website):
    """The one that has rested longest is closed, and counted; when nobody rests, the limit is named."""

    async def test() -> None:
        it = dialer(website.url)
        it.limit = 2
        async with count_of_open(it):
            resting = [Idle(await it.connect(origin(website.url))) for _ in range(2)]
            for number, someone in enumerate(resting):
                it.rest(someone, float(number))
            third = await it.connect(origin(website.url))
            assert (resting[0].closed, resting[1].closed) == (True, False)
            assert (it.open, it.closed_early) == (2, 1)
            it.wake(resting[1])
            with pytest.raises(OSError, match="the limit allows 2 connections") as caught:
                await it.connect(origin(website.url))
            assert caught.value.errno == errno.EMFILE
            assert not resting[1].closed
            for connection in (third, *resting[1].connections):
                connection.close()

    run(test)


def test_room_is_made_in_the_pool_whoever_else_looks_into_it(website):
    """The connection left first goes; meanwhile someone asks for an origin that nobody has been at."""

    async def test() -> None:
        it = dialer(website.url, pooled=True)
        here = origin(website.url)
        it.limit = 2
        async with count_of_open(it):
            both = [await it.connect(here) for _ in range(2)]
            for number, connection in enumerate(both):
                await ask(connection)
                it.part_with(here, connection, float(number))
            asyncio.get_running_loop().call_soon(it.pooled, Origin.of("127.0.0.1", 9, secure=False))
            third = await it.connect(here)
            assert (both[0].closed, both[1].closed, it.closed_early) == (True, False, 1)
            third.close()
            it.close()

    run(test)


def test_many_at_once_stay_under_the_limit(website):
    """Forty who come in one turn of the loop, room for ten, and ten who rest: ten get through."""

    async def test() -> None:
        it = dialer(website.url)
        it.limit = 10
        async with count_of_open(it):
            for number in range(10):
                it.rest(Idle(await it.connect(origin(website.url))), float(number))
            outcomes = await asyncio.gather(
                *(it.connect(origin(website.url)) for _ in range(40)), return_exceptions=True
            )
            got = [outcome for outcome in outcomes if isinstance(outcome, Connection)]
            assert len(got) == it.open == it.closed_early == 10
            for connection in got:
                connection.close()

    run(test)
