"""Figures reach a Pushgateway, marks reach Grafana, and trouble with either changes nothing but what is said."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from loadtests import announce, metrics
from loadtests.announce import Annotation, AnnounceError, Announcer, push, token_of
from loadtests.summarise import summarise
from loadtests.summary import Summary
from tests.loadtests.runs import plan, results, second
from tests.prometheus import free_port

PLAN = plan(5.0)
RESULTS = results([second(index, failed=1) for index in range(5)])


def summary() -> Summary:
    return summarise(PLAN, RESULTS, began=datetime.now(UTC), seconds=5.0, processes=1, command="test")


@dataclass
class Listener:
    """A server that notes what it is asked and answers with `status` and `body`."""

    url: str = ""
    status: int = 200
    body: bytes = b'{"id": 7, "message": "Annotation added"}'
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def requests(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _, _ in self.asked]


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            listener.asked.append((self.command, self.path, dict(self.headers), body))
            self.send_response(listener.status)
            for name, value in listener.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(listener.body)))
            self.end_headers()
            self.wfile.write(listener.body)

        do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - names that the base class looks for

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name of the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as found:
        yield found


def test_the_final_figures_are_pushed_for_their_campaign(listener):
    """In place of those of its last run, in Prometheus's own text."""
    push(listener.url, PLAN, RESULTS, summary())
    ((method, path, _, body),) = listener.asked
    assert (method, path) == ("PUT", "/metrics/job/piekwacht/campaign/visits")
    text = body.decode()
    assert 'piekwacht_load_journeys_failed_total{campaign="visits",journey="visit-website"} 5.0' in text
    assert 'piekwacht_load_outcome{campaign="visits",outcome="failed"} 1.0' in text
    assert 'piekwacht_load_outcome{campaign="visits",outcome="passed"} 0.0' in text
    assert {metric.name for metric in metrics.ALL} <= set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_gateway_that_refuses_is_named(listener, status):
    """With its address and its answer."""
    listener.status = status
    with pytest.raises(AnnounceError, match=f"could not be pushed to {listener.url}: HTTP status {status}"):
        push(listener.url, PLAN, RESULTS, summary())


def test_a_gateway_that_is_not_there_is_named():
    """The error is the system's own word, on one line."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(AnnounceError) as caught:
        push(url, PLAN, RESULTS, summary())
    assert re.fullmatch(rf"the figures could not be pushed to {url}: .*refused.*", str(caught.value))


def test_a_gateway_that_does_not_answer_is_given_up(monkeypatch):
    """The pipeline is not held up for ever."""
    monkeypatch.setattr(announce, "PATIENCE", 0.2)
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(AnnounceError, match="timed out"):
        push(f"http://127.0.0.1:{silent.getsockname()[1]}", PLAN, RESULTS, summary())


def test_a_run_is_marked_from_its_begin_to_its_end(listener):
    """One annotation: made before the run, made a stretch after it, with tags to find it by and what came of it."""
    annotation = Annotation(listener.url, "secret", PLAN)
    before = int(time.time() * 1000)
    annotation.begin()
    annotation.end("failed")
    (begun, ended) = listener.asked
    assert listener.requests == [("POST", "/api/annotations"), ("PATCH", "/api/annotations/7")]
    assert {headers["Authorization"] for _, _, headers, _ in listener.asked} == {"Bearer secret"}
    first, last = json.loads(begun[3]), json.loads(ended[3])
    assert before <= first["time"] <= last["timeEnd"]
    assert first["tags"] == ["piekwacht", "load test", "visits", "test"]
    assert last["tags"] == [*first["tags"], "failed"]
    assert (first["text"], last["text"]) == ("Visits: under way", "Visits: failed")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401}, "took no annotation: HTTP status 401"),
        ({"body": b"<html>"}, "took no annotation: "),
        ({"body": b"[]"}, "did not say which annotation it made"),
        ({"body": b'{"id": "7"}'}, "did not say which annotation it made"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "took no annotation: HTTP status 302"),
    ],
)
def test_a_grafana_that_refuses_is_named_and_asked_no_more(listener, answer, words):
    """The token is never said, and never sent to where a redirect points; without a begin there is no end."""
    for name, value in answer.items():
        setattr(listener, name, value)
    annotation = Annotation(listener.url, "secret", PLAN)
    with pytest.raises(AnnounceError) as caught:
        annotation.begin()
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)
    annotation.end("failed")
    assert len(listener.asked) == 1


def test_a_redirect_is_not_followed(listener):
    """A token is for one host only."""
    with listening() as other:
        listener.status, listener.headers = 302, {"Location": f"{other.url}/api/annotations"}
        with pytest.raises(AnnounceError):
            Annotation(listener.url, "secret", PLAN).begin()
        assert other.asked == []


def test_the_token_comes_from_the_environment_s_secret_or_from_a_variable(monkeypatch, tmp_path):
    """A reference comes first; line ends around a token are no part of it."""
    monkeypatch.setenv("GRAFANA_TOKEN", "from-variable\n")
    monkeypatch.setenv("OTHER", "from-other")
    path = tmp_path / "token"
    path.write_text("from-file\n")
    assert token_of({}) == "from-variable"
    assert token_of({"grafana": "env:OTHER"}) == "from-other"
    assert token_of({"grafana": f"file:{path}"}) == "from-file"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:NO_SUCH_TOKEN", "environment variable NO_SUCH_TOKEN: it is not set"),
        ("file:/nowhere/at/all", "/nowhere/at/all: No such file or directory"),
        ("env:TWO_LINES", "TWO_LINES: it is empty or no single line of text"),
        ("env:BLANK", "BLANK: it is empty"),
    ],
)
def test_a_missing_token_is_explained(monkeypatch, reference, words):
    """By the place where it should be, never by what is there."""
    monkeypatch.setenv("TWO_LINES", "hush\nhush")
    monkeypatch.setenv("BLANK", " ")
    with pytest.raises(AnnounceError) as caught:
        token_of({"grafana": reference})
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)


def test_without_being_asked_nothing_is_sent(listener):
    """No surprise traffic."""
    said: list[str] = []
    with Announcer(PLAN, None, None, said.append) as announcer:
        announcer.end(RESULTS, summary())
    with suppress(SystemExit), Announcer(PLAN, None, None, said.append):
        sys.exit(130)
    assert (said, listener.asked) == ([], [])


def test_an_announcer_tells_everything_and_carries_on_after_trouble(listener):
    """The push is refused, the mark is set and ended all the same; each trouble is said once."""
    said: list[str] = []
    nobody = f"http://127.0.0.1:{free_port()}"
    with Announcer(PLAN, nobody, Annotation(listener.url, "secret", PLAN), said.append) as announcer:
        announcer.end(RESULTS, summary())
    assert listener.requests == [("POST", "/api/annotations"), ("PATCH", "/api/annotations/7")]
    assert len(said) == 1
    assert nobody in said[0]


def test_a_run_that_never_was_ends_its_mark(listener):
    """Nobody wonders what became of it."""
    mark = Annotation(listener.url, "secret", PLAN)
    with suppress(SystemExit), Announcer(PLAN, listener.url, mark, pytest.fail):
        sys.exit(130)
    assert listener.requests == [("POST", "/api/annotations"), ("PATCH", "/api/annotations/7")]
    assert json.loads(listener.asked[-1][3])["text"] == "Visits: broken off"


@pytest.mark.peer
def test_a_real_pushgateway_takes_the_figures(peer: Callable[[str], str], tmp_path: Path):
    """It serves them again with job and campaign, and the figures of the next run take their place."""
    port = free_port()
    program = peer("prometheus-pushgateway")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(process, url)
            push(url, PLAN, RESULTS, summary())
            served = urlopen(f"{url}/metrics").read().decode()
            labels = 'campaign="visits",instance="",job="piekwacht"'
            assert f"piekwacht_load_arrivals_started_total{{{labels}}} 55" in served
            assert 'outcome="failed"} 1' in served
            again = results([second(0)])
            push(url, PLAN, again, summarise(PLAN, again, began=datetime.now(UTC), seconds=5, processes=1, command=""))
            served = urlopen(f"{url}/metrics").read().decode()
            assert f"piekwacht_load_arrivals_started_total{{{labels}}} 10" in served
            assert "push_failure_time_seconds" in served
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the Pushgateway did not start"
        try:
            urlopen(f"{url}/-/ready", timeout=2).close()
        except URLError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the Pushgateway did not become ready")
