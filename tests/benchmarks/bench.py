"""What benchmarks share: rows with their bar, facts about the machine, and the programs they run.

Every figure comes from one run on one machine, so ratios and limits hold where absolute speed would not. The server is
pinned to the first core and each generator in turn to the second; on a machine with one core nothing is pinned.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from config.commands import Exit
from config.files import write_all
from loadtests.health import stolen_seconds
from loadtests.plan import Plan
from loadtests.summary import Summary
from tests import nginx
from tests.children import ROOT, child

OUT = ROOT / "build" / "bench"
SERVER, GENERATOR = 0, 1
"""Cores."""

LIBRARIES = ("piekwacht", "locust", "gevent", "geventhttpclient", "uvloop", "httptools", "numpy", "aiohttp")


class NotMeasured(Exception):  # noqa: N818 - a row without a figure, not an error of the program
    """A figure cannot be had on this machine; the message says what is missing."""


class Broken(Exception):  # noqa: N818 - the same
    """A program of ours ended with an error, or a reference did nothing: the measurement is invalid."""


NOTICED = 0.02
"""Share of the cores' time withheld by the host that spoils figures."""


class Disturbance:
    """What the host of this machine has withheld since this was made."""

    def __init__(self) -> None:
        self._since, self._stolen = time.monotonic(), stolen_seconds()

    @property
    def share(self) -> float:
        """The share of the time of all cores."""
        return (stolen_seconds() - self._stolen) / (time.monotonic() - self._since) / (os.cpu_count() or 1)


@dataclass(frozen=True)
class Row:
    """One figure. `met` is None where there is no bar or no figure."""

    what: str
    value: float | None
    figure: str
    bar: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        met = {None: "", True: "yes", False: "NO"}[self.met]
        return f"{self.what:<66} {self.figure:>26}  {self.bar:<14} {met}".rstrip()


class Bench:
    """Collects the rows of one benchmark, prints each as soon as it is there, and writes build/bench/<name>.json."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[Row] = []
        self.facts = machine()
        self.details: dict[str, object] = {}
        self._disturbed = Disturbance()
        for key, value in self.facts.items():
            print(f"{key}: {value}")
        print(f"\n{'what':<66} {'figure':>26}  {'bar':<14} met", flush=True)

    def at_least(self, what: str, value: float, least: float, unit: str = "x", digits: int = 2) -> None:
        """Add a figure that has to be `least` or more."""
        self._add(Row(what, value, _write(value, unit, digits), f">= {least:,g} {unit}", bool(value >= least)))

    def at_most(self, what: str, value: float, most: float, unit: str = "x", digits: int = 2) -> None:
        """Add a figure that has to be `most` or less."""
        self._add(Row(what, value, _write(value, unit, digits), f"<= {most:,g} {unit}", bool(value <= most)))

    def equal(self, what: str, value: float, wanted: float, unit: str = "") -> None:
        """Add a count that has to be what it has to be."""
        self._add(Row(what, value, _write(value, unit, 0), f"= {wanted:,g} {unit}".rstrip(), bool(value == wanted)))

    def tell(self, what: str, value: float, unit: str, digits: int = 0) -> None:
        """Add a figure without a bar."""
        self._add(Row(what, value, _write(value, unit, digits)))

    def skip(self, what: str, reason: object) -> None:
        """Say why a figure is missing."""
        self._add(Row(what, None, "not measured", f"({reason})"))

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """Measure one part: if something it needs is missing, the others go on."""
        disturbed = Disturbance()
        try:
            yield
        except (NotMeasured, FileNotFoundError) as reason:
            self.skip(what, reason)
        if disturbed.share > NOTICED:
            print(f"  note: {what}: the host withheld {disturbed.share:.0%} of the cores meanwhile", flush=True)

    def check(self, what: str, summary: Summary) -> None:
        """Say so where a run of ours lost or failed anything: its figures are then worth little."""
        arrivals = summary.arrivals
        if arrivals.completed + arrivals.unfinished == arrivals.scheduled:
            return
        counts = f"dropped {arrivals.dropped:,}, aborted {arrivals.aborted:,}, failed {arrivals.failed:,}"
        print(f"  note: {what}: of {arrivals.scheduled:,} planned {counts}; {'; '.join(summary.reasons)}", flush=True)
        for row in summary.failures[:5]:
            print(f"  note: {row.count:,} x {row.reason} at {row.step} ({row.detail})", flush=True)

    def finish(self) -> NoReturn:
        """Write the file and leave: with 0 if every bar is met, with 1 if not, with 3 if nothing could be measured."""
        self.tell("withheld from this machine by its host", 100 * self._disturbed.share, "% of its cores", 1)
        path = OUT / f"{self.name}.json"
        rows = [asdict(row) for row in self.rows]
        write_all({path: json.dumps({"machine": self.facts, "rows": rows, **self.details}, indent=2) + "\n"})
        print(f"\nwritten: {path.relative_to(ROOT)}")
        judged = [row for row in self.rows if row.met is not None]
        missed = [row.what for row in judged if not row.met]
        print(f"bars met: {len(judged) - len(missed)} of {len(judged)}")
        for what in missed:
            print(f"missed: {what}")
        if not judged:
            sys.exit(Exit.INVALID)
        sys.exit(Exit.NO if missed else Exit.GOOD)

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        print(row, flush=True)


def _write(value: float, unit: str, digits: int) -> str:
    return f"{value:,.{digits}f} {unit}".rstrip()


def machine() -> dict[str, str]:
    """Return what a reader has to know about this machine."""
    found = {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _first(Path("/proc/cpuinfo"), "model name"),
        "memory": _first(Path("/proc/meminfo"), "MemTotal"),
        "system": platform.release(),
        "load average": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "descriptors": str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }
    wrk, k6 = shutil.which("wrk"), shutil.which("k6")
    for name, path, flag in (("nginx", nginx.program(), "-v"), ("wrk", wrk, "-v"), ("k6", k6, "version")):
        found[name] = _version(path, flag) if path else "not installed"
    return found


def _first(path: Path, key: str) -> str:
    lines = (line for line in path.read_text().splitlines() if line.startswith(key))
    return next(lines, ": unknown").partition(":")[2].strip()


def _version(path: str, flag: str) -> str:
    done = subprocess.run([path, flag], capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).strip().splitlines()[0]


# --- programs


@dataclass(frozen=True)
class Generated:
    """What a run of ours gave: its summary and the further figures of `tests.benchmarks.generator`."""

    summary: Summary
    cpu: float
    zero: float
    memory: list[int]


def generate(plan: Plan, *options: str) -> Generated:
    """Run a plan in a process of its own, on the generator's core. Raises `Broken` if that ends with an error.

    `options` are those of `tests.benchmarks.generator`; its progress goes to standard error.
    """
    command = [sys.executable, "-m", "tests.benchmarks.generator", *options]
    shown = None if "--progress" in options else subprocess.PIPE
    core = GENERATOR if "--processes" not in options else None
    with child(command, core, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=shown) as process:
        out, errors = process.communicate(plan.model_dump_json())
    if process.returncode or not out:
        raise Broken(f"the generator ended with {process.returncode}: {(errors or '').strip()[-2000:]}")
    found = json.loads(out.splitlines()[-1])
    return Generated(Summary.model_validate(found.pop("summary")), **found)


def printed_by(command: Sequence[str]) -> tuple[str, float]:
    """Run a program on the generator's core; return what it printed and its CPU-seconds. Raises `Broken`."""
    before = _cpu_of_children()
    with child(command, GENERATOR, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, errors = process.communicate()
    if process.returncode:
        raise Broken(f"{command[0]} ended with {process.returncode}: {(errors or out).strip()[-500:]}")
    return out, _cpu_of_children() - before


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def replica() -> Iterator[str]:
    """Run the replica with doses wide open, on the server's core, and yield its URL."""
    command = [sys.executable, "-m", "piekwacht", "staging", "run", "--port", "0", "--json"]
    command += ["--dose-web", "1000000", "--dose-app", "1000000"]
    with child(command, SERVER, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Broken("the replica does not start")
        yield json.loads(line)["url"]


def start(benchmark: Callable[..., None]) -> None:
    """Run a benchmark from its command line; Ctrl-C, SIGTERM and a closed terminal end it and all it started."""
    import typer

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    begun = time.monotonic()
    try:
        typer.run(benchmark)
    except Broken as error:
        print(error, file=sys.stderr)
        sys.exit(Exit.INVALID)
    finally:
        print(f"{time.monotonic() - begun:.0f} s", file=sys.stderr)
