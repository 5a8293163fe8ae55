"""`make up`: replica, monitor and load on their usual ports until Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from config import Configuration
from config.commands import Exit
from demo.processes import Child
from demo.stage import CAMPAIGN, ENVIRONMENT, Stage, stage

PORTS = (8600, 9464)
LOAD_METRICS = "127.0.0.1:9465"
INTERVAL = 5.0
"""Seconds between the runs of each probe."""

AT_ONCE = 60.0
"""Seconds; a load that ends sooner has not replayed a day of 24 minutes, and would not do so the next time."""

OUTCOMES: dict[int, str] = {Exit.GOOD: "passed", Exit.NO: "failed", Exit.INVALID: "was invalid"}


def keep_running(configuration: Configuration, folder: Path, console: Console) -> NoReturn:
    """Run until interrupted; the day of the campaign starts over when it is done.

    Raises `FolderError`, and `ChildFailedError` as soon as one of the processes is gone.
    """
    with stage(configuration, folder, INTERVAL, PORTS) as scene:
        _show(console, scene)
        while True:
            outcome = replay_a_day(scene)
            console.print(f"The day is over, the load test {outcome}; it starts over.", highlight=False)


def replay_a_day(scene: Stage) -> str:
    """Replay one day in 24 minutes, with half a percent of the people; return the outcome of the load test.

    Raises `ChildFailedError` if the replica or the monitor ends meanwhile, or the load did not run at all.
    """
    begun = time.monotonic()
    arguments = f"load run {CAMPAIGN} --env {ENVIRONMENT} --compress 60 --scale 0.005 --listen {LOAD_METRICS}".split()
    arguments += ["--config", str(scene.config), "--out", str(scene.folder / "load")]
    with Child("load", arguments, scene.logs) as load:
        while load.exit_code is None:
            scene.check()
            time.sleep(0.5)
        if load.exit_code not in OUTCOMES or time.monotonic() - begun < AT_ONCE:
            raise load.failure()
        return OUTCOMES[load.exit_code]


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
