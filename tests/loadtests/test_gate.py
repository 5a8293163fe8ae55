"""What a pipeline sees of a run: real processes against a replica of which something is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from typer.testing import CliRunner

from piekwacht import app
from tests.children import child
from tests.conftest import ROOT
from tests.loadtests.test_announce import listening
from tests.prometheus import free_port

pytestmark = pytest.mark.slow

# Nothing here is about speed: a busy machine may be late, and slow.
THRESHOLDS = {
    "failed_share": 0.99,
    "p95": "1m",
    "generator": {"started_share": 0.1, "lateness_p99": "1m"},
    "doses": {"app": 6, "web": 200},
}


def piekwacht(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "piekwacht", *arguments]


@dataclass
class Gate:
    """A folder of configuration whose `local` is a replica."""

    folder: Path
    url: str

    def campaign(self, **changes: Any) -> None:
        """Write the campaign `room`: twenty people a second through the app and ten through the website."""
        shares = {"share": 1, "journey": "enter-waiting-room"}
        campaign = {
            "title": "Waiting room",
            "sources": ["chosen"],
            "assumptions": [],
            "days": {
                "day": {
                    "start": "2026-01-15T00:00:00+01:00",
                    "source": "chosen",
                    "totals": {"app": 1_728_000, "web": 864_000},
                }
            },
            "hourly_profile": [1] * 24,
            "streams": {name: {"title": name, "split": [{**shares, "channel": name}]} for name in ("app", "web")},
            "thresholds": {**THRESHOLDS, **changes},
        }
        (self.folder / "campaigns" / "room.yaml").write_text(yaml.safe_dump(campaign))

    def fault(self, *arguments: str) -> None:
        done = CliRunner().invoke(app, ["staging", "fault", *arguments, "--url", self.url])
        assert done.exit_code == 0, done.output

    def run(
        self, out: Path, *options: str, to: str = "09:00:04", **variables: str
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        """Run the campaign; return what became of the command, and the summary."""
        environment = {name: value for name, value in os.environ.items() if name != "GRAFANA_TOKEN"} | variables
        done = subprocess.run(
            piekwacht("load", "run", "room", "--config", str(self.folder), "--from", "09:00", "--to", to,
                      "--drain", "1", "--out", str(out), *options),
            cwd=ROOT, capture_output=True, text=True, timeout=110, check=False, env=environment,
        )  # fmt: skip
        path = out / "summary.json"
        return done, json.loads(path.read_text()) if path.exists() else {}


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    arguments = piekwacht("staging", "run", "--port", "0", "--dose-app", "6", "--dose-web", "200")
    with child(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found
        folder = tmp_path_factory.mktemp("config")
        (folder / "estate").symlink_to(ROOT / "config" / "estate")
        (folder / "campaigns").mkdir()
        (folder / "environments").mkdir()
        local = (ROOT / "config/environments/local.yaml").read_text().replace(":8600/", f":{found[1]}/")
        (folder / "environments/local.yaml").write_text(local)
        yield Gate(folder, found[0])


@pytest.fixture
def gate(replica: Gate) -> Iterator[Gate]:
    replica.campaign()
    yield replica
    replica.fault("clear")


def test_a_waiting_room_that_keeps_its_dose_passes(gate, tmp_path):
    """More people come than may go in, by far: they queue, and nobody accuses the waiting room."""
    done, summary = gate.run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["channel"]: row for row in summary["waiting_room"]}
    assert rows["app"]["queued"] > rows["app"]["admitted"] > 0
    assert rows["app"]["unqueued"] == 0
    assert rows["app"]["peak"]["above"] <= rows["app"]["peak"]["allowed"]


def test_a_waiting_room_that_is_not_applied_fails_the_run(gate, tmp_path):
    """As in March 2023: the app channel lets in everybody. Channel, dose and rate are named, everywhere."""
    gate.fault("on", "app-unguarded")
    done, summary = gate.run(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    exceeded, unqueued = summary["reasons"]
    assert re.fullmatch(
        r"the waiting room exceeded the dose of the app channel: it admitted [\d,]+ people within \d+ s from second \d+"
        r" on, [\d.]+ a second, where the dose is 6: [\d,]+ too many",
        exceeded,
    )
    assert re.fullmatch(r"(\d+) of \1 people were admitted on the app channel without a place in the queue", unqueued)
    rows = {row["channel"]: row for row in summary["waiting_room"]}
    assert rows["app"]["unqueued"] > 50
    assert rows["web"]["unqueued"] == 0
    (suite,) = ET.parse(tmp_path / "junit.xml").getroot()
    failures = [failure.get("message") for failure in suite.iter("failure")]
    assert failures == [exceeded, unqueued]
    assert "❌ FAILED" in (tmp_path / "summary.md").read_text()
    assert "✘ FAILED" in done.stdout


def test_a_hopeless_run_ends_early_and_has_failed(gate, tmp_path):
    """Nothing works from the start: the run does not last its ten minutes, and most arrivals were never due."""
    gate.campaign(failed_share=0.01, abort={"failed_share": 0.5, "over": "1s"})
    gate.fault("on", "error-share", "system=waiting-room", "share=1")
    done, summary = gate.run(tmp_path, to="09:10:00")
    assert done.returncode == 1, done.stdout + done.stderr
    assert summary["outcome"] == "failed"
    assert summary["reasons"][0].startswith("ended early: ")
    arrivals = summary["arrivals"]
    assert arrivals["not_due"] > arrivals["due"]
    assert arrivals["due"] + arrivals["not_due"] == arrivals["scheduled"]
    assert "the run was interrupted" not in " ".join(summary["reasons"])


def test_no_abort_lets_a_hopeless_run_go_on(gate, tmp_path):
    """What is asked for on the command line comes before what the campaign says."""
    gate.campaign(failed_share=0.01, abort={"failed_share": 0.5, "over": "1s"})
    gate.fault("on", "error-share", "system=waiting-room", "share=1")
    done, summary = gate.run(tmp_path, "--no-abort")
    assert done.returncode == 1, done.stdout + done.stderr
    assert summary["arrivals"]["not_due"] == 0
    assert not any(reason.startswith("ended early") for reason in summary["reasons"])


def test_a_run_is_announced_where_asked(gate, tmp_path):
    """Pushed once with its outcome, marked from begin to end; a Pushgateway that is away changes no exit code."""
    with listening() as grafana, listening() as gateway:
        done, _ = gate.run(
            tmp_path, "--push", gateway.url, "--annotate", grafana.url, to="09:00:02", GRAFANA_TOKEN="secret"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert gateway.requests == [("PUT", "/metrics/job/piekwacht/campaign/room")]
        assert b'piekwacht_load_outcome{campaign="room",outcome="passed"} 1.0' in gateway.asked[0][3]
        assert grafana.requests == [("POST", "/api/annotations"), ("PATCH", "/api/annotations/7")]
        assert grafana.asked[0][2]["Authorization"] == "Bearer secret"
    nobody = f"http://127.0.0.1:{free_port()}"
    done, summary = gate.run(tmp_path, "--push", nobody, to="09:00:02")
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["outcome"] == "passed"
    assert f"the figures could not be pushed to {nobody}" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--push", "http://me:secret@gateway"), "--push: found something else than a base URL"),
        (("--annotate", "grafana"), "--annotate: found something else than a base URL"),
        (
            ("--annotate", "http://127.0.0.1:9"),
            "no token for Grafana: environment variable GRAFANA_TOKEN: it is not set",
        ),
        (("--to", "09:00:02"), "the warm-up of 3 s leaves nothing of a run of 2 s to be judged"),
    ],
)
def test_what_cannot_work_is_said_before_the_run(gate, tmp_path, options, words):
    """Exit code 2, one line, and nothing was sent."""
    gate.campaign(warm_up="3s")
    done, summary = gate.run(tmp_path, *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
    assert summary == {}
