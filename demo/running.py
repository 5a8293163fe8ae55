"""`make up`: replica, monitor and load on their usual ports until Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from config import Configuration
from demo.processes import Child
from demo.stage import Stage, stage

PORTS = (8600, 9464)
LOAD_METRICS = "127.0.0.1:9465"
INTERVAL = 5.0


def keep_running(configuration: Configuration, folder: Path, console: Console) -> None:
    """Run until interrupted; the day of the campaign starts over when it is done. Raises `ChildFailedError`."""
    with stage(configuration, folder, INTERVAL, PORTS) as scene:
        _show(console, scene)
        try:
            while True:
                _replay_a_day(scene)
        except KeyboardInterrupt:
            console.print("Stopping ...")


def _replay_a_day(scene: Stage) -> None:
    """One day in 24 minutes, with half a percent of the people."""
    arguments = ["load", "run", "aangifte-2023-03-01", "--env", "local", "--config", str(scene.config)]
    arguments += ["--compress", "60", "--scale", "0.005", "--listen", LOAD_METRICS, "--out", str(scene.folder / "load")]
    with Child("load", arguments, scene.logs) as load:
        while load.exit_code is None:
            time.sleep(0.5)


def _show(console: Console, scene: Stage) -> None:
    lines = (
        f"replica          {scene.replica}",
        f"monitor          {scene.monitor}/metrics",
        f"load             http://{LOAD_METRICS}/metrics",
        f"record           {scene.ledger}",
        f"dashboards       {scene.folder}/grafana",
        f"rules            {scene.folder}/prometheus",
        "",
        "Try in another terminal (after: source .venv/bin/activate):",
        "  piekwacht staging fault list",
        "  piekwacht staging fault on maintenance-page",
        f"  piekwacht monitor once --config {scene.config}",
        f"  piekwacht availability --config {scene.config} --ledger {scene.ledger}",
        "  piekwacht staging fault clear",
        "",
        "Ctrl-C stops everything.",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
