"""One OPTIONS."""

from __future__ import annotations

from random import Random
from typing import Any

from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.sip.events import Replied, Silent
from monitors.probes.phone.sip.message import Headers, Request
from monitors.probes.phone.sip.options import Options
from tests.monitors.probes.phone.sip_far_end import dial, response

CHALLENGE = ("Proxy-Authenticate", 'Digest realm="r", nonce="n"')


def started(**changes: Any) -> tuple[Options, Request]:
    options = Options(dial(**changes), Random(3))
    options.start(0.0)
    [request] = options.take()
    assert isinstance(request, Request)
    return options, request


def test_an_answer_is_an_answer() -> None:
    """Whatever its status, with Retry-After; it comes once."""
    options, request = started()
    assert (request.method, request.body, request.headers.get("Accept")) == ("OPTIONS", b"", "application/sdp")
    options.receive(response(request, 100), 0.1)
    assert not options.done
    for _ in range(2):
        options.receive(response(request, 503, "t", (("Retry-After", "7"),)), 0.2)
    assert options.take() == [Replied(503, 7.0)]
    assert options.done
    assert options.deadline is None


def test_silence() -> None:
    """Eleven times, and then it is given up; over a stream once."""
    for transport, times in (("UDP", 10), ("TLS", 0)):
        options, _ = started(transport=transport)
        while (due := options.deadline) is not None:
            options.tick(due)
        *repeated, last = options.take()
        assert len(repeated) == times
        assert last == Silent()


def test_credentials() -> None:
    """A challenge is answered once."""
    options, request = started(credentials=Credentials("u", "p"))
    options.receive(response(request, 407, "", (CHALLENGE,)), 0.1)
    [again] = options.take()
    assert isinstance(again, Request)
    assert again.headers.get("Proxy-Authorization")
    assert again.cseq == (2, "OPTIONS")
    options.receive(response(again, 407, "", (CHALLENGE,)), 0.2)
    assert options.take() == [Replied(407, challenged=True)]


def test_what_is_no_answer_to_it() -> None:
    """Another branch, another call, a request: nothing of ours."""
    options, request = started()
    other = Request(
        request.method,
        request.uri,
        Headers((name, value.replace(request.branch, "z9hG4bKx")) for name, value in request.headers),
    )
    options.receive(response(other, 200), 0.1)
    options.receive(request, 0.1)
    assert options.take() == []
