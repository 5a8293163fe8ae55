"""`piekwacht load` as a person runs it: real processes against the replica."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from typer.testing import CliRunner

from piekwacht import app
from tests.conftest import ROOT
from tests.prometheus import free_port
from tests.waiting import LONG, eventually, gone

CAMPAIGN = "aangifte-2023-03-01"
LONGEST = 4 * LONG
"""Seconds after which a run of some seconds has not ended and will not."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * LONGEST)]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "piekwacht", *arguments]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=LONG)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a replica for all tests of this module; return a configuration whose `local` it is.

    Its campaign allows any response time and lateness: both depend on who else uses this machine.
    """
    with started("staging", "run", "--port", "0", "--dose-web", "1000", "--dose-app", "1000") as replica:
        assert replica.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", replica.stdout.readline())
        assert found
        folder = tmp_path_factory.mktemp("config")
        (folder / "estate").symlink_to(ROOT / "config" / "estate")
        (folder / "campaigns").mkdir()
        (folder / "environments").mkdir()
        campaign = (ROOT / "config/campaigns" / f"{CAMPAIGN}.yaml").read_text()
        patient = "thresholds: {failed_share: 0.01, p95: 1h, generator: {lateness_p99: 1h}}"
        (folder / "campaigns" / f"{CAMPAIGN}.yaml").write_text(re.sub(r"(?m)^thresholds:.*$", patient, campaign))
        local = (ROOT / "config/environments/local.yaml").read_text().replace(":8600/", f":{found[1]}/")
        (folder / "environments/local.yaml").write_text(local)
        yield folder


def load(config: Path, out: Path, *options: str, code: int = 0) -> dict[str, Any]:
    """Run three seconds of the morning and return its summary."""
    done = subprocess.run(
        command("load", "run", CAMPAIGN, "--config", str(config), "--from", "09:00", "--to", "09:00:03",
                "--think", "0", "--scale", "0.3", "--out", str(out), "--json", *options),
        cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def tell(*arguments: str) -> None:
    """Tell the replica to change, with a command of `piekwacht staging`."""
    done = CliRunner().invoke(app, ["staging", *arguments])
    assert done.exit_code == 0, done.output


def test_one_and_two_processes_replay_the_same_arrivals(config, tmp_path):
    """The same seed gives the same arrivals to the byte; nothing fails; the parts add up."""
    one = load(config, tmp_path / "one", "--seed", "5")
    two = load(config, tmp_path / "two", "--seed", "5", "--processes", "2")
    for summary in (one, two):
        arrivals = summary["arrivals"]
        assert summary["outcome"] == "passed"
        assert arrivals["failed"] == arrivals["dropped"] == 0
        assert arrivals["due"] == arrivals["scheduled"] == arrivals["started"] + arrivals["dropped"]
        parts = ("completed", "failed", "aborted", "unfinished")
        assert arrivals["started"] == sum(arrivals[name] for name in parts)
        assert abs(arrivals["z"]) < 4
        assert sum(row["started"] for row in summary["timeline"]) == arrivals["started"]
    assert one["arrivals"]["digest"] == two["arrivals"]["digest"]
    assert (one["plan"]["processes"], two["plan"]["processes"]) == (1, 2)
    assert json.loads((tmp_path / "one/summary.json").read_text()) == one
    assert "<html" in (tmp_path / "two/report.html").read_text()


def test_a_fault_fails_the_run_with_its_reason(config, tmp_path):
    """With the portal in maintenance the thresholds are missed: exit code 1, and the report says why."""
    url = yaml.safe_load((config / "environments/local.yaml").read_text())["endpoints"]["mijn-belastingdienst"]
    switch = ("--url", url.removesuffix("/portal"))
    tell("fault", "on", "maintenance-page", *switch)
    try:
        summary = load(config, tmp_path, code=1)
    finally:
        tell("fault", "clear", *switch)
    assert summary["outcome"] == "failed"
    assert {row["reason"] for row in summary["failures"]} == {"maintenance_page"}


def test_a_waiting_room_that_admits_nobody_fails_the_run(config, tmp_path):
    """People who are still queueing when the run ends were not served; they do not just disappear from the figures."""
    url = yaml.safe_load((config / "environments/local.yaml").read_text())["endpoints"]["waiting-room"]
    dose = ("dose", "--url", url.removesuffix("/waiting-room"))
    tell(*dose, "--web", "0", "--app", "0")
    try:
        summary = load(config, tmp_path, "--drain", "1", code=1)
    finally:
        tell(*dose, "--web", "1000", "--app", "1000")
    assert summary["outcome"] == "failed"
    assert {row["detail"] for row in summary["failures"]} == {"still waiting when the run ended"}


def workers_of(pid: int) -> list[int]:
    """Wait until a master has its two workers, and return their process ids."""

    def workers() -> list[int]:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes()]

    assert eventually(lambda: len(workers()) == 2), "the workers did not come"
    return workers()


def wait_for_arrivals(metrics: str, number: int) -> None:
    """Wait until the exporter of a run (host and port) has counted so many arrivals started."""

    def there() -> bool:
        try:
            with urlopen(f"http://{metrics}/metrics", timeout=LONG) as answer:
                text = answer.read().decode()
        except OSError:
            return False
        found = re.search(r"piekwacht_load_arrivals_started_total\{[^}]*\} (\S+)", text)
        return found is not None and float(found[1]) >= number

    assert eventually(there, within=2 * LONG), "nobody arrives"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
def test_no_worker_outlives_the_run(config, tmp_path, how):
    """Whatever ends the master, load that nobody watches does not go on."""
    arguments = ("load", "run", CAMPAIGN, "--config", str(config), "--from", "09:00", "--to", "09:10", "--scale", "0.1")
    metrics = f"127.0.0.1:{free_port()}"
    arguments += ("--processes", "2", "--think", "0.02", "--listen", metrics, "--out", str(tmp_path))
    with started(*arguments) as run:
        workers = workers_of(run.pid)
        wait_for_arrivals(metrics, 1)
        run.send_signal(how)
        run.communicate(timeout=LONGEST)
    assert eventually(lambda: all(map(gone, workers))), "a worker is still there"


def test_a_reader_that_goes_away_does_not_end_the_run(config, tmp_path):
    """`load run ... 2>&1 | head -1`: the run goes on and writes its report."""
    arguments = command("load", "run", CAMPAIGN, "--config", str(config), "--from", "09:00", "--to", "09:00:12")
    arguments += ["--scale", "0.3", "--think", "0", "--out", str(tmp_path)]  # it speaks every five seconds
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        run.wait(timeout=LONGEST)
    assert json.loads((tmp_path / "summary.json").read_text())["outcome"] == "passed"


def test_ctrl_c_keeps_the_partial_report_and_metrics_are_live(config, tmp_path):
    """While it runs /metrics counts; after Ctrl-C the report covers the part until then, and the exit code is 3."""
    arguments = ("load", "run", CAMPAIGN, "--config", str(config), "--from", "09:00", "--to", "09:10", "--scale", "0.3")
    metrics = f"127.0.0.1:{free_port()}"
    with started(*arguments, "--think", "0.02", "--listen", metrics, "--out", str(tmp_path)) as run:
        wait_for_arrivals(metrics, 30)
        run.send_signal(signal.SIGINT)
        output, _ = run.communicate(timeout=LONGEST)
        assert run.returncode == 3, output
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["outcome"] == "invalid"
    arrivals = summary["arrivals"]
    assert arrivals["started"] >= 30
    assert arrivals["not_due"] > 0
    assert arrivals["due"] == arrivals["started"] + arrivals["dropped"]
    assert "the run was interrupted; figures cover the part until then" in summary["reasons"]


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--listen", ":9465"), "--listen takes HOST:PORT"), (("--out", "README.md"), "cannot write to README.md")],
)
def test_a_run_that_cannot_begin_says_why_in_a_line(config, options, words):
    """Found out by the process that would lead the run: exit code 2, and no traceback."""
    done = subprocess.run(
        command("load", "run", CAMPAIGN, "--config", str(config), *options),
        cwd=ROOT, capture_output=True, text=True, timeout=LONG, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in re.sub(r"\s+", " ", done.stderr + done.stdout)
    assert "Traceback" not in done.stderr


def test_plain_locust_replays_a_campaign_too(config, tmp_path):
    """`locust -f loadtests/locustfile.py`, headless: Locust's own statistics and exit code, Piekwacht's report."""
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary", "--campaign",
         CAMPAIGN, "--piekwacht-config", str(config), "--from", "09:00", "--to", "09:00:04", "--scale", "0.2",
         "--think", "0", "--out", str(tmp_path), "--csv", str(tmp_path / "locust"),
         "--json-file", str(tmp_path / "locust")],
        cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    csv = (tmp_path / "locust_stats.csv").read_text()
    aggregated = next(line for line in csv.splitlines() if "Aggregated" in line)
    requests = sum(row["response"]["count"] for row in summary["steps"])
    assert sum(row["num_requests"] for row in json.loads((tmp_path / "locust.json").read_text())) == requests
    assert 0 < int(aggregated.split(",")[2]) <= requests, "Locust renews it once a second, but not at the end"


@pytest.mark.parametrize(
    ("options", "words"), [(("--growth", "nope=2"), "there is no"), (("--scale", "-1"), "scale: Input should be")]
)
def test_plain_locust_explains_wrong_options(options, words):
    """Whether their text or their value is wrong: they end Locust at once, with one line."""
    assert words in refused_by_plain_locust(*options)


def test_plain_locust_reads_the_folder_of_the_variable(tmp_path):
    """As every command does."""
    assert str(tmp_path) in refused_by_plain_locust(PIEKWACHT_CONFIG=str(tmp_path))


def test_plain_locust_looks_at_the_files_of_tls_before_it_begins(tmp_path):
    """Not when the first citizen needs them."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    local = config / "environments/local.yaml"
    missing = tmp_path / "authorities.pem"
    told = local.read_text().replace("http://127.0.0.1", "https://127.0.0.1")
    local.write_text(f"{told}tls: {{authorities: {missing}}}\n")
    assert str(missing) in refused_by_plain_locust("--campaign", "smoke", PIEKWACHT_CONFIG=str(config))


def refused_by_plain_locust(*options: str, **variables: str) -> str:
    """Run plain Locust, which must leave with 2 and without a trace; return what it said on standard error."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary", *options],
        cwd=ROOT, env=inherited | variables, capture_output=True, text=True, timeout=LONG, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


def test_plain_locust_that_ends_early_writes_an_invalid_report(config, tmp_path):
    """Locust's own time limit ends the run: the report covers the part until then, and the exit code is 3."""
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py", "--headless", "--only-summary", "-t", "10s",
         "--campaign", CAMPAIGN, "--piekwacht-config", str(config), "--from", "09:00", "--to", "09:10",
         "--scale", "0.3", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["outcome"] == "invalid"
    assert "the run was interrupted; figures cover the part until then" in summary["reasons"]
    assert 0 < summary["arrivals"]["started"] < summary["arrivals"]["scheduled"] / 2
