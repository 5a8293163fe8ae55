"""Debian's Prometheus and Alertmanager with the generated configuration, as child processes on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import yaml

from config.fields import parse_duration
from demo.history import write_history
from demo.processes import Child, complete
from demo.receiver import Receiver
from demo.stage import Stage

PROMETHEUS, PROMTOOL, ALERTMANAGER = "prometheus", "promtool", "prometheus-alertmanager"
PACKAGES = {PROMETHEUS: "prometheus", PROMTOOL: "prometheus", ALERTMANAGER: "prometheus-alertmanager"}
"""Each program and the package of Debian that brings it."""

JOB = "piekwacht"

USUAL_INTERVAL = 15.0
"""Seconds between probes, scrapes and evaluations; waiting times of notifications are made for it."""

STARTING = 30.0
"""Seconds that a server may take to listen."""

LISTENING = r"""Listening on"? address=127\.0\.0\.1:(\d+)"""


class MissingPackageError(Exception):
    """A program is not installed; the message names the package."""


@dataclass(frozen=True)
class Stack:
    """The stage with what watches it: base URLs, and the receiver of what is delivered."""

    scene: Stage
    prometheus: str
    alertmanager: str
    receiver: Receiver
    children: tuple[Child, ...]

    def check(self) -> None:
        """Raise `ChildFailedError` if any process has ended."""
        self.scene.check()
        for child in self.children:
            child.check()

    def ask(self, expression: str, at: float | None = None) -> float | None:
        """Return the one value of a query, now or at an instant of the epoch; None if there is none."""
        found = query(self.prometheus, expression, **({} if at is None else {"time": f"{at:.3f}"}))
        return float(found[0]["value"][1]) if found else None


def programs() -> dict[str, str]:
    """Return the path of each program. Raises `MissingPackageError`."""
    found = {name: shutil.which(name) for name in PACKAGES}
    missing = sorted({PACKAGES[name] for name, path in found.items() if path is None})
    if missing:
        raise MissingPackageError(f"This needs Debian's {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    return {name: path for name, path in found.items() if path}


@contextmanager
def alerting(scene: Stage, receiver: Receiver, ports: tuple[int, int] = (0, 0), history: float = 0) -> Iterator[Stack]:
    """Start both on their ports (0: free ones) and stop them at the end.

    `history` are the seconds of passing runs that Prometheus is given.
    Raises `MissingPackageError`, `ChildFailedError`.
    """
    program = programs()
    own = scene.folder / "alertmanager"
    own.mkdir()
    example = scene.folder / "prometheus" / "alertmanager" / "piekwacht.alertmanager.yml"
    routing = delivering_to(receiver.url, yaml.safe_load(example.read_text()), min(1, scene.interval / USUAL_INTERVAL))
    (own / "alertmanager.yml").write_text(yaml.safe_dump(routing, sort_keys=False))
    arguments = [f"--config.file={own}/alertmanager.yml", f"--storage.path={own}/data", "--cluster.listen-address="]
    arguments += [f"--web.listen-address=127.0.0.1:{ports[1]}"]
    with Child("alertmanager", arguments, scene.logs, [program[ALERTMANAGER]]) as alertmanager:
        manager = f"127.0.0.1:{alertmanager.says(LISTENING, within=STARTING)}"
        home = scene.folder / "prometheus"
        (home / "prometheus.yml").write_text(yaml.safe_dump(_scraping(scene, manager), sort_keys=False))
        if history:
            past = write_history(home / "history.txt", scene.monitor, JOB, history, scene.interval)
            arguments = ["tsdb", "create-blocks-from", "openmetrics", str(past), str(home / "data")]
            complete("history", arguments, scene.logs, program=[program[PROMTOOL]])
            past.unlink()
        arguments = [f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data"]
        arguments += [f"--web.listen-address=127.0.0.1:{ports[0]}"]
        with Child("prometheus", arguments, scene.logs, [program[PROMETHEUS]]) as prometheus:
            server = f"http://127.0.0.1:{prometheus.says(LISTENING, within=STARTING)}"
            yield Stack(scene, server, f"http://{manager}", receiver, (prometheus, alertmanager))


def delivering_to(url: str, routing: Mapping[str, Any], pace: float = 1) -> dict[str, Any]:
    """Return a generated configuration whose receivers all deliver to `url`, and whose waiting is `pace` times as long.

    Raises `LookupError` if it is not such a configuration.
    """
    receivers = [
        {
            "name": receiver["name"],
            "webhook_configs": [
                {"url": url + urlsplit(hook["url"]).path, "send_resolved": True}
                for hook in receiver.get("webhook_configs", [])
            ],
        }
        for receiver in routing["receivers"]
    ]
    return {**routing, "route": _paced(routing["route"], pace), "receivers": receivers}


def _paced(route: Mapping[str, Any], pace: float) -> dict[str, Any]:
    waits = ("group_wait", "group_interval")
    return {
        **route,
        **{wait: f"{parse_duration(route[wait]) * pace * 1000:.0f}ms" for wait in waits if wait in route},
        "routes": [_paced(each, pace) for each in route.get("routes", [])],
    }


def _scraping(scene: Stage, manager: str) -> dict[str, Any]:
    every = f"{scene.interval * 1000:.0f}ms"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": ["rules/piekwacht.rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager]}]}]},
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [urlsplit(scene.monitor).netloc]}]}],
    }


def query(url: str, expression: str, **parameters: str) -> list[dict[str, Any]]:
    """Return the result of an instant query. Raises `OSError`."""
    asked = urlencode({"query": expression, **parameters})
    with urlopen(f"{url}/api/v1/query?{asked}", timeout=10) as answer:  # noqa: S310 - loopback
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result
