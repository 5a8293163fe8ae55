"""`make stack` with Debian's Prometheus and Alertmanager, at a quick pace: an alert travels to the receiver."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from demo.alerting import PACKAGES
from tests.conftest import ROOT
from tests.waiting import LONG, eventually, gone

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(6 * LONG)]

QUICK = ["--interval", "2", "--history", "60", "--within", str(2 * LONG)]


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "piekwacht", "stack", *arguments, "--out", str(folder)]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that runs tests in the background has them ignore Ctrl-C, and what they start inherits that.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=ROOT, preexec_fn=listen, **pipes) as process:  # noqa: PLW1509 - one thread
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def installed(peer: Callable[[str], str]) -> None:
    for program in PACKAGES:
        peer(program)


def test_a_page_is_delivered_and_its_way_is_told(tmp_path: Path) -> None:
    """To who answers for the portal, with the share of each hop; the generated routing delivered to the receiver."""
    folder = tmp_path / "with a space"
    with started(folder, "maintenance-page", *QUICK) as process:
        output, errors = process.communicate(timeout=5 * LONG)
    assert process.returncode == 0, output + errors
    way = json.loads((folder / "stack.json").read_text())
    assert (way["alert"], way["system"]) == ("AvailabilityBurnsFast", "mijn-belastingdienst")
    assert way["receiver"] == "belastingdienst-page"
    assert [hop["name"] for hop in way["hops"]] == ["probe", "more runs", "scrape", "rule", "group wait"]
    assert sum(hop["seconds"] for hop in way["hops"]) == pytest.approx(way["seconds"])
    assert re.search(r"[3-9] failed runs", way["hops"][1]["remark"])  # one more where the evaluation comes late
    assert "probe file-return fails: maintenance_page" in output
    assert "FIRING    to belastingdienst-page" in output


def test_ctrl_c_stops_all_in_order(tmp_path: Path) -> None:
    """Replica, monitor, Prometheus and Alertmanager are gone, and the exit code says that nothing was measured."""
    with started(tmp_path / "out", "maintenance-page", *QUICK) as process:
        log = tmp_path / "out" / "logs" / "prometheus.log"
        assert eventually(lambda: log.exists() or process.poll() is not None, within=3 * LONG)
        pids = list(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=LONG)
    assert (process.returncode, errors) == (3, "Stopped.\n"), output
    assert len(pids) >= 3
    assert eventually(lambda: all(map(gone, pids)))
