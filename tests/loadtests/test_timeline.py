"""What is remembered of each second: counts exactly and in any order, latencies in a bounded number of bytes."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.latencies import counted, merged, percentile
from loadtests.results import MOST_BLOCKS, Results
from loadtests.second import Second, pack, sparse
from loadtests.timeline import KEPT, ROW, SETTLED, Timeline, total
from tests.loadtests.runs import second

latencies = st.lists(st.floats(1e-4, 60), max_size=40)
reports = st.lists(st.tuples(st.integers(0, 120), latencies), max_size=25)
DAY = 86_400


def timeline(seconds: list[Second]) -> Timeline:
    """Return what these seconds add up to."""
    found = Timeline()
    for one in seconds:
        packed = pack(one)
        responses = [counted(response) for _, _, response, _ in packed["steps"]]
        found.add(packed, counted(packed["lateness"]), responses)
    return found


def report(index: int, responses: list[float]) -> Second:
    """Return a second with so many answers, and as many starts as late as they took."""
    one = second(index, passed=len(responses), failed=2, in_flight=3, cpu=index / 200)
    one.steps.clear()
    one.steps["visit-website", "home", "GET"].response.extend(responses)
    one.lateness[:] = one.steps["visit-website", "home", "GET"].response
    one.passages["web", "admitted"] = len(responses)
    return one


@given(reports, st.randoms())
def test_any_order_gives_the_same_counts(given_reports, random):
    """However late each worker tells of a second, it is counted: in its second, and in all totals."""
    in_order = [report(index, responses) for index, responses in given_reports]
    shuffled = random.sample(in_order, len(in_order))
    counts = [name for name in ROW.names if name not in {"lateness", "response"}]
    assert np.array_equal(timeline(in_order).all()[counts], timeline(shuffled).all()[counts])
    found = timeline(shuffled)
    for name in ("lateness", "response"):
        place = ("lateness", "response").index(name)
        answers: Counter[int] = Counter()
        for index, responses in given_reports:
            answers[index] += len(responses)
        assert {i: int(found.latencies(i)[place][1].sum()) for i in answers} == dict(answers)


@given(reports)
def test_percentiles_of_a_settled_second_are_those_of_all_its_answers(given_reports):
    """Told in time, the median, the 99th percentile and the highest are exact, however long ago it was."""
    in_order = sorted(given_reports, key=lambda item: item[0])
    found = timeline([report(index, responses) for index, responses in in_order])
    found.add(pack(second(120 + 2 * SETTLED)), counted(([], [])), [])
    for index in {index for index, _ in in_order}:
        every = merged([counted(sparse(responses)) for at, responses in in_order if at == index])
        for kept in found.latencies(index):
            assert len(kept[0]) <= len(KEPT)
            assert [percentile(kept, share) for share in KEPT] == [percentile(every, share) for share in KEPT]


@given(latencies.filter(bool), latencies)
def test_what_comes_late_never_makes_a_second_look_better_than_it_was(early, late):
    """A worker that stood still tells of its delay afterwards: no percentile is lower than that of all together."""
    found = timeline([report(0, early), report(2 * SETTLED, [0.001]), report(0, late)])
    every = counted(sparse(early + late))
    response = found.latencies(0)[1]
    assert response[1].sum() == len(early) + len(late)
    for share in (0.1, 0.5, 0.9, 0.99, 1.0):
        assert percentile(response, share) >= percentile(every, share)
    assert percentile(response, 1.0) == percentile(every, 1.0)


def test_a_stall_that_is_told_of_late_can_be_seen():
    """One worker in ten stood still for 40 s and tells of that second afterwards: the second shows it."""
    usual = [second(index, passed=180) for index in range(60)]
    stalled = second(5, passed=20)
    stalled.lateness[:] = second(0, passed=0).lateness
    stalled.lateness.extend([40.0] * 20)
    found = timeline([*usual, stalled])
    lateness, _ = found.latencies(5)
    assert percentile(lateness, 0.5) == pytest.approx(0.001, rel=1e-3)
    assert percentile(lateness, 0.99) == pytest.approx(40, rel=1e-3)
    assert total(found.rows(range(5, 6)), "started") == 200


def test_seconds_that_nobody_told_of_are_left_out():
    """The engine of a run that stood still skips seconds."""
    found = timeline([second(2), second(5)])
    assert len(found) == 6
    assert found.rows()["started"].tolist() == [10, 10]
    assert found.all()["reports"].tolist() == [0, 0, 1, 0, 0, 1]
    assert found.rows(range(3, 5)).size == 0
    assert found.latest["started"] == 10
    assert Timeline().latest["started"] == 0
    assert percentile(found.latencies(3)[1], 0.99) == 0


@pytest.mark.slow
def test_a_day_fits_into_memory_and_its_last_hour_takes_rows_only():
    """Of 24 hours no more is kept than a row of each second and a bounded number of parts; totals stay exact."""
    random = np.random.default_rng(1)
    some = [pack(second(0, passed=0, failed=1)) for _ in range(10)]
    for one in some:
        spread = sparse(random.lognormal(-5, 1, 200))
        one["lateness"] = spread
        one["steps"] = [(("visit-website", "home", "GET"), 0, spread, spread)]
        one["journeys"] = {"visit-website": spread}
        one["completed"] = {"visit-website": 200}
    results = Results()
    tracemalloc.start()
    before, sizes = tracemalloc.get_traced_memory()[0], []
    for index in range(0, DAY + 1, 60):
        if index % 3600 == 0:
            sizes.append(tracemalloc.get_traced_memory()[0] - before)
        results.add({**some[index // 60 % 10], "index": index})
    tracemalloc.stop()
    (step,) = results.steps.values()
    assert len(step.blocks.latencies()) <= MOST_BLOCKS
    assert results.counts["started"] == total(results.timeline.rows(), "started") == DAY // 60 + 1
    in_blocks = sum(int(counts.sum()) for _, counts in step.blocks.latencies().values())
    assert step.response.count == in_blocks == 200 * (DAY // 60 + 1)
    assert ROW.itemsize <= 150
    room = 2 * ROW.itemsize * 3600  # rows double: there may be twice as many as are filled
    assert all(size - sizes[1] <= room * hour for hour, size in enumerate(sizes) if hour)
