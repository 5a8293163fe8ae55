"""The load engine against Debian's httpbin: what a server that we did not write understands of our requests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from journeys import Citizen, Journey, Reason, Response
from journeys.core import Method, Request, Wait
from tests.crowd import Outcome, crowd
from tests.nginx import wait_for_page
from tests.prometheus import free_port

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def url(peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run httpbin on a free port; it is stopped by its process id."""
    python = peer("/usr/bin/python3", "httpbin.core")
    port = free_port()
    log = tmp_path_factory.mktemp("httpbin") / "log"
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with log.open("wb") as stream:
        command = [python, "-m", "httpbin.core", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=alone)
        try:
            wait_for_page(process, f"http://127.0.0.1:{port}/status/200", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def ask(url: str, *actions: Request | Wait, **options: Any) -> tuple[list[Response], Outcome]:
    """Let one citizen do all this; return the answers."""
    answers: list[Response] = []

    def walk(_citizen: Citizen) -> Journey:
        for action in actions:
            answer = yield action
            if answer is not None:
                answers.append(answer)

    outcome = crowd(url, walk, citizens=1, **options)
    return answers, outcome


def get(path: str) -> Request:
    return Request("one", "website", path)


def form(path: str, method: Method = "POST") -> Request:
    return Request("one", "website", path, method, b"a=1&b=two", "application/x-www-form-urlencoded")


def data(answer: Response) -> Any:
    return json.loads(answer.body)


def test_a_request_is_understood_as_it_was_meant(url):
    """Method, path, query, headers and body arrive whole."""
    own = Request("one", "website", "/anything/a b/é?q=ü&r=%20", "PUT", b'{"n": 1}', "application/json", {"X-Own": "1"})
    (answer,), _ = ask(url, own)
    seen = data(answer)
    assert (seen["method"], seen["args"], seen["json"]) == ("PUT", {"q": "ü", "r": " "}, {"n": 1})
    assert seen["headers"]["X-Own"] == "1"
    assert seen["headers"]["Content-Length"] == "8"
    assert seen["url"].endswith("/anything/a%20b/é?q=ü&r=%20")


def test_a_redirect_carries_the_body_along_where_it_must(url):
    """307 repeats a form, 302 and 303 do not; a GET that was redirected by 302 and then by 307 has no body."""
    there = "/redirect-to?status_code=%d&url=/anything"
    back_and_forth = "/redirect-to?status_code=302&url=/redirect-to?status_code%3D307%26url%3D/anything"
    answers, outcome = ask(url, *(form(there % code) for code in (307, 308, 302, 303)), form(back_and_forth))
    assert outcome.completed == 1
    with_form = {"method": "POST", "form": {"a": "1", "b": "two"}}
    without = {"method": "GET", "form": {}}
    assert [{key: data(it)[key] for key in ("method", "form")} for it in answers] == [with_form] * 2 + [without] * 3
    assert data(answers[4])["data"] == ""
    assert "Content-Length" not in data(answers[4])["headers"]


@pytest.mark.parametrize("kind", ["redirect", "relative-redirect", "absolute-redirect"])
def test_ten_redirects_are_followed_and_not_one_more(url, kind):
    """As many as MAX_REDIRECTS."""
    answers, outcome = ask(url, get(f"/{kind}/10"))
    assert data(answers[0])["url"] == f"{url}/get"
    assert outcome.counts["requests"] == 11
    _, outcome = ask(url, get(f"/{kind}/11"))
    assert outcome.failure() == ("one", Reason.UNEXPECTED_REDIRECT)


def test_cookies_are_set_replaced_and_deleted(url):
    """What httpbin sets in a redirect comes back with the next request, until it is deleted."""
    answers, _ = ask(
        url,
        get("/cookies/set?a=1&b=2"),
        get("/cookies/set?a=3"),
        get("/cookies/delete?b="),
        get("/cookies"),
    )
    kept = [{"a": "1", "b": "2"}, {"a": "3", "b": "2"}, {"a": "3"}, {"a": "3"}]
    assert [data(answer)["cookies"] for answer in answers] == kept


def test_cookies_keep_to_their_path_and_their_time(url):
    """One for another path is not sent; one of a second is gone after two."""
    setting = "/response-headers?Set-Cookie=%s"
    answers, _ = ask(
        url,
        get(setting % "elsewhere%3D1;Path%3D/anything"),
        get(setting % "short%3D1;Path%3D/;Max-Age%3D1"),
        get("/cookies"),
        get("/anything"),
        Wait(2.0),
        get("/cookies"),
    )
    assert data(answers[2])["cookies"] == {"short": "1"}
    assert data(answers[3])["headers"]["Cookie"] == "elsewhere=1; short=1"
    assert data(answers[4])["cookies"] == {}


def test_bodies_are_unpacked(url):
    """gzip, deflate, and chunks without a length."""
    answers, outcome = ask(
        url, get("/gzip"), get("/deflate"), get("/stream/7"), get("/stream-bytes/9999?chunk_size=100")
    )
    assert outcome.completed == 1
    assert data(answers[0])["gzipped"] is True
    assert data(answers[1])["deflated"] is True
    assert [json.loads(line)["id"] for line in answers[2].body.splitlines()] == list(range(7))
    assert len(answers[3].body) == 9999


def test_a_coding_that_was_not_asked_for_is_a_broken_answer(url):
    """The server sends brotli to anyone."""
    _, outcome = ask(url, get("/brotli"))
    assert outcome.failure() == ("one", Reason.BROKEN_RESPONSE)
    assert outcome.detail() == "undecodable body (unknown content-encoding br)"


def test_every_status_is_an_answer(url):
    """204 and 304 have no body, others may; none of them hangs."""
    statuses = [200, 204, 304, 400, 401, 404, 418, 429, 500, 503]
    answers, outcome = ask(url, *(get(f"/status/{status}") for status in statuses))
    assert [answer.status for answer in answers] == statuses
    assert outcome.completed == 1


def test_a_slow_answer_ends_with_patience(url):
    """The server sleeps for 10 s; the citizen does not wait for it."""
    _, outcome = ask(url, get("/delay/10"), timeout=0.5)
    assert outcome.failure() == ("one", Reason.TIMEOUT)
    assert outcome.detail() == "no answer within 0.5s"


def test_an_answer_that_comes_in_drops_is_whole(url):
    """Ten bytes over a second."""
    answers, _ = ask(url, get("/drip?duration=1&numbytes=10&delay=0"))
    assert answers[0].body == b"*" * 10
