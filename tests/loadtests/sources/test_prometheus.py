"""Range queries: rates and counters, gaps and restarts; and servers that answer badly, by half, or never."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import parse_qs

import numpy as np
import pytest

from loadtests.sources.counted import SourceError
from loadtests.sources.prometheus import Range, read_prometheus
from tests.crowd import Talk, listening

START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = START.timestamp()
END = datetime(2026, 3, 1, 0, 5, tzinfo=UTC)


@contextmanager
def server(answer) -> Iterator[str]:
    """Listen on a free port; `answer` turns what is asked into the raw bytes of a response, or None for silence."""

    def talk(it: Talk) -> None:
        body = it.request().partition(b"\r\n\r\n")[2].decode()
        said = answer({key: values[0] for key, values in parse_qs(body).items()})
        if said is None:
            it.wait_for_end()
        else:
            it.send(said)

    with listening(talk) as target:
        yield target.url


def http(body: bytes | str, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n{headers}\r\n".encode() + body


def matrix(*series, **more) -> bytes:
    """Return an answer of Prometheus with series of (seconds after START, value)."""
    result = [
        {"metric": {"pod": str(index)}, "values": [[FIRST + second, str(value)] for second, value in samples]}
        for index, samples in enumerate(series)
    ]
    return http(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}))


def read(url, meaning="rate", **options):
    return read_prometheus(Range(url, "up", START, END, 60.0, meaning), **options)


def asked_for(samples, taken=MappingProxyType({})):
    """Answer with those samples that lie in the part that is asked for; `taken` is when, if it was not then."""

    def answer(asked):
        first, last = float(asked["start"]) - FIRST, float(asked["end"]) - FIRST
        parts = [[pair for pair in series if first <= pair[0] <= last] for series in samples]
        if asked["query"].startswith("timestamp("):
            parts = [[(at, FIRST + taken.get(at, at)) for at, _ in part] for part in parts]
        return matrix(*parts)

    return answer


@pytest.mark.parametrize("points", [2, 3, 10_000])
def test_a_rate_is_counted_over_the_step_before_it(points):
    """All series together; a step without any sample is unknown; the parts in which it is asked do not show."""
    samples = [[(0, 9), (60, 1), (120, 2), (240, "NaN"), (300, 3)], [(120, 0.5)]]
    with server(asked_for(samples)) as url:
        found = read(url, points=points)
    assert found.edges.tolist() == [FIRST + 60 * slot for slot in range(6)]
    assert found.counts == pytest.approx([60, 150, np.nan, np.nan, 180], nan_ok=True)
    assert found.origin == f"Prometheus {url}, the rate up, 2 series"


@pytest.mark.parametrize("points", [2, 3, 10_000])
def test_a_counter_is_counted_through_restarts_and_gaps(points):
    """It falls: it began again at 0. It is away: what it rose meanwhile is spread evenly."""
    samples = [[(0, 100), (60, 130), (120, 10), (240, 50), (300, 50)], [(180, 5), (240, 6)]]
    with server(asked_for(samples)) as url:
        found = read(url, "counter", points=points)
    assert found.counts.tolist() == [30, 10, 20, 21, 0]
    assert found.remarks == (
        "1 counter resets: what came in up to 60 s before each is not known; a shorter --step loses less",
    )


def test_a_sample_that_is_repeated_counts_when_it_was_taken():
    """Scrapes failed from 00:01 to 00:04: no silence followed by a crowd, but the same rate all the time."""
    repeated = asked_for([[(0, 0), (60, 10), (120, 10), (180, 10), (240, 40), (300, 50)]], {120: 60, 180: 60})
    with server(repeated) as url:
        assert read(url, "counter").counts == pytest.approx([10, 10, 10, 10, 10])


def test_a_time_without_any_counter_is_unknown():
    """Neither before the first series nor after the last."""
    with server(asked_for([[(120, 5), (180, 8)]])) as url:
        assert read(url, "counter").counts == pytest.approx([np.nan, np.nan, 3, np.nan, np.nan], nan_ok=True)


def test_warnings_of_the_server_are_passed_on():
    """A partial response of a federation is no whole one: people must know."""
    with server(lambda asked: matrix([(60, 1)], warnings=["store 2 is away"])) as url:
        assert read(url).remarks == ("Prometheus warns: store 2 is away",)
    with server(lambda asked: matrix([(60, 1)], warnings=5)) as url:
        assert read(url).remarks == ()


REFUSED = http(json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}), "400 Bad Request")


def named(metric):
    """Return an answer with one series of such a name."""
    found = {"resultType": "matrix", "result": [{"metric": metric, "values": [[FIRST + 60, "1"]]}]}
    return http(json.dumps({"status": "success", "data": found}))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (REFUSED, r"refuses the query \(bad_data\): parse error"),
        (http("<html>welcome</html>"), "not an answer of Prometheus: b'<html>"),
        (http("gateway", "502 Bad Gateway"), "status 502, not an answer of Prometheus: b'gateway'"),
        (http("", "302 Found", "Location: http://elsewhere/\r\n"), "sends to http://elsewhere/: give that URL"),
        (http('{"status": "success"}'), "not an answer of Prometheus"),
        (http('{"status": "success", "data": {"resultType": "vector", "result": []}}'), "gives a vector"),
        (matrix(), "has nothing for up from"),
        (matrix([(60, 1)])[:-20], "the answer broke off"),
        (http(b"{", length=5_000), "the answer broke off"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer broke off or is no HTTP"),
        (b"", "the answer broke off"),
        (matrix([(60, -1)]), "the value -1, neither a rate nor a counter"),
        (matrix([(60, "+Inf")]), "the value inf"),
        (matrix([(60, "many")]), "could not convert string to float"),
        (matrix([(120, 1), (60, 1)]), "its times do not rise"),
        (matrix([(60, 1), (60.1, 1)]), "its times do not rise"),
        (matrix([(6000, 1)]), "times that were not asked for"),
        (
            http('{"status": "success", "data": {"resultType": "matrix", "result": [5]}}'),
            "the series null is of no use",
        ),
        (named("up"), 'the series "up" is of no use'),
        (named(None), "the series null is of no use"),
        (matrix(*[[(60, 1)]] * 201), "more than 200 series"),
        (http("[" * 100_000), "not an answer of Prometheus"),
    ],
)
def test_a_bad_answer_is_named(said, words):
    """With the URL, and never taken for data."""
    with server(lambda asked: said) as url, pytest.raises(SourceError, match=words) as caught:
        read(url)
    assert url in str(caught.value)


def test_all_broken_series_are_told_at_once():
    """Each by its labels."""
    with server(lambda asked: matrix([(60, -1)], [(60, 1)], [(60, "x")])) as url, pytest.raises(SourceError) as caught:
        read(url)
    assert len(caught.value.problems) == 2


def test_a_server_that_never_answers_is_given_up():
    """After the patience, whatever it does."""
    with server(lambda asked: None) as url, pytest.raises(SourceError, match="no complete answer in time"):
        read(url, patience=0.2)


def test_a_server_that_is_not_there_is_named():
    """In the system's words."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SourceError, match=r"cannot be reached: .*"):
        read(f"http://127.0.0.1:{port}")
    with pytest.raises(SourceError, match=r"cannot be reached|Name or service|Temporary failure"):
        read("http://prometheus.invalid")


@pytest.mark.parametrize(
    ("end", "step", "words"),
    [
        (START, 60.0, "not between one step and 366 days"),
        (datetime(2027, 6, 1, tzinfo=UTC), 60.0, "not between one step and 366 days"),
        (datetime(2026, 12, 1, tzinfo=UTC), 1.0, "more than 527,040 steps"),
    ],
)
def test_an_absurd_period_is_refused_before_anything_is_asked(end, step, words):
    """Nobody listens at this address."""
    with pytest.raises(SourceError, match=words):
        read_prometheus(Range("http://127.0.0.1:1", "up", START, end, step, "rate"))
