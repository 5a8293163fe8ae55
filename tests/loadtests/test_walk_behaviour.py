"""What citizens do when it fails, on the real engine against real listeners: counted exactly, attempt by attempt."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from journeys import Citizen, Journey, JourneyFailed, Reason
from journeys.core import Request, Think, Wait, fetch
from loadtests import behaviour as decisions
from loadtests.engine import Engine
from tests.crowd import Talk, answering, check_accounts, crowd, listening, plan, registered, say
from tests.waiting import LONG

SOON = {"pause": "50ms", "jitter": 0.0}
BAD = say(status=b"503 Service Unavailable")


def named(citizen: Citizen) -> Journey:
    """One page that has the citizen's number in its path."""
    yield from fetch("one", "website", f"/{citizen.number}", contains="Hello")


def failing(times: int) -> Any:
    """Return a talk that fails each path so many times before it answers it; new connections do not matter."""
    failed: Counter[bytes] = Counter()

    def talk(it: Talk) -> None:
        while True:
            path = it.request().split(b" ")[1]
            failed[path] += 1
            it.send(BAD if failed[path] <= times else say())

    return talk


@pytest.mark.parametrize("times", [0, 1, 3])
def test_whoever_tries_again_gets_through(times):
    """The server fails everyone so many times: each failure is a setback, nobody has failed, and all are attempts."""
    with listening(failing(times)) as target:
        outcome = crowd(target.url, named, behaviour={"retry": {"times": 3, **SOON}})
    assert outcome.completed == outcome.counts["started"] == 10
    assert (outcome.setbacks, outcome.failed) == (10 * times, 0)
    assert outcome.counts["attempts"] == len(target.requests) == 10 * (1 + times)
    assert target.connections == 10 * (1 + times), "a new attempt begins with a new browser"


def test_whoever_has_tried_often_enough_gives_up():
    """The last failure is what became of them; those before it were setbacks."""
    with listening(answering(BAD)) as target:
        outcome = crowd(target.url, behaviour={"retry": {"times": 2, **SOON}})
    assert outcome.failure() == ("one", Reason.UNEXPECTED_STATUS)
    assert (outcome.failed, outcome.setbacks, outcome.counts["attempts"]) == (10, 20, 30)


def test_a_share_comes_back_after_having_given_up():
    """The same citizens as the decisions say, once more with all their retries, sooner on a compressed day."""
    habits = {"retry": {"times": 1, **SOON}, "come_back": {"share": 0.5, "after": "1m", "times": 1}}
    with listening(answering(BAD)) as target:
        outcome = crowd(target.url, behaviour=habits, citizens=20, seconds=24.0, compress=240.0, keep="volume")
    the_plan = plan("http://127.0.0.1:9", behaviour=habits, compress=240.0)
    manner = decisions.Manner(the_plan.campaign.behaviour["web"], the_plan.seed)
    returning = sum(manner.after_failure(number, decisions.History(2, 1, 0)) is not None for number in range(20))
    assert 0 < returning < 20
    assert outcome.failed == 20
    assert outcome.counts["attempts"] == 2 * (20 + returning)
    assert outcome.setbacks == outcome.counts["attempts"] - 20


def test_a_new_attempt_has_no_cookies():
    """The browser was closed in between; within an attempt cookies are kept."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield from fetch("two", "website", "/inside", contains="Hello")

    answers = say(headers=b"Set-Cookie: s=1\r\n"), BAD
    with listening(answering(*answers)) as target:
        crowd(target.url, walk, citizens=1, behaviour={"retry": {"times": 1, **SOON}})
    assert [b"Cookie: s=1" in request for request in target.requests] == [False, True, False, True]


ALL_AWAY = {"stop_when": lambda engine: len(engine._away) == 10, "drain": LONG}


@pytest.mark.parametrize("end", [{"drain": 2.0}, ALL_AWAY], ids=["drained", "stopped"])
def test_whoever_would_have_tried_again_when_the_run_ends_is_counted_once(end):
    """At its end they have failed; if it was cut off nobody can tell."""
    with listening(answering(BAD)) as target:
        outcome = crowd(target.url, behaviour={"retry": {"times": 9, "pause": "1h"}}, **end)
    ended = outcome.results.total_unfinished if "stop_when" in end else outcome.failed
    assert ended == outcome.counts["attempts"] == 10
    assert outcome.setbacks == 0, "nobody has tried again"


def test_each_attempt_is_measured_from_its_own_beginning():
    """A pause between attempts is no response time of the system."""
    with listening(failing(1)) as target:
        outcome = crowd(target.url, named, behaviour={"retry": {"times": 1, "pause": "2s", "jitter": 0.0}})
    assert outcome.results.response().count == 20
    assert outcome.results.response().maximum < 2.0


def test_patience_shorter_than_the_server_closes_the_connection():
    """The server sees the end of the connection while it still works on the answer; retries come on new ones."""
    seen_the_end: list[int] = []

    def slow(it: Talk) -> None:
        it.request()
        it.wait_for_end()
        seen_the_end.append(it.number)

    habits = {"patience": "300ms", "retry": {"times": 1, **SOON}}
    with listening(slow) as target:
        outcome = crowd(target.url, behaviour=habits, timeout=60.0)
        assert outcome.failure() == ("one", Reason.TIMEOUT)
        assert (outcome.failed, outcome.setbacks, target.connections) == (10, 10, 20)
    assert sorted(seen_the_end) == list(range(1, 21))


def test_patience_is_the_citizens_own_and_the_detail_says_so():
    """Between a half and one and a half times the campaign's value, never more than the run's time-out."""
    with listening(lambda it: it.wait_for_end()) as target:
        outcome = crowd(target.url, citizens=1, behaviour={"patience": "400ms"}, timeout=60.0)
        words, seconds = outcome.detail().rsplit(" ", 1)
        assert words == "no answer within"
        assert 0.2 <= float(seconds.removesuffix("s")) <= 0.6
        outcome = crowd(target.url, citizens=1, behaviour={"patience": "1h"}, timeout=0.3)
        assert outcome.detail() == "no answer within 0.3s"


# --- two tabs


@pytest.fixture
def quick_tabs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open second tabs after a fifth of a second, not after seconds."""
    monkeypatch.setattr(decisions, "TAB_DELAY", (0.2, 0.2001))


def reading(_citizen: Citizen) -> Journey:
    yield from fetch("one", "website", "/login")
    yield Think(0.5)
    yield from fetch("two", "website", "/inside", contains="Hello")


def test_a_second_tab_shares_the_cookies_and_is_no_citizen(quick_tabs):
    """It walks the same journey on connections of its own; only the first tab is counted as a citizen."""
    with listening(answering(say(headers=b"Set-Cookie: s=1; Path=/\r\n"))) as target:
        outcome = crowd(target.url, reading, citizens=5, behaviour={"two_tabs": 1.0})
    assert outcome.completed == outcome.counts["started"] == 5
    assert outcome.counts["attempts"] == target.connections == 10
    assert (outcome.failed, outcome.setbacks) == (0, 0)
    logins = [b"Cookie: s=1" in request for request in target.requests if b"/login" in request]
    assert Counter(logins) == {False: 5, True: 5}, "the second tab knows the cookie of the first from the start"
    assert outcome.results.journeys["test"].duration.count == 5


def test_whoever_has_finished_opens_no_second_tab(quick_tabs):
    """The first tab was closed before."""
    with listening(answering(say())) as target:
        outcome = crowd(target.url, citizens=5, behaviour={"two_tabs": 1.0})
    assert outcome.counts["attempts"] == 5


def test_a_second_tab_outlives_the_first(quick_tabs):
    """The run goes on until it has finished, too."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield Wait(0.4)
        yield from fetch("two", "website", "/")

    with listening(answering(say())) as target:
        outcome = crowd(target.url, walk, citizens=5, behaviour={"two_tabs": 1.0})
    assert outcome.completed == 5
    assert len(target.requests) == 20


def test_a_second_tab_that_fails_is_a_setback_and_not_tried_again(quick_tabs):
    """What becomes of it does not decide what becomes of the citizen."""

    def second_only(it: Talk) -> None:
        while True:
            path = it.request()
            it.send(BAD if b"Cookie: s=1" in path and b"/login" in path else say(headers=b"Set-Cookie: s=1\r\n"))

    with listening(second_only) as target:
        outcome = crowd(target.url, reading, citizens=5, behaviour={"two_tabs": 1.0, "retry": {"times": 3, **SOON}})
    assert (outcome.completed, outcome.failed, outcome.setbacks) == (5, 0, 5)
    assert outcome.counts["attempts"] == 10


BOTH_OPEN = {"stop_when": lambda engine: len(engine._walks) == 10, "drain": LONG}


@pytest.mark.parametrize("end", [{"drain": 2.0}, BOTH_OPEN], ids=["drained", "stopped"])
def test_a_second_tab_that_is_open_when_the_run_ends_is_not_counted(quick_tabs, end):
    """`crowd` checks that the accounts close."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield Think(60.0)

    with listening(answering(say())) as target:
        outcome = crowd(target.url, walk, citizens=5, behaviour={"two_tabs": 1.0}, **end)
    assert outcome.results.total_unfinished == 5
    assert 10 >= outcome.counts["attempts"] > 5


def test_a_second_tab_without_descriptors_does_not_abort_the_citizen(quick_tabs):
    """It is the first tab that counts; the accounts close."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield Wait(0.6)
        yield from fetch("two", "website", "/")

    with listening(answering(say())) as target, registered(walk):
        engine = Engine(plan(target.url, citizens=5, behaviour={"two_tabs": 1.0}))
        engine.dialer.limit = 5
        engine.dialer.rest = lambda *_: None  # nobody makes room
        engine.start(time.monotonic())
        end = time.monotonic() + 30
        while not engine.finished:
            assert time.monotonic() < end
            time.sleep(0.01)
        results = _collected(engine)
    check_accounts(results, 5)
    assert (results.total_completed, results.counts["aborted"]) == (5, 0)
    assert results.counts["attempts"] == 10


def _collected(engine: Engine) -> Any:
    from loadtests.results import Results
    from loadtests.second import pack

    results = Results()
    for second in engine.collect():
        results.add(pack(second))
    return results


# --- needless connections


def test_the_bug_opens_so_many_connections_and_asks_on_each():
    """One is needed, three more are opened: the server sees four, with the same request on each."""
    with listening(answering(say())) as target:
        outcome = crowd(target.url, behaviour={"spare_connections": {"number": 3}})
        deadline = time.monotonic() + 10
        while target.connections < 40:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert outcome.completed == outcome.counts["requests"] == 10
    assert outcome.counts["spare"] == 30
    assert len(set(target.requests)) == 1


def test_only_connections_are_multiplied_not_requests_on_them():
    """Whoever keeps a connection asks on that one; what spare ones answer is forgotten."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/1", contains="Hello")
        yield Wait(0.2)
        yield from fetch("two", "website", "/2", contains="Hello")

    with listening(answering(say())) as target:
        outcome = crowd(target.url, walk, citizens=5, behaviour={"spare_connections": {"number": 2}})
    assert outcome.completed == 5
    assert Counter(request.split(b" ")[1] for request in target.requests) == {b"/1": 15, b"/2": 5}


def test_spare_connections_that_fail_hurt_nobody():
    """Every connection is reset: the citizens notice that of their own only."""
    with listening(lambda it: it.reset()) as target:
        outcome = crowd(target.url, citizens=5, behaviour={"spare_connections": {"number": 2}})
    assert outcome.failed == 5
    assert outcome.counts["spare"] == 10


def test_spare_connections_are_given_up_with_patience():
    """A server that never answers does not hold them longer than their citizen would."""
    with listening(lambda it: (it.request(), it.wait_for_end())) as target:

        def walk(_citizen: Citizen) -> Journey:
            with pytest.raises(JourneyFailed, match="timeout"):
                yield Request("one", "website", "/")
            for _ in range(100):
                yield Wait(0.05)
                if len(target.ended) == 15:
                    return
            raise AssertionError(f"{len(target.ended)} of 15 connections have ended")

        outcome = crowd(target.url, walk, citizens=5, timeout=0.3, behaviour={"spare_connections": {"number": 2}})
    assert outcome.completed == 5
