"""`piekwacht load capacity` as a person runs it: a real process against a website of known capacity.

What a busy machine can spoil is not asserted: it can make the website slower, never faster than its slots allow.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from piekwacht import app
from tests.conftest import ROOT
from tests.loadtests.slots import Website, served

JOURNEYS_A_SECOND = 80.0
"""Eight slots of 0.05 s are 160 answers a second; a visit takes two."""


def config_for(website: Website, folder: Path) -> Path:
    """Return a configuration whose `local` is the website."""
    for part in ("estate", "campaigns"):
        (folder / part).symlink_to(ROOT / "config" / part)
    (folder / "environments").mkdir()
    local = (ROOT / "config/environments/local.yaml").read_text()
    text = local.replace("http://127.0.0.1:8600/website", website.url)
    (folder / "environments/local.yaml").write_text(text)
    return folder


def command(config: Path, out: Path, *options: str) -> list[str]:
    arguments = ("load", "capacity", "--journey", "visit-website", "--config", str(config), "--out", str(out))
    short = ("--think", "0", "--warm-up", "1", "--hold", "4", "--timeout", "5", "--p95", "2s", "--json")
    return [sys.executable, "-m", "piekwacht", *arguments, *short, *options]


def searched(website: Website, tmp_path: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Run a search against the website; return its exit code and its result. Skip where this machine is too busy."""
    (tmp_path / "config").mkdir()
    config, out = config_for(website, tmp_path / "config"), tmp_path / "out"
    done = subprocess.run(
        command(config, out, *options), cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.stdout, done.stderr
    capacity: dict[str, Any] = json.loads(done.stdout)
    assert json.loads((out / "capacity.json").read_text()) == capacity
    assert "<html" in (out / "capacity.html").read_text()
    if capacity["end"] == "generator" and " late or more " in capacity["holds"][-1]["reasons"][0]:
        pytest.skip(f"this machine could not keep the schedule: {capacity['holds'][-1]['reasons'][0]}")
    return done.returncode, capacity


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_capacity_of_a_website_is_found(tmp_path):
    """No more than its slots allow, in a bracket as narrow as asked; a forecast beyond it is a no."""
    with served(Website(slots=8, seconds=0.05)) as website:
        code, capacity = searched(
            website, tmp_path, "--from-rate", "32", "--precision", "50", "--confirmations", "1", "--forecast", "160"
        )
    assert (code, capacity["end"], capacity["outcome"]) == (1, "found", "failed")
    assert 32 <= capacity["passing"] < 1.3 * JOURNEYS_A_SECOND
    assert capacity["passing"] < capacity["failing"] <= 1.5 * capacity["passing"]
    assert capacity["headroom"] == pytest.approx(capacity["passing"] / 160 - 1)
    assert sum(hold["phase"] == "confirmation" for hold in capacity["holds"]) >= 1
    after = {probe["after_hold"] for probe in capacity["probes"] if probe["healthy"]}
    failed = [hold["number"] for hold in capacity["holds"] if hold["outcome"] == "failed"]
    assert {0, *(number for number in failed if number < len(capacity["holds"]))} <= after


@pytest.mark.slow
def test_a_website_that_never_fails_has_at_least_the_highest_rate(tmp_path):
    """Nothing above --to-rate is sent; two generator processes are led as one; exit code 0."""
    with served(Website(slots=100, seconds=0.01)) as website:
        code, capacity = searched(
            website, tmp_path, "--from-rate", "10", "--to-rate", "15", "--confirmations", "0", "--processes", "2"
        )
    assert (code, capacity["end"], capacity["failing"]) == (0, "at-cap", None)
    rates = [rate for rate, _ in groupby(hold["rate"] for hold in capacity["holds"])]
    assert rates == [10, 15], "a hold that a busy machine spoiled is repeated"
    assert capacity["answer"] == "At least 15/s; nothing above it has failed."


@pytest.mark.slow
def test_the_budget_of_failures_ends_the_search(tmp_path):
    """A website that refuses everyone beyond a few: the search ends soon after the budget, and says what it knows."""
    with served(Website(slots=2, seconds=0.1, most_waiting=1)) as website:
        code, capacity = searched(
            website, tmp_path, "--from-rate", "60", "--hold", "60", "--budget", "5", "--recovery", "0"
        )
    assert (code, capacity["outcome"]) == (3, "invalid")
    assert capacity["end"] == "budget"
    assert capacity["failures"] >= 5
    assert len(capacity["holds"]) == 1
    assert website.refused < 60 * 15, "it was held to its end, which is half a minute"


@pytest.mark.slow
def test_an_unhealthy_website_gets_no_load(tmp_path):
    """A target that fails at rest is probed, never loaded: the answer is no."""
    with served(Website(most_waiting=0)) as website:
        code, capacity = searched(website, tmp_path, "--recovery", "0")
    assert (code, capacity["end"], capacity["holds"]) == (1, "too-low", [])
    assert website.refused == capacity["failures"] == 5
    assert capacity["probes"][0]["failures"] == {"unexpected_status": 5}


@pytest.mark.slow
def test_a_generator_that_cannot_ask_says_nothing_of_the_website(tmp_path):
    """An address that this machine does not have is no failure of the target: exit code 3, and the reason is told."""
    with served(Website(slots=8)) as website:
        (tmp_path / "config").mkdir()
        config = config_for(website, tmp_path / "config")
        with (config / "environments/local.yaml").open("a") as stream:
            stream.write("source_addresses: [192.0.2.1]\n")
        done = subprocess.run(
            command(config, tmp_path / "out", "--recovery", "0"),
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    capacity = json.loads(done.stdout)
    assert (done.returncode, capacity["end"], capacity["outcome"]) == (3, "generator", "invalid")
    assert "(Cannot assign requested address)" in done.stderr
    assert "At rest" not in (tmp_path / "out/capacity.html").read_text()


@pytest.mark.slow
def test_an_interruption_keeps_what_is_known(tmp_path):
    """Ctrl-C in the middle of a hold: exit code 3, and the report holds the rates until then."""
    (tmp_path / "config").mkdir()
    with served(Website(slots=100, seconds=0.01)) as website:
        arguments = command(
            config_for(website, tmp_path / "config"), tmp_path / "out", "--from-rate", "5", "--hold", "8"
        )
        process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("hold ") and ": 5/s " not in line:  # which a busy machine may have spoilt, once or more
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 3
    capacity = json.loads(output)
    assert (capacity["end"], capacity["passing"]) == ("interrupted", 5.0)
    assert [hold["outcome"] for hold in capacity["holds"]][-2:] == ["passed", "invalid"]
    assert (tmp_path / "out/capacity.html").is_file()


@pytest.mark.slow
def test_a_hopeless_run_is_ended_and_says_why(tmp_path):
    """`run` asks while it goes on, ends the run at the first reason, and gives that reason first."""
    program = """
import sys
from pathlib import Path
from config import load
from loadtests.plan import make_plan
from loadtests.run import run

plan = make_plan(load(Path(sys.argv[1])), "smoke", "local", start="10:00", end="10:10")
summary = run(plan, processes=1, out=Path(sys.argv[2]), command="", hopeless=lambda results, elapsed:
              "enough" if results.counts["started"] else None)
print(summary.reasons[0], summary.arrivals.not_due > 0)
"""
    (tmp_path / "config").mkdir()
    with served(Website()) as website:
        config = config_for(website, tmp_path / "config")
        done = subprocess.run(
            [sys.executable, "-c", program, config, tmp_path / "out"],
            cwd=ROOT, capture_output=True, text=True, timeout=100, check=True,
        )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "ended early: enough True"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--journey", "fly"), "There is no journey 'fly'"),
        (("--journey", "visit-website", "--channel", "fax"), "There is no channel 'fax'"),
        (("--journey", "visit-website", "--env", "moon"), "There is no environment 'moon'"),
        (("--journey", "visit-website", "--p95", "2"), "expected a duration with its unit"),
        (("--journey", "visit-website", "--from-rate", "200"), "--from-rate 200 is above the highest rate, 100"),
        (("--journey", "visit-website", "--to-rate", "5", "--forecast", "9"), "--to-rate 5 is below the forecast, 9"),
        (("--journey", "visit-website", "--day", "any-day"), "--day belongs to --campaign"),
        (("--journey", "visit-website", "--campaign", "nope"), "There is no campaign 'nope'"),
        (("--journey", "visit-website", "--campaign", "smoke", "--forecast", "9"), "exclude each other"),
        (("--journey", "enter-waiting-room", "--campaign", "aangifte-2023-03-01"), "nobody makes the journey"),
        (("--journey", "visit-website", "--to-rate", "1e9"), "has too many arrivals for one run"),
        (("--journey", "visit-website", "--objective", "20"), "50"),
    ],
)
def test_wrong_use_is_said_before_anything_is_sent(options, said):
    """Exit code 2, and what would have been right."""
    done = CliRunner().invoke(app, ["load", "capacity", "--config", str(ROOT / "config"), *options])
    assert done.exit_code == 2
    assert said in done.stderr
