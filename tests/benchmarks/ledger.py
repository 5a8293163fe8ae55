"""What a durable write of the ledger costs, as ratios within one run: `python -m tests.benchmarks.ledger`.

The yardstick is one plain insert with the same durability (SQLite, WAL, synchronous=FULL) on the same disk.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

from journeys import Reason
from monitors.ledger import Ledger, Schedule
from monitors.verdict import Fail, Pass, Run

PROBES = [(f"system-{number}", f"probe-{number}") for number in range(50)]
INTERVAL = 15.0
START = 1_700_000_000.0


def median(action: Callable[[], object], repeats: int = 200) -> float:
    """Return the median duration of `action` in seconds."""
    durations = []
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        durations.append(time.perf_counter() - begin)
    return statistics.median(durations)


def runs() -> Iterator[Run]:
    """Yield the runs of 50 probes for ever, one in 100 failed."""
    for number in count():
        system, probe = PROBES[number % len(PROBES)]
        verdict = Fail(Reason.TIMEOUT, "home") if number % 100 == 99 else Pass()
        yield Run(system, probe, START + INTERVAL * number / len(PROBES), 0.2, verdict)


def plain_insert(folder: Path) -> float:
    """Return the median duration of one durable insert of one row."""
    with closing(sqlite3.connect(folder / "plain.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE runs (started REAL, good INTEGER)")
        return median(lambda: connection.execute("INSERT INTO runs VALUES (1.0, 1)"))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain = plain_insert(folder)
        print(f"plain durable insert            {plain * 1e3:8.3f} ms   1.00")
        source = runs()
        with Ledger.open(folder / "ledger.sqlite") as ledger:
            ledger.expect([Schedule(*probe, INTERVAL, 0.0) for probe in PROBES], START)
            one = median(lambda: ledger.record([next(source)]))
            fifty = median(lambda: ledger.record([next(source) for _ in range(50)]))
            scrape = median(ledger.totals)
            print(f"record, batch of 1              {one * 1e3:8.3f} ms {one / plain:6.2f}")
            print(f"record, batch of 50             {fifty * 1e3:8.3f} ms {fifty / plain:6.2f}")
            print(f"record, batch of 50, per run    {fifty / 50 * 1e3:8.3f} ms {fifty / 50 / plain:6.2f}")
            print(f"totals of 50 probes             {scrape * 1e3:8.3f} ms {scrape / plain:6.2f}")


if __name__ == "__main__":
    main()
