"""What a monitor that has not run yet shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family

from config import Configuration
from monitors import metrics
from monitors.instruments import Histogram
from monitors.probes import Target, targets
from monitors.record.totals import Totals
from monitors.verdict import Window
from monitors.web.exposition import Snapshot, histograms_of, values_of

AT = 1_700_000_000.0
UNUSED = Totals.of([], {})


def unused(configuration: Configuration) -> Snapshot:
    """Return what a monitor of two systems shows before its first run, in planned maintenance of the website."""
    systems = {name: configuration.systems[name] for name in ("website", "digid-activation")}
    chosen = [each for each in targets(configuration, "local", "rotterdam") if each.system in systems]
    return replace(
        whole(configuration, chosen),
        systems=systems,
        windows={"website": Window.PLANNED, "digid-activation": Window.NONE},
    )


def whole(configuration: Configuration, chosen: Sequence[Target]) -> Snapshot:
    """Return what a monitor of the whole estate with these probes shows before its first run."""
    lateness = Histogram(metrics.LATENESS.buckets)
    lateness.observe(0.002)
    return Snapshot(
        vantage="rotterdam",
        version="1.2.3",
        systems=configuration.systems,
        targets=chosen,
        totals=UNUSED,
        owners={name: owner.id for name, owner in configuration.owner_of.items()},
        windows=dict.fromkeys(configuration.systems, Window.NONE),
        lateness=lateness.snapshot(),
        ledger_write=Histogram(metrics.LEDGER_WRITE.buckets).snapshot(),
        loop_lag=0.004,
        config_loaded=AT,
        references={"10.0.0.1:443": True, "10.0.0.2:443": False},
        open_descriptors=31,
        descriptor_limit=1024,
    )


class Collected:
    """A snapshot as prometheus_client's own families."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def collect(self) -> Iterator[Family]:
        values, histograms = values_of(self.snapshot), histograms_of(self.snapshot)
        kinds = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
        for metric in metrics.ALL:
            if metric.kind == "histogram":
                family: Any = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
                for labels, histogram in histograms[metric]:
                    family.add_metric(labels, histogram.buckets, histogram.sum)
            else:
                family = kinds[metric.kind](metric.name, metric.help, labels=metric.labels)
                for labels, value in values[metric]:
                    family.add_metric(labels, value)
            yield family
