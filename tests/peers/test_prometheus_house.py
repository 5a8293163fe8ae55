"""The dashboards on the whole house: replica, monitor and load run as processes, under a real Prometheus."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import Configuration, PhoneProbe
from dashboards.provisioning import dashboards
from loadtests import metrics as load
from monitors import metrics
from tests.conftest import ROOT
from tests.grafana import complaints, figures
from tests.prometheus import Prometheus, free_port, running
from tests.waiting import LONG, eventually

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("prometheus")]

PROBE_INTERVAL, CALL_INTERVAL = 2, 20
POINTS = 5.0
"""Seconds between points of a panel: two runs of each probe."""


@dataclass
class House:
    """What runs; `replica` may be stopped to see it fail."""

    prometheus: Prometheus
    replica: subprocess.Popen[bytes]
    log: Callable[[], str]


@pytest.fixture(scope="module")
def house(peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a replica, a monitor that probes it every other second, a smoke test, and Prometheus on both."""
    program, folder = peer("prometheus"), tmp_path_factory.mktemp("house")
    monitor, generator = free_port(), free_port()
    config = folder / "config"
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(piekwacht(folder, *command, "--config", str(config)))

        served = start("staging", "run", "--port", "0", "--json")
        said = folder / "staging.log"
        assert eventually(lambda: "}" in said.read_text()), "the replica does not start"
        lead_to(json.loads(said.read_text()), config / "environments" / "local.yaml", folder / "calls")
        start("monitor", "run", "--ledger", str(folder / "ledger.sqlite"), "--listen", f"127.0.0.1:{monitor}")
        smoke = ["load", "run", "smoke", "--from", "00:00", "--to", "00:10", "--out", str(folder / "report")]
        start(*smoke, "--listen", f"127.0.0.1:{generator}")
        targets = {"monitor": f"127.0.0.1:{monitor}", "load": f"127.0.0.1:{generator}"}
        prometheus = stack.enter_context(running(program, folder, targets))
        yield House(prometheus, served, lambda: "\n".join(path.read_text() for path in folder.glob("*.log")))


@contextmanager
def piekwacht(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the front door; stop it by its process id."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "piekwacht", *command], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=LONG)


def lead_to(places: dict[str, Any], path: Path, register: Path) -> None:
    """Have an environment lead to a replica, which says where it is, and probe it often."""
    local = yaml.safe_load(path.read_text())
    local["endpoints"] = places["endpoints"]
    for name, address in places["trunks"].items():
        local["trunks"][name]["server"] = address
    often = {"probe_interval": f"{PROBE_INTERVAL}s", "call_interval": f"{CALL_INTERVAL}s"}
    path.write_text(yaml.safe_dump({**local, **often, "call_register": str(register)}))


def test_every_query_returns_numbers_and_a_dead_replica_shows(house: House, configuration: Configuration) -> None:
    """On the running house no query is empty or NaN; then the replica stops, and probes are seen to fail."""
    probes = [probe for _, _, probe in configuration.probes_in("local")]
    quick = sum(not isinstance(probe, PhoneProbe) for probe in probes)  # calls that are up end half a minute later
    built = dashboards(configuration)
    house.prometheus.wait_for(f"count({metrics.LAST_SUCCESS}) == {len(probes)}")
    house.prometheus.wait_for(f"count_over_time({load.PROGRESS}[1m]) >= 10")
    house.prometheus.wait_for(f"min(count_over_time({metrics.RUNS}[1m])) >= 10")
    assert eventually(lambda: figures(house.prometheus, built["availability"], "Probes failing") == [0.0]), house.log()
    for name, dashboard in built.items():
        assert complaints(house.prometheus, dashboard, interval=POINTS) == [], f"{name}\n{house.log()}"

    house.replica.terminate()
    house.prometheus.wait_for(f"count({metrics.SUCCESS} == 0) >= {quick}")
    house.prometheus.wait_for(f"sum(increase({metrics.FAILURES_BY_REASON}[10s])) >= {quick}")
    assert eventually(lambda: figures(house.prometheus, built["availability"], "Probes failing")[0] >= quick)
    for name, dashboard in built.items():
        assert complaints(house.prometheus, dashboard, interval=POINTS) == [], f"{name}\n{house.log()}"
