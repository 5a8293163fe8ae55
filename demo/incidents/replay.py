"""Playing a script: everything runs, breaks along the course, and is watched."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from config import Configuration, PhoneProbe, load
from demo.alerting import Stack
from demo.incidents.chronicle import Asked, Chronicle, Happened, Told, Turned
from demo.incidents.script import Load, Script
from demo.processes import Child, complete
from demo.stack import Pace, stack
from demo.stage import ENVIRONMENT, Stage
from demo.story import wait_until_all_pass
from demo.watch import Watch

INTERVAL = 4.0
"""Seconds between runs of a probe, scrapes and evaluations."""

CALL_INTERVAL = 20.0
"""Seconds between calls; one lasts about ten."""

LOOK = 0.2
"""Seconds between two looks."""

Say = Callable[[str], None]


def replay(script: Script, configuration: Configuration, folder: Path, length: float, say: Say) -> Chronicle:
    """Play a script in `length` seconds and return what was seen.

    Raises `MissingPackageError`, `FolderError`, `ChildFailedError`.
    """
    with _always_open(configuration) as estate, stack(estate, folder, Pace(INTERVAL, CALL_INTERVAL)) as running:
        scene = running.scene
        watch = Watch(scene.monitor)
        probes = list(load(scene.config).probes_in(ENVIRONMENT))
        every = {name: CALL_INTERVAL if isinstance(probe, PhoneProbe) else INTERVAL for _, name, probe in probes}
        failing = wait_until_all_pass(watch, every, check=running.check, within=60.0)
        for probe, reason in sorted(failing.items()):
            say(f"{probe} does not pass before anything broke: {reason}")
        player = _Player(script, running, watch, Chronicle(length, every), say)
        with _people(script.load, scene, length) as crowd:
            player.play()
            if crowd is not None:
                crowd.wait(within=120)
        player.close(crowd is not None)
        return player.chronicle


@dataclass
class _Player:
    """Carries out the course and writes down what is seen meanwhile."""

    script: Script
    running: Stack
    watch: Watch
    chronicle: Chronicle
    say: Say
    begun: float = field(default_factory=time.monotonic)
    asked: float = 0.0

    def play(self) -> None:
        self.begun = time.monotonic()
        self._announce()
        course = [(self.script.seconds(event.at, self.chronicle.length), event) for event in self.script.course]
        while (now := self._now()) < self.chronicle.length:
            self.running.check()
            while course and course[0][0] <= now:
                _, event = course.pop(0)
                if event.on:
                    self.running.scene.switch_on(event.on, event.parameters)
                if event.off:
                    self.running.scene.switch_off(event.off)
                self.chronicle.happened.append(Happened(self._now(), event.says, event.on or "", event.off or ""))
                self.say(f"[bold]{event.at:%a %d %b %H:%M}[/]  {event.says}")
            self._look()

    def close(self, crowd: bool) -> None:
        """Read the accounts when all is over."""
        scene, chronicle = self.running.scene, self.chronicle
        paths = ["--config", str(scene.config), "--ledger", str(scene.ledger), "--json"]
        accounts = json.loads(complete("availability", ["availability", *paths], scene.logs, good=(0, 1, 3)))
        chronicle.accounts = accounts["systems"]
        chronicle.notices = json.loads(complete("notice", ["notice", "due", *paths], scene.logs, good=(0, 1)))
        if crowd:
            chronicle.summary = json.loads((scene.folder / "load" / "summary.json").read_text())

    def _announce(self) -> None:
        """Enter the announced work before it begins."""
        for number, work in enumerate(self.script.work):
            first, last = (
                self._moment(self.script.seconds(at, self.chronicle.length)) for at in (work.start, work.end)
            )
            arguments = ["window", "add", "--from", first, "--to", last, "--summary", work.summary]
            arguments += [part for name in work.systems for part in ("--system", name)]
            arguments += ["--by", "replay", "--why", "announced beforehand", "--ledger", str(self.running.scene.ledger)]
            arguments += ["--config", str(self.running.scene.config)]
            complete(f"window-{number}", arguments, self.running.scene.logs)

    def _look(self) -> None:
        for change in self.watch.look():
            self.chronicle.turned.append(Turned(self._now(), change.probe, change.passing, change.reason))
            turned = f"{change.probe} passes again" if change.passing else f"{change.probe} fails: {change.reason}"
            self.say(f"    {turned}")
        for notification in self.running.receiver.take(LOOK):
            told = Told(self._now(), notification.receiver, notification.text(), notification.firing)
            self.chronicle.told.append(told)
            self.say(f"    {told.text}")
        if self._now() - self.asked >= INTERVAL:
            self.asked = self._now()
            self.chronicle.asked += [
                Asked(self.asked, plain.system, _is_content(self._base(plain.system) + plain.path))
                for plain in self.script.plain
            ]

    def _base(self, system: str) -> str:
        return load(self.running.scene.config).environments[ENVIRONMENT].endpoints[system]

    def _now(self) -> float:
        return time.monotonic() - self.begun

    def _moment(self, seconds: float) -> str:
        from datetime import UTC, datetime

        return datetime.fromtimestamp(time.time() + seconds - self._now(), UTC).isoformat(timespec="seconds")


@contextmanager
def _people(crowd: Load | None, scene: Stage, length: float) -> Iterator[Child | None]:
    """Replay the crowd of the script as long as it takes."""
    if crowd is None:
        with nullcontext():
            yield None
        return
    hours = [*f"--from {crowd.first} --to {crowd.last}".split(), *(["--day", crowd.day] if crowd.day else [])]
    place = ["--config", str(scene.config)]
    shape: Any = json.loads(complete("shape", ["load", "shape", crowd.campaign, *hours, *place, "--json"], scene.logs))
    first, last = (int(text[:2]) * 60 + int(text[3:]) for text in (crowd.first, crowd.last))
    options = f"--env {ENVIRONMENT} --seed 1 --drain 15 --compress {(last - first) * 60 / length:.6g}".split()
    options += ["--scale", f"{crowd.rate * length / shape['arrivals']:.6g}", "--out", str(scene.folder / "load")]
    with Child("load", ["load", "run", crowd.campaign, *hours, *place, *options], scene.logs) as run:
        yield run


@contextmanager
def _always_open(configuration: Configuration) -> Iterator[Configuration]:
    """Give the estate with its lines open round the clock: a replay takes place at any hour."""
    with TemporaryDirectory(prefix="piekwacht-") as folder:
        root = Path(folder) / "config"
        shutil.copytree(configuration.root, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        for path in (root / "estate").glob("*.yaml"):
            path.write_text(re.sub(r"(?m)^( +service_hours:).*$", r'\1 "24/7"', path.read_text()))
        yield load(root)


def _is_content(url: str) -> bool:
    """Tell whether a check of status 200 would be content."""
    try:
        with urlopen(url, timeout=INTERVAL) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (OSError, URLError):
        return False
