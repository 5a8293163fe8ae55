"""Several processes on one campaign: workers that come late, are killed or stand still, and a master that is lost.

Every run goes to one small server and thinks long enough that citizens are on their way at any moment.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.children import child
from tests.conftest import ROOT

CAMPAIGN = "aangifte-2023-03-01"
PATIENCE = 90.0
pytestmark = pytest.mark.slow

Start = Callable[..., subprocess.Popen[str]]


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return found


@contextmanager
def processes() -> Iterator[Start]:
    """Start commands that do not outlive the test."""
    with ExitStack() as stack:

        def start(*arguments: str, cwd: Path = ROOT) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def start() -> Iterator[Start]:
    with processes() as start:
        yield start


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a replica for all tests of this module; return a configuration whose `local` it is."""
    with processes() as start:
        replica = start("piekwacht", "staging", "run", "--port", "0", "--dose-web", "1000", "--dose-app", "1000")
        assert replica.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", replica.stdout.readline())
        assert found
        folder = tmp_path_factory.mktemp("config")
        for part in ("estate", "campaigns"):
            (folder / part).symlink_to(ROOT / "config" / part)
        (folder / "environments").mkdir()
        local = (ROOT / "config/environments/local.yaml").read_text().replace(":8600/", f":{found[1]}/")
        (folder / "environments/local.yaml").write_text(local)
        yield folder


class Run:
    """A run in the background, its sums, and what it says of lost workers."""

    def __init__(self, start: Start, config: Path, out: Path, seconds: int, *options: str) -> None:
        self.out = out
        self.metrics = f"127.0.0.1:{free_port()}"
        self.process = start(
            "piekwacht", "load", "run", CAMPAIGN, "--config", str(config), "--from", "09:00",
            "--to", f"09:{seconds // 60:02d}:{seconds % 60:02d}", "--scale", "0.5", "--think", "0.05", "--drain", "1",
            "--listen", self.metrics, "--out", str(out), *options,
        )  # fmt: skip

    def started(self) -> int:
        """Return how many arrivals have been started so far; 0 before the run. Fail once it has ended."""
        assert self.process.poll() is None, self.process.communicate()[0]
        try:
            with urlopen(f"http://{self.metrics}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return 0
        found = re.search(r"piekwacht_load_arrivals_started_total\{[^}]*\} (\S+)", text)
        return int(float(found[1])) if found else 0

    def wait_for_arrivals(self, count: int = 30) -> None:
        until(lambda: self.started() >= count, f"{count} arrivals")

    def workers(self, count: int) -> list[int]:
        """Wait for the workers that the master has started itself; return their process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        until(lambda: self.started() or len(children.read_text().split()) == count, f"{count} workers")
        return [int(pid) for pid in children.read_text().split()]

    def end(self, *, losses: str | None = None) -> dict[str, Any]:
        """Wait for the end; check the sums and what is said of lost workers (None: nothing); return the summary.

        Without losses a busy machine may still make the run late, and so invalid.
        """
        output, _ = self.process.communicate(timeout=PATIENCE)
        summary: dict[str, Any] = json.loads((self.out / "summary.json").read_text())
        told = [reason for reason in summary["reasons"] if "lost with" in reason]
        assert bool(told) == bool(losses), output
        if losses:
            assert (self.process.returncode, summary["outcome"]) == (3, "invalid")
            assert re.search(losses, told[0]), told
        arrivals = summary["arrivals"]
        assert arrivals["scheduled"] == arrivals["due"] + arrivals["not_due"]
        ends = ("dropped", "completed", "failed", "aborted", "unfinished", "lost")
        assert arrivals["due"] == sum(arrivals[name] for name in ends)
        assert sum(row["started"] for row in summary["timeline"]) == arrivals["started"]
        return summary


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_port()}"


def work(start: Start, address: str, tmp_path: Path) -> subprocess.Popen[str]:
    """Start a worker somewhere without any configuration."""
    return start("piekwacht", "load", "worker", "--master", address, cwd=tmp_path)


def listen_for(process: subprocess.Popen[str], words: str) -> None:
    """Read what a process says until it says these words."""
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"it never said: {words}"


def everyone_was_started(summary: dict[str, Any], processes: int, most: int = 0) -> None:
    """Check that each arrival was started once, by so many processes in all; `most`: or up to so many."""
    arrivals = summary["arrivals"]
    assert arrivals["started"] + arrivals["dropped"] == arrivals["due"] == arrivals["scheduled"] > 0
    assert processes <= summary["plan"]["processes"] <= (most or processes)


def test_workers_elsewhere_replay_the_campaign_exactly(start, config, tmp_path, address):
    """One process, and a master with workers that have no configuration: the same arrivals, everyone once."""
    run = Run(start, config, tmp_path / "two", 3, "--seed", "5", "--master", "--bind", address, "--expect-workers", "2")
    workers = [work(start, address, tmp_path) for _ in range(2)]
    other = Run(start, config, tmp_path / "alone", 3, "--seed", "5")
    together, alone = run.end(), other.end()
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0], "workers end with their master"
    everyone_was_started(alone, 1)
    everyone_was_started(together, 2)
    assert alone["arrivals"]["lost"] == together["arrivals"]["lost"] == 0
    assert alone["arrivals"]["digest"] == together["arrivals"]["digest"]


def test_a_killed_worker_loses_only_those_on_their_way(start, config, tmp_path):
    """Kill -9 of one of three: the others go on with its arrivals; who was on the way is lost, nobody else."""
    run = Run(start, config, tmp_path, 8, "--processes", "3", "--think", "0.3")
    workers = run.workers(3)
    run.wait_for_arrivals(60)  # all three have told of some
    os.kill(workers[1], signal.SIGKILL)
    summary = run.end(
        losses=r"a worker was lost with [\d,]+ citizens .*; others went on with the arrivals [\d.]+ s later"
    )
    everyone_was_started(summary, 3)
    lost = summary["arrivals"]["lost"]
    assert f"lost with {lost:,} citizens" in " ".join(summary["reasons"])
    assert 0 < lost < summary["arrivals"]["started"] / 2


def test_a_worker_that_joins_late_takes_its_share_and_inherits_the_rest(start, config, tmp_path, address):
    """The second worker comes in the middle, then the first is killed: the second starts everyone else."""
    run = Run(start, config, tmp_path, 26, "--master", "--bind", address)  # a worker may need ten seconds to begin
    first = work(start, address, tmp_path)
    run.wait_for_arrivals()
    second = work(start, address, tmp_path)
    listen_for(second, "takes part")
    run.wait_for_arrivals(run.started() + 150)  # its lanes are moved two seconds ahead
    first.kill()
    summary = run.end(losses="a worker was lost with .*; others went on with the arrivals")
    everyone_was_started(summary, 2)
    assert summary["arrivals"]["lost"] < summary["arrivals"]["started"] / 2


def test_a_worker_that_stands_still_is_counted_once_when_it_wakes(start, config, tmp_path, address):
    """A stopped process looks dead; when it goes on, its late reports do not count on top of its heirs'."""
    run = Run(start, config, tmp_path, 20, "--master", "--bind", address, "--expect-workers", "2")
    _, second = work(start, address, tmp_path), work(start, address, tmp_path)
    run.wait_for_arrivals()
    second.send_signal(signal.SIGSTOP)
    time.sleep(9)
    second.send_signal(signal.SIGCONT)
    summary = run.end(losses="a worker was lost with")
    everyone_was_started(summary, 3, most=4)  # on a busy machine it may come back twice


def test_when_all_workers_are_lost_the_run_ends(start, config, tmp_path):
    """Nobody is left: the run does not wait for the rest of the day, and says why."""
    run = Run(start, config, tmp_path, 300, "--processes", "2")
    workers = run.workers(2)
    run.wait_for_arrivals()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    summary = run.end(losses="2 workers were lost with .*; nobody was left to go on with the arrivals")
    assert summary["arrivals"]["not_due"] > 0


def test_workers_stop_when_their_master_is_lost(start, config, tmp_path, address):
    """Kill -9 of the master: workers elsewhere end by themselves, and say so with their exit code."""
    run = Run(start, config, tmp_path, 300, "--master", "--bind", address, "--expect-workers", "2")
    workers = [work(start, address, tmp_path) for _ in range(2)]
    run.wait_for_arrivals()
    run.process.kill()
    for worker in workers:
        output, _ = worker.communicate(timeout=PATIENCE)  # Locust alone would go on for a minute
        assert worker.returncode == 3, output


DIFFERENT = """
import sys
from pathlib import Path
from locust.env import Environment
import journeys
from config import load
from loadtests import section
from loadtests.conductor import Conductor
from loadtests.plan import make_plan

section.draw = lambda plan: "other arrivals"
environment = Environment(user_classes=[section.CrowdUser])
environment.create_local_runner()
section.Section(environment)
conductor = Conductor(environment)
configuration = load(Path(sys.argv[1]), journeys.definitions())
conductor.start(make_plan(configuration, sys.argv[2], "local", start="09:00", end="09:01"))
assert conductor.ended.wait(60)
print(conductor.summary("").reasons)
"""


def test_a_worker_that_draws_other_arrivals_is_refused(config):
    """Other versions may draw others: the run ends before it begins, and says so."""
    done = subprocess.run(
        [sys.executable, "-c", DIFFERENT, str(config), CAMPAIGN],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "draws other arrivals: install the same versions everywhere" in done.stdout, done.stderr


DEAF = """
import sys
import gevent
from loadtests import workers

section = workers.Section

def late(*arguments):
    gevent.sleep(1.5)
    return section(*arguments)

workers.Section = late
host, _, port = sys.argv[1].rpartition(":")
workers.work(host, int(port), print)
"""


def test_a_worker_that_did_not_listen_yet_is_invited_again(start, config, tmp_path, address):
    """Locust throws away messages that a worker does not know yet; on a busy machine the first may be one of them."""
    run = Run(start, config, tmp_path, 3, "--master", "--bind", address, "--expect-workers", "1")
    with child([sys.executable, "-c", DEAF, address], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        everyone_was_started(run.end(), 1)
        _, complained = worker.communicate(timeout=PATIENCE)
    assert "Unknown message type" in complained


TOO_MANY = """
from loadtests import workers

start, started = workers.subprocess.Popen, []

def start_two(*arguments, **options):
    if len(started) == 2:
        raise BlockingIOError("no process is left")
    started.append(start(*arguments, **options))
    return started[-1]

workers.subprocess.Popen = start_two
try:
    workers.Workers(3, 9)
except BlockingIOError:
    print([process.poll() is not None for process in started])
"""


def test_a_worker_that_cannot_be_started_leaves_no_others_behind():
    """Nobody else would end them before the command does."""
    done = subprocess.run(
        [sys.executable, "-c", TOO_MANY], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout == "[True, True]\n", done.stderr


def test_a_taken_address_is_refused(start, config, tmp_path):
    """A port that someone else has is a wrong use, said in one line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = Run(start, config, tmp_path, 6, "--master", "--bind", f"127.0.0.1:{taken.getsockname()[1]}")
        output, _ = run.process.communicate(timeout=PATIENCE)
    assert run.process.returncode == 2
    assert "cannot listen on 127.0.0.1" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("side", ["worker", "master"])
def test_who_waits_for_the_other_side_leaves_at_once(start, config, tmp_path, address, side, number):
    """Nothing has begun: one line that says what is waited for, and no trace of the interruption."""
    if side == "master":
        options = ["run", CAMPAIGN, "--config", str(config), "--out", str(tmp_path), "--master", "--bind", address]
        told = f"waiting for 1 worker(s) at {address}\n"
    else:
        options = ["worker", "--master", address]
        told = f"this worker is looking for its master at {address}\n"
    process = start("piekwacht", "load", *options)
    assert process.stdout.readline() == told
    process.send_signal(number)
    assert process.communicate(timeout=PATIENCE)[0] == ""
    assert process.returncode == 130


def test_a_master_that_has_waited_in_vain_sends_home_who_has_come(start, config, tmp_path, address):
    """Locust alone would have them wait for a minute."""
    run = Run(start, config, tmp_path, 6, "--master", "--bind", address, "--expect-workers", "2")
    worker = work(start, address, tmp_path)
    listen_for(worker, "found it")
    run.process.send_signal(signal.SIGINT)
    output, _ = run.process.communicate(timeout=PATIENCE)
    assert (run.process.returncode, "Traceback" in output) == (130, False), output
    worker.communicate(timeout=PATIENCE / 3)
    assert worker.returncode == 0


class Page:
    """Locust's web page."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **data: object) -> dict[str, Any]:
        with urlopen(self.url + path, urlencode(data).encode() if data else None, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def state(self) -> dict[str, Any]:
        """Return what the page shows; nothing before it is there."""
        try:
            return self.ask("/stats/requests")
        except OSError:
            return {"state": "", "user_count": 0, "workers": []}


@pytest.mark.parametrize("workers", [0, 2])
def test_locusts_page_shows_citizens_in_run_after_run(start, config, tmp_path, workers):
    """Two runs in a row from Locust's web page: its number of users is that of the citizens on their way, then 0."""
    port = free_port()
    master = str(free_port())
    options = ("--processes", str(workers), "--master-bind-port", master, "--master-port", master) if workers else ()
    locust = start(
        "locust", "-f", "loadtests/locustfile.py", "--web-port", str(port), "--campaign", CAMPAIGN, "--scale", "0.5",
        "--piekwacht-config", str(config), "--from", "09:00", "--to", "09:00:06", "--drain", "1", "--think", "0.3",
        "--out", str(tmp_path), *options,
    )  # fmt: skip
    page = Page(port)
    until(lambda: page.state()["state"] and len(page.state().get("workers", [])) == workers, "the page")
    for _ in range(2):
        (tmp_path / "summary.json").unlink(missing_ok=True)
        assert page.ask("/swarm", user_count=1, spawn_rate=1)["success"]
        until(lambda: page.state()["user_count"] > 10, "citizens on the page")
        until((tmp_path / "report.html").exists, "the report")
        until(lambda: page.state()["state"] in {"ready", "stopped"} and page.state()["user_count"] == 0, "the end")
        summary = json.loads((tmp_path / "summary.json").read_text())
        everyone_was_started(summary, max(1, workers))
        assert summary["arrivals"]["lost"] == 0
        (tmp_path / "report.html").unlink()
    locust.terminate()
    locust.communicate(timeout=PATIENCE)
