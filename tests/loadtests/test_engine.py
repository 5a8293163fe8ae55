"""The engine against real listeners: open model, honest clocks, every way an answer can go wrong."""

from __future__ import annotations

import gc
import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from config import Campaign, Environment
from journeys import Citizen, Journey, JourneyFailed, Reason
from journeys.core import Request, Think, Wait, _registry, fetch, journey
from loadtests.engine import Engine
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.second import pack

Answer = Callable[[bytes, socket.socket, int], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    """Serve raw HTTP on a free port: `answer(request, connection, number of the connection)` for each request."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    stopped = threading.Event()

    def talk(connection: socket.socket, number: int) -> None:
        with connection:
            while not stopped.is_set():
                data = b""
                while b"\r\n\r\n" not in data:
                    try:
                        part = connection.recv(65536)
                    except OSError:
                        return
                    if not part:
                        return
                    data += part
                try:
                    answer(data, connection, number)
                except OSError:
                    return

    def accept() -> None:
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            number += 1
            threading.Thread(target=talk, args=(connection, number), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/base"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)  # wakes `accept`, which closing alone does not
        accepting.join()
        listener.close()


def say(text: bytes = b"Hello", status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(text), headers, text)


def always(data: bytes) -> Answer:
    return lambda _request, connection, _number: connection.sendall(data)


def then_close(data: bytes) -> Answer:
    def answer(_request: bytes, connection: socket.socket, _number: int) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return answer


def redirect(location: bytes) -> Answer:
    return always(say(status=b"302 Found", headers=b"Location: %s\r\n" % location))


@pytest.fixture
def one_journey() -> Iterator[Callable[..., None]]:
    """Register a journey called `test` for one test."""

    def register(function: Callable[[Citizen], Journey]) -> None:
        journey("test", title="Test", steps=["one", "two"])(function)

    yield register
    _registry.pop("test", None)


def simple(_citizen: Citizen) -> Journey:
    yield from fetch("one", "website", "/", contains="Hello")


def plan(url: str, *, seconds: float = 1.0, rate: float = 50.0, **options: object) -> Plan:
    campaign = Campaign.model_validate(
        {
            "title": "Test",
            "sources": ["none"],
            "assumptions": [],
            "days": {"day": {"start": "2026-01-15T00:00:00+01:00", "source": "x", "totals": {"all": rate * 86_400}}},
            "hourly_profile": [1] * 24,
            "streams": {"all": {"title": "All", "split": [{"journey": "test", "share": 1.0}]}},
        }
    )
    environment = Environment(title="Test", endpoints={"website": url}, allow=["127.0.0.1"])
    return Plan.model_validate(
        {
            "campaign_id": "test",
            "campaign": campaign,
            "environment_id": "test",
            "environment": environment,
            "day": "day",
            "start": 0,
            "end": seconds,
            "timeout": 30.0,
            "drain": 60.0,
            **options,
        }
    )


def run(the_plan: Plan) -> tuple[Results, Engine]:
    """Run a whole plan in one engine and return its results."""
    engine = Engine(the_plan)
    engine.start(time.monotonic() + 0.05)
    wait_until_finished(engine, the_plan.duration + the_plan.drain + 30)
    results = Results()
    collect(engine, results)
    return results, engine


def wait_until_finished(engine: Engine, within: float) -> None:
    deadline = time.monotonic() + within
    while not engine.finished:
        assert time.monotonic() < deadline, "the engine did not end"
        time.sleep(0.02)


def collect(engine: Engine, results: Results) -> None:
    """Add the seconds that are complete."""
    for second in engine.collect():
        results.add(pack(second))


ROUNDING = 1 - 2**-10
"""Part of a time that is left at least when it is cut to the three significant digits of a histogram."""


def only_failure(results: Results) -> tuple[str, str]:
    """Return step and reason of the only kind of failure."""
    assert len(results.failed) == 1, results.details
    ((_, step, reason),) = results.failed
    return step, reason


def test_everyone_arrives_and_completes(one_journey):
    """Each scheduled arrival is started and completed, and each answer measured."""
    one_journey(simple)
    with server(always(say())) as url:
        results, engine = run(plan(url))
    assert engine.error is None
    assert results.counts["started"] == engine.scheduled == results.total_completed > 20
    assert results.response().count == engine.scheduled
    assert results.counts["connections"] == engine.scheduled, "each citizen comes with a connection of their own"


def test_a_stall_does_not_slow_the_arrivals_and_is_seen_in_full(one_journey):
    """Open model: a target that answers nobody before the last one has asked is asked by all, and each wait counts."""
    one_journey(simple)
    asked, all_are_there, answers = itertools.count(1), threading.Event(), []

    def stall(_request: bytes, connection: socket.socket, _number: int) -> None:
        if next(asked) == everyone:
            all_are_there.set()
        answers.append(all_are_there.wait(20))
        connection.sendall(say())

    with server(stall) as url:
        the_plan = plan(url, rate=100.0)
        instants = the_plan.arrivals.instants
        everyone = len(instants)
        begun = time.monotonic()
        results, engine = run(the_plan)
        ended = time.monotonic()
    assert answers == [True] * everyone, "with so many people under way a closed model sends no more"
    assert results.counts["started"] == engine.scheduled == results.total_completed == everyone > 50
    # Nobody is answered before the last one arrives: who comes at t waits from t until then at least, in the mean
    #     mean wait >= last - mean(t)
    # and nobody waits longer than the run lasted.
    response = results.response()
    assert response.count == everyone
    assert (instants[-1] - instants.mean()) * ROUNDING <= response.mean <= ended - begun - instants.mean()
    assert (instants[-1] - instants[0]) * ROUNDING <= response.maximum


def test_response_time_counts_from_the_intended_start(one_journey):
    """A generator that is held up by its own journeys reports the delay in the response time, not in silence."""
    held_up = 0.03

    def busy(_citizen: Citizen) -> Journey:
        time.sleep(held_up)
        yield from fetch("one", "website", "/")

    one_journey(busy)
    with server(always(say())) as url:
        the_plan = plan(url, rate=60.0)
        results, _ = run(the_plan)
    # One after the other: the k-th start comes k times `held_up` after the first at the earliest.
    instants = the_plan.arrivals.instants
    latest = max(number * held_up - (instant - instants[0]) for number, instant in enumerate(instants))
    assert results.lateness.maximum >= latest * ROUNDING > 0.2
    # Each response time is the service time, plus how late its citizen was started, plus what the journey took.
    row = results.steps["test", "one", "GET"]
    assert row.response.maximum >= results.lateness.maximum
    assert row.response.mean >= (row.service.mean + results.lateness.mean + held_up) * ROUNDING


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (always(say(status=b"500 No")), Reason.UNEXPECTED_STATUS),
        (always(say(b"Other")), Reason.CONTENT_MISSING),
        (always(say(b"In verband met onderhoud gesloten")), Reason.MAINTENANCE_PAGE),
        (always(b"rubbish\r\n\r\n"), Reason.BROKEN_RESPONSE),
        (then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHel"), Reason.CONNECTION_RESET),
        (then_close(b""), Reason.CONNECTION_RESET),
        (lambda _r, _c, _n: None, Reason.TIMEOUT),
        (redirect(b"http://elsewhere.example/"), Reason.UNEXPECTED_REDIRECT),
        (redirect(b"/base/"), Reason.UNEXPECTED_REDIRECT),
        (always(say(b"\x00not gzip", headers=b"Content-Encoding: gzip\r\n")), Reason.BROKEN_RESPONSE),
        (always(say(headers=b"Content-Encoding: zap\r\n")), Reason.BROKEN_RESPONSE),
    ],
)
def test_every_bad_answer_has_its_reason(one_journey, answer, reason):
    """Each way an answer goes wrong is counted under its own reason, and nothing hangs."""
    one_journey(simple)
    with server(answer) as url:
        results, engine = run(plan(url, seconds=0.5, rate=20.0, timeout=0.5 if reason is Reason.TIMEOUT else 30.0))
    assert engine.error is None
    assert only_failure(results) == ("one", reason)
    assert results.total_failed == engine.scheduled


def test_a_closed_port_is_refused(one_journey):
    """No listener: connection refused."""
    one_journey(simple)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    results, _ = run(plan(f"http://127.0.0.1:{port}/", seconds=0.5, rate=20.0))
    assert only_failure(results) == ("one", Reason.CONNECTION_REFUSED)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n",
        say(gzip.compress(b"Hello", mtime=0), headers=b"Content-Encoding: gzip\r\n"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + say(),
    ],
    ids=["chunked", "gzip", "interim"],
)
def test_chunked_gzip_and_interim_answers_are_understood(one_journey, data):
    """The body is what a browser would show."""
    one_journey(simple)
    with server(always(data)) as url:
        results, engine = run(plan(url, seconds=0.5, rate=20.0))
    assert results.total_completed == engine.scheduled


def test_an_answer_that_ends_with_the_connection_is_complete(one_journey):
    """Without length and chunks, the end of the connection is the end of the body."""
    one_journey(simple)

    def until_close(_request: bytes, connection: socket.socket, _number: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nHello")
        connection.shutdown(socket.SHUT_WR)

    with server(until_close) as url:
        results, engine = run(plan(url, seconds=0.5, rate=20.0))
    assert results.total_completed == engine.scheduled


def test_cookies_and_redirects_are_followed_on_one_connection(one_journey):
    """A redirect sets a cookie, the next request carries it, all on the citizen's one connection."""
    thought = 1.5

    def two_steps(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/login", form={"user": "x"}, contains="Hello")
        yield Think(thought)
        yield Wait(0.05)
        yield from fetch("two", "website", "/again", contains="Hello")

    def answer(request: bytes, connection: socket.socket, _number: int) -> None:
        if request.startswith(b"POST /base/login"):
            connection.sendall(say(b"", b"303 See Other", b"Set-Cookie: s=1; Path=/base\r\nLocation: inside\r\n"))
        elif b"Cookie: s=1" in request and request.startswith((b"GET /base/inside", b"GET /base/again")):
            connection.sendall(say())
        else:
            connection.sendall(say(b"no session", b"401 Unauthorized"))

    one_journey(two_steps)
    with server(answer) as url:
        begun = time.monotonic()
        results, engine = run(plan(url, seconds=0.5, rate=20.0))
        elapsed = time.monotonic() - begun
    assert results.total_completed == engine.scheduled == results.counts["connections"]
    duration = results.journeys["test"].duration
    assert duration.maximum <= elapsed - thought, "thinking time is not part of the duration"


def test_a_connection_closed_while_idle_is_replaced(one_journey):
    """The server closes after each answer: the next request opens a new connection, and nothing fails."""

    def two_steps(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield Wait(0.1)
        yield from fetch("two", "website", "/")

    def close_after(_request: bytes, connection: socket.socket, _number: int) -> None:
        connection.sendall(say())
        connection.shutdown(socket.SHUT_RDWR)

    one_journey(two_steps)
    with server(close_after) as url:
        results, engine = run(plan(url, seconds=0.5, rate=20.0))
    assert results.total_completed == engine.scheduled
    assert results.counts["connections"] == 2 * engine.scheduled


def test_a_journey_may_carry_on_after_a_failed_request(one_journey):
    """The driver throws the failure into the journey, which may try something else."""

    def persistent(_citizen: Citizen) -> Journey:
        with pytest.raises(JourneyFailed, match="timeout"):
            yield Request("one", "website", "/silent")
        while True:
            with suppress(JourneyFailed):  # a machine that is busy elsewhere may be too late for the time-out, too
                yield from fetch("two", "website", "/", contains="Hello")
                return

    def answer(request: bytes, connection: socket.socket, _number: int) -> None:
        if b"/silent" not in request:
            connection.sendall(say())

    one_journey(persistent)
    with server(answer) as url:
        results, engine = run(plan(url, seconds=0.3, rate=20.0, timeout=0.3))
    assert results.total_completed == engine.scheduled
    assert results.total_failed == 0


def test_arrivals_beyond_the_limit_are_dropped_and_counted(one_journey):
    """Nobody is forgotten: started + dropped = scheduled."""

    def slow(_citizen: Citizen) -> Journey:
        yield Wait(1.0)
        yield from fetch("one", "website", "/")

    one_journey(slow)
    with server(always(say())) as url:
        results, engine = run(plan(url, rate=100.0, max_in_flight=10))
    assert results.counts["dropped"] > 0
    assert results.counts["started"] + results.counts["dropped"] == engine.scheduled


def test_those_still_on_their_way_at_the_end_are_counted(one_journey):
    """When the drain is over, the rest is unfinished: started = completed + failed + unfinished."""

    def endless(_citizen: Citizen) -> Journey:
        yield Think(60.0)

    one_journey(endless)
    results, engine = run(plan("http://127.0.0.1:9/", seconds=0.3, drain=0.2))
    assert results.total_unfinished == results.counts["started"] == engine.scheduled


def test_a_bug_in_a_journey_ends_the_run_with_its_error(one_journey):
    """A broken journey is not the target's failure."""

    def broken(_citizen: Citizen) -> Journey:
        yield Wait(0.01)
        raise KeyError("typo")

    one_journey(broken)
    results, engine = run(plan("http://127.0.0.1:9/"))
    assert isinstance(engine.error, KeyError)
    assert results.total_failed == 0


def test_a_run_ends_even_where_its_end_fails(one_journey, monkeypatch):
    """What goes wrong in the last moment is the run's error; it must not keep the run from ending."""

    def fails(engine: Engine) -> None:
        if engine._over:
            raise OSError("no sockets are counted here")

    one_journey(simple)
    monkeypatch.setattr(Engine, "_close_second", fails)
    with server(always(say())) as url:
        _, engine = run(plan(url, seconds=0.3))
    assert isinstance(engine.error, OSError)


def test_stopping_early_keeps_what_was_measured(one_journey):
    """A stop ends the engine long before its plan does; the seconds until then are there, and all add up."""

    def every_other_stays(citizen: Citizen) -> Journey:
        if citizen.number % 2:
            yield Think(3600.0)
        yield from fetch("one", "website", "/", contains="Hello")

    one_journey(every_other_stays)
    results = Results()
    with server(always(say())) as url:
        engine = Engine(plan(url, seconds=600.0))
        engine.start(time.monotonic())
        deadline = time.monotonic() + 60
        while results.total_completed < 10:
            assert time.monotonic() < deadline, "nobody comes"
            time.sleep(0.02)
            collect(engine, results)
        engine.stop()
        wait_until_finished(engine, within=30)
    collect(engine, results)
    started = results.counts["started"]
    assert started == results.counts["due"] == results.total_completed + results.total_unfinished
    assert 10 <= results.total_completed < started < engine.scheduled / 2


def test_a_host_that_is_not_allowed_gets_no_byte(one_journey):
    """The engine refuses the connection itself."""
    one_journey(simple)
    touched = []
    with server(lambda _r, c, _n: (touched.append(1), c.sendall(say()))[0]) as url:
        results, _ = run(plan(url.replace("127.0.0.1", "localhost"), seconds=0.3, rate=20.0))
    assert results.total_completed == 0
    assert not touched


def test_citizens_leave_no_work_for_the_collector(one_journey):
    """After a run there is no cycle to collect: a full collection would stop every citizen for 100 ms."""

    def two_steps(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/", contains="Hello")
        yield Think(0.01)
        yield from fetch("two", "website", "/missing", contains="Nobody")

    one_journey(two_steps)
    with server(always(say())) as url:
        gc.collect()
        gc.disable()
        try:
            results, engine = run(plan(url, seconds=0.5))
            found = gc.collect()
        finally:
            gc.enable()
    assert results.total_failed == engine.scheduled > 10
    assert found < engine.scheduled


def test_those_who_wait_for_the_system_at_the_end_have_failed(one_journey):
    """A citizen who still polls when the drain is over was not served; one who still thinks is merely unfinished."""

    def waiting(citizen: Citizen) -> Journey:
        if citizen.number % 2:
            yield Think(60.0)
        yield from fetch("one", "website", "/", contains="Hello")
        yield Wait(60.0)

    one_journey(waiting)
    with server(always(say())) as url:
        results, engine = run(plan(url, seconds=0.5, rate=40.0, spacing="even", drain=0.3))
    assert only_failure(results) == ("one", Reason.TIMEOUT)
    assert results.total_failed == results.total_unfinished == engine.scheduled / 2
    assert results.counts["due"] == engine.scheduled


def test_a_path_that_is_no_plain_text_is_quoted(one_journey):
    """What a system hands out (a ticket in a path) cannot break the request or smuggle a header in."""

    def odd(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/a b\r\nX-Evil: 1/é€", contains="Hello")

    asked = []
    one_journey(odd)
    with server(lambda r, c, _n: (asked.append(r), c.sendall(say()))[0]) as url:
        results, engine = run(plan(url, seconds=0.3, rate=20.0))
    assert results.total_completed == engine.scheduled
    assert asked[0].startswith(b"GET /base/a%20b%0D%0AX-Evil:%201/%C3%A9%E2%82%AC HTTP/1.1\r\nHost:")
