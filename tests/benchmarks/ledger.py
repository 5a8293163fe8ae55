"""What the record costs: durable writes, its size, the report of a year: `python -m tests.benchmarks.ledger`.

The yardstick of writing is one plain insert with the same durability (SQLite, WAL, synchronous=FULL) on the same disk
in the same run. The year is that of 30 systems, each with one probe every 15 seconds, one run in 5,000 failed.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import yaml

from config import load
from journeys import Reason
from monitors.calendars import AnnouncedWindow
from monitors.ledger import Ledger, Schedule
from monitors.periods import calendar
from monitors.verdict import Fail, Pass, Run

ROOT = Path(__file__).resolve().parents[2]
PROBES = [(f"system-{number}", f"probe-{number}") for number in range(50)]
INTERVAL = 15.0
START = 1_700_000_000.0
SYSTEMS = 30
YEAR = 2025

_FILL = """
WITH RECURSIVE each (minute) AS (VALUES (?) UNION ALL SELECT minute + 1 FROM each WHERE minute + 1 < ?)
INSERT INTO minutes (minute, probe, good, bad, unknown)
SELECT minute, id, 4 - (minute * 7919 + id * 104729) % 1250 / 1249, (minute * 7919 + id * 104729) % 1250 / 1249, 0
FROM each CROSS JOIN probes ORDER BY minute, id
"""
_SUM_UP = """
INSERT INTO hours (probe, hour, good, bad, unknown)
SELECT probe, minute / 60 AS hour, sum(good), sum(bad), sum(unknown) FROM minutes GROUP BY probe, hour
"""


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
        yield Run(system, probe, START + INTERVAL * (number // len(PROBES)), 0.2, verdict)


def plain_insert(folder: Path) -> float:
    """Return the median duration of one durable insert of one row."""
    with closing(sqlite3.connect(folder / "plain.sqlite", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE runs (started REAL, good INTEGER)")
        return median(lambda: connection.execute("INSERT INTO runs VALUES (1.0, 1)"))


def writes(folder: Path) -> None:
    """Print what writing and scraping cost."""
    plain = plain_insert(folder)
    print(f"plain durable insert            {plain * 1e3:8.3f} ms   1.00")
    source = runs()
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        ledger.expect([Schedule(*probe, INTERVAL, START % INTERVAL) for probe in PROBES], START)
        one = median(lambda: ledger.record([next(source)]))
        fifty = median(lambda: ledger.record([next(source) for _ in range(50)]))
        scrape = median(ledger.totals)
    print(f"record, batch of 1              {one * 1e3:8.3f} ms {one / plain:6.2f}")
    print(f"record, batch of 50             {fifty * 1e3:8.3f} ms {fifty / plain:6.2f}")
    print(f"record, batch of 50, per run    {fifty / 50 * 1e3:8.3f} ms {fifty / 50 / plain:6.2f}")
    print(f"totals of 50 probes             {scrape * 1e3:8.3f} ms {scrape / plain:6.2f}")


def estate(folder: Path) -> Path:
    """Write a configuration of 30 systems, and return its folder."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config, ignore=shutil.ignore_patterns("*.py", "__pycache__", "maintenance"))
    (config / "environments" / "staging.yaml").unlink()
    names = [f"system-{number}" for number in range(SYSTEMS - len(load(config).systems))]
    systems = {
        name: {
            "name": name,
            "name_nl": name,
            "purpose": "It is one of many.",
            "objective": {"target": 99.9, "measured_by": [f"probe-of-{name}"]},
            "probes": {f"probe-of-{name}": {"kind": "http", "path": "/", "interval": "15s"}},
        }
        for name in names
    }
    text = yaml.safe_dump({"owner": {"id": "bench", "name": "Benchmark"}, "systems": systems})
    (config / "estate" / "benchmark.yaml").write_text(text, encoding="utf-8")
    local = config / "environments" / "local.yaml"
    environment = yaml.safe_load(local.read_text(encoding="utf-8"))
    environment["endpoints"] |= dict.fromkeys(names, "http://127.0.0.1:8080")
    local.write_text(yaml.safe_dump(environment), encoding="utf-8")
    return config


def fill(path: Path, config: Path, days: int) -> None:
    """Write `days` of the year for every probe that measures a system, with a planned window each month."""
    systems = load(config).systems
    probes = [(name, probe) for name, system in systems.items() for probe in system.objective.measured_by]
    first = calendar("year", str(YEAR)).start
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule(*probe, INTERVAL, 0.0) for probe in probes], first * 60)
        for month in range(1, 13):
            start = datetime(YEAR, month, 5, 1, 30, tzinfo=UTC).timestamp()
            window = AnnouncedWindow(start, start + 5 * 3600, f"release-{month}", "planned", tuple(systems), "Release")
            ledger.add_window(window, start - 30 * 86_400, by="benchmark", why="")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute(_FILL, (first, first + days * 1440))
        connection.execute(_SUM_UP)
        connection.execute("COMMIT")


def year(folder: Path, days: int) -> None:
    """Print the size of a year, and how long its report, a check and a copy take."""
    config, path = estate(folder), folder / "year.sqlite"
    fill(path, config, days)
    with closing(sqlite3.connect(path)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM minutes").fetchone()
    size = path.stat().st_size / 1e6
    print(
        f"{SYSTEMS} systems, {days} days         {rows:,} minutes, {size:,.0f} MB; a year {size / days * 365:,.0f} MB"
    )
    command = [sys.executable, "-m", "piekwacht"]
    start = timed([*command, "--version"])
    print(f"start of the program alone      {start:8.3f} s")
    place = ["--ledger", str(path)]
    report = timed([*command, "availability", "--year", str(YEAR), "--config", str(config), *place], (0, 1, 3))
    print(f"availability --year {YEAR}        {report:8.3f} s")
    print(f"ledger check                    {timed([*command, 'ledger', 'check', *place], (0, 1)):8.3f} s")
    print(
        f"ledger backup                   {timed([*command, 'ledger', 'backup', str(folder / 'copy'), *place]):8.3f} s"
    )
    begin = time.perf_counter()
    Ledger.open(path).close()
    print(f"open to record (page check)     {time.perf_counter() - begin:8.3f} s")


def timed(command: list[str], accepted: tuple[int, ...] = (0,), repeats: int = 3) -> float:
    """Return the shortest duration of a command in seconds."""
    durations = []
    for _ in range(repeats):
        begin = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        durations.append(time.perf_counter() - begin)
        if done.returncode not in accepted:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return min(durations)


def main(days: int = 365) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        writes(Path(name))
        year(Path(name), days)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="length of the record whose report is timed")
    main(parser.parse_args().days)
