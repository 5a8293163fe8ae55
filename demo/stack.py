"""`make stack`: the stage, watched by Prometheus and Alertmanager with the generated configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from config import Configuration
from demo.alerting import USUAL_INTERVAL, Stack, alerting, programs
from demo.receiver import Notification, Receiver
from demo.stage import CALL_INTERVAL, stage
from demo.watch import Change, Watch

Ports = tuple[int, int, int, int]

USUAL_PORTS: Ports = (8600, 9464, 9090, 9093)
"""Of replica, monitor, Prometheus and Alertmanager."""

FREE_PORTS: Ports = (0, 0, 0, 0)

DAY = 86_400.0
"""Seconds of an uneventful past; every burn rate that pages looks back on less."""

LOOK = 1.0
"""Seconds between two looks at the monitor."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """Seconds between runs of each probe, scrapes and evaluations; between calls; and of passing runs before."""

    interval: float = USUAL_INTERVAL
    calls: float = CALL_INTERVAL
    history: float = DAY


@contextmanager
def stack(configuration: Configuration, folder: Path, pace: Pace, ports: Ports = FREE_PORTS) -> Iterator[Stack]:
    """Start everything on the four ports (0: free ones); stop all at the end, what watches before what is watched.

    Raises `MissingPackageError`, `FolderError`, `ChildFailedError`.
    """
    programs()  # before anything starts
    with (
        Receiver() as receiver,
        stage(configuration, folder, pace.interval, ports[:2], pace.calls) as scene,
        alerting(scene, receiver, ports[2:], pace.history) as running,
    ):
        yield running


def keep_watching(configuration: Configuration, folder: Path, pace: Pace, console: Console) -> NoReturn:
    """Run on the usual ports until interrupted, and print what happens: probes that turn, and what is delivered.

    Raises as `stack` does, and `ChildFailedError` as soon as one of the processes is gone.
    """
    with stack(configuration, folder, pace, USUAL_PORTS) as running:
        _show(console, running)
        watch, say = Watch(running.scene.monitor), saying(console)
        while True:
            look(running, watch, say)


def look(running: Stack, watch: Watch, say: Say) -> list[Notification]:
    """Say what has happened since the last look; return what was delivered."""
    running.check()
    for change in watch.look():
        say(_describe(change))
    delivered = running.receiver.take(LOOK)
    for notification in delivered:
        say(f"[bold]{escape(notification.text())}[/]")
    return delivered


def saying(console: Console) -> Say:
    """Return what prints a line after the time of day."""

    def say(text: str) -> None:
        console.print(f"[dim]{time.strftime('%H:%M:%S')}[/]  {text}", highlight=False, soft_wrap=True)

    return say


def _describe(change: Change) -> str:
    return f"probe {change.probe} " + ("passes again" if change.passing else f"fails: {change.reason}")


def _show(console: Console, running: Stack) -> None:
    scene = running.scene
    lines = (
        f"replica          {scene.replica}",
        f"monitor          {scene.monitor}",
        f"Prometheus       {running.prometheus}/alerts",
        f"Alertmanager     {running.alertmanager}",
        f"receiver         {running.receiver.url}   what is delivered to it is printed below",
        f"rules            {scene.folder}/prometheus/rules",
        f"routing          {scene.folder}/alertmanager/alertmanager.yml",
        "",
        "Try in another terminal (after: source .venv/bin/activate):",
        "  piekwacht staging fault on maintenance-page",
        "  piekwacht staging fault on forwarding-broken",
        "  piekwacht staging fault clear",
        "",
        "Ctrl-C stops everything.",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
