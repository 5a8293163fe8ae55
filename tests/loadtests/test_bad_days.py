"""Bad days: whatever the target or this machine does, each citizen is counted with a reason and the run ends in time.

`crowd` itself checks after every run that it ended within its bounds, that the accounts close exactly, that no
connection is counted as open and that no socket is left.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from journeys import Citizen, Journey, JourneyFailed, Reason
from journeys.core import Request, Think, Wait, fetch
from tests.conftest import ROOT
from tests.crowd import Talk, answering, crowd, listening, say, twice

RESET = Reason.CONNECTION_RESET


def reset_at_once(talk: Talk) -> None:
    talk.reset()


def reset_after_the_request(talk: Talk) -> None:
    talk.request()
    talk.reset()


def close_after_the_request(talk: Talk) -> None:
    talk.request()


def break_off(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHello")


def break_off_in_a_chunk(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n")


def break_off_in_the_head(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def reset_within_an_endless_body(talk: Talk) -> None:
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\n\r\nHello")
    time.sleep(0.1)
    talk.reset()


@pytest.mark.parametrize(
    "talk",
    [
        reset_at_once,
        reset_after_the_request,
        close_after_the_request,
        break_off,
        break_off_in_a_chunk,
        break_off_in_the_head,
        reset_within_an_endless_body,
    ],
)
def test_a_connection_that_is_lost_before_the_answer_is_complete(talk):
    """However far the answer had come, it is a lost connection, and never half an answer."""
    with listening(talk) as target:
        outcome = crowd(target.url)
    assert outcome.failure() == ("one", RESET)
    assert outcome.failed == target.connections == 10


def test_a_closed_port(free_port):
    """Nobody listens."""
    outcome = crowd(f"http://127.0.0.1:{free_port}")
    assert outcome.failure() == ("one", Reason.CONNECTION_REFUSED)
    assert outcome.failed == 10


@pytest.mark.parametrize("sources", [[], ["127.0.0.2", "127.0.0.3"]])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_closed_port_from_every_side(free_port, scheme, sources):
    """With TLS and from source addresses, too; every attempt is taken back from the count of open connections."""
    outcome = crowd(f"{scheme}://127.0.0.1:{free_port}", environment={"source_addresses": sources})
    assert outcome.failure() == ("one", Reason.CONNECTION_REFUSED)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_name_that_cannot_be_resolved():
    """The reserved domain .invalid has no addresses."""
    outcome = crowd("http://staging.invalid", environment={"allow": ["staging.invalid"]})
    assert outcome.failure() == ("one", Reason.NAME_NOT_RESOLVED)


def test_a_source_address_that_this_machine_does_not_have(free_port):
    """That is the generator's own trouble: nobody has failed."""
    outcome = crowd(f"http://127.0.0.1:{free_port}", environment={"source_addresses": ["192.0.2.1"]})
    assert outcome.counts["aborted"] == 10
    assert outcome.failed == 0


# --- answers that never come


def say_nothing(talk: Talk) -> None:
    talk.wait_for_end()


def trickle(talk: Talk) -> None:
    """Send one byte of the body now and then, for ever."""
    talk.request()
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        time.sleep(0.1)
        talk.send(b"x")


def announce_for_ever(talk: Talk) -> None:
    talk.request()
    while True:
        talk.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("talk", [say_nothing, trickle, announce_for_ever])
def test_a_time_out_bounds_every_answer(talk):
    """Bytes that go on coming do not prolong it; the citizen closes the connection."""
    with listening(talk) as target:
        outcome = crowd(target.url, timeout=0.5)
        assert outcome.failure() == ("one", Reason.TIMEOUT)
        assert outcome.detail() == "no answer within 0.5s"
    assert outcome.failed == 10


@pytest.mark.parametrize("sources", [[], ["127.0.0.2"]])
def test_a_handshake_that_never_comes_is_bounded(sources):
    """A port that accepts and says nothing: the time-out bounds the TLS handshake, too."""
    with listening(say_nothing) as target:
        secure = target.url.replace("http:", "https:")
        outcome = crowd(secure, timeout=0.5, environment={"source_addresses": sources})
    assert outcome.failure() == ("one", Reason.TIMEOUT)
    assert outcome.counts["connections"] == 0


@pytest.mark.parametrize("sources", [[], ["127.0.0.2"]])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_whoever_gives_up_lets_go_at_once(scheme, sources):
    """While the run goes on the server sees the connections end, whether they were open or being opened."""
    over: list[int] = []

    def walk(_citizen: Citizen) -> Journey:
        with pytest.raises(JourneyFailed, match="timeout"):
            yield Request("one", "website", "/")
        for _ in range(100):
            yield Wait(0.05)
            if len(target.ended) == 5:
                break
        over.append(len(target.ended))

    with listening(say_nothing) as target:
        url = target.url.replace("http:", f"{scheme}:")
        outcome = crowd(url, walk, citizens=5, timeout=0.3, environment={"source_addresses": sources})
    assert outcome.completed == 5
    assert over == [5] * 5


SOMEONE_WAITS = {"stop_when": lambda engine: engine.in_flight > 0}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("end", [{"drain": 0.2}, SOMEONE_WAITS], ids=["drained", "stopped"])
def test_a_run_ends_while_connections_are_being_opened(scheme, end):
    """Those who wait have failed, or are unfinished where the run was cut off; nothing is left behind."""
    with listening(say_nothing) as target:
        url = target.url.replace("http:", f"{scheme}:")
        outcome = crowd(url, timeout=60.0, behaviour={"spare_connections": {"number": 2}}, **end)
    ended = outcome.failed if "drain" in end else outcome.results.total_unfinished
    assert ended == outcome.counts["started"] > 0


def test_a_full_backlog_is_bounded():
    """A listener that does not accept: connections stay half open until the time-out."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        outcome = crowd(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.5)
    assert outcome.failure() == ("one", Reason.TIMEOUT)
    assert outcome.counts["connections"] == 0


# --- connections that the server has closed


def close_when_asked_again(talk: Talk) -> None:
    talk.request()
    talk.send(say())
    talk.request()


def test_a_get_on_a_connection_that_was_just_closed_is_sent_again():
    """Not one byte came back, so nothing was lost: counted as stale, and nobody fails."""
    with listening(close_when_asked_again) as target:
        outcome = crowd(target.url, twice("Hello"), citizens=5, seconds=0.05)
        assert outcome.completed == outcome.counts["stale"] == 5
        assert outcome.counts["connections"] == target.connections == 10


def test_a_post_on_such_a_connection_is_not_sent_twice():
    """It may have been carried out (RFC 9110, 9.2.2): a lost connection."""

    def walk(_citizen: Citizen) -> Journey:
        yield from fetch("one", "website", "/")
        yield from fetch("two", "website", "/", form={"a": "1"})

    with listening(close_when_asked_again) as target:
        outcome = crowd(target.url, walk, citizens=5, seconds=0.05)
        assert outcome.failure() == ("two", RESET)
        assert outcome.counts["stale"] == 0
        assert target.connections == 5


def test_a_server_that_closes_every_connection_is_asked_no_more_than_twice():
    """The request on a fresh connection is the last one."""

    def talk(it: Talk) -> None:
        it.request()
        if it.number == 1:
            it.send(say())
            it._receive()

    with listening(talk) as target:
        outcome = crowd(target.url, twice("Hello"), citizens=1)
        assert outcome.failure() == ("two", RESET)
        assert outcome.counts["stale"] == 1
        assert target.connections == 2


# --- want of descriptors


def within_limit(limit: int, script: str) -> str:
    """Run some lines of Python in a process with so many descriptors, and return what they print."""
    lines = f"import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))\n{script}"
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_connections_beyond_the_limit_are_the_generators_own_trouble():
    """Twenty are open at once and used, the others come to nothing: aborted, and nobody has failed."""

    def slow(it: Talk) -> None:
        it.request()
        time.sleep(1.0)
        it.send(say())

    with listening(slow) as target:
        said = within_limit(
            220,
            "from tests.crowd import crowd\n"
            f"outcome = crowd({target.url!r}, citizens=100, seconds=0.3)\n"
            "print(outcome.completed, outcome.failed, outcome.counts['aborted'])",
        )
    assert said == "20 0 80\n"


def test_idle_connections_make_room_for_those_that_are_needed():
    """Under a low limit who thinks loses the connection and opens another later: counted, and nobody fails.

    On a busy machine more than twenty need one at the same instant: these are aborted, the generator's own trouble.
    """
    with listening(answering(say())) as target:
        said = within_limit(
            220,
            "from tests.crowd import crowd\n"
            "from journeys.core import fetch, Think\n"
            "def walk(citizen):\n"
            "    yield from fetch('one', 'website', '/')\n"
            "    yield Think(1.5)\n"
            "    yield from fetch('two', 'website', '/')\n"
            f"outcome = crowd({target.url!r}, walk, citizens=60, seconds=0.6)\n"
            "highest = outcome.results.timeline.all()['open_connections'].max()\n"
            "done, counts = outcome.completed, outcome.counts\n"
            "print(done + counts['aborted'], counts['connections'] - done == counts['closed_early'] >= 20,"
            " outcome.failed, highest <= 20)",
        )
    assert said == "60 True 0 True\n"


def test_connections_that_the_server_has_closed_do_not_count_as_closed_early():
    """They had no descriptor any more that could be of use to others."""

    def close(it: Talk) -> None:
        it.request()
        it.send(say())

    with listening(close) as target:
        said = within_limit(
            220,
            "from tests.crowd import crowd\n"
            "from journeys.core import fetch, Think\n"
            "def walk(citizen):\n"
            "    yield from fetch('one', 'website', '/')\n"
            "    yield Think(0.6)\n"
            f"outcome = crowd({target.url!r}, walk, citizens=60, seconds=3.0)\n"
            "print(outcome.completed, outcome.counts['closed_early'])",
        )
    assert said == "60 0\n"


# --- the end of a run


def test_a_stop_in_the_midst_of_everything():
    """Some think, some wait for an answer, some are connecting, some are done: all are counted once."""

    def walk(citizen: Citizen) -> Journey:
        if citizen.number % 3 == 0:
            yield Think(60.0)
        try:
            yield Request("one", "website", "/slow" if citizen.number % 3 == 1 else "/")
        except JourneyFailed:
            yield Wait(60.0)

    def talk(it: Talk) -> None:
        while True:
            if b"/slow" in it.request():
                it.wait_for_end()
                return
            it.send(say())

    with listening(talk) as target:
        outcome = crowd(target.url, walk, citizens=90, seconds=30.0, stop_after=1.5, timeout=0.3)
    assert outcome.completed > 0
    assert outcome.results.total_unfinished > 0
    assert outcome.counts["due"] < 90
