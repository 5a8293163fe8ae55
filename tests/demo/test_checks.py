"""What the demo says of its own start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from demo.checks import HIT_LINE, LINE_SYSTEM, WELL_LINE, Observed, at_start, cancelled_number, schedule
from demo.processes import ChildFailedError
from demo.story import wait_until_all_pass
from demo.watch import Change, Watch

METRICS = """
# TYPE piekwacht_probe_success gauge
piekwacht_probe_success{system="website",probe="home-page"} 1
piekwacht_probe_success{system="login",probe="log-in"} 0
# TYPE piekwacht_probe_runs counter
piekwacht_probe_runs_total{system="website",probe="home-page"} 1
piekwacht_probe_runs_total{system="login",probe="log-in"} 1
# TYPE piekwacht_probe_failures_by_reason counter
piekwacht_probe_failures_by_reason_total{system="login",probe="log-in",reason="timeout"} 1
"""


@contextmanager
def monitor(text: str) -> Iterator[Watch]:
    """Serve what a monitor would say."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Watch(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


def nothing() -> None:
    """Find every process alive."""


def test_probes_that_do_not_pass_are_named_with_their_reason() -> None:
    """A probe that fails and one that has not run make the check of the start fail."""
    with monitor(METRICS) as watch:
        failing = wait_until_all_pass(watch, ["home-page", "log-in", "file-return"], nothing, within=0.3)
    assert failing == {"log-in": "timeout", "file-return": "no run yet"}
    check = at_start(failing, 3)
    assert not check.passed
    assert check.text == (
        "2 of 3 probes did not pass before the load began: file-return (no run yet), log-in (timeout)"
    )


def test_the_wait_ends_as_soon_as_all_pass() -> None:
    with monitor(METRICS) as watch:
        assert wait_until_all_pass(watch, ["home-page"], nothing) == {}
    assert at_start({}, 1).passed


def test_the_wait_ends_when_a_process_has_ended() -> None:
    """Nobody waits half a minute for a monitor that is gone."""

    def gone() -> None:
        raise ChildFailedError("monitor ended with 1")

    with pytest.raises(ChildFailedError):
        wait_until_all_pass(Watch("http://127.0.0.1:1"), ["home-page"], gone)


def test_an_invalid_load_is_worth_nothing() -> None:
    """Its reasons are shown instead of figures."""
    check = schedule({"reasons": ["a worker was lost"]}, 3)
    assert (check.passed, check.text) == (False, "the load is worth nothing: a worker was lost")


@pytest.mark.parametrize(
    ("reason", "others", "passed"),
    [
        ("number_unallocated", {WELL_LINE: True}, True),
        ("number_unallocated", {WELL_LINE: False}, False),
        ("number_unallocated", {}, False),
        ("no_progress", {WELL_LINE: True}, False),
    ],
)
def test_a_cancelled_number_is_seen_by_the_public_way_alone(reason: str, others: dict[str, bool], passed: bool) -> None:
    """Any other reason is wrong, and so is a line that is down at its platform too."""
    observed = Observed(on=10.0, changes=[Change(HIT_LINE, LINE_SYSTEM, False, reason, 12.5)])
    check = cancelled_number(observed, others)
    assert check.passed == passed
    assert f"after 2.5 s, as {reason}" in check.text


def test_a_cancelled_number_that_nobody_saw() -> None:
    """A failure from before the fault is none of it."""
    observed = Observed(on=10.0, changes=[Change(HIT_LINE, LINE_SYSTEM, False, "number_unallocated", 9.0)])
    assert not cancelled_number(observed, {WELL_LINE: True}).passed
