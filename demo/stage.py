"""The stage of the demo: a folder, a configuration for the replica's port, the replica and the monitor."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import yaml

from config import Configuration
from config.phone import Trunk
from demo.folder import prepare
from demo.processes import Child, complete

ENVIRONMENT = "local"
CAMPAIGN = "aangifte-2023-03-01"

CALL_INTERVAL = 20.0
"""Seconds between the calls of each probe of a telephone line; a call lasts some ten."""

CALLS_AT_ONCE = 10
"""Calls that a trunk carries at the same time."""

DOSE = 1000
"""People admitted per second and channel: the crowd of the demo is never queued, so that one fault is all there is."""


@dataclass(frozen=True)
class Stage:
    """Everything that runs: base URLs, the folder, how often each probe runs (seconds), replica and monitor."""

    folder: Path
    config: Path
    replica: str
    monitor: str
    interval: float
    children: tuple[Child, ...]

    def check(self) -> None:
        """Raise `ChildFailedError` if the replica or the monitor has ended."""
        for child in self.children:
            child.check()

    @property
    def ledger(self) -> Path:
        """The monitor's record."""
        return self.folder / "ledger.sqlite"

    @property
    def logs(self) -> Path:
        """The output of every process."""
        return self.folder / "logs"

    def switch_on(self, fault: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Switch a fault on in the replica."""
        _send("POST", f"{self.replica}/admin/faults", {"fault": fault, "parameters": dict(parameters or {})})

    def switch_off(self, fault: str) -> None:
        """Switch it off again."""
        _send("DELETE", f"{self.replica}/admin/faults?fault={fault}")


@contextmanager
def stage(
    configuration: Configuration,
    folder: Path,
    interval: float,
    ports: tuple[int, int] = (0, 0),
    call_interval: float = CALL_INTERVAL,
) -> Iterator[Stage]:
    """Start replica and monitor on the two ports (0: free ones), build dashboards and rules; stop all at the end.

    Probes run every `interval` seconds, those that make calls every `call_interval`.

    Raises `FolderError`, `ChildFailedError`.
    """
    prepare(folder, configuration.root)
    logs = folder / "logs"
    arguments = f"staging run --json --port {ports[0]} --dose-web {DOSE} --dose-app {DOSE} --config".split()
    with Child("replica", [*arguments, str(configuration.root)], logs) as replica:
        places = json.loads(replica.says(r"(\{.*\})", within=20))
        config = _write_config(configuration, folder / "config", places, interval, call_interval)
        arguments = ["monitor", "run", "--env", ENVIRONMENT, "--config", str(config)]
        arguments += ["--ledger", str(folder / "ledger.sqlite"), "--listen", f"127.0.0.1:{ports[1]}"]
        with Child("monitor", arguments, logs) as monitor:
            for room, place, *more in (("dashboards", "grafana"), ("rules", "prometheus", "--env", ENVIRONMENT)):
                complete(room, [room, "build", *more, "--config", str(config), "--out", str(folder / place)], logs)
            address = monitor.says(r"(http://127\.0\.0\.1:\d+)/metrics", within=20)
            yield Stage(folder, config, places["url"], address, interval, (replica, monitor))


def _write_config(
    configuration: Configuration, target: Path, places: Mapping[str, Any], interval: float, call_interval: float
) -> Path:
    """Copy the configuration; point the environment at the replica and probe it as often as a short demo needs.

    `places` is what the replica says of itself: its `url`, and host:port of each of its `trunks`.
    """
    for pattern in ("estate/*.yaml", "campaigns/*.yaml", "environments/*.yaml", "maintenance/*.ics"):
        for source in configuration.root.glob(pattern):
            copy = target / source.relative_to(configuration.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    local = configuration.environments[ENVIRONMENT]
    data = {
        "title": local.title,
        "endpoints": {name: places["url"] + urlsplit(endpoint).path for name, endpoint in local.endpoints.items()},
        "allow": list(local.allow),
        "probe_interval": f"{interval:g}s",
        "trunks": {name: _trunk(trunk, places["trunks"][name]) for name, trunk in local.trunks.items()},
        "call_interval": f"{call_interval:g}s",
        "call_register": str((target.parent / "calls").resolve()),
    }
    text = "# Written by `piekwacht demo`.\n" + yaml.safe_dump(data, sort_keys=False)
    (target / "environments" / f"{ENVIRONMENT}.yaml").write_text(text, encoding="utf-8")
    return target


def _trunk(trunk: Trunk, server: str) -> dict[str, Any]:
    """Return a trunk that leads to the replica, with a budget for calls as often as here."""
    return {
        "server": server,
        "own": trunk.own,
        "numbers": list(trunk.numbers),
        "calls_at_once": CALLS_AT_ONCE,
        "pause": "1s",
        "calls_a_day": 100_000,
        "minutes_a_day": 100_000,
    }


def _send(method: str, url: str, data: dict[str, Any] | None = None) -> None:
    body = json.dumps(data).encode() if data is not None else None
    request = Request(url, body, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
    with urlopen(request, timeout=5):  # noqa: S310
        pass
