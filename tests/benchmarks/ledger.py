"""What the record costs: durable writes, its size, the report of a year: `python -m tests.benchmarks.ledger`.

The yardstick of writing is one plain insert with the same durability (SQLite, WAL, synchronous=FULL) on the same disk
in the same run. The year is that of 30 systems, each with one probe every 15 seconds; one run in 5,000 failed, in one
minute of 2,000 nothing could be told, each month had a planned window, and the monitor was off for a day. It is filled
once; `--keep FOLDER` leaves it there for the next time.
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
from monitors.availability.periods import Period, Unit, calendar
from monitors.availability.report import report
from monitors.record.ledger import Ledger, Schedule
from monitors.verdict import Fail, Pass, Run
from monitors.web.status_page.facts import Reader
from monitors.windows.calendars import AnnouncedWindow

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
_BLIND = "UPDATE minutes SET good = 0, unknown = 4 - bad WHERE (minute * 31 + probe * 17) % 2000 = 0"
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
        off = first + days * 1440 // 2
        connection.execute("DELETE FROM minutes WHERE minute >= ? AND minute < ?", (off, off + 1440))
        connection.execute(_BLIND)
        connection.execute(_SUM_UP)
        connection.execute("COMMIT")


def year(folder: Path, days: int) -> None:
    """Print the size of a year, and how long its questions take: the computing alone, and whole commands."""
    config, path = folder / "config", folder / "year.sqlite"
    if not path.exists():
        estate(folder)
        fill(path, config, days)
    with closing(sqlite3.connect(path)) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM minutes").fetchone()
    size = path.stat().st_size / 1e6
    yearly = size / days * 365
    print(f"{SYSTEMS} systems, {days} days              {rows:,} minutes, {size:,.0f} MB; a year {yearly:,.0f} MB")
    questions(path, config)
    command = [sys.executable, "-m", "piekwacht"]
    place = ["--ledger", str(path)]
    asked = ["availability", "--year", str(YEAR), "--config", str(config), *place]
    show("piekwacht --version, the command", timed([*command, "--version"]))
    show(f"availability --year {YEAR}, the command", timed([*command, *asked], (0, 1, 3)))
    show("ledger check", timed([*command, "ledger", "check", *place], (0, 1), repeats=1))
    show("ledger backup", timed([*command, "ledger", "backup", str(folder / "copy"), *place], repeats=1))
    (folder / "copy").unlink()


def questions(path: Path, config: Path) -> None:
    """Print how long the computing of a year takes, without starting a program and reading a configuration."""
    configuration, whole = load(config), calendar("year", str(YEAR))
    odd = Period("odd", whole.start + 12_345, whole.end - 54_321)
    later = whole.end * 60 + 86_400.0

    def ask(period: Period, by: Unit | None = None) -> Callable[[], object]:
        return lambda: report([ledger], configuration, period, now=later, by=by)

    show("open to record", median(lambda: Ledger.open(path).close(), 5))
    show("open to read", median(lambda: Ledger.open(path, read_only=True).close(), 5))
    with Ledger.open(path, read_only=True) as ledger:
        show(f"report of {YEAR}", median(ask(whole), 5))
        show(f"report of {YEAR} by day", median(ask(whole, "day"), 5))
        show("report between odd minutes", median(ask(odd), 5))
        now = whole.end * 60 - 6.5 * 3600
        show("status page, first time", median(lambda: Reader(ledger, configuration).facts(now), 5))
        reader = Reader(ledger, configuration)
        reader.facts(now)
        show("status page, again", median(lambda: reader.facts(now), 5))


def show(name: str, seconds: float) -> None:
    """Print one duration."""
    print(f"{name:<36}{seconds:8.3f} s")


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


def main(days: int = 365, keep: Path | None = None) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        writes(Path(name))
        year(keep or Path(name), days)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="length of the record whose report is timed")
    parser.add_argument("--keep", type=Path, help="folder of the year; filled when there is none")
    arguments = parser.parse_args()
    main(arguments.days, arguments.keep)
