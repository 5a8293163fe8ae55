"""Would a test with realistic numbers have found it? The first day of March 2023, with the limit and without."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from config import Configuration
from loadtests.plan import make_plan
from tests.children import child
from tests.conftest import ROOT
from tests.loadtests.test_gate import Gate, piekwacht

NAME = "march-2023-rehearsal"
LONGEST = 110


def test_the_day_has_its_published_numbers(configuration: Configuration) -> None:
    """3.6 million app logins, two of them for each couple; 1.4 million by SMS; activations 4.3 times those of 2022."""
    days = {
        day: make_plan(configuration, NAME, "local", day=day).composed.streams for day in ("march-2023", "march-2022")
    }
    totals = {day: {stream: shape.total for stream, shape in streams.items()} for day, streams in days.items()}
    of_2023, of_2022 = totals["march-2023"], totals["march-2022"]
    assert of_2023["app-logins"] + 2 * of_2023["partners"] == pytest.approx(3.6e6)
    assert of_2022["app-logins"] == pytest.approx(2.2e6)
    assert of_2022["partners"] == 0, "they could not file together yet"
    assert (of_2023["sms-logins"], of_2022["sms-logins"]) == (pytest.approx(1.4e6), pytest.approx(0.6e6))
    assert of_2023["activations"] == pytest.approx(87_774)
    assert of_2023["activations"] / of_2022["activations"] == pytest.approx(4.316, abs=0.001)


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Gate]:
    """Run a replica with the campaign's doses. Nothing here is about speed: a busy machine may be late, and slow."""
    folder = tmp_path / "config"
    (folder / "campaigns").mkdir(parents=True)
    (folder / "environments").mkdir()
    (folder / "estate").symlink_to(ROOT / "config" / "estate")
    campaign = yaml.safe_load((ROOT / "config" / "campaigns" / f"{NAME}.yaml").read_text())
    doses = campaign["thresholds"]["doses"]
    health = {"started_share": 0.1, "lateness_p99": "1m"}
    campaign["thresholds"] |= {"failed_share": 0.05, "p95": "1m", "generator": health}
    (folder / "campaigns" / f"{NAME}.yaml").write_text(yaml.safe_dump(campaign, sort_keys=False))
    room = [f"--dose-{channel}={dose}" for channel, dose in doses.items()]
    with child(piekwacht("staging", "run", "--port", "0", *room), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found
        local = (ROOT / "config/environments/local.yaml").read_text().replace(":8600/", f":{found[1]}/")
        (folder / "environments/local.yaml").write_text(local)
        yield Gate(folder, found[0])


def rehearse(gate: Gate, out: Path) -> tuple[int, dict[str, Any], str]:
    """Rehearse twelve minutes of the morning in seven seconds, thirty people a second."""
    command = piekwacht("load", "run", NAME, "--config", str(gate.folder), "--from", "10:00", "--to", "10:12",
                        "--compress", "100", "--scale", "0.003", "--think", "0.05", "--drain", "3",
                        "--out", str(out))  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False)
    path = out / "summary.json"
    assert path.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(path.read_text()), done.stdout


@pytest.mark.slow
def test_the_rehearsal_finds_the_limit_and_passes_without_it(
    replica: Gate, configuration: Configuration, tmp_path: Path
) -> None:
    """It fails with a limit at DigiD that its crowd does not fit, and says so everywhere; then the limit is mended."""
    replica.fault("on", "connection-limit", "connections=12")
    code, summary, said = rehearse(replica, tmp_path / "limited")
    assert (code, summary["outcome"], summary["plan"]["day"]) == (1, "failed", "march-2023"), summary["reasons"]
    sentence = summary["reasons"][-1]
    assert re.fullmatch(
        r"this looks like a limit of connections: digid-app, digid-sms and digid-activation refused new ones once about"
        r" \d+ were open \([\d.]+ tried a second\); [\d,]+ of [\d,]+ ended with connection_reset from second \d+ on,"
        r" while [\d,]+ of [\d,]+ requests on connections already open were answered",
        sentence,
    )
    limits = {row["systems"][0]: row["limit"] for row in summary["connections"] if row["limit"]}
    assert list(limits) == ["digid-app"], "nobody else is blamed"
    assert limits["digid-app"]["sentence"] == sentence
    assert sentence in (tmp_path / "limited" / "report.html").read_text()
    assert "this looks like a limit of connections" in (tmp_path / "limited" / "summary.md").read_text()
    assert "this looks like a limit of connections" in " ".join(said.replace("│", " ").split())
    (suite,) = ET.parse(tmp_path / "limited" / "junit.xml").getroot()
    assert sentence in [failure.get("message") for failure in suite.iter("failure")]

    replica.fault("clear")
    code, summary, _ = rehearse(replica, tmp_path / "mended")
    assert (code, summary["reasons"]) == (0, [])
    assert all(not row["refused"] and row["limit"] is None for row in summary["connections"])
    met = {row["channel"]: row["joined"] for row in summary["waiting_room"]}
    assert all(met[channel] > 0 for channel in ("web", "app")), "both channels have a waiting room"
    came = {row["journey"] for row in summary["journeys"] if row["completed"] or row["unfinished"]}
    assert came == {kind.journey for kind in make_plan(configuration, NAME, "local").kinds}
    assert summary["attempts"]["spare_connections"] > 0, "the app connects more than once"
