"""Playing a script: everything runs, breaks along the course, and is watched."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from config import Configuration, PhoneProbe, load
from demo.alerting import Stack
from demo.incidents.chronicle import Asked, Chronicle, Crowd, Happened, Told, Turned
from demo.incidents.script import Event, Load, Script
from demo.processes import Child, complete
from demo.receiver import Notification
from demo.stack import Pace, stack
from demo.stage import ENVIRONMENT, Stage
from demo.story import wait_until_all_pass
from demo.watch import Watch

INTERVAL = 4.0
"""Seconds between runs of a probe, scrapes and evaluations."""

CALL_INTERVAL = 16.0
"""Seconds between calls; one lasts about seven."""

LOOK = 0.2
"""Seconds between two looks."""

DRAIN = 5
"""Seconds that people on their way get at the end of a load test."""

Say = Callable[[str], None]


def replay(script: Script, configuration: Configuration, folder: Path, length: float, say: Say) -> Chronicle:
    """Play a script in `length` seconds, or as many more as its `Timetable` needs, and return what was seen.

    Raises `MissingPackageError`, `FolderError`, `ChildFailedError`.
    """
    with (
        _always_open(configuration) as estate,
        stack(estate, folder, Pace(INTERVAL, CALL_INTERVAL)) as running,
        ExitStack() as crowds,
    ):
        watch = Watch(running.scene.monitor)
        probes = list(load(running.scene.config).probes_in(ENVIRONMENT))
        every = {name: CALL_INTERVAL if isinstance(probe, PhoneProbe) else INTERVAL for _, name, probe in probes}
        failing = wait_until_all_pass(watch, every, check=running.check, within=60.0)
        for probe, reason in sorted(failing.items()):
            say(f"{probe} does not pass before anything broke: {reason}")
        player = _Player(script, running, watch, Chronicle(script.timetable(every, length), every), say, crowds)
        player.play()
        player.close()
        return player.chronicle


@dataclass
class _Player:
    """Carries out the course and writes down what is seen meanwhile."""

    script: Script
    running: Stack
    watch: Watch
    chronicle: Chronicle
    say: Say
    crowds: ExitStack
    begun: float = 0.0
    asked: float = 0.0
    loads: list[tuple[float, datetime, Child]] = field(default_factory=list)

    def play(self) -> None:
        """Carry out the course."""
        second = self.chronicle.timetable.second
        scheduled = [(second(event.at), partial(self._happen, event)) for event in self.script.course]
        if people := self.script.load:
            for number, (first, last) in enumerate(people.spans(), 1):
                name = f"load-{number}"
                arguments = _load_test(people, self.running.scene, name, second(last) - second(first))
                scheduled.append((second(first), partial(self._send_people, name, arguments, first)))
        scheduled.sort(key=lambda each: each[0])
        self.begun = time.monotonic()
        self._announce()
        while (now := self._now()) < self.chronicle.length:
            self.running.check()
            while scheduled and scheduled[0][0] <= now:
                scheduled.pop(0)[1]()
            self._look()

    def close(self) -> None:
        """Read the accounts when all is over."""
        scene, chronicle = self.running.scene, self.chronicle
        for at, day, child in self.loads:
            child.wait(within=120)
            summary = json.loads((scene.folder / child.name / "summary.json").read_text())
            chronicle.crowds.append(Crowd(at, f"{day:%-d %B}", summary))
        paths = ["--config", str(scene.config), "--ledger", str(scene.ledger), "--json"]
        accounts = json.loads(complete("availability", ["availability", *paths], scene.logs, good=(0, 1, 3)))
        chronicle.accounts = accounts["systems"]

    def _happen(self, event: Event) -> None:
        if event.on:
            self.running.scene.switch_on(event.on, event.parameters)
        if event.off:
            self.running.scene.switch_off(event.off)
        self.chronicle.happened.append(Happened(self._now(), event.says, event.on or "", event.off or ""))
        self.say(f"[bold]{event.at:%a %d %b %H:%M}[/]  {event.says}")

    def _send_people(self, name: str, arguments: list[str], day: datetime) -> None:
        """Start the load test of one day; it ends by itself."""
        child = self.crowds.enter_context(Child(name, arguments, self.running.scene.logs))
        self.loads.append((self._now(), day, child))

    def _announce(self) -> None:
        """Enter the announced work before it begins."""
        scene = self.running.scene
        for number, work in enumerate(self.script.work):
            first, last = (self._clock(self.chronicle.timetable.second(at)) for at in (work.start, work.end))
            arguments = ["window", "add", "--from", first, "--to", last, "--summary", work.summary]
            arguments += [part for name in work.systems for part in ("--system", name)]
            arguments += ["--by", "replay", "--why", "announced beforehand"]
            arguments += ["--ledger", str(scene.ledger), "--config", str(scene.config)]
            complete(f"window-{number}", arguments, scene.logs)

    def _look(self) -> None:
        for change in self.watch.look():
            self.chronicle.turned.append(Turned(self._now(), change.probe, change.passing, change.reason))
            turned = f"{change.probe} passes again" if change.passing else f"{change.probe} fails: {change.reason}"
            self.say(f"    {turned}")
        for notification in self.running.receiver.take(LOOK):
            self.chronicle.told.append(_told(self._now(), notification))
            self.say(f"    {notification.text()}")
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

    def _clock(self, second: float) -> str:
        """Return when a second of the replay is by the clock on the wall."""
        return datetime.fromtimestamp(time.time() + second - self._now(), UTC).isoformat(timespec="seconds")


def _load_test(people: Load, scene: Stage, name: str, seconds: float) -> list[str]:
    """Return the command that replays the hours of one day in so many seconds, scaled to the wanted rate."""
    hours = [*f"--from {people.first} --to {people.last}".split(), *(["--day", people.day] if people.day else [])]
    place = ["--config", str(scene.config)]
    shape: Any = json.loads(complete("shape", ["load", "shape", people.campaign, *hours, *place, "--json"], scene.logs))
    first, last = people.spans()[0]
    options = f"--env {ENVIRONMENT} --seed 1 --drain {DRAIN} --out {scene.folder / name}".split()
    options += ["--compress", f"{(last - first).total_seconds() / seconds:.6g}"]
    options += ["--scale", f"{people.rate * seconds / shape['arrivals']:.6g}"]
    return ["load", "run", people.campaign, *hours, *place, *options]


def _told(at: float, notification: Notification) -> Told:
    named = [(alert.firing, (alert.name, alert.labels.get("system", ""))) for alert in notification.alerts]
    firing, resolved = ([name for fires, name in named if fires is wanted] for wanted in (True, False))
    return Told(at, notification.text(), firing, resolved)


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
    except OSError:
        return False
