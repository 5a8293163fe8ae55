"""The engine against real listeners: open model, honest clocks, and everyone accounted for at the end.

`crowd` itself checks after every run that it ended within its bounds, that the accounts close exactly, that no
connection is counted as open and that no socket is left.
"""

from __future__ import annotations

import gc
import gzip
import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from journeys import Citizen, Journey, JourneyFailed, Reason
from journeys.core import Request, Think, Wait, fetch
from journeys.website import visit_website
from loadtests.engine import Engine
from loadtests.results import Results
from loadtests.second import pack
from tests.crowd import Talk, answering, crowd, greet, listening, plan, registered, say, twice
from tests.waiting import LONG, eventually

ROUNDING = 1 - 2**-10
"""Part of a time that is left at least when it is cut to the three significant digits of a histogram."""

NOBODY = "http://127.0.0.1:9"


def test_everyone_arrives_and_completes():
    """Each scheduled arrival is started and completed, and each answer measured."""
    with listening(answering(say())) as target:
        outcome = crowd(target.url, citizens=25, seconds=0.5, spacing="poisson")
    scheduled = outcome.engine.scheduled
    assert outcome.counts["started"] == scheduled == outcome.completed > 10
    assert outcome.results.response().count == scheduled
    assert outcome.counts["connections"] == scheduled, "each citizen comes with a connection of their own"


def test_a_stall_does_not_slow_the_arrivals_and_is_seen_in_full():
    """Open model: a target that answers nobody before the last one has asked is asked by all, and each wait counts."""
    everyone, run = 60, {"citizens": 60, "seconds": 0.6, "timeout": 30.0}
    asked, all_are_there, answers = itertools.count(1), threading.Event(), []

    def stall(it: Talk) -> None:
        it.request()
        if next(asked) == everyone:
            all_are_there.set()
        answers.append(all_are_there.wait(20))
        it.send(say())
        it.wait_for_end()

    with listening(stall) as target:
        instants = plan(target.url, **run).arrivals.instants
        begun = time.monotonic()
        outcome = crowd(target.url, **run)
        ended = time.monotonic()
    assert answers == [True] * everyone, "with so many people under way a closed model sends no more"
    assert outcome.completed == everyone
    # Nobody is answered before the last one arrives: who comes at t waits from t until then at least, in the mean
    #     mean wait >= last - mean(t)
    # and nobody waits longer than the run lasted.
    response = outcome.results.response()
    assert response.count == everyone
    assert (instants[-1] - instants.mean()) * ROUNDING <= response.mean <= ended - begun - instants.mean()
    assert (instants[-1] - instants[0]) * ROUNDING <= response.maximum


def test_response_time_counts_from_the_intended_start():
    """A generator that is held up by its own journeys reports the delay in the response time, not in silence."""
    held_up, run = 0.03, {"citizens": 20, "seconds": 0.2}

    def busy(_citizen: Citizen) -> Journey:
        time.sleep(held_up)
        yield from fetch("one", "website", "/")

    with listening(answering(say())) as target:
        instants = plan(target.url, **run).arrivals.instants
        results = crowd(target.url, busy, **run).results
    # One after the other: the k-th start comes k times `held_up` after the first at the earliest.
    latest = max(number * held_up - (instant - instants[0]) for number, instant in enumerate(instants))
    assert results.lateness.maximum >= latest * ROUNDING > 0.2
    # Each response time is the service time, plus how late its citizen was started, plus what the journey took.
    row = results.steps["test", "one", "GET"]
    assert row.response.maximum >= results.lateness.maximum
    assert row.response.mean >= (row.service.mean + results.lateness.mean + held_up) * ROUNDING


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n",
        say(gzip.compress(b"Hello", mtime=0), headers=b"Content-Encoding: gzip\r\n"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + say(),
    ],
    ids=["chunked", "gzip", "interim"],
)
def test_chunked_gzip_and_interim_answers_are_understood(data):
    """The body is what a browser would show, and the connection can be used again."""
    with listening(answering(data)) as target:
        outcome = crowd(target.url, twice("Hello"))
        assert outcome.completed == target.connections == 10


def test_cookies_and_redirects_are_followed_on_one_connection():
    """A redirect sets a cookie, the next request carries it, all on the citizen's one connection."""
    thought = 1.5

    def two_steps(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/login", form={"user": "x"}, contains="Hello")
        yield Think(thought)
        yield Wait(0.05)
        yield from fetch("two", "website", "/again", contains="Hello")

    def talk(it: Talk) -> None:
        while True:
            request = it.request()
            if request.startswith(b"POST /base/login"):
                it.send(say(b"", b"303 See Other", b"Set-Cookie: s=1; Path=/base\r\nLocation: inside\r\n"))
            elif b"Cookie: s=1" in request and request.startswith((b"GET /base/inside", b"GET /base/again")):
                it.send(say())
            else:
                it.send(say(b"no session", b"401 Unauthorized"))

    with listening(talk) as target:
        begun = time.monotonic()
        outcome = crowd(f"{target.url}/base", two_steps)
        elapsed = time.monotonic() - begun
        assert outcome.completed == target.connections == 10
    duration = outcome.results.journeys["test"].duration
    assert duration.maximum <= elapsed - thought, "thinking time is not part of the duration"


def test_a_connection_closed_while_idle_is_replaced():
    """The server closes after each answer: the next request opens a new connection, and nothing fails."""

    def two_steps(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield Wait(0.1)
        yield from fetch("two", "website", "/")

    def close_after(it: Talk) -> None:
        it.request()
        it.send(say())

    with listening(close_after) as target:
        outcome = crowd(target.url, two_steps)
        assert outcome.completed == 10
        assert outcome.counts["connections"] == target.connections == 20


def test_a_journey_may_carry_on_after_a_failed_request():
    """The driver throws the failure into the journey, which may try something else."""

    def persistent(_citizen: Citizen) -> Journey:
        with pytest.raises(JourneyFailed, match="timeout"):
            yield Request("one", "website", "/silent")
        while True:
            with suppress(JourneyFailed):  # a machine that is busy elsewhere may be too late for the time-out, too
                yield from fetch("two", "website", "/", contains="Hello")
                return

    def talk(it: Talk) -> None:
        while b"/silent" not in it.request():
            it.send(say())
        it.wait_for_end()

    with listening(talk) as target:
        outcome = crowd(target.url, persistent, timeout=0.3)
    assert (outcome.completed, outcome.failed) == (10, 0)


def test_arrivals_beyond_the_limit_are_dropped_and_counted():
    """Nobody is forgotten: started + dropped = scheduled."""

    def slow(_citizen: Citizen) -> Journey:
        yield Wait(0.5)
        yield from fetch("one", "website", "/")

    with listening(answering(say())) as target:
        outcome = crowd(target.url, slow, citizens=50, seconds=0.3, max_in_flight=10)
    assert outcome.counts["dropped"] > 0
    assert outcome.counts["started"] + outcome.counts["dropped"] == outcome.engine.scheduled == 50


def test_those_still_on_their_way_at_the_end_are_counted():
    """When the drain is over, the rest is unfinished: started = completed + failed + unfinished."""

    def endless(_citizen: Citizen) -> Journey:
        yield Think(60.0)

    outcome = crowd(NOBODY, endless, drain=0.2)
    assert outcome.results.total_unfinished == outcome.counts["started"] == 10


def test_those_who_wait_for_the_system_at_the_end_have_failed():
    """A citizen who still polls when the drain is over was not served; one who still thinks is merely unfinished."""

    def waiting(citizen: Citizen) -> Journey:
        if citizen.number % 2:
            yield Think(60.0)
        yield from fetch("one", "website", "/", contains="Hello")
        yield Wait(60.0)

    with listening(answering(say())) as target:
        outcome = crowd(target.url, waiting, drain=0.3)
    assert outcome.failure() == ("one", Reason.TIMEOUT)
    assert outcome.failed == outcome.results.total_unfinished == 5


@pytest.fixture
def patient(monkeypatch):
    """Let a busy machine have more than a second."""
    monkeypatch.setattr("loadtests.engine.LAST_ANSWERS", LONG)


def just_after_the_drain(answer: bytes, pause: float = 0.0) -> tuple[Callable[[Talk], None], Callable[[Engine], bool]]:
    """Return a talk that answers once the drain is over, and what tells it so, for `stop_when`."""
    over = threading.Event()

    def talk(it: Talk) -> None:
        it.request()
        over.wait(LONG)
        time.sleep(pause)
        it.send(answer)
        it.wait_for_end()

    def tell(engine: Engine) -> bool:
        if engine.ending:
            over.set()
        return False

    return talk, tell


@pytest.mark.usefixtures("patient")
def test_an_answer_just_after_the_drain_still_counts():
    """Who has asked before the end is no failure for the instant at which the run ends."""
    talk, tell = just_after_the_drain(say())
    with listening(talk) as target:
        outcome = crowd(target.url, drain=0.0, stop_when=tell)
    assert (outcome.completed, outcome.failed) == (10, 0)
    assert outcome.results.response().count == 10


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("then", "ended"),
    [
        (Request("two", "website", "/"), {"unfinished": 10}),
        (Think(60.0), {"unfinished": 10}),
        (Wait(60.0), {"failed": 10}),
    ],
    ids=["ask", "think", "wait"],
)
def test_nothing_new_begins_once_the_drain_is_over(then: Request | Think | Wait, ended: dict[str, int]):
    """Who would go on is unfinished; who was told to wait once more was not served."""

    def goes_on(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains="Hello")
        yield then

    talk, tell = just_after_the_drain(say())
    with listening(talk) as target:
        outcome = crowd(target.url, goes_on, drain=0.0, stop_when=tell)
    assert outcome.results.response().count == 10, "the answer itself was in time"
    assert outcome.failed == ended.get("failed", 0)
    assert outcome.results.total_unfinished == ended.get("unfinished", 0)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("pause", "ended"), [(Think(0.6), (0, 5)), (Wait(0.6), (5, 0))], ids=["think", "wait"])
def test_who_wakes_up_after_the_drain_stays_where_the_end_has_met_them(pause: Think | Wait, ended: tuple[int, int]):
    """While others get their last answers a pause is over; that changes neither what they do nor how they count."""

    def either(citizen: Citizen) -> Journey:
        if citizen.number % 2:
            yield pause
        yield from fetch("one", "website", "/", contains="Hello")

    talk, tell = just_after_the_drain(say(), pause=1.0)
    with listening(talk) as target:
        outcome = crowd(target.url, either, seconds=0.3, drain=0.0, stop_when=tell)
    assert outcome.completed == len(target.requests) == 5
    assert (outcome.failed, outcome.results.total_unfinished) == ended


@pytest.mark.usefixtures("patient")
def test_who_fails_just_after_the_drain_does_not_try_again():
    """A retry would be something new."""
    talk, tell = just_after_the_drain(say(status=b"500 Broken"))
    with listening(talk) as target:
        behaviour = {"retry": {"times": 9, "pause": "1ms"}}
        outcome = crowd(target.url, drain=0.0, stop_when=tell, behaviour=behaviour)
    assert outcome.failed == outcome.counts["attempts"] == 10


def test_who_gets_no_answer_after_the_drain_either_has_failed():
    """The last moment is short: a system that hangs cannot prolong the run."""

    def silent(it: Talk) -> None:
        it.wait_for_end()

    with listening(silent) as target:
        begun = time.monotonic()
        outcome = crowd(target.url, drain=0.0, timeout=300.0)
    assert outcome.failure() == ("one", Reason.TIMEOUT)
    assert time.monotonic() - begun < 20


def test_a_bug_in_a_journey_ends_the_run_with_its_error():
    """A broken journey is not the target's failure. It is named, with the place; what it quotes may be an account."""

    def broken(citizen: Citizen) -> Journey:
        yield Wait(0.01)
        raise KeyError(citizen.account.bsn)

    results = Results()
    with registered(broken):
        engine = Engine(plan(NOBODY, seconds=600.0, citizens=30_000))
        engine.start(time.monotonic())
        assert eventually(lambda: engine.finished)
    for second in engine.collect():
        results.add(pack(second))
    said = str(engine.error)
    assert re.fullmatch(r"the journey test, in the step start: KeyError at test_engine\.py:\d+", said), said
    assert results.total_failed == 0


def test_an_error_of_a_library_is_told_with_the_line_of_the_journey():
    """That is the one to be mended."""

    def broken(_: Citizen) -> Journey:
        yield Wait(0.01)
        json.loads("no JSON")

    with registered(broken):
        engine = Engine(plan(NOBODY))
        engine.start(time.monotonic())
        assert eventually(lambda: engine.finished)
    assert "JSONDecodeError at test_engine.py:" in str(engine.error)


def test_an_error_of_what_journeys_are_written_with_is_told_with_the_line_of_the_journey(monkeypatch):
    """Also where that lies in the same folder: a journey of the house that gave it something wrong is to be mended."""

    def fails(*_: object, **__: object) -> None:
        raise ValueError("not what is expected")

    monkeypatch.setattr("journeys.core.check", fails)
    with listening(answering(say(status=b"404 Not Found"))) as target, registered(visit_website):
        engine = Engine(plan(target.url))
        engine.start(time.monotonic())
        assert eventually(lambda: engine.finished)
    assert "ValueError at website.py:" in str(engine.error)


def test_a_run_ends_even_where_its_end_fails(monkeypatch):
    """What goes wrong in the last moment is the run's error; it must not keep the run from ending."""

    def fails(engine: Engine) -> None:
        if engine._over:
            raise OSError("no sockets are counted here")

    monkeypatch.setattr(Engine, "_close_second", fails)
    with listening(answering(say())) as target, registered(greet):
        engine = Engine(plan(target.url))
        engine.start(time.monotonic())
        assert eventually(lambda: engine.finished)
    assert isinstance(engine.error, OSError)


def test_stopping_early_keeps_what_was_measured():
    """A stop ends the engine long before its plan does; the seconds until then are there, and all add up."""

    def every_other_stays(citizen: Citizen) -> Journey:
        if citizen.number % 2:
            yield Think(3600.0)
        yield from fetch("one", "website", "/", contains="Hello")

    def enough(_engine: Engine) -> bool:
        return len(target.ended) >= 10  # who has the answer closes the connection

    with listening(answering(say())) as target:
        outcome = crowd(target.url, every_other_stays, citizens=30_000, seconds=600.0, stop_when=enough)
    started = outcome.counts["started"]
    assert started == outcome.completed + outcome.results.total_unfinished
    assert 10 <= outcome.completed < started < outcome.engine.scheduled / 2


def test_a_host_that_is_not_allowed_gets_no_byte():
    """The engine refuses the connection itself."""
    with listening(answering(say())) as target:
        outcome = crowd(target.url.replace("127.0.0.1", "localhost"))
    assert outcome.completed == 0
    assert target.connections == 0


def test_citizens_leave_no_work_for_the_collector():
    """After a run there is no cycle to collect: a full collection would stop every citizen for 100 ms."""

    def two_steps(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains="Hello")
        yield Think(0.01)
        yield from fetch("two", "website", "/missing", contains="Nobody")

    with listening(answering(say())) as target:
        gc.collect()
        gc.disable()
        try:
            outcome = crowd(target.url, two_steps, citizens=500, seconds=0.5)
            found = gc.collect()
        finally:
            gc.enable()
    assert outcome.failed == 500
    assert found < 500


def test_a_path_that_is_no_plain_text_is_quoted():
    """What a system hands out (a ticket in a path) cannot break the request or smuggle a header in."""

    def odd(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/a b\r\nX-Evil: 1/é€", contains="Hello")

    with listening(answering(say())) as target:
        outcome = crowd(f"{target.url}/base", odd)
    assert outcome.completed == 10
    quoted = b"GET /base/a%20b%0D%0AX-Evil:%201/%C3%A9%E2%82%AC HTTP/1.1\r\nHost:"
    assert all(request.startswith(quoted) for request in target.requests)
