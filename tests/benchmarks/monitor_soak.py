"""Half an hour of probing, 100 probes every 15 s, scraped every 5 s: `make soak-monitor MINUTES=30` (needs nginx).

After a warm-up memory must not grow by 5 %, descriptors must not grow at all, and no run may be missing: the ledger
must have as many runs as were due.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from monitors.record.ledger import WRITE_DELAY, Ledger
from tests import nginx
from tests.benchmarks.bench import SERVER, Bench, start
from tests.benchmarks.monitor import Scraper, probing

PROBES, INTERVAL = 100, 15.0
LOOK = 5.0
"""Seconds between two looks at the process."""
WARM_UP = 0.2
"""The part of the run that is left out."""
GROWTH = 5.0
"""Percent by which memory may grow after the warm-up."""


def main(
    minutes: Annotated[float, typer.Option(min=1, max=24 * 60, help="How long to probe.")] = 30.0,
) -> None:
    """Probe for a while and look for growing memory, leaking descriptors and missing runs; needs nginx."""
    bench = Bench("monitor-soak")
    with bench.part("soak"), nginx.estate(SERVER) as server, tempfile.TemporaryDirectory() as name:
        ledger = Path(name) / "ledger.sqlite"
        memory: list[float] = []
        descriptors: list[int] = []
        with probing(server.url, PROBES, INTERVAL, ledger=ledger) as run, Scraper(run.url):
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                time.sleep(LOOK)
                memory.append(resident(run.process.pid))
                descriptors.append(len(list(Path(f"/proc/{run.process.pid}/fd").iterdir())))
            stopped = time.time()
        warm = round(WARM_UP * len(memory))
        fifth = max(1, (len(memory) - warm) // 5)
        first, last = memory[warm : warm + fifth], memory[-fifth:]
        bench.tell("memory after the warm-up", statistics.mean(first), "MiB", 1)
        grown = 100 * (statistics.mean(last) / statistics.mean(first) - 1)
        bench.at_most("memory: growth from the first fifth after the warm-up to the last", grown, GROWTH, "%")
        bench.tell("descriptors after the warm-up, median", statistics.median(descriptors[warm:]), "")
        leaked = statistics.median(descriptors[-fifth:]) - statistics.median(descriptors[warm : warm + fifth])
        bench.at_most("descriptors: growth", leaked, 0, "", 0)
        due, counted, unknown = runs(ledger, stopped - 2 * INTERVAL)
        bench.tell("runs that were due", due, "")
        bench.equal("missed runs", due - counted, 0)
        bench.equal("runs without a verdict", unknown, 0)
        complaints = Counter(complaint for *_, complaint in run.rows if complaint)
        bench.equal("failed runs", complaints.total() - unknown, 0)
        for complaint, number in complaints.most_common():
            print(f"  {number} x {complaint}")
        late = sorted(1000 * row[1] for row in run.rows)
        bench.tell("start lateness p99", late[int(0.99 * len(late))], f"ms (max {late[-1]:.1f})", 2)
        bench.details["looks"] = {"seconds": LOOK, "memory_mib": memory, "descriptors": descriptors}
    bench.finish()


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def runs(ledger: Path, until: float) -> tuple[int, int, int]:
    """Return how many runs were due in the whole minutes until then, how many there are, and how many are unknown."""
    with Ledger.open(ledger, read_only=True) as record:
        first = record.first_scheduled()
        assert first is not None
        edges = [int(first // 60), int(until // 60)]
        now = until + INTERVAL + WRITE_DELAY
        names = [(f"system-{number // 10}", f"probe-{number}") for number in range(PROBES)]
        counted = [counts for probe in names for counts in record.counts(probe, edges, now=now)]
    measured = sum(each.good + each.bad + each.unknown for each in counted)
    return sum(each.expected for each in counted), measured, sum(each.unknown for each in counted)


if __name__ == "__main__":
    start(main)
