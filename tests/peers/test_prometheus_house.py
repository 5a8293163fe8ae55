"""The dashboards on the whole house: replica, monitor and load run as processes, under a real Prometheus with rules.

The tests stand in the order in which they run: a healthy house, one fault after the other, a dead replica.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from config import Configuration, PhoneProbe
from config.probes import Probe
from config.promql import select
from dashboards.links import Site
from dashboards.provisioning import dashboards
from loadtests import metrics as load
from monitors import metrics
from monitors.rules.queries import COVERAGE
from tests.conftest import ROOT
from tests.grafana import Reading, complaints, figures, panels, readings
from tests.prometheus import Prometheus, free_port, hurried_rules, running
from tests.waiting import LONG, eventually

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("prometheus")]

SCRAPED, PROBE_INTERVAL, CALL_INTERVAL = 2, 3, 20
"""Seconds. A scrape may take as long as the time between two, and a probe two thirds of it: this machine is busy."""
POINTS = 8.0
"""Seconds between points of a panel: more than two runs of each probe but for calls."""


MOST_RESTLESS = 5
"""Panels that may go on changing while nothing is switched: a probe that failed once, by chance, is in some figures."""

SILENT = {
    "First certificate expires in": "the replica speaks HTTP: no probe reads a certificate, and the panel says so",
    "Coverage": "a monitor owes no run before its first hour is over; test_prometheus.py has one that is older",
    "Coverage, 1 hour: what is missing": "as Coverage",
}
"""Panels that are empty in this house, and why."""

BY_CHANCE = {
    "what a busy machine does to a prober": {
        *("Runs skipped, this range", "Share of runs without a verdict", "Runs with a verdict, of those due"),
        *("Without a verdict", "Runs without a verdict a minute, by cause", "Monitors", "Lag of the event loop"),
        *("Start lateness, p99", "Start lateness, 99th percentile", "Descriptors in use", "Monitor"),
        *("Coverage", "Coverage, 1 hour: what is missing"),
    },
    "what the host of this machine withholds comes and goes": {"CPU of the busiest generator process"},
    "who arrives, and what happens to them, is drawn by lot": {
        *("In flight", "Citizens in flight, and answers a second", "Journeys, this range", "Verdict", "Load tests"),
        *("Passages of the waiting room", "Admitted by the waiting room", "Response time by step, this range"),
        *("Attempts for each journey that passed", "Event loop lag of the generator", "Arrivals dropped"),
        *("Connections of the generator", "Start lateness, 99th percentile of each second", "Response, p95"),
    },
    "what is under way when Prometheus looks": {
        *("Oldest unanswered", "Age of the oldest unanswered message", "Calls in progress", "Slowest, p95"),
        *("Schedule", "Declarations sent", "Failed calls by last stage reached, this range"),
    },
    "it becomes true only after half a minute, or an hour": {
        *("Incidents", "Fastest burn", "Least budget", "Notices due", "Notices late"),
    },
}
"""Panels and marks that may change at any moment, by the reason."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong in the replica, and the panels that must change, by dashboard; `may` are others that can."""

    name: str
    parameters: dict[str, Any]
    must: dict[str, set[str]]
    may: dict[str, set[str]] = field(default_factory=dict)


OF_A_SYSTEM = {
    "overview": {
        *("Systems failing", "Overspent", "Owners", "State of each system", "Burn rate, 1 hour"),
        *("Failed share of runs, without planned time", "Failed runs a minute, by reason"),
        "Each system against its objective, excluding and including planned time",
    },
    "campaign": {"State of each system", "Failed runs a minute, by reason", "Probes failing"},
}
"""What changes whenever one more system fails."""

BY_LOT = {"Failed share: load and probes", "Failed journeys", "Failed journeys a minute, by reason"}
"""What the logins that fail from the first fault on show: in some seconds nobody comes by SMS."""

FAULTS = {
    "login": Fault(
        "error-share",
        {"system": "digid-sms", "share": 1},
        must={
            **OF_A_SYSTEM,
            "login": {
                *("Now", "Probes failing", "State of each probe", "Failed share of runs, by channel"),
                *("Failed runs a minute, by reason", "Failed runs by step, this range"),
            },
            "campaign": OF_A_SYSTEM["campaign"]
            | {"Failed share: load and probes", "Failed journeys", "Failed journeys a minute, by reason"},
        },
    ),
    "message": Fault(
        "return-messages-held",
        {},
        must={
            **OF_A_SYSTEM,
            "customs": {
                *("Probes failing", "Returns missing", "State of each probe", "Failed runs a minute, by reason"),
                *("Failed share of runs, planned time included", "Failed runs by step, this range"),
            },
        },
        may={"customs": {"Time from declaration to return message", "Time of a run, by phase"}, "campaign": BY_LOT},
    ),
    "phone": Fault(
        "number-cancelled",
        {"line": "nhd-line"},  # day and night: a line that is closed would fail nobody
        must={
            **OF_A_SYSTEM,
            "phone": {"Probes failing", "State of each probe", "How far the last call came", "Calls an hour, by class"},
        },
        may={
            # Those before it go on, and on a busy machine a run of theirs fails for one reason more.
            "customs": {"Failed runs a minute, by reason"},
            "campaign": BY_LOT,
            "phone": {
                *("Post-dial delay", "Time to the answer", "What was heard in the last calls"),
                *("Time to each stage in the last calls", "Audio packets lost in the last calls"),
                "Jitter of the audio in the last calls",
            },
        },
    ),
}


def named(panels: dict[str, set[str]]) -> set[str]:
    return {f"{name}: {title}" for name, titles in panels.items() for title in titles}


@dataclass
class House:
    """What runs; `replica` may be stopped to see it fail. `faults` is the address of its faults."""

    prometheus: Prometheus
    replica: subprocess.Popen[bytes]
    log: Callable[[], str]
    faults: str
    monitor: str

    def switch_on(self, fault: Fault) -> None:
        """Make something go wrong, beside what is wrong already."""
        order = json.dumps({"fault": fault.name, "parameters": fault.parameters}).encode()
        with urlopen(Request(self.faults, order, {"Content-Type": "application/json"}), timeout=LONG):
            pass


@pytest.fixture(scope="module")
def house(
    configuration: Configuration, peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    with opened(configuration, peer("prometheus"), tmp_path_factory.mktemp("house")) as running_house:
        yield running_house


@contextmanager
def opened(configuration: Configuration, program: str, folder: Path) -> Iterator[House]:
    """Run a replica, a monitor that probes it every three seconds, a smoke test, and Prometheus on both."""
    monitor, generator = free_port(), free_port()
    config = folder / "config"
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    with ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[bytes]:
            return stack.enter_context(piekwacht(folder, *command, "--config", str(config)))

        served = start("staging", "run", "--port", "0", "--json")
        said = folder / "staging.log"
        assert eventually(lambda: "}" in said.read_text()), "the replica does not start"
        places = json.loads(said.read_text())
        lead_to(places, config / "environments" / "local.yaml", folder / "calls")
        start("monitor", "run", "--ledger", str(folder / "ledger.sqlite"), "--listen", f"127.0.0.1:{monitor}")
        smoke = ["load", "run", "smoke", "--from", "00:00", "--to", "00:10", "--out", str(folder / "report")]
        start(*smoke, "--listen", f"127.0.0.1:{generator}")
        targets = {"monitor": f"127.0.0.1:{monitor}", "load": f"127.0.0.1:{generator}"}
        prometheus = stack.enter_context(
            running(program, folder, targets, [hurried_rules(configuration, folder)], SCRAPED)
        )
        faults = places["endpoints"]["website"].removesuffix("/website") + "/admin/faults"
        logs = lambda: "\n".join(path.read_text() for path in folder.glob("*.log"))  # noqa: E731
        yield House(prometheus, served, logs, faults, f"http://127.0.0.1:{monitor}")


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


@pytest.fixture(scope="module")
def built(configuration: Configuration) -> dict[str, Any]:
    return dashboards(configuration)


def probing(configuration: Configuration) -> list[Probe]:
    return [probe for _, _, probe in configuration.probes_in("local")]


def empty(house: House, built: dict[str, Any]) -> dict[str, list[str]]:
    """Return the queries of each dashboard that are empty or not a number."""
    asked = {name: complaints(house.prometheus, data, interval=POINTS, silent=SILENT) for name, data in built.items()}
    return {name: found for name, found in asked.items() if found}


def test_every_query_returns_numbers(house: House, configuration: Configuration, built: dict[str, Any]) -> None:
    """On the running house no query is empty or NaN, and every series has the labels that name it."""
    house.prometheus.wait_for(f"count({metrics.LAST_SUCCESS}) == {len(probing(configuration))}")
    house.prometheus.wait_for(f"count_over_time({load.PROGRESS}[1m]) >= 5")
    house.prometheus.wait_for(f"min(count_over_time({metrics.RUNS}[1m])) >= 10")
    house.prometheus.wait_for(select(COVERAGE, period="year"))
    assert eventually(lambda: figures(house.prometheus, built["campaign"], "Probes failing") == [0.0]), house.log()
    assert empty(house, built) == {}, house.log()


def test_every_rule_evaluates_without_an_error(house: House) -> None:
    """On what a real monitor and a real run export."""
    assert house.prometheus.wait_for("count({__name__=~'system:piekwacht.+'})")
    assert [(rule["name"], rule["lastError"]) for rule in house.prometheus.rules() if rule["health"] == "err"] == []


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_changes_the_panels_that_show_it_and_no_others(house: House, built: dict[str, Any], what: str) -> None:
    """Each is switched on beside those before it; what is compared is which series there are, and their `readings`."""
    fault = FAULTS[what]
    before, restless = steady(house, built)
    must, may = named(fault.must), named(fault.may)
    assert must | may <= {f"{name}: {panel['title']}" for name, data in built.items() for panel in panels(data)}
    house.switch_on(fault)
    changed: set[str] = set()

    def as_expected() -> bool:
        changed.clear()
        changed.update(differing(before, look(house, built)) - (restless - must))
        return must <= changed <= must | may

    assert eventually(as_expected), f"missing: {must - changed}; too many: {changed - must - may}"


def look(house: House, built: dict[str, Any]) -> dict[str, Reading]:
    """Return what every panel of every dashboard shows now, as 'dashboard: panel', but for what changes by chance."""
    by_chance = set().union(*BY_CHANCE.values())
    return {
        f"{name}: {title}": reading
        for name, data in built.items()
        for title, reading in readings(house.prometheus, data, POINTS, POINTS).items()
        if title not in by_chance
    }


def steady(house: House, built: dict[str, Any]) -> tuple[dict[str, Reading], set[str]]:
    """Return what is shown as soon as it stays the same for a run of each probe, and what did not come to rest."""
    seen = [look(house, built)]

    def same() -> bool:
        time.sleep(POINTS / 2)
        seen.append(look(house, built))
        return seen[-1] == seen[-2]

    if eventually(same, within=LONG / 2):
        return seen[-1], set()
    restless = set().union(*(differing(*two) for two in pairwise(seen[-4:])))
    assert len(restless) <= MOST_RESTLESS, f"these do not come to rest: {restless}"
    return seen[-1], restless


def differing(before: dict[str, Reading], now: dict[str, Reading]) -> set[str]:
    return {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}


def test_a_link_leads_to_what_the_probe_saw(house: House, configuration: Configuration) -> None:
    """The debug page of a probe that fails is where the dashboard says, with that probe on it."""
    login = dashboards(configuration, Site(monitor=house.monitor))["login"]
    (url,) = set(re.findall(r'"(http[^"]+/probes\?[^"]+)"', json.dumps(login["panels"])))
    with urlopen(url.replace("${__field.labels.probe}", "login-sms"), timeout=LONG) as page:
        assert "login-sms" in page.read().decode()


def test_a_dead_replica_shows(house: House, configuration: Configuration, built: dict[str, Any]) -> None:
    """Probes are seen to fail, and still no query is empty or NaN."""
    # Calls that are up end half a minute later.
    quick = sum(not isinstance(probe, PhoneProbe) for probe in probing(configuration))
    house.replica.terminate()
    house.prometheus.wait_for(f"count({metrics.SUCCESS} == 0) >= {quick}")
    house.prometheus.wait_for(f"sum(increase({metrics.FAILURES_BY_REASON}[10s])) >= {quick}")
    assert eventually(lambda: figures(house.prometheus, built["campaign"], "Probes failing")[0] >= quick)
    assert empty(house, built) == {}, house.log()
