"""Seconds of several workers add up exactly, with three significant digits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadtests.latencies import Latencies, counted, merged, percentile
from loadtests.results import COARSE_BITS, MOST_BLOCKS, Blocks, Results, coarsely
from loadtests.second import DIGITS, HIGHEST, LOWEST, Second, locust_buckets, pack, sparse

durations = st.lists(st.floats(0, 600), max_size=200)


@given(durations, durations)
def test_counting_apart_and_adding_up_is_the_same_as_counting_together(first, second):
    """A histogram of two workers equals one of a single process."""
    apart, together = Latencies(), Latencies()
    apart.add(counted(sparse(first)))
    apart.add(counted(sparse(second)))
    together.add(counted(sparse(first + second)))
    assert apart.histogram.encode() == together.histogram.encode()
    assert np.array_equal(apart.buckets, together.buckets)
    assert apart.count == len(first) + len(second)


@given(st.lists(st.floats(0, 4000), max_size=200))
def test_adding_all_at_once_is_the_same_as_recording_one_by_one(seconds):
    """The places in the histogram are those that its own method finds, over its whole range."""
    latencies, recorded = Latencies(), HdrHistogram(LOWEST, HIGHEST, DIGITS)
    latencies.add(counted(sparse(seconds)))
    for value, count in zip(*sparse(seconds), strict=True):
        assert recorded.record_value(value, count)
    assert latencies.histogram.encode() == recorded.encode()
    assert latencies.count == recorded.get_total_count()
    assert latencies.histogram.get_min_value() == recorded.get_min_value()
    assert latencies.histogram.get_max_value() == recorded.get_max_value()


@given(st.lists(st.floats(1e-5, 600), min_size=1, max_size=300), st.floats(0.01, 1))
def test_percentiles_are_right_to_three_digits(values, share):
    """The reported percentile lies within 0.1 % of the value of that rank; a histogram may round the rank down."""
    latencies = Latencies()
    latencies.add(counted(sparse(values)))
    rank = max(1, int(np.ceil(share * len(values) - 1e-9)))
    below, truth = sorted(values)[max(0, rank - 2)], sorted(values)[rank - 1]
    assert below * 0.998 - 2e-6 <= latencies.percentile(share) <= truth * 1.002 + 2e-6
    assert percentile(counted(sparse(values)), share) == pytest.approx(truth, rel=2e-3, abs=2e-6)


@given(st.lists(durations, min_size=1, max_size=4))
def test_merging_is_counting_together(parts):
    """Latencies of several steps, merged, are those of all of them."""
    values, counts = merged([counted(sparse(part)) for part in parts])
    assert (values.tolist(), counts.tolist()) == sparse([seconds for part in parts for seconds in part])


@given(durations, st.integers(6, COARSE_BITS))
def test_coarse_latencies_are_cut_one_by_one(seconds, bits):
    """Each value keeps its highest bits, those that become equal are counted together, in rising order."""
    expected: Counter[int] = Counter()
    for value, count in zip(*sparse(seconds), strict=True):
        shift = max(0, value.bit_length() - bits)
        expected[value >> shift << shift] += count
    values, counts = coarsely(counted(sparse(seconds)), bits)
    assert list(zip(values.tolist(), counts.tolist(), strict=True)) == sorted(expected.items())


@given(st.lists(st.tuples(st.integers(0, 700), durations), max_size=12))
def test_blocks_count_whatever_comes_when(reports):
    """In any order and however late, each report is counted once, in the part of the run to which it belongs."""
    blocks = Blocks()
    for second, seconds in reports:
        blocks.add(second, counted(sparse(seconds)))
    expected: dict[int, Counter[int]] = {}
    for second, seconds in reports:
        values, counts = coarsely(counted(sparse(seconds)))
        part = expected.setdefault(second // blocks.seconds, Counter())
        part.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
    found = {block: dict(zip(*map(np.ndarray.tolist, part), strict=True)) for block, part in blocks.latencies().items()}
    assert found == {block: dict(part) for block, part in expected.items() if part}
    assert max((second for second, _ in reports), default=0) < MOST_BLOCKS * blocks.seconds


# In a process of its own: Locust replaces half of the standard library by gevent's when it is imported.
ONE_BY_ONE = """
import json, sys
from locust.stats import bucket_response_time
print(json.dumps([bucket_response_time(value / 1000) for value in json.load(sys.stdin)]))
"""


def test_locust_is_fed_in_its_own_buckets():
    """The same as one call of Locust's own function for each response time, on both sides of every limit."""
    edges = [1, 49_500, 99_499, 99_999, 100_000, 104_999, 105_000, 115_000, 995_000, 999_999, 1_000_000, 1_050_000]
    values = sorted({*edges, *range(1, 50_000, 487), *range(50_000, 70_000_000, 99_991)})
    command = [sys.executable, "-c", ONE_BY_ONE]
    done = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=True)
    expected = Counter(json.loads(done.stdout))
    assert locust_buckets((values, [1] * len(values))) == expected
    assert locust_buckets((values, [3] * len(values))) == {bucket: 3 * count for bucket, count in expected.items()}


# A worker tells Locust of 100 seconds; the collector then finds nothing, and Locust has the counts of the last ones.
FED = """
import gc, json, sys, time
from types import SimpleNamespace
from locust.stats import RequestStats
from loadtests import section
second, stats = json.load(sys.stdin), RequestStats()
begin = int(time.time())
gc.collect(); gc.disable()
for now in range(begin, begin + 100):
    section.time = SimpleNamespace(time=lambda: now)
    section._feed_locust(stats, second)
entries = [stats.total, *stats.entries.values()]
kept = [len(entry.num_reqs_per_sec) for entry in entries]
print(json.dumps([gc.collect(), kept, [entry.num_requests for entry in entries], stats.total.current_rps]))
"""


def test_what_locust_is_fed_leaves_nothing_behind():
    """No circle for a collector that is asleep, and no count of a second that Locust does not look at any more."""
    second = Second(0)
    second.steps["visit-website", "home", "GET"].response.extend([0.01, 0.02, 0.02])
    second.failed["visit-website", "home", "timeout"] = 1
    packed = json.dumps(pack(second))
    done = subprocess.run([sys.executable, "-c", FED], input=packed, capture_output=True, text=True, check=True)
    garbage, kept, requests, rate = json.loads(done.stdout)
    assert garbage == 0
    assert kept == [31, 31, 0]  # in all, the step, and its failures
    assert requests == [300, 300, 0]
    assert rate == 3


def test_nothing_counted_is_zero_not_an_error():
    """An idle second has percentiles of 0."""
    assert sparse([]) == ([], [])
    assert percentile(counted(([], [])), 0.99) == 0
    assert Latencies().percentile(0.5) == 0


def test_seconds_of_two_workers_are_added():
    """Counts add, maxima stay maxima, failures keep the first detail."""
    results = Results()
    for cpu, detail in ((0.3, "status 500"), (0.7, "status 502")):
        second = Second(4, started=3, requests=5, in_flight=2, cpu=cpu)
        second.completed["visit-website"] = 2
        second.failed["visit-website", "home", "unexpected_status"] = 1
        second.details["visit-website", "home", "unexpected_status"] = detail
        second.steps["visit-website", "home", "GET"].response.extend([0.01, 0.02])
        second.lateness.extend([0.001])
        results.add(pack(second))
    row = results.timeline.all()[4]
    assert [row[name].item() for name in ("started", "in_flight", "completed", "failed", "cpu")] == [6, 4, 4, 2, 0.7]
    assert results.total_completed == 4
    assert results.failed_by_reason()["unexpected_status"] == 2
    assert results.failed_by_reason()["timeout"] == 0
    assert results.details["visit-website", "home", "unexpected_status"] == "status 500"
    assert results.response().count == 4
