"""The demo, short: the same processes and the same checks as `make demo`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from config import Configuration
from demo.checks import HIT_PROBE, HIT_SYSTEM, LINE_SYSTEM
from demo.story import FAULT, availability
from journeys import Reason
from monitors.record.ledger import Ledger
from monitors.verdict import Cause
from tests.conftest import ROOT
from tests.waiting import LONG


@pytest.mark.slow
@pytest.mark.timeout(6 * LONG)
def test_the_demo_shows_what_it_promises(tmp_path: Path, configuration: Configuration) -> None:
    """From a folder with a space in its name: fault seen and cleared, schedule kept, cost as it should be."""
    folder = tmp_path / "with a space"
    began = time.time()
    demo = subprocess.run(
        [sys.executable, "-m", "piekwacht", "demo", "--seconds", "30", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=5 * LONG,
        check=False,
    )
    assert f"Fault on: {FAULT}" in demo.stdout, demo.stdout + demo.stderr
    summary = json.loads((folder / "load" / "summary.json").read_text())
    record = json.loads((folder / "demo.json").read_text())
    checks = record["checks"]
    assert len(checks) == 6
    assert demo.returncode == (0 if all(check["passed"] for check in checks) else 1)
    assert ("maintenance_page", "file-return") in {(row["reason"], row["journey"]) for row in summary["failures"]}
    hit = [row["system"] for row in record["availability"]["systems"] if row["bad"]]
    assert HIT_SYSTEM in hit
    if not disturbed(folder, summary):
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert {(row["reason"], row["journey"]) for row in summary["failures"]} == {("maintenance_page", "file-return")}
        opening = configuration.opening(LINE_SYSTEM)
        assert HIT_SYSTEM in hit
        assert set(hit) <= {HIT_SYSTEM, LINE_SYSTEM}
        if opening.open_at(began) and opening.open_at(time.time()):  # a line that is closed need not lose anything
            assert LINE_SYSTEM in hit
    assert (folder / "load" / "report.html").stat().st_size > 10_000
    assert len(list((folder / "grafana").rglob("*.json"))) >= 3
    assert list((folder / "prometheus").rglob("*.yml"))


def disturbed(folder: Path, summary: dict[str, Any]) -> bool:
    """Tell whether this machine was too busy for the demo by what it measured of itself.

    Citizens who started late, runs of probes that began too late, took too long or were passed over.
    """
    with Ledger.open(folder / "ledger.sqlite", read_only=True) as ledger:
        totals = ledger.totals()
    assert totals.reasons[HIT_SYSTEM, HIT_PROBE, Reason.MAINTENANCE_PAGE] > 0
    slow = {Reason.TOO_SLOW, Reason.TIMEOUT} & {reason for _, _, reason in totals.reasons}
    late = {cause for *_, cause in totals.unknown} & {Cause.OVERLOADED}
    return bool(slow or late or totals.skipped) or any("keep its schedule" in reason for reason in summary["reasons"])


def test_the_accounts_are_one_line() -> None:
    """Whoever lost something by name, with a figure that is cut; the others are counted."""
    figures = {"portal": 0.755556, "website": 1.0, "login": 0.9999999, "chat": 1.0, "helpdesk": None}
    rows = [{"system": system, "availability_excluding_planned": figure} for system, figure in figures.items()]
    assert availability(rows) == "75.555 % of portal, 99.999 % of login, 2 systems at 100 %, 1 without data"
    assert availability(rows[1:2]) == "1 systems at 100 %, 0 without data"
