"""The demo, short: the same processes and the same checks as `make demo`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from demo.checks import HIT_SYSTEM
from demo.story import FAULT
from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_demo_shows_what_it_promises(tmp_path):
    """From a folder with a space in its name: fault seen and cleared, schedule kept, cost as it should be."""
    folder = tmp_path / "with a space"
    demo = subprocess.run(
        [sys.executable, "-m", "piekwacht", "demo", "--seconds", "35", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert f"Fault on: {FAULT}" in demo.stdout
    checks = json.loads((folder / "demo.json").read_text())["checks"]
    assert len(checks) == 5
    assert all(check["passed"] for check in checks)
    summary = json.loads((folder / "load" / "summary.json").read_text())
    assert {row["reason"] for row in summary["failures"]} == {"maintenance_page"}
    assert {row["journey"] for row in summary["failures"]} == {"file-return"}
    hit = [
        row["system"] for row in json.loads((folder / "demo.json").read_text())["availability"]["systems"] if row["bad"]
    ]
    assert hit == [HIT_SYSTEM]
    assert (folder / "load" / "report.html").stat().st_size > 10_000
    assert len(list((folder / "grafana").rglob("*.json"))) >= 3
    assert list((folder / "prometheus").rglob("*.yml"))
