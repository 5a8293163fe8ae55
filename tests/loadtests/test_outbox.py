"""Requests that are written together."""

from __future__ import annotations

import asyncio

from loadtests.http1 import Connection, Unfinished
from loadtests.outbox import Outbox


class Wire:
    """What was written on one connection, noted in a list that several share."""

    def __init__(self, name, written):
        self.name = name
        self.written = written

    def write(self, data):
        self.written.append((self.name, data))

    def abort(self):
        self.written.append((self.name, "abort"))


def connections(outbox, count):
    written = []
    made = [Connection(lambda: None, outbox, Unfinished()) for _ in range(count)]
    for number, connection in enumerate(made):
        connection.connection_made(Wire(number, written))
    return made, written


async def turn():
    await asyncio.sleep(0)


async def test_the_requests_of_one_turn_are_written_at_its_end_in_their_order():
    """Not before, each once, and those of the next turn in the next."""
    (first, second), written = connections(Outbox(asyncio.get_running_loop()), 2)
    second.send(b"one", None)
    first.send(b"two", None)
    assert written == []
    await turn()
    assert written == [(1, b"one"), (0, b"two")]
    first.send(b"three", None)
    await turn()
    assert written[2:] == [(0, b"three")]
    await turn()
    assert len(written) == 3


async def test_what_is_sent_while_others_are_written_waits_for_the_next_turn():
    """Whoever answers a write with a request neither starves the loop nor is lost."""
    outbox = Outbox(asyncio.get_running_loop())
    written = []

    class Again:
        def write(self, data):
            written.append(data)
            if len(written) < 3:
                outbox.put(self, b"again")

    outbox.put(Again(), b"first")
    await turn()
    assert written == [b"first"]
    await turn()
    await turn()
    await turn()
    assert written == [b"first", b"again", b"again"]


async def test_nothing_is_written_on_a_connection_that_was_closed_meanwhile():
    """A citizen who gave up in the same turn asks for nothing any more; the others do."""
    (gone, stays), written = connections(Outbox(asyncio.get_running_loop()), 2)
    gone.send(b"lost", None)
    stays.send(b"kept", None)
    gone.close()
    await turn()
    assert written == [(0, "abort"), (1, b"kept")]
