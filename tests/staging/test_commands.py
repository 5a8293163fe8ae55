"""The command line, against a replica that runs as a process of its own."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from typer.testing import CliRunner, Result

from staging.commands import app
from staging.layout import SYSTEMS
from tests.waiting import LONG

ROOT = Path(__file__).resolve().parents[2]
runner = CliRunner()


def order(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


@contextmanager
def started(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """Run `staging run --port 0 --json` and yield the process and what it said at its start."""
    command = [sys.executable, "-c", "from staging.commands import app; app()", "run", "--port", "0", "--json"]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], LONG)[0], "the replica said nothing"
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with started("--dose-web", "3") as (_, said):
        yield str(said["url"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_replica_says_where_it_listens_and_stops_when_told(number: signal.Signals) -> None:
    """One line of JSON with the URL and every endpoint; a signal ends it with exit code 0."""
    with started() as (process, said):
        assert set(said["endpoints"]) == set(SYSTEMS)  # type: ignore[call-overload]
        opener = build_opener(ProxyHandler({}))
        assert opener.open(f"{said['url']}/website/", timeout=LONG).status == 200
        process.send_signal(number)
        assert process.wait(LONG) == 0


def test_a_taken_port_is_one_clear_line() -> None:
    """Exit code 2 and which port is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = order("run", "--port", str(port), "--config", str(ROOT / "config"))
    assert (result.exit_code, result.stderr) == (2, f"cannot listen on 127.0.0.1 port {port}: the port is taken\n")


def test_a_public_address_needs_permission() -> None:
    """Nothing is bound on an address that others can reach, unless told to."""
    result = order("run", "--host", "192.0.2.1", "--config", str(ROOT / "config"))
    assert result.exit_code == 2
    assert "--allow-public" in result.stderr


def test_an_invalid_configuration_is_reported(tmp_path: Path) -> None:
    """Exit code 2 and a line for each problem, before anything is started."""
    result = order("run", "--port", "0", "--config", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr


def test_faults_are_switched_by_name(url: str) -> None:
    """On, listed, off, cleared."""
    result = order("fault", "on", "added-latency", "system=website", "seconds=0.01", "--url", url)
    assert (result.exit_code, result.stdout) == (0, "on: added-latency system=website seconds=0.01\n")
    listing = json.loads(order("fault", "list", "--url", url, "--json").stdout)
    assert [active["fault"] for active in listing["active"]] == ["added-latency"]
    assert "maintenance-page: " in order("fault", "list", "--url", url).stdout
    assert order("fault", "off", "added-latency", "--url", url).stdout == "no fault is on\n"
    order("fault", "on", "banner", "--url", url)
    assert json.loads(order("fault", "clear", "--url", url, "--json").stdout) == {"active": []}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fault", "on", "flood"], "There is no fault 'flood'; there is: added-latency, "),
        (["fault", "on", "added-latency"], "added-latency: system: Field required"),
        (["fault", "on", "banner", "text"], "'text' is not NAME=VALUE"),
        (["fault", "off", "flood & more"], "There is no fault 'flood & more'"),
        (["dose"], "give --web, --app or both"),
    ],
)
def test_wrong_use_is_explained(url: str, arguments: list[str], message: str) -> None:
    """Exit code 2 and a sentence."""
    result = order(*arguments, "--url", url)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_state_and_dose_are_shown(url: str) -> None:
    """Counters as lines for people and as JSON for machines."""
    state = json.loads(order("state", "--url", url, "--json").stdout)
    assert state["waiting_room"]["web"]["dose"] == 3.0
    assert "  submissions: 0\n" in order("state", "--url", url).stdout
    doses = json.loads(order("dose", "--app", "7", "--url", url, "--json").stdout)
    assert (doses["web"]["dose"], doses["app"]["dose"]) == (3.0, 7.0)


@pytest.mark.parametrize("address", ["http://127.0.0.1:{free}", "nonsense", "http://127.0.0.1:99999"])
def test_without_a_replica_the_command_says_how_to_start_one(address: str) -> None:
    """Exit code 2, one line, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    result = order("state", "--url", address.format(free=free))
    assert result.exit_code == 2
    assert result.stderr.startswith("no replica answers on ")
    assert "piekwacht staging run" in result.stderr


def test_something_else_than_a_replica_is_told_apart() -> None:
    """A server that answers, but not as a replica does, is none."""

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n[]")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        result = order("state", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert result.exit_code == 2
    assert result.stderr.startswith("no replica answers on ")
