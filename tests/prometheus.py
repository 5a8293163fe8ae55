"""A real Prometheus on a free loopback port, for tests that ask it about real listeners."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from config import Configuration
from tests.waiting import LONG

UNHURRIED = {**os.environ, "GOGC": "1000"}
"""For promtool, which spends half of its time collecting garbage that a test can spare."""

SCRAPE_INTERVAL = 5.0
"""Seconds between scrapes, which are also their limit, and between evaluations of rules: on a busy machine the
thousands of series of a stand-in for the whole estate have taken more than one."""

Series = dict[str, Any]
"""One result of the HTTP API: "metric" (labels) and "value" or "values"."""


class Prometheus:
    """The HTTP API of a running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> list[Series]:
        """Return the series of an instant query, now. Raises `AssertionError` with Prometheus's own words."""
        result: list[Series] = self._get("query", query=expression)["result"]
        return result

    def query_range(self, expression: str, seconds: float, step: float = 1.0) -> list[Series]:
        """Return the series over the last `seconds`."""
        end = time.time()
        answer = self._get("query_range", query=expression, start=end - seconds, end=end, step=step)
        result: list[Series] = answer["result"]
        return result

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values that a label has on the series of a selector."""
        values: list[str] = self._get(f"label/{label}/values", **{"match[]": selector})
        return values

    def rules(self) -> list[dict[str, Any]]:
        """Return every rule with its health and its last error."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def wait_for(self, expression: str, seconds: float = LONG) -> list[Series]:
        """Return the result of a query as soon as it has one. Raises `AssertionError` when it stays empty."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.query(expression):
                return found
            time.sleep(0.1)
        raise AssertionError(f"still nothing after {seconds:g} s: {expression}")

    def _get(self, path: str, **parameters: Any) -> Any:
        address = f"{self.url}/api/v1/{path}?{urlencode(parameters)}"
        try:
            with urlopen(address, timeout=LONG) as answer:
                return json.load(answer)["data"]
        except URLError as error:
            said = error.read().decode() if hasattr(error, "read") else str(error)
            raise AssertionError(f"{path} {parameters}: {said}") from None


@contextmanager
def running(
    program: str,
    folder: Path,
    targets: Mapping[str, str],
    rules: Sequence[Path] = (),
    interval: float = SCRAPE_INTERVAL,
) -> Iterator[Prometheus]:
    """Start Prometheus on `targets` (job name to host:port of /metrics); stop it by its process id at the end.

    Its data and configuration stay inside `folder`.
    """
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_config(targets, rules, interval)))
    address = f"127.0.0.1:{free_port()}"
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]
    log = folder / "prometheus.log"
    with log.open("wb") as stream:
        process = subprocess.Popen([program, *arguments], stdout=stream, stderr=stream)
        try:
            _wait_until_ready(process, f"http://{address}/-/ready", log)
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
            process.wait(timeout=LONG)


def _config(targets: Mapping[str, str], rules: Sequence[Path], interval: float) -> dict[str, Any]:
    every = f"{interval:g}s"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path.resolve()) for path in rules],
        "scrape_configs": [
            {"job_name": name, "static_configs": [{"targets": [target]}]} for name, target in targets.items()
        ],
    }


def hurried_rules(configuration: Configuration, folder: Path) -> Path:
    """Write the project's rules into `folder`, evaluated every 5 s, those over 30 days too, and return their path."""
    from monitors.rules.rules_commands import texts

    data = yaml.safe_load(texts(configuration)["rules/piekwacht.rules.yml"])
    for group in data["groups"]:
        group["interval"] = "5s"
    path = folder / "piekwacht.rules.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def free_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urlopen(url, timeout=LONG):
                return
        except URLError:
            time.sleep(0.1)
    raise AssertionError(f"Prometheus did not become ready:\n{log.read_text(errors='replace')[-2000:]}")
