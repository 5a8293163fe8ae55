"""The live metrics of a run: few series, all there from the start."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from config import Configuration
from journeys import Passage, Reason, definitions
from loadtests import metrics
from loadtests.exporter import MOST_OF_STEPS, LoadCollector, kept
from loadtests.plan import Plan, make_plan
from loadtests.results import Results
from loadtests.verdict import Outcome
from tests.loadtests.runs import plan, results, second

MOST_SERIES = 2000


def families(the_plan: Plan, found: Results, outcome: Outcome | None = None) -> dict[str, Metric]:
    registry = CollectorRegistry()
    registry.register(LoadCollector(lambda: (the_plan, found, 5.0), outcome))
    return {family.name: family for family in registry.collect()}


def value(found: dict[str, Metric], metric: object, **labels: str) -> float:
    """Return the one sample of a metric with these labels."""
    name = str(metric)
    family = found.get(name) or found[name.removesuffix("_total")]
    (sample,) = [one for one in family.samples if one.name == name and labels.items() <= one.labels.items()]
    return sample.value


def shapes(found: dict[str, Metric]) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {(one.name, tuple(sorted(one.labels.items()))) for family in found.values() for one in family.samples}


def test_every_series_is_there_before_the_first_second():
    """A series that appears with its first event loses that event; and none is added later."""
    everything = second(3, failed=2)
    everything.passages.update({("app", passage): 2 for passage in Passage})
    everything.setbacks["visit-website", "home", "timeout"] = 4
    assert shapes(families(plan(), results([everything]))) == shapes(families(plan(), Results()))


def test_what_is_declared_is_exported():
    """No more, no less."""
    found = {name for family in families(plan(), Results()).values() for name in (family.name, f"{family.name}_total")}
    assert {metric.name for metric in metrics.ALL} <= found
    assert len(families(plan(), Results())) == len(metrics.ALL)


def test_there_are_few_series(configuration: Configuration):
    """Also with every journey there is; a scrape takes time from the generator."""
    the_plan = make_plan(configuration, "smoke", "local", start="10:00", end="10:01")
    assert {kind.journey for kind in the_plan.kinds} == set(definitions())
    assert len(Reason) < len(shapes(families(the_plan, Results()))) <= MOST_SERIES


def test_the_more_steps_the_fewer_bounds_and_the_last_one_always():
    """A histogram stays one: bounds rise and end with the one that holds everything."""
    for steps in (1, 50, 93, 94, 150, 300, 10_000):
        shown = kept(14, steps)
        assert shown == sorted(set(shown))
        assert shown[-1] == 13
        assert steps * (len(shown) + 3) <= MOST_OF_STEPS or len(shown) == 1
    assert kept(14, 50) == list(range(14))
    assert len(kept(14, 94)) == 7


def test_attempts_passages_and_the_generator_s_health_are_told():
    """Totals of the run; of the generator what the last second says."""
    busy = second(0, failed=2, attempts=17, open_connections=30, memory=1000, lag=0.25)
    busy.setbacks["visit-website", "home", "timeout"] = 5
    busy.passages["app", Passage.UNQUEUED] = 3
    last = second(1, open_connections=4, memory=2000, lag=0.5)
    last.passages["app", Passage.UNQUEUED] = 4
    found = families(plan(), results([busy, last]))
    assert value(found, metrics.ATTEMPTS) == 27
    assert value(found, metrics.SETBACKS) == 5
    assert value(found, metrics.PASSAGES, channel="app", passage="unqueued") == 7
    assert value(found, metrics.PASSAGES, channel="web", passage="unqueued") == 0
    assert value(found, metrics.GENERATOR_CONNECTIONS) == 4
    assert value(found, metrics.GENERATOR_MEMORY) == 2000
    assert value(found, metrics.GENERATOR_LAG) == 0.5


def test_the_outcome_is_told_once_there_is_one():
    """0 for each while the run goes on, then 1 for one of them."""
    for outcome in (None, "passed", "failed", "invalid"):
        found = families(plan(), Results(), outcome)
        for one in ("passed", "failed", "invalid"):
            assert value(found, metrics.OUTCOME, outcome=one) == (one == outcome)
