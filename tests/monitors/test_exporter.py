"""The exposition of a known state, and the web pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from config import Configuration
from journeys import Reason
from monitors import metrics
from monitors.exporter import Exporter, Snapshot, render
from monitors.instruments import Histogram
from monitors.ledger import Ledger, LedgerError
from monitors.probes import targets
from monitors.totals import Durations, Totals
from monitors.verdict import Cause, Fail, Pass, Phases, Run, Unknown, Window

AT = 1_700_000_000.0
UNUSED = Totals.of([], {})


@pytest.fixture
def snapshot(configuration: Configuration) -> Snapshot:
    """Make a monitor of two systems that has not run yet, in planned maintenance of the website."""
    systems = {name: configuration.systems[name] for name in ("website", "digid-activation")}
    chosen = [each for each in targets(configuration, "local", "rotterdam") if each.system in systems]
    lateness = Histogram(metrics.LATENESS.buckets)
    lateness.observe(0.002)
    return Snapshot(
        vantage="rotterdam",
        version="1.2.3",
        systems=systems,
        targets=chosen,
        totals=UNUSED,
        windows={"website": Window.PLANNED, "digid-activation": Window.NONE},
        lateness=lateness.snapshot(),
        ledger_write=Histogram(metrics.LEDGER_WRITE.buckets).snapshot(),
        loop_lag=0.004,
        config_loaded=AT,
    )


@pytest.fixture
def recorded(tmp_path: Path) -> Totals:
    """Return what a ledger says after five runs and a skipped one."""
    phases = Phases(0.125, 0.25, 0.5, 0.0625)
    runs = [
        Run("website", "home-page", AT, 0.25, Pass(), Window.NONE, phases),
        Run("website", "home-page", AT + 15, 0.5, Fail(Reason.TIMEOUT, "request"), Window.PLANNED, phases),
        Run("website", "home-page", AT + 30, 0.0, Unknown(Cause.OWN_NETWORK)),
        Run("digid-activation", "activate-app", AT, 30.0, Fail(Reason.CODE_REJECTED, "enter-code"), Window.NONE),
        Run("digid-activation", "activate-app", AT + 15, 1.0, Fail(Reason.CODE_REJECTED, "a-former-step"), Window.NONE),
    ]
    with Ledger.open(tmp_path / "ledger.sqlite", vantage="rotterdam") as ledger:
        ledger.record(runs, [("website", "home-page")])
        return ledger.totals()


def test_the_exposition_of_a_known_ledger(
    snapshot: Snapshot, recorded: Totals, golden: Callable[[str, str], None]
) -> None:
    """Every metric with every combination of labels, as Prometheus reads it."""
    body, content_type = render(replace(snapshot, totals=recorded))
    golden("exposition.txt", body.decode())
    assert content_type.startswith("text/plain; version=0.0.4")


def test_what_is_declared_is_exported_and_nothing_else(snapshot: Snapshot, recorded: Totals) -> None:
    """Names, kinds, help and labels are those of the declarations."""
    body, _ = render(replace(snapshot, totals=recorded))
    exported = {family.name: family for family in parse_text(body.decode())}
    assert set(exported) == {metric.name.removesuffix("_total") for metric in metrics.ALL}
    for metric in metrics.ALL:
        family = exported[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(metric.labels)}
    assert b"_created" not in body


def test_every_counter_is_there_at_zero_before_the_first_run(snapshot: Snapshot, recorded: Totals) -> None:
    """No series of a counter or histogram appears only after something happened."""

    def series(totals: Totals) -> set[tuple[str, ...]]:
        body, _ = render(replace(snapshot, totals=totals))
        return {
            (sample.name, *sorted(sample.labels.values()))
            for family in parse_text(body.decode())
            if family.type != "gauge"
            for sample in family.samples
        }

    new = series(recorded) - series(UNUSED)
    assert new == {(str(metrics.FAILURES_BY_STEP), "a-former-step", "activate-app", "digid-activation", "rotterdam")}


def test_failures_by_reason_and_by_step_add_up(snapshot: Snapshot, recorded: Totals) -> None:
    """Three ways of counting failures give one number for each probe."""
    body, _ = render(replace(snapshot, totals=recorded))
    families = {family.name: family for family in parse_text(body.decode())}
    for probe in ("home-page", "activate-app", "visit-website"):
        sums = {
            sum(
                sample.value
                for sample in families[str(metric).removesuffix("_total")].samples
                if sample.labels["probe"] == probe
            )
            for metric in (metrics.FAILURES, metrics.FAILURES_BY_REASON, metrics.FAILURES_BY_STEP)
        }
        assert len(sums) == 1, probe


def test_openmetrics_is_served_to_who_asks(snapshot: Snapshot, recorded: Totals) -> None:
    """The stricter format parses too, and ends as it must."""
    body, content_type = render(replace(snapshot, totals=recorded), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert len(list(parse_openmetrics(body.decode()))) == len(metrics.ALL)


def test_a_bound_belongs_to_its_bucket() -> None:
    """Buckets are cumulative, and le means less than or equal."""
    histogram = Histogram((0.1, 1.0))
    for value in (0.1, 0.5, 7.0):
        histogram.observe(value)
    assert histogram.snapshot() == Durations((("0.1", 1.0), ("1.0", 2.0), ("+Inf", 3.0)), pytest.approx(7.6))


@pytest.fixture
async def served(snapshot: Snapshot) -> AsyncIterator[SimpleNamespace]:
    """Serve an exporter on a free port; `lacking` and `error` are what it is told."""
    state = SimpleNamespace(lacking=[], error=None)

    async def observe() -> Snapshot:
        if state.error:
            raise state.error
        return snapshot

    runner = web.AppRunner(Exporter(observe, lambda: state.lacking).application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
        state.get = session.get
        yield state
    await runner.cleanup()


async def test_pages(served: SimpleNamespace) -> None:
    """The index links to every page, and every link answers."""
    async with served.get("/") as answer:
        index = await answer.text()
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert f'href="{path}"' in index
        async with served.get(path) as answer:
            assert answer.status == 200, path


async def test_not_ready_says_why(served: SimpleNamespace) -> None:
    """A monitor without progress is healthy and not ready."""
    served.lacking.append("login-app: no run yet")
    async with served.get("/-/ready") as answer:
        assert (answer.status, await answer.text()) == (503, "login-app: no run yet\n")
    async with served.get("/-/healthy") as answer:
        assert answer.status == 200


async def test_a_ledger_that_cannot_be_read_is_a_failed_scrape(served: SimpleNamespace) -> None:
    """Better no figures than figures that are not on disk."""
    served.error = LedgerError("data/ledger.sqlite could not be read: disk I/O error")
    async with served.get("/metrics") as answer:
        assert answer.status == 503
        assert "disk I/O error" in await answer.text()
