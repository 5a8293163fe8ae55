"""Fresh and kept connections are counted apart, on the real engine against real listeners."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from journeys import Citizen, Journey
from journeys.core import Wait, fetch
from loadtests.contact import Contacts
from loadtests.diagnosis import connection_limit
from tests.crowd import Outcome, Talk, answering, crowd, listening, say, twice
from tests.prometheus import free_port

LIMIT = 5
UNAVAILABLE = say(status=b"503 Service Unavailable")


def lingering(_citizen: Citizen) -> Journey:
    """Come in, and ask again and again for half a second."""
    yield from fetch("one", "website", "/", contains="Hello")
    for _ in range(5):
        yield Wait(0.1)
        yield from fetch("two", "website", "/", contains="Hello")


def only(outcome: Outcome) -> Contacts:
    """Return what happened at the only address."""
    ((_, found),) = outcome.results.contacts.items()
    return found


def sums(found: Contacts) -> tuple[int, ...]:
    """Return how many were fresh, refused, kept and broken in the whole run."""
    return tuple(int(found.column(name).sum()) for name in ("fresh", "refused", "kept", "broken"))


def test_the_first_answer_makes_a_connection_a_kept_one():
    """Two pages each: one on a fresh connection, one on a kept one."""
    with listening(answering(say())) as target:
        found = only(crowd(target.url, twice("Hello")))
    assert sums(found) == (10, 0, 10, 0)
    assert 1 <= found.column("most").max() <= 10


def test_an_error_is_an_answer():
    """Whoever is told 503 was not refused a connection."""
    with listening(answering(UNAVAILABLE)) as target:
        found = only(crowd(target.url))
    assert sums(found) == (10, 0, 0, 0)


def test_a_closed_port_refuses():
    """No connection is opened; the reason is kept."""
    found = only(crowd(f"http://127.0.0.1:{free_port()}"))
    assert sums(found) == (0, 10, 0, 0)
    assert found.refused == {"connection_refused": 10}


def test_a_connection_closed_without_a_byte_was_refused():
    """As by a server that takes connections in order to close them."""
    with listening(lambda it: it.reset()) as target:
        found = only(crowd(target.url))
    assert sums(found) == (0, 10, 0, 0)
    assert found.refused == {"connection_reset": 10}


def test_half_an_answer_is_no_refusal():
    """The server had let them in, then it broke down."""
    with listening(lambda it: (it.request(), it.send(b"HTTP/1.1 200 OK\r\n"), it.reset())) as target:
        outcome = crowd(target.url)
    assert outcome.failed == 10
    assert "website" in outcome.engine.targets
    assert sum(sum(sums(found)) for found in outcome.results.contacts.values()) == 0


@pytest.mark.parametrize("end", [Talk.reset, Talk.wait_for_end], ids=["reset", "no answer"])
def test_a_kept_connection_that_brings_no_second_answer_is_broken(end):
    """Thrown out, or forgotten: that is no refusal either."""

    def talk(it: Talk) -> None:
        for number in count():
            it.request()
            if number:
                end(it)
                return
            it.send(say())

    def post_after(citizen: Citizen) -> Journey:  # a GET would be sent again on a new connection
        yield from fetch("one", "website", "/", contains="Hello")
        yield from fetch("two", "website", "/", contains="Hello", method="POST")

    with listening(talk) as target:
        found = only(crowd(target.url, post_after, timeout=1.0))
    assert sums(found) == (10, 0, 0, 10)


def test_a_connection_may_be_kept_by_one_system_and_fresh_to_another():
    """One listener for two: it lets everybody into the first, and nobody into the second."""

    def talk(it: Talk) -> None:
        while b"/second" not in it.request():
            it.send(say())

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains="Hello")
        yield from fetch("two", "chat", "/", contains="Hello", method="POST")

    with listening(talk) as target:
        addresses = {"website": f"{target.url}/first", "chat": f"{target.url}/second"}
        outcome = crowd(addresses, walk)
    by_path = {url.rpartition("/")[2]: sums(found) for url, found in outcome.results.contacts.items()}
    assert by_path == {"first": (10, 0, 0, 0), "second": (0, 10, 0, 0)}


def test_systems_at_one_address_are_counted_together():
    """As three ways to log in at one provider."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains="Hello")
        yield from fetch("two", "chat", "/", contains="Hello")

    with listening(answering(say())) as target:
        found = only(crowd({"website": target.url, "chat": target.url}, walk))
    assert sums(found) == (10, 0, 10, 0)


def test_where_a_redirect_leads_is_not_counted():
    """Any system may answer there; the redirect itself is an answer."""
    away = say(status=b"302 Found", headers=b"Location: /elsewhere\r\n")
    with listening(answering(away, say())) as target:
        outcome = crowd(target.url)
    assert outcome.completed == 10
    assert sums(only(outcome)) == (10, 0, 0, 0)


# --- and what that looks like


@contextmanager
def limited(most: int) -> Iterator[Callable[[Talk], None]]:
    """Offer a talk that greets on `most` connections at a time, and resets any more."""
    room = threading.Semaphore(most)

    def talk(it: Talk) -> None:
        if not room.acquire(blocking=False):
            it.reset()
        try:
            answering(say())(it)
        finally:
            room.release()

    yield talk


def every(third: int) -> Callable[[Talk], None]:
    """Return a talk that resets every third request, whatever the connection."""
    numbers = count(1)

    def talk(it: Talk) -> None:
        while True:
            it.request()
            if next(numbers) % third == 0:
                it.reset()
            it.send(say())

    return talk


CROWD = {"citizens": 80, "seconds": 4.0}
"""Twenty a second for four seconds, each for half a second: ten at a time."""


def test_a_limit_of_connections_is_found():
    """Half of the crowd is too many: who is in goes on, and the level is that of the server."""
    with limited(LIMIT) as talk, listening(talk) as target:
        found = only(crowd(target.url, lingering, **CROWD))
    limit = connection_limit(found)
    assert limit is not None
    assert 1 <= limit.open <= LIMIT
    assert limit.refused == found.refused["connection_reset"] > 0
    assert limit.broken == 0


def test_a_limit_that_is_high_enough_is_not():
    """Nobody is refused."""
    with limited(200) as talk, listening(talk) as target:
        found = only(crowd(target.url, lingering, **CROWD))
    assert not found.refused
    assert connection_limit(found) is None


@pytest.mark.parametrize(
    "talk",
    [lambda it: it.reset(), lambda it: it.wait_for_end(), answering(UNAVAILABLE), every(3)],
    ids=["down", "never answers", "says 503", "resets a third of all requests"],
)
def test_other_troubles_are_no_limit(talk):
    """They fail people just as often."""
    with listening(talk) as target:
        outcome = crowd(target.url, lingering, timeout=1.0, **CROWD)
    assert outcome.failed > 20
    assert all(connection_limit(found) is None for found in outcome.results.contacts.values())
