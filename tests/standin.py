"""A real exporter of invented values: it serves every declared metric with every label, over HTTP on a loopback port.

It stands in where a test is about dashboards or rules, not about how the values come about.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from config.metric import Metric

Labels = tuple[str, ...]
Rows = Sequence[tuple[str, ...]]


@dataclass(eq=False)
class StandIn(Collector):
    """Exports `declared`.

    `domains` says which values a label has; a key of several labels gives their allowed combinations. Counters grow by
    1 a second, those in `still` not at all, histograms by ten observations, gauges move; `fixed` sets a gauge.
    """

    declared: Sequence[Metric]
    domains: Mapping[Labels, Rows]
    still: set[Metric] = field(default_factory=set)
    fixed: dict[Metric, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.time)

    def rows(self, metric: Metric) -> Iterator[list[str]]:
        """Yield every combination of label values that the metric can have."""
        groups, left = [], list(metric.labels)
        for labels, rows in self.domains.items():
            if set(labels) <= set(left):
                groups.append((labels, rows))
                left = [label for label in left if label not in labels]
        assert not left, f"{metric.name}: no values for {left}"
        for chosen in itertools.product(*(rows for _, rows in groups)):
            values = {
                label: value
                for (labels, _), row in zip(groups, chosen, strict=True)
                for label, value in zip(labels, row, strict=True)
            }
            yield [values[label] for label in metric.labels]

    def collect(self) -> Iterator[Family]:
        now = time.time()
        for metric in self.declared:
            yield self._family(metric, now - self._started, now)

    def _family(self, metric: Metric, elapsed: float, now: float) -> Family:
        if metric.kind == "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            for row in self.rows(metric):
                histogram.add_metric(row, _buckets(metric, 10 * elapsed), 0.1 * elapsed)
            return histogram
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = kind(metric.name, metric.help, labels=metric.labels)
        for row in self.rows(metric):
            family.add_metric(row, self._value(metric, elapsed, now))
        return family

    def _value(self, metric: Metric, elapsed: float, now: float) -> float:
        if metric in self.fixed:
            return self.fixed[metric]
        if metric.kind == "counter":
            return 0.0 if metric in self.still else elapsed
        if metric.name.endswith("_timestamp_seconds"):
            return now - 2
        return 1.0 if metric.name.endswith("_info") else 0.5 + 0.4 * math.sin(elapsed)


def _buckets(metric: Metric, observations: float) -> list[tuple[str, float]]:
    """Spread the observations evenly over the buckets."""
    bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
    return [(bound, observations * (index + 1) / len(bounds)) for index, bound in enumerate(bounds)]


@contextmanager
def serving(exporter: Collector) -> Iterator[str]:
    """Serve an exporter's /metrics and give its host:port."""
    registry = CollectorRegistry()
    registry.register(exporter)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
