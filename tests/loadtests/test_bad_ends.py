"""`piekwacht load run` on bad days, as a person runs it: it ends with a clear word and the right exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from loadtests.summary import Summary
from tests.children import in_namespace
from tests.conftest import ROOT
from tests.crowd import Talk, answering, listening, say
from tests.waiting import eventually

pytestmark = pytest.mark.slow

CAMPAIGN = """
title: Visits
sources: [chosen]
assumptions: []
days:
  day: {start: 2026-01-15T00:00:00+01:00, source: chosen, totals: {visits: 4320000}}  # 50 a second
hourly_profile: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
streams:
  visits: {title: Visits, split: [{journey: visit-website, share: 1.0}]}
"""
PAGE = say(b"Belastingdienst: Storingen")


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `load run` against a target, behind a `prefix` (limits, a disk of its own); its report goes to `out`."""
    folder = tmp_path / "config"
    for part in ("campaigns", "environments"):
        (folder / part).mkdir(parents=True)
    (folder / "estate").symlink_to(ROOT / "config/estate")
    (folder / "campaigns/visits.yaml").write_text(CAMPAIGN)
    local = (ROOT / "config/environments/local.yaml").read_text()
    started = list[subprocess.Popen[str]]()

    def start(url: str, end: str, *options: str, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        (folder / "environments/here.yaml").write_text(local.replace("http://127.0.0.1:8600", url))
        arguments = [*prefix, sys.executable, "-m", "piekwacht", "load", "run", "visits", "--config", str(folder)]
        arguments += ["--env", "here", "--from", "09:00", "--to", end, "--out", str(tmp_path / "out"), *options]
        # It must not compile for others: within a limit of file sizes Python leaves half a module in its cache.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:  # a test has failed
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a process says, in one line each, when it has ended."""
    said = process.communicate(timeout=60)
    return re.sub(r"[\s│•]+", " ", said[0]), re.sub(r"\s+", " ", said[1])


def test_a_disk_that_is_full_is_told_before_the_run(visit, tmp_path):
    with listening(answering(PAGE)) as target:
        run = visit(target.url, "09:00:01", prefix=("prlimit", "--fsize=16384"))
        _, complained = ended(run)
        assert run.returncode == 2, complained
        assert target.requests == []
    assert complained == f"cannot write to {tmp_path / 'out'}: File too large "
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_fills_during_the_run_does_not_cost_the_report(visit, tmp_path):
    """Somebody else takes all that is left of a small disk; the report has the room that was taken for it."""
    out, full, kept = (tmp_path / name for name in ("out", "full", "kept"))
    out.mkdir()
    disk = in_namespace(f"mount -t tmpfs -o size=6m tmpfs '{out}'")
    script = f"""
        (until [ -e '{tmp_path}/fill' ] || ! kill -0 $$; do sleep 0.1; done
        head -c 9m /dev/zero >'{out}/theirs'; echo >'{full}') &
        "$@"; code=$?
        cp -r '{out}' '{kept}'
        exit $code
    """
    with listening(answering(PAGE)) as target:
        run = visit(target.url, "09:00:06", "--think", "0", prefix=(*disk, "sh", "-c", script, "sh"))
        under_way(target.requests)
        (tmp_path / "fill").touch()
        assert eventually(full.exists)
        printed, complained = ended(run)
        assert run.returncode == 0, complained + printed
    names = sorted(path.name for path in kept.iterdir())
    assert names == ["junit.xml", "report.html", "summary.json", "summary.md", "theirs"]
    summary = Summary.model_validate_json((kept / "summary.json").read_text())
    assert summary.arrivals.completed == summary.arrivals.due > 250


def test_a_report_that_cannot_be_written_costs_no_results(visit, tmp_path):
    """What was measured is printed, the missing report is named, nothing half-written stays: exit code 3."""
    (tmp_path / "out/report.html").mkdir(parents=True)
    (tmp_path / "out/summary.json").write_text("of yesterday")
    with listening(answering(PAGE)) as target:
        run = visit(target.url, "09:00:01", "--think", "0")
        printed, complained = ended(run)
        assert run.returncode == 3, complained
    assert "the report could not be written to" in complained
    assert "not a regular file; what is there is of an earlier run" in complained
    assert "INVALID" in printed
    assert "no report in" in printed
    assert re.search(r"scheduled started dropped completed failed", printed)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "summary.json"]
    assert (tmp_path / "out/summary.json").read_text() == "of yesterday"


def test_want_of_descriptors_is_named(visit, tmp_path):
    """Thirty connections for fifty citizens who all wait for an answer: the run is invalid and says why."""

    def slow(it: Talk) -> None:
        while True:
            it.request()
            time.sleep(1.5)
            it.send(PAGE)

    with listening(slow) as target:
        run = visit(target.url, "09:00:01", "--think", "0", prefix=("prlimit", "--nofile=230"))
        printed, complained = ended(run)
        assert run.returncode == 3, complained
    arrivals = json.loads((tmp_path / "out/summary.json").read_text())["arrivals"]
    assert arrivals["aborted"] > 0
    assert f"ran out of descriptors, ports or memory for {arrivals['aborted']} journeys" in printed
    assert "Too many open files" in printed
    parts = ("dropped", "completed", "failed", "aborted", "unfinished", "lost")
    assert arrivals["due"] == sum(arrivals[name] for name in parts)
    assert arrivals["lost"] == 0


@pytest.mark.usefixtures("visit")
@pytest.mark.parametrize("command", ["run visits --from 09:00 --to 09:00:02", "capacity --journey visit-website"])
def test_a_tls_file_that_cannot_be_used_is_named_before_the_run(tmp_path, command):
    """It is the configuration that is wrong, and not the system: exit code 2, and no report."""
    folder = tmp_path / "config"
    local = (ROOT / "config/environments/local.yaml").read_text()
    secure = local.replace("http:", "https:") + "tls: {authorities: no.pem}\n"
    (folder / "environments/here.yaml").write_text(secure)
    arguments = [*command.split(), "--env", "here", "--config", str(folder), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "piekwacht", "load", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr == f"{folder / 'no.pem'}: No such file or directory\n"
    assert not (tmp_path / "out").exists()


def under_way(target_requests: list[bytes]) -> None:
    """Wait until a run has sent something."""
    deadline = time.monotonic() + 30
    while not target_requests:
        assert time.monotonic() < deadline, "the run does not begin"
        time.sleep(0.05)


def test_sigterm_keeps_the_report(visit, tmp_path):
    """As a job that is cancelled: what was measured stays, and the exit code is 3."""
    with listening(answering(PAGE)) as target:
        run = visit(target.url, "09:10")
        under_way(target.requests)
        run.send_signal(signal.SIGTERM)
        printed, complained = ended(run)
        assert run.returncode == 3, complained
    arrivals = json.loads((tmp_path / "out/summary.json").read_text())["arrivals"]
    assert arrivals["scheduled"] == arrivals["due"] + arrivals["not_due"]
    parts = ("dropped", "completed", "failed", "aborted", "unfinished", "lost")
    assert arrivals["due"] == sum(arrivals[name] for name in parts)
    assert "the run was interrupted" in printed


def test_whoever_asks_twice_need_not_wait(visit, tmp_path):
    """The second signal leaves at once, without a report; the exit code says that nothing was measured."""
    with listening(answering(PAGE)) as target:
        run = visit(target.url, "09:10")
        under_way(target.requests)
        run.send_signal(signal.SIGINT)
        run.send_signal(signal.SIGTERM)  # another one: two of a kind could arrive as one
        _, complained = ended(run)
        assert run.returncode == 3, complained
    assert "Traceback" not in complained
    assert list((tmp_path / "out").iterdir()) == []
