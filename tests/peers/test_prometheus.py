"""Every query of every dashboard, and every rule, against a real Prometheus that scrapes every declared metric."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import pytest

from config import Channel, Configuration, JourneyProbe
from dashboards.provisioning import dashboards
from journeys import Passage, Reason, definitions
from loadtests import metrics as load
from loadtests.verdict import Outcome
from monitors import metrics
from monitors.probes.phone.classes import table
from monitors.probes.phone.evidence import Sound, Stage
from monitors.rules.queries import CALENDAR
from monitors.verdict import Cause, Window
from tests.grafana import complaints, figures, unanswered
from tests.prometheus import Prometheus, hurried_rules, running
from tests.standin import Rows, StandIn, serving
from tests.waiting import eventually

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("prometheus")]

REASONS = [reason for reason in Reason if "notice" in reason or "number" in reason or "timeout" in reason]
REASONS += [Reason.RETURN_MESSAGE_MISSING, Reason.DISRUPTION_ANNOUNCED]
"""Some: with all of them a scrape of every probe takes longer than the time between two."""

FAILURES = {metrics.FAILURES, metrics.FAILURES_BY_REASON, metrics.FAILURES_BY_STEP, metrics.UNKNOWN, metrics.SKIPPED}
FAILURES.add(metrics.CALLS_LEAKED)


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
        ("system", "owner"): [(name, owner.id) for name, owner in configuration.owner_of.items()],
        ("system",): each(configuration.systems),
        ("period",): each(CALENDAR),
        ("part",): each(["passed", "ahead"]),
        ("window",): each(Window),
        ("cause",): each(Cause),
        ("reason",): each(REASONS),
        ("step",): each(sorted(steps)[:12]),
        ("phase",): each(["resolve", "connect", "first_byte", "transfer"]),
        ("class",): each(table().classes),
        ("stage",): each(Stage),
        ("sound",): each(Sound),
        ("trunk", "budget"): [("carrier", "calls"), ("carrier", "minutes")],
        ("vantage",): each(["here"]),
        ("reference",): each(["192.0.2.1:443"]),
        ("version",): each(["0.1.0"]),
        ("rule",): each(["N5"]),
    }
    fixed = {
        metrics.SUCCESS: 1.0,
        metrics.OBJECTIVE: 0.999,
        metrics.INTERVAL: 1.0,
        metrics.WINDOW_ACTIVE: 0.0,
        metrics.WINDOW_END: time.time() + 86_400,
        metrics.NOTICE_DUE: time.time() + 86_400,
        metrics.CERTIFICATE_EXPIRY: time.time() + 90 * 86_400,
        metrics.PERIOD_RUNS: 1000.0,
        metrics.PERIOD_EXPECTED: 1000.0,
        metrics.PERIOD_FAILURES: 0.0,
        metrics.PERIOD_TIME: 1e6,
    }
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
    still = {load.FAILED, load.FAILED_BY_REASON, load.DROPPED, load.SETBACKS}
    return StandIn(load.ALL, domains, still=still, fixed={load.LATENESS_P99: 0.002})


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
    with ExitStack() as stack:
        targets = {"monitor": stack.enter_context(serving(monitor)), "load": stack.enter_context(serving(load_run))}
        was_there_an_hour_ago(monitor, targets["monitor"], peer("promtool"), folder)
        prometheus = stack.enter_context(running(program, folder, targets, [hurried_rules(configuration, folder)]))
        # Three samples of both, so that every rate has what it needs.
        for metric in (metrics.INTERVAL, load.PROGRESS):
            prometheus.wait_for(f"count_over_time({metric}[1m]) >= 3")
        yield prometheus


def was_there_an_hour_ago(monitor: StandIn, target: str, promtool: str, folder: Path) -> None:
    """Have Prometheus remember the intervals of an hour ago: what was not there then owes no run of the last hour."""
    now, lines = int(time.time()), [f"# TYPE {metrics.INTERVAL} gauge"]
    for row in monitor.rows(metrics.INTERVAL):
        labels = dict(zip(metrics.INTERVAL.labels, row, strict=True)) | {"instance": target, "job": "monitor"}
        written = ",".join(f'{name}="{value}"' for name, value in labels.items())
        lines += [f"{metrics.INTERVAL}{{{written}}} 1 {now - 60 * minutes}" for minutes in range(64, 49, -1)]
    (folder / "history.txt").write_text("\n".join([*lines, "# EOF", ""]))
    create = [promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", folder / "data"]
    subprocess.run(create, check=True, capture_output=True)


def empty(server: Prometheus, configuration: Configuration) -> dict[str, list[str]]:
    """Return the queries of each dashboard that are empty, not a number, or without the labels that name a series."""
    asked = {name: complaints(server, data) for name, data in dashboards(configuration).items()}
    return {name: found for name, found in asked.items() if found}


def test_every_query_returns_numbers_while_nothing_fails(server: Prometheus, configuration: Configuration) -> None:
    """Neither empty nor NaN: panels, annotations and variables, on a healthy day."""
    assert empty(server, configuration) == {}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"expr": "sum(piekwacht_probe_succeeded)"}, "is empty: sum(piekwacht_probe_succeeded)"),
        ({"expr": f"{metrics.SUCCESS} * NaN"}, "is not a number"),
        ({"expr": f"sum({metrics.SUCCESS})", "legendFormat": "{{city}}"}, "names a series by city, which it lacks"),
    ],
)
def test_a_broken_query_is_found(
    server: Prometheus, configuration: Configuration, broken: dict[str, str], said: str
) -> None:
    """A renamed metric, a value that is none, a label that is not there: each is one complaint."""
    prober = dashboards(configuration)["prober"]
    panel = next(panel for panel in prober["panels"] if panel["type"] == "timeseries")
    panel["targets"][0].update(broken)
    assert [line for line in unanswered(server, prober) if said in line and panel["title"] in line]


def test_a_query_that_does_not_parse_is_found(server: Prometheus, configuration: Configuration) -> None:
    """In the words of Prometheus."""
    prober = dashboards(configuration)["prober"]
    next(panel for panel in prober["panels"] if panel["type"] == "stat")["targets"][0]["expr"] = "sum("
    with pytest.raises(AssertionError, match="parse error"):
        unanswered(server, prober)


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
    overview = dashboards(configuration)["overview"]
    assert eventually(lambda: figures(server, overview, "Systems failing") == [0.0])
    assert figures(server, overview, "Systems failing", system="no-such-system") == []
    assert figures(server, overview, "Overspent", system="no-such-system") == []


def test_a_failing_estate_changes_the_panels(
    server: Prometheus, configuration: Configuration, monitor: StandIn, load_run: StandIn
) -> None:
    """When every probe fails the figures say so, and every query still returns numbers."""
    probes = len(list(configuration.probes()))
    overview = dashboards(configuration)["overview"]
    monitor.fixed[metrics.SUCCESS] = 0.0
    monitor.still.clear()
    load_run.still.clear()
    try:
        server.wait_for(f"count({metrics.SUCCESS} == 0) == {probes}")
        server.wait_for(f"min(rate({metrics.FAILURES_BY_REASON}[20s])) > 0")
        assert eventually(lambda: figures(server, overview, "Systems failing") == [len(configuration.systems)])
        assert eventually(lambda: figures(server, overview, "Overspent") == [len(configuration.systems)])
        assert empty(server, configuration) == {}
        fired = server.wait_for('ALERTS{alertname="AvailabilityBurnsFast", alertstate="firing"}')
        assert {series["metric"]["system"] for series in fired} == set(configuration.systems)
        assert all(series["metric"]["owner"] for series in fired)
    finally:
        monitor.fixed[metrics.SUCCESS] = 1.0
        monitor.still |= FAILURES
