"""`load import-shape` against a real Prometheus that holds a day of a counter, with a restart and a gap."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from loadtests.sources.counted import SourceError
from loadtests.sources.prometheus import Range, read_prometheus
from tests.prometheus import Prometheus, running

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.xdist_group("prometheus")]

STEP = 60
MINUTES = 240
BEGIN = (int(time.time()) // 7200 - 4) * 7200
"""Hours ago, so that the samples are within what Prometheus keeps; on whole steps, where its samples lie."""

ARRIVALS = [20 + minute % 50 for minute in range(1, MINUTES + 1)]
"""Who came in each minute after `BEGIN`."""

RESTART, GAP = 100, range(150, 171)
"""The minute at which the counter begins again at 0, and those without any sample: longer than the five that
Prometheus looks back."""


@pytest.fixture(scope="module")
def prometheus(peer: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "samples.txt").write_text(samples())
    create = [peer("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "samples.txt", folder / "data"]
    subprocess.run(create, check=True, capture_output=True)
    with running(peer("prometheus"), Path(folder), {}) as server:
        yield server


def samples() -> str:
    """Return the counter as OpenMetrics text."""
    lines, value = ["# TYPE logins counter"], 0
    for minute in range(MINUTES + 1):
        if minute == RESTART:
            value = 0
        elif minute:
            value += ARRIVALS[minute - 1]
        if minute not in GAP:
            lines.append(f"logins_total {value} {BEGIN + STEP * minute}")
    return "\n".join([*lines, "# EOF", ""])


def asked(server: Prometheus, query: str, meaning: str) -> Range:
    start, end = (datetime.fromtimestamp(BEGIN + STEP * minute, UTC) for minute in (0, MINUTES))
    return Range(server.url, query, start, end, STEP, meaning)


@pytest.mark.parametrize("points", [50, 10_000])
def test_a_counter_gives_exactly_who_came(prometheus: Prometheus, points: int) -> None:
    """Minute by minute; the restart loses its own minute, the gap is spread evenly, and both are told."""
    found = read_prometheus(asked(prometheus, "logins_total", "counter"), points=points)
    expected = np.array(ARRIVALS, dtype=float)
    expected[RESTART - 1] = 0
    assert found.counts.sum() == pytest.approx(expected.sum())
    away = slice(GAP.start - 1, GAP.stop)
    near = [minute for minute in range(MINUTES) if not GAP.start - 1 <= minute < GAP.stop]
    assert found.counts[near].tolist() == expected[near].tolist()
    assert found.counts[away] == pytest.approx(expected[away].mean())
    assert [remark.split(":")[0] for remark in found.remarks] == ["1 counter resets", "1,320 s without samples"]


def test_a_rate_gives_them_about(prometheus: Prometheus) -> None:
    """A rate over five minutes lags and smears, but keeps the total of an undisturbed hour within a few percent."""
    found = read_prometheus(asked(prometheus, "sum(rate(logins_total[5m]))", "rate"))
    assert found.counts[10:90].sum() == pytest.approx(sum(ARRIVALS[10:90]), rel=0.05)
    assert np.isnan(found.counts).any()


def test_a_broken_query_is_refused_in_the_words_of_prometheus(prometheus: Prometheus) -> None:
    """What it said, and where."""
    with pytest.raises(SourceError, match=r"refuses the query \(bad_data\): .*parse error"):
        read_prometheus(asked(prometheus, "sum(", "rate"))
    with pytest.raises(SourceError, match="has nothing for nobody_total"):
        read_prometheus(asked(prometheus, "nobody_total", "counter"))


def test_a_year_in_minutes_is_asked_in_parts(prometheus: Prometheus) -> None:
    """More points than Prometheus gives at once: it is not refused."""
    start, end = datetime.fromtimestamp(BEGIN - 200 * 86_400, UTC), datetime.fromtimestamp(BEGIN + 14_400, UTC)
    found = read_prometheus(Range(prometheus.url, "logins_total", start, end, STEP, "counter"))
    assert len(found.counts) > 200_000
    assert np.nansum(found.counts) == pytest.approx(sum(ARRIVALS) - ARRIVALS[RESTART - 1])
