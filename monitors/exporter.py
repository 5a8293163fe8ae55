"""The monitor's web pages: `/metrics`, `/-/healthy`, `/-/ready`, and an index.

Every metric is declared in `monitors.metrics`. Counters are read from the ledger at scrape time, so a restart resets
nothing and nothing is shown that is not on disk. Every combination of labels of a counter is there from the start, at
0, or the first event of each kind would be lost to `increase()`. The gauges that tell of a probe's last runs are absent
until there was one: 0 would say that it failed, in 1970.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

from aiohttp import web
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from config import System
from config.metric import Metric
from journeys import Reason
from monitors import metrics
from monitors.ledger import LedgerError
from monitors.probes import Target, steps_of
from monitors.totals import Durations, Labelled, State, Totals
from monitors.verdict import Cause, Phases, Window

Values = Iterable[tuple[Sequence[str], float]]
"""(label values, value)"""
Histograms = Iterable[tuple[Sequence[str], Durations]]
"""(label values, histogram)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that one scrape shows. Times are Unix seconds; `windows` says which kind of time it is now."""

    vantage: str
    version: str
    systems: Mapping[str, System]
    targets: Sequence[Target]
    totals: Totals
    windows: Mapping[str, Window]
    lateness: Durations
    ledger_write: Durations
    loop_lag: float
    config_loaded: float


def families(snapshot: Snapshot) -> list[Family]:
    """Return every declared metric with its samples, in the order of declaration."""
    values = {**_counters(snapshot), **_states(snapshot), **_gauges(snapshot)}
    histograms = _histograms(snapshot)
    return [
        _histogram(metric, histograms[metric]) if metric.kind == "histogram" else _plain(metric, values[metric])
        for metric in metrics.ALL
    ]


def render(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """Return the exposition and its content type: OpenMetrics if the scraper accepts it, else Prometheus text."""
    encode, content_type = choose_encoder(accept)
    return encode(_Collected(families(snapshot))), content_type


class _Collected:
    """What an encoder asks to collect."""

    def __init__(self, found: list[Family]) -> None:
        self._found = found

    def collect(self) -> list[Family]:
        return self._found


def _plain(metric: Metric, values: Values) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, histograms: Histograms) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, histogram in histograms:
        family.add_metric(labels, histogram.buckets, histogram.sum)
    return family


def _counters(snapshot: Snapshot) -> dict[Metric, Values]:
    totals = snapshot.totals
    windows, causes = [*map(str, Window)], [*map(str, Cause)]
    phases = [phase.name for phase in fields(Phases)]

    def spread(counts: Labelled, labels: Callable[[Target], Iterable[str]]) -> Values:
        return [
            (
                (target.system, target.name, snapshot.vantage, label),
                counts.get((target.system, target.name, label), 0.0),
            )
            for target in snapshot.targets
            for label in labels(target)
        ]

    return {
        metrics.RUNS: spread(totals.runs, lambda _: windows),
        metrics.FAILURES: spread(totals.failures, lambda _: windows),
        metrics.UNKNOWN: spread(totals.unknown, lambda _: causes),
        metrics.FAILURES_BY_REASON: spread(totals.reasons, lambda _: map(str, Reason)),
        metrics.FAILURES_BY_STEP: spread(totals.steps, lambda target: _steps(target, totals)),
        metrics.PHASES: spread(totals.phases, lambda _: phases),
        metrics.SKIPPED: [
            (_labels(target, snapshot), totals.skipped.get((target.system, target.name), 0.0))
            for target in snapshot.targets
        ],
    }


def _steps(target: Target, totals: Totals) -> list[str]:
    """Return the steps of the probe, then those of the record that it does not have any more."""
    past = sorted(step for system, probe, step in totals.steps if (system, probe) == (target.system, target.name))
    return list(dict.fromkeys([*steps_of(target.probe), *past]))


def _states(snapshot: Snapshot) -> dict[Metric, Values]:
    def known(value: Callable[[State], float | None]) -> Values:
        for target in snapshot.targets:
            state = snapshot.totals.states.get((target.system, target.name))
            if state is not None and (found := value(state)) is not None:
                yield _labels(target, snapshot), float(found)

    return {
        metrics.SUCCESS: known(lambda state: state.passed),
        metrics.LAST_RUN: known(lambda state: state.last_run),
        metrics.LAST_SUCCESS: known(lambda state: state.last_success),
    }


def _gauges(snapshot: Snapshot) -> dict[Metric, Values]:
    objectives = {name: system.objective for name, system in snapshot.systems.items()}
    return {
        metrics.INTERVAL: [(_labels(target, snapshot), target.interval) for target in snapshot.targets],
        metrics.OBJECTIVE: [((name,), round(each.target / 100, 9)) for name, each in objectives.items()],
        metrics.MEASURED_BY: [
            (_labels(target, snapshot), 1.0)
            for target in snapshot.targets
            if target.name in objectives[target.system].measured_by
        ],
        metrics.WINDOW_ACTIVE: [
            ((name, str(window)), float(snapshot.windows[name] == window))
            for name in snapshot.systems
            for window in Window
        ],
        metrics.LOOP_LAG: [((), snapshot.loop_lag)],
        metrics.CONFIG_LOADED: [((), snapshot.config_loaded)],
        metrics.BUILD: [((snapshot.version,), 1.0)],
    }


def _histograms(snapshot: Snapshot) -> dict[Metric, Histograms]:
    durations = snapshot.totals.durations
    return {
        metrics.DURATION: [
            (_labels(target, snapshot), durations.get((target.system, target.name), Durations()))
            for target in snapshot.targets
        ],
        metrics.LATENESS: [((), snapshot.lateness)],
        metrics.LEDGER_WRITE: [((), snapshot.ledger_write)],
    }


def _labels(target: Target, snapshot: Snapshot) -> tuple[str, str, str]:
    return target.system, target.name, snapshot.vantage


class Exporter:
    """The web application; rendering has a thread of its own, out of the way of the probes.

    `observe` takes a snapshot, `lacking` says what is missing for the monitor to be ready (nothing: it is).
    """

    def __init__(self, observe: Callable[[], Awaitable[Snapshot]], lacking: Callable[[], Sequence[str]]) -> None:
        self._observe = observe
        self._lacking = lacking
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="exporter")

    def application(self) -> web.Application:
        """Return the application with its routes."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._index),
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
            ]
        )
        application.on_cleanup.append(self._end)
        return application

    async def _metrics(self, request: web.Request) -> web.Response:
        try:
            snapshot = await self._observe()
        except LedgerError as error:
            return web.Response(status=503, text=f"{error}\n")
        loop = asyncio.get_running_loop()
        accept = request.headers.get("Accept", "")
        body, content_type = await loop.run_in_executor(self._thread, render, snapshot, accept)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def _ready(self, _: web.Request) -> web.Response:
        lacking = self._lacking()
        return web.Response(status=503 if lacking else 200, text="\n".join(lacking or ["ready"]) + "\n")

    async def _index(self, _: web.Request) -> web.Response:
        return web.Response(text=_INDEX, content_type="text/html")

    async def _end(self, _: web.Application) -> None:
        self._thread.shutdown()


_INDEX = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Piekwacht monitor</title>
<h1>Piekwacht monitor</h1>
<ul>
  <li><a href="/metrics">Metrics</a> for Prometheus</li>
  <li><a href="/-/ready">Ready</a>: every probe ran lately and its runs are on disk</li>
  <li><a href="/-/healthy">Healthy</a>: this process answers</li>
</ul>
</html>
"""
