"""Pictures of the dashboards with live data, for the README: `python -m tests.pictures`, or `make dashboard-pictures`.

A replica, a monitor and a load run under a real Prometheus for some minutes; meanwhile things break, so that there is
something to be seen. Needs Debian's `prometheus`, `chromium` and `pngquant`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config import load
from demo.processes import Child, complete
from demo.stage import Stage, stage
from tests.conftest import ROOT
from tests.prometheus import free_port, running

INTERVAL = 2.0
"""Seconds between runs of a probe and between scrapes: the ratio of a real installation, at a faster pace."""

LENGTH = 240.0
"""Seconds of load: the morning of 1 March 2023 from 07:00 to 10:00."""

LOAD = ["load", "run", "aangifte-2023-03-01", "--from", "07:00", "--to", "10:00", "--compress", f"{10_800 / LENGTH:g}"]
SCALE = 0.01

BEFORE = 20.0
"""Seconds of quiet before the load."""

ORDERS = (
    (0.25, ["on", "maintenance-page"]),
    (0.40, ["off", "maintenance-page"]),
    (0.60, ["on", "app-unguarded"]),
    (0.65, ["on", "added-latency", "system=digid-sms", "seconds=2"]),
    (0.75, ["off", "added-latency"]),
    (0.80, ["off", "app-unguarded"]),
)
"""What breaks and mends: part of the load run, order to the replica."""

SEEN_AT = 0.97
"""When the pictures are taken, as part of the load run."""

WIDTH = 1280
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PNGQUANT = ("--force", "--strip", "--nofs", "--speed=1")
LARGEST = 200 * 1024
"""Bytes of a picture at most."""


@dataclass(frozen=True)
class Played:
    """What is there near the end of the load: the stage, and Prometheus with everything in it."""

    scene: Stage
    prometheus: str


@contextmanager
def played(folder: Path) -> Iterator[Played]:
    """Play the morning with its faults; near its end, while everything still runs, it can be looked at."""
    targets = {name: f"127.0.0.1:{free_port()}" for name in ("monitor", "load")}
    ports = (free_port(), int(targets["monitor"].rpartition(":")[2]))
    with stage(load(ROOT / "config"), folder, INTERVAL, ports) as scene:
        rules = [folder / "prometheus" / "rules" / "piekwacht.rules.yml"]
        with running(_program("prometheus"), folder, targets, rules, INTERVAL) as prometheus:
            time.sleep(BEFORE)
            arguments = [*LOAD, "--scale", f"{SCALE:g}", "--env", "local", "--config", str(scene.config)]
            arguments += ["--listen", targets["load"], "--out", str(folder / "load")]
            with Child("load", arguments, scene.logs) as run:
                begun = time.monotonic()
                for part, order in ORDERS:
                    _wait_until(begun + part * LENGTH)
                    complete("fault", ["staging", "fault", *order, "--url", scene.replica], scene.logs)
                _wait_until(begun + SEEN_AT * LENGTH)
                if run.exit_code is not None:
                    sys.exit(f"the load ended too soon:\n{run.last_lines()}")
                yield Played(scene, prometheus.url)


def _wait_until(instant: float) -> None:
    time.sleep(max(0.0, instant - time.monotonic()))


def preview(house: Played, out: Path) -> list[Path]:
    """Write the previews of all dashboards."""
    seconds = f"{BEFORE + SEEN_AT * LENGTH:.0f}s"
    arguments = ["dashboards", "preview", "--prometheus", house.prometheus, "--config", str(house.scene.config)]
    arguments += ["--last", seconds, "--scrape-interval", f"{INTERVAL:g}s", "--width", str(WIDTH)]
    complete("preview", [*arguments, "--out", str(out)], house.scene.logs)
    return sorted(out.glob("*.html"))


def picture(page: Path, target: Path) -> None:
    """Take a picture of a page, as tall as the page says it is, with few colours."""
    found = re.search(r"<body style=\"width: (\d+)px; height: (\d+)px", page.read_text(encoding="utf-8"))
    assert found, f"{page} does not say how large it is"
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        command = [_program("chromium"), *CHROMIUM, f"--user-data-dir={folder}/profile", f"--screenshot={shot}"]
        command += [f"--window-size={found[1]},{found[2]}", f"{page.resolve().as_uri()}#light"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        fewer = [_program("pngquant"), *PNGQUANT, f"--output={target}", "128", str(shot)]
        subprocess.run(fewer, check=True, capture_output=True, timeout=60)
    if target.stat().st_size > LARGEST:
        sys.exit(f"{target} has {target.stat().st_size} bytes; at most {LARGEST} are wanted")


def _program(name: str) -> str:
    return shutil.which(name) or sys.exit(f"{name} is not installed (Debian has it)")


def main() -> None:
    """Write docs/pictures/dashboard-NAME.png."""
    pictures = ROOT / "docs" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, played(Path(name)) as house:
        for page in preview(house, Path(name) / "previews"):
            target = pictures / f"dashboard-{page.stem}.png"
            picture(page, target)
            print(f"wrote {target.relative_to(ROOT)}, {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
