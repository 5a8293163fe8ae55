"""Every query of every dashboard, and every rule, against a real Prometheus that scrapes every declared metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import get_args

import pytest

from config import Channel, Configuration, JourneyProbe
from dashboards.provisioning import dashboards
from journeys import Passage, Reason, definitions
from loadtests import metrics as load
from loadtests.verdict import Outcome
from monitors import metrics
from monitors.probes.phone.classes import Class
from monitors.probes.phone.evidence import Sound, Stage
from monitors.rules.rules_commands import texts
from monitors.verdict import Cause, Window
from tests.grafana import complaints, figures
from tests.prometheus import Prometheus, running
from tests.standin import Rows, StandIn, serving
from tests.waiting import eventually

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("prometheus")]

FAILURES = {metrics.FAILURES, metrics.FAILURES_BY_REASON, metrics.FAILURES_BY_STEP, metrics.UNKNOWN, metrics.SKIPPED}


def each(values: object) -> Rows:
    return [(str(value),) for value in values]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def monitor(configuration: Configuration) -> StandIn:
    """Stand in for a monitor while nothing fails."""
    probes = [(system, name, "here") for system, name, _ in configuration.probes()]
    steps = {
        step
        for _, _, probe in configuration.probes()
        if isinstance(probe, JourneyProbe)
        for step in definitions()[probe.journey].steps
    }
    domains = {
        metrics.PROBE: probes,
        ("system",): each(configuration.systems),
        ("window",): each(Window),
        ("cause",): each(Cause),
        ("reason",): each(Reason),
        ("step",): each(sorted(steps)),
        ("phase",): each(["resolve", "connect", "first_byte", "transfer"]),
        ("class",): each(Class),
        ("stage",): each(Stage),
        ("sound",): each(Sound),
        ("trunk", "budget"): [("carrier", "calls"), ("carrier", "minutes")],
        ("vantage",): each(["here"]),
        ("reference",): each(["192.0.2.1:443"]),
        ("version",): each(["0.1.0"]),
    }
    fixed = {metrics.SUCCESS: 1.0, metrics.OBJECTIVE: 0.999, metrics.INTERVAL: 1.0, metrics.WINDOW_ACTIVE: 0.0}
    return StandIn(metrics.ALL, domains, still=set(FAILURES), fixed=fixed)


@pytest.fixture(scope="module")
def load_run(configuration: Configuration) -> StandIn:
    """Stand in for a load run while nothing fails."""
    domains = {
        load.CAMPAIGN: each(list(configuration.campaigns)[:1]),
        ("journey", "step"): [(name, step) for name, journey in definitions().items() for step in journey.steps],
        ("journey",): each(definitions()),
        ("reason",): each(Reason),
        ("channel",): each(get_args(Channel)),
        ("passage",): each(Passage),
        ("outcome",): each(get_args(Outcome)),
    }
    return StandIn(load.ALL, domains, still={load.FAILED, load.FAILED_BY_REASON, load.DROPPED, load.SETBACKS})


@pytest.fixture(scope="module")
def server(
    monitor: StandIn,
    load_run: StandIn,
    configuration: Configuration,
    tmp_path_factory: pytest.TempPathFactory,
    peer: Callable[[str], str],
) -> Iterator[Prometheus]:
    """Prometheus with the project's rules, scraping a monitor and a load run."""
    program = peer("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    for name, text in texts(configuration).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with ExitStack() as stack:
        targets = {"monitor": stack.enter_context(serving(monitor)), "load": stack.enter_context(serving(load_run))}
        rules = [folder / "rules" / "piekwacht.rules.yml"]
        prometheus = stack.enter_context(running(program, folder, targets, rules))
        # Five samples of both, so that every rate has what it needs.
        for metric in (metrics.INTERVAL, load.PROGRESS):
            prometheus.wait_for(f"count_over_time({metric}[1m]) >= 5")
        yield prometheus


@pytest.mark.parametrize("name", ["availability", "campaign", "login", "phone"])
def test_every_query_returns_numbers_while_nothing_fails(
    server: Prometheus, configuration: Configuration, name: str
) -> None:
    """Neither empty nor NaN: panels, annotations and variables, on a healthy day."""
    assert complaints(server, dashboards(configuration)[name]) == []


def test_every_rule_evaluates_without_an_error(server: Prometheus, configuration: Configuration) -> None:
    """Prometheus itself accepts and evaluates what `rules build` writes, and nothing fires on a healthy day."""
    server.wait_for("count(ALERTS) or count(system:piekwacht_error_budget:ratio)")
    rules = server.rules()
    assert {rule["name"] for rule in rules} >= {"AvailabilityBurnsFast", "MonitorDown", "SystemNotMeasured"}
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
    assert server.query('ALERTS{alertstate="firing"}') == []
    assert len(server.query("system:piekwacht_error_budget:ratio")) == len(configuration.systems)


def test_nothing_measured_is_not_shown_as_zero(server: Prometheus, configuration: Configuration) -> None:
    """For a system that does not exist, 'Probes failing' has no data: 0 would say that all is well."""
    availability = dashboards(configuration)["availability"]
    assert eventually(lambda: figures(server, availability, "Probes failing") == [0.0])
    assert figures(server, availability, "Probes failing", system="no-such-system") == []
    assert figures(server, availability, "Below objective", system="no-such-system") == []


def test_a_failing_estate_changes_the_panels(
    server: Prometheus, configuration: Configuration, monitor: StandIn, load_run: StandIn
) -> None:
    """When every probe fails the figures say so, and every query still returns numbers."""
    probes = len(list(configuration.probes()))
    availability = dashboards(configuration)["availability"]
    monitor.fixed[metrics.SUCCESS] = 0.0
    monitor.still.clear()
    load_run.still.clear()
    try:
        server.wait_for(f"count({metrics.SUCCESS} == 0) == {probes}")
        server.wait_for(f"min(rate({metrics.FAILURES_BY_REASON}[3s])) > 0")
        assert eventually(lambda: figures(server, availability, "Probes failing") == [probes])
        assert eventually(lambda: figures(server, availability, "Below objective") == [len(configuration.systems)])
        for name, dashboard in dashboards(configuration).items():
            assert complaints(server, dashboard) == [], name
        fired = server.wait_for('ALERTS{alertname="AvailabilityBurnsFast", alertstate="firing"}')
        assert {series["metric"]["system"] for series in fired} == set(configuration.systems)
        assert all(series["metric"]["owner"] for series in fired)
    finally:
        monitor.fixed[metrics.SUCCESS] = 1.0
        monitor.still |= FAILURES
