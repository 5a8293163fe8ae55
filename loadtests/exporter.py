"""Live Prometheus metrics of a running load test, made from its results at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from config import Channel
from config.metric import Metric as Declaration
from journeys import Passage, definitions
from loadtests import metrics
from loadtests.latencies import Latencies, percentile
from loadtests.plan import Plan
from loadtests.results import Results
from loadtests.verdict import Outcome

Sample = tuple[list[str], float]

MOST_OF_STEPS = 1500
"""Series of response times by step; with everything else a scrape stays below 2,000, whatever the campaign."""


class LoadCollector(Collector):
    """Turns results into metric families; `look` returns the plan, the results so far and the seconds elapsed.

    `outcome` is what a run that is over says.
    """

    def __init__(self, look: Callable[[], tuple[Plan, Results, float]], outcome: Outcome | None = None) -> None:
        self._look = look
        self._outcome = outcome

    def collect(self) -> Iterator[Metric]:
        """Yield every metric that `loadtests.metrics` declares; every label value is there from the start."""
        plan, results, elapsed = self._look()
        name = plan.campaign_id
        now = min(elapsed, plan.duration, results.seconds)  # planned and started as of the same instant
        latest = results.timeline.latest
        lateness, _ = results.timeline.latencies(max(0, results.seconds - 1))
        journeys = sorted({kind.journey for kind in plan.kinds})
        failed = dict.fromkeys(journeys, 0)
        for (journey, _, _), count in results.failed.items():
            failed[journey] += count
        yield _family(metrics.PLANNED, [([name], plan.shape.count_by(now))])
        yield _family(metrics.STARTED, [([name], results.counts["started"])])
        yield _family(metrics.DROPPED, [([name], results.counts["dropped"] + results.counts["no_account"])])
        yield _family(metrics.COMPLETED, [([name, journey], results.completed[journey]) for journey in journeys])
        yield _family(metrics.FAILED, [([name, journey], failed[journey]) for journey in journeys])
        reasons = results.failed_by_reason().items()
        yield _family(metrics.FAILED_BY_REASON, [([name, reason], count) for reason, count in reasons])
        yield _family(metrics.IN_FLIGHT, [([name], latest["in_flight"])])
        yield _family(metrics.ATTEMPTS, [([name], results.counts["attempts"])])
        yield _family(metrics.SETBACKS, [([name], sum(results.setbacks.values()))])
        yield _family(metrics.PASSAGES, _passages(name, results))
        yield _family(metrics.REQUESTS, [([name], results.counts["requests"])])
        yield _family(metrics.LATENESS_P99, [([name], percentile(lateness, 0.99))])
        yield _family(metrics.PROGRESS, [([name], now / plan.duration)])
        yield _family(metrics.GENERATOR_CPU, [([name], latest["cpu"])])
        yield _family(metrics.GENERATOR_STOLEN, [([name], latest["stolen"])])
        yield _family(metrics.GENERATOR_CONNECTIONS, [([name], latest["open_connections"])])
        yield _family(metrics.GENERATOR_MEMORY, [([name], latest["memory"])])
        yield _family(metrics.GENERATOR_LAG, [([name], latest["lag"])])
        outcomes = get_args(Outcome)
        yield _family(metrics.OUTCOME, [([name, outcome], outcome == self._outcome) for outcome in outcomes])
        yield _response_times(name, journeys, results)


def _passages(name: str, results: Results) -> Iterator[Sample]:
    for channel in get_args(Channel):
        for passage in Passage:
            yield [name, channel, str(passage)], results.passages[channel, passage]


def _family(declaration: Declaration, samples: Iterable[Sample]) -> Metric:
    kind = CounterMetricFamily if declaration.kind == "counter" else GaugeMetricFamily
    family = kind(declaration.name, declaration.help, labels=declaration.labels)
    for labels, value in samples:
        family.add_metric(labels, float(value))
    return family


def _response_times(name: str, journeys: list[str], results: Results) -> Metric:
    declaration = metrics.RESPONSE_TIME
    family = HistogramMetricFamily(declaration.name, declaration.help, labels=declaration.labels)
    measured = {(row.journey, row.step): row.response for row in results.steps.values()}
    known = definitions()
    steps = [(journey, step) for journey in journeys for step in known[journey].steps]
    bounds = [*(str(bound) for bound in declaration.buckets), "+Inf"]
    shown = kept(len(bounds), len(steps))
    for journey, step in steps:
        latencies = measured.get((journey, step)) or Latencies()
        cumulated = latencies.buckets.cumsum()
        buckets = [(bounds[index], float(cumulated[index])) for index in shown]
        family.add_metric([name, journey, step], buckets, latencies.total)
    return family


def kept(bounds: int, steps: int) -> list[int]:
    """Return which bounds of a histogram are exported, the last one always: the fewer, the more steps there are.

    steps * (bounds kept + 3) <= MOST_OF_STEPS as far as it can be had; the three are sum, count and time of creation
    """
    for stride in range(1, bounds):
        shown = list(range(bounds - 1, -1, -stride))[::-1]
        if steps * (len(shown) + 3) <= MOST_OF_STEPS:
            return shown
    return [bounds - 1]
