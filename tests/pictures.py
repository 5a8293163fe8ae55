"""Previews of the dashboards with live data, as pictures: `python -m tests.pictures`, or `make dashboard-pictures`.

A replica, a monitor and a load run under a real Prometheus for some minutes; meanwhile things break, so that there is
something to be seen. Every dashboard is drawn with Grafana's own components, as far as npm has them, in two widths,
light and dark, into build/pictures (index.html shows all); a few go into docs/pictures. Needs npm, and Debian's
`prometheus`, `chromium` and `pngquant`.

`python -m tests.pictures PAGE PICTURE` takes that of one page, such as build/load/report.html or
build/incident/post-mortem.html.
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
from html import unescape
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

from config import load
from dashboards.preview.asking import View
from dashboards.preview.page import draw
from dashboards.preview.prometheus import Prometheus
from dashboards.provisioning import dashboards
from demo.processes import Child, complete
from demo.stage import Stage, stage
from tests.conftest import ROOT
from tests.grafana_ui.drawing import HAND, bundle
from tests.prometheus import free_port, running
from tests.waiting import LONG

INTERVAL = 2.0
"""Seconds between runs of a probe and between scrapes: the ratio of a real installation, at a faster pace."""

LENGTH = 240.0
"""Seconds of load: the morning of 1 March 2023 from 07:00 to 10:00."""

LOAD = ["load", "run", "aangifte-2023-03-01", "--from", "07:00", "--to", "10:00", "--compress", f"{10_800 / LENGTH:g}"]
SCALE = 0.01

BEFORE = 20.0
"""Seconds of quiet before the load."""

ORDERS = (
    (0.10, ["on", "number-cancelled"]),
    (0.25, ["on", "maintenance-page"]),
    (0.40, ["off", "maintenance-page"]),
    (0.45, ["off", "number-cancelled"]),
    (0.55, ["on", "forwarding-broken", "line=nhd-line"]),
    (0.60, ["on", "app-unguarded"]),
    (0.65, ["on", "added-latency", "system=digid-sms", "seconds=2"]),
    (0.75, ["off", "added-latency"]),
    (0.80, ["off", "app-unguarded"]),
)
"""What breaks and mends: part of the load run, order to the replica. Both lines are open every day."""

SEEN_AT = 0.97
"""When the pictures are taken, as part of the load run."""

WIDTHS = (1920, 1280)
"""Of the windows, in pixels."""

THEMES = ("light", "dark")

ZONE = ZoneInfo("Europe/Amsterdam")

CHOSEN = ("overview-1280-light", "login-1280-light", "phone-1280-light", "campaign-1280-light")
"""The pictures for README and docs."""
OVERVIEW = 1800
"""Pixels from the top that the README shows of the overview: down to the state of each system."""
PAGE = (1280, 1640)
"""Of the picture of one page, in pixels: a screen or two from its top."""

CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--virtual-time-budget=10000",
)
PNGQUANT = ("--force", "--strip", "--nofs", "--speed=1")
COLOURS = "64"
"""Of a picture: fewer, and the shades of the systems run into each other."""
LARGEST = 200 * 1024
"""Bytes of a picture in the docs at most."""


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


def preview(house: Played, out: Path) -> Iterator[Path]:
    """Write every dashboard as a page for each width, OUT/NAME-WIDTH.html; say what has no data."""
    built = dashboards(load(house.scene.config))
    end = time.time()
    view = View(Prometheus(house.prometheus), end - round(BEFORE + SEEN_AT * LENGTH), end, ZONE, INTERVAL)
    for width, (name, dashboard) in product(WIDTHS, built.items()):
        titles = {f"{other}-{width}.html": data["title"] for other, data in built.items()}
        page = draw(dashboard, view, width, titles, hand=HAND)
        for complaint in page.complaints:
            print(f"{name}: {complaint}", file=sys.stderr)
        (out / f"{name}-{width}.html").write_text(page.html, encoding="utf-8")
        yield out / f"{name}-{width}.html"


def problems(page: Path) -> list[str]:
    """Return what could not be asked or drawn, in the words that stand on the page."""
    drawn = _browse(page, "light", "--dump-dom")
    found = [unescape(words) for words in re.findall(r'<p class="problem">([^<]*)</p>', drawn)]
    found += ["a panel was not drawn"] * drawn.count('type="application/json"')
    return [f"{page.name}: {problem}" for problem in found]


def picture(page: Path, theme: str) -> Path:
    """Take a picture of a page, as tall as the page says it is, with few colours: NAME-WIDTH-THEME.png beside it."""
    found = re.search(r"<body style=\"width: (\d+)px; height: (\d+)px", page.read_text(encoding="utf-8"))
    assert found, f"{page} does not say how large it is"
    return shoot(page, page.with_name(f"{page.stem}-{theme}.png"), int(found[1]), int(found[2]), theme)


def shoot(page: Path, target: Path, width: int, height: int, theme: str = "") -> Path:
    """Take a picture of the upper left corner of a page, so large in pixels, with few colours."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        _browse(page, theme, f"--screenshot={shot}", f"--window-size={width},{height}")
        fewer = [_program("pngquant"), *PNGQUANT, f"--output={target}", COLOURS, str(shot)]
        subprocess.run(fewer, check=True, capture_output=True, timeout=LONG)
    return target


def _browse(page: Path, theme: str, *options: str) -> str:
    """Open a page in Chromium and let its scripts run; return what Chromium prints."""
    with tempfile.TemporaryDirectory() as profile:
        command = [_program("chromium"), *CHROMIUM, f"--user-data-dir={profile}", *options]
        command.append(f"{page.resolve().as_uri()}#{theme}")
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONG).stdout


def choose(pictures: Path, docs: Path) -> None:
    """Copy the chosen pictures to the docs, of the overview its upper part."""
    shoot(pictures / "overview-1280.html", pictures / f"{CHOSEN[0]}.png", 1280, OVERVIEW, "light")
    for name in CHOSEN:
        source, target = pictures / f"{name}.png", docs / f"dashboard-{name.partition('-')[0]}.png"
        if source.stat().st_size > LARGEST:
            sys.exit(f"{source} has {source.stat().st_size} bytes; at most {LARGEST} are wanted")
        shutil.copyfile(source, target)
        print(f"wrote {target.relative_to(ROOT)}, {target.stat().st_size // 1024} KiB")


def _program(name: str) -> str:
    return shutil.which(name) or sys.exit(f"{name} is not installed (Debian has it)")


def main() -> None:
    """Write build/pictures, and some of them into docs/pictures/dashboard-NAME.png; or the picture of one page."""
    if sys.argv[1:]:
        page, target = map(Path, sys.argv[1:])
        shoot(page, target, *PAGE)
        return
    out = ROOT / "build" / "pictures"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    bundle(out)
    with tempfile.TemporaryDirectory() as name, played(Path(name)) as house:
        pages = list(preview(house, out))
    if found := [problem for page in pages for problem in problems(page)]:
        sys.exit("\n".join(found))
    pictures = [picture(page, theme) for page, theme in product(pages, THEMES)]
    sheet = "".join(f'<a href="{one.name}"><img src="{one.name}" width="24%" alt="{one.stem}"></a>' for one in pictures)
    (out / "index.html").write_text(sheet, encoding="utf-8")
    choose(out, ROOT / "docs" / "pictures")


if __name__ == "__main__":
    main()
