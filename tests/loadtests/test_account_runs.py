"""Runs with a pool of test accounts, as a person starts them, against a server that knows who uses which account."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest
import yaml
from aiohttp import web

from journeys import Account, Identities
from tests.conftest import ROOT
from tests.waiting import LONG, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6 * LONG)]

CAMPAIGN = """\
title: Activations
sources: [none]
assumptions: []
days: {day: {start: 2026-01-15T00:00:00+01:00, source: none, totals: {all: 1728000}}}   # 20 a second
hourly_profile: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
streams: {all: {title: All, split: [{journey: activate-app, share: 1}]}}
thresholds: {failed_share: 0.01, p95: 1h, generator: {lateness_p99: 1h}}
"""


class Digid:
    """A DigiD that activates the app: from its start to its confirmation an account is in use."""

    def __init__(self) -> None:
        self.url = ""
        self.starts: Counter[str] = Counter()
        self.conflicts = 0
        self._using: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    async def start(self, request: web.Request) -> web.Response:
        bsn = str((await request.json())["bsn"])
        self.conflicts += bsn in self._using
        self._using.add(bsn)
        self.starts[bsn] += 1
        return web.json_response({"transaction": bsn})

    async def inbox(self, _request: web.Request) -> web.Response:
        return web.json_response({"code": "123456"})

    async def confirm(self, request: web.Request) -> web.Response:
        self._using.discard(str((await request.json())["transaction"]))
        return web.json_response({"app": "x"})

    def __enter__(self) -> Self:
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/activation/start", self.start)
        application.router.add_get("/test-inbox", self.inbox)
        application.router.add_post("/activation/confirm", self.confirm)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner


@pytest.fixture
def digid() -> Iterator[Digid]:
    with Digid() as server:
        yield server


class Runs:
    """Starts runs of three seconds with pools of their own; nothing outlives the test."""

    def __init__(self, folder: Path, url: str, stack: ExitStack) -> None:
        self.folder = folder
        self._url = url
        self._stack = stack
        for part in ("campaigns", "environments"):
            (folder / part).mkdir(parents=True)
        (folder / "estate").symlink_to(ROOT / "config/estate")
        (folder / "campaigns/activations.yaml").write_text(CAMPAIGN)

    def write(self, accounts: str, pool: str) -> None:
        """Write the environment, and a pool beside it."""
        local = yaml.safe_load((ROOT / "config/environments/local.yaml").read_text())
        (self.folder / "pool.csv").write_text(pool)
        environment = local | {
            "endpoints": dict.fromkeys(local["endpoints"], self._url),
            "secrets": {"pool": "file:pool.csv", "other": "env:POOL"},
            "accounts": yaml.safe_load(accounts),
        }
        (self.folder / "environments/local.yaml").write_text(yaml.safe_dump(environment))

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "piekwacht", "load", *arguments],
            cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment},
        )  # fmt: skip
        self._stack.callback(process.communicate)
        self._stack.callback(process.kill)
        return process

    def run(self, *options: str, **environment: str) -> subprocess.Popen[str]:
        return self.start(
            "run", "activations", "--config", str(self.folder), "--from", "10:00", "--to", "10:00:03", "--even",
            "--think", "0.02", "--out", str(self.folder / "out"), "--json", *options, **environment,
        )  # fmt: skip


@pytest.fixture
def runs(tmp_path: Path, digid: Digid) -> Iterator[Runs]:
    with ExitStack() as stack:
        yield Runs(tmp_path / "config", digid.url, stack)


def accounts(count: int, seed: int = 3) -> str:
    """Return a pool of so many accounts."""
    identities = Identities(seed)
    lines = [",".join(identities.account(number)) for number in range(count)]
    return "\n".join([",".join(Account._fields), *lines]) + "\n"


def summary_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a run and return its summary; nothing that it says names an account."""
    out, err = process.communicate(timeout=4 * LONG)
    assert "999" not in err, err
    assert out, err
    summary: dict[str, Any] = json.loads(out)
    assert "Test-999" not in out
    return summary


def closed(summary: dict[str, Any], digid: Digid) -> None:
    """Check the sums, and that nobody was seen with another's account."""
    arrivals = summary["arrivals"]
    assert arrivals["scheduled"] == arrivals["due"] == 60
    assert arrivals["started"] + arrivals["no_account"] + arrivals["dropped"] == 60
    assert arrivals["completed"] == arrivals["started"] == sum(digid.starts.values())
    assert digid.conflicts == 0


def test_two_processes_share_a_pool_and_never_an_account(runs, digid):
    """Each has half of 24 accounts, which is barely more than are in use; they come round several times."""
    runs.write("{secret: pool}", accounts(24))
    summary = summary_of(runs.run("--processes", "2"))
    closed(summary, digid)
    identities = Identities(3)
    assert set(digid.starts) <= {identities.bsn(number) for number in range(24)}
    assert sum(digid.starts.values()) > len(digid.starts) > 12, "both halves are used, and used again"
    if not summary["arrivals"]["no_account"]:
        assert summary["outcome"] == "passed"


def test_accounts_used_once_are_divided_over_processes(runs, digid):
    """With exactly as many accounts as arrivals everyone has their own."""
    runs.write("{secret: pool, use: once}", accounts(60))
    summary = summary_of(runs.run("--processes", "2"))
    closed(summary, digid)
    assert summary["arrivals"]["started"] == len(digid.starts) == 60


def test_a_worker_that_joins_late_gets_accounts_from_the_others(runs, digid):
    """It comes in the middle and brings none; both use the pool, never the same account, and nobody is forgotten."""
    runs.write("{secret: pool}", accounts(24))
    address = f"127.0.0.1:{free_port()}"
    run = runs.run("--to", "10:00:26", "--master", "--bind", address)
    runs.start("worker", "--master", address)
    assert eventually(lambda: bool(digid.starts) or run.poll() is not None)
    late = runs.start("worker", "--master", address)
    summary = summary_of(run)
    arrivals = summary["arrivals"]
    assert "takes part" in late.communicate(timeout=LONG)[1]
    assert arrivals["scheduled"] == arrivals["started"] + arrivals["no_account"] + arrivals["dropped"] == 520
    assert arrivals["lost"] == 0
    assert arrivals["completed"] == arrivals["started"] == sum(digid.starts.values())
    assert digid.conflicts == 0
    assert summary["plan"]["processes"] == 2


def test_two_processes_divide_the_generated_accounts_of_a_long_run(runs, digid):
    """Without a pool, where more people are to come than there are numbers: the beginning of such a run."""
    runs.write("null", "")
    run = runs.run("--to", "11:30", "--processes", "2")
    came = eventually(lambda: sum(digid.starts.values()) >= 40 or run.poll() is not None)
    run.send_signal(signal.SIGINT)
    summary = summary_of(run)
    assert came, f"nobody was given an account: {summary['arrivals']}"
    arrivals = summary["arrivals"]
    assert arrivals["scheduled"] == 108_000
    assert arrivals["started"] >= 40
    assert arrivals["no_account"] == digid.conflicts == 0
    assert summary["plan"]["accounts"] == len(Identities())


def test_too_small_a_pool_makes_the_run_invalid(runs, digid):
    """Exit code 3, with how many found no account in a pool of how many."""
    runs.write("{secret: pool}", accounts(2))
    run = runs.run()
    summary = summary_of(run)
    missed = summary["arrivals"]["no_account"]
    closed(summary, digid)
    assert (run.returncode, summary["outcome"]) == (3, "invalid")
    assert f"{missed} arrivals found no free test account (pool of 2)" in summary["reasons"]
    assert not any("could not keep its schedule" in reason for reason in summary["reasons"])


@pytest.mark.parametrize(
    ("settings", "pool", "says"),
    [
        ("{secret: pool, use: once}", accounts(50), "60 arrivals need an account of their own and the pool has 50"),
        ("{secret: other}", "", "environment variable POOL:1: found it is not set, expected test accounts"),
    ],
)
def test_a_pool_that_cannot_do_is_refused_before_the_run(runs, digid, settings, pool, says):
    """Exit code 2 and what is wrong; nothing was sent."""
    runs.write(settings, pool)
    run = runs.run()
    out, err = run.communicate(timeout=LONG)
    assert (run.returncode, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert not digid.starts


@pytest.mark.parametrize(
    ("settings", "pool", "says"),
    [
        ("{secret: pool, use: once}", accounts(100), "a search runs many times"),
        ("{secret: pool}", "bsn,password,pin\n", "pool.csv:1: found no account, expected at least one"),
    ],
)
def test_a_search_for_capacity_needs_accounts_that_can_be_leased(runs, digid, settings, pool, says):
    """Exit code 2 before anything is sent."""
    runs.write(settings, pool)
    config = ("--config", str(runs.folder), "--out", str(runs.folder / "out"))
    search = runs.start("capacity", "--journey", "activate-app", *config)
    _, err = search.communicate(timeout=LONG)
    assert search.returncode == 2
    assert says in err
    assert not digid.starts


def test_workers_with_another_pool_are_refused(runs, digid):
    """Places in two different pools would name different accounts: the run does not begin."""
    runs.write("{secret: other}", "")
    address = f"127.0.0.1:{free_port()}"
    run = runs.run("--master", "--bind", address, "--expect-workers", "2", POOL=accounts(24))
    runs.start("worker", "--master", address, POOL=accounts(24))
    runs.start("worker", "--master", address, POOL=accounts(24, seed=4))
    summary = summary_of(run)
    assert (run.returncode, summary["outcome"]) == (3, "invalid")
    assert any("a worker has other test accounts" in reason for reason in summary["reasons"])
    assert not digid.starts


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
