"""What probing costs and how punctual it is, as ratios within one run: `make bench-monitor` (needs nginx).

    a scrape      per series, beside prometheus_client's own rendering of the same snapshot
    punctuality   500 probes every 15 s on one core: lateness without scrapes, with one every 5 s, and with one every
                  5 s rendered as before (by prometheus_client, in a thread)
    CPU           of one http probe at 200 a second, beside Debian's blackbox_exporter; plain and https

All probe the same nginx, which is pinned to the first core; who probes is pinned to the second.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote
from urllib.request import Request, urlopen

import aiohttp
import typer
import yaml
from prometheus_client.exposition import generate_latest

from config import load
from monitors.probes import targets
from monitors.web.exposition import render
from tests import nginx
from tests.benchmarks.bench import GENERATOR, SERVER, Bench, Broken, NotMeasured, start
from tests.children import ROOT, child
from tests.monitors.snapshots import Collected, whole
from tests.prometheus import free_port

PROBES, INTERVAL, SCRAPES = 500, 15.0, 5.0
"""As many probes, so many seconds apart, scraped so often."""
RATE = 200
"""Probes a second when their CPU is measured."""
TURNS = 3
"""Turns that we and blackbox_exporter take each."""
WARM_UP = 3.0
"""Seconds that are left out at the start."""
LATE, DELAYED = 100.0, 20.0
"""Milliseconds: the start lateness (p99) allowed, and how much longer than usual a probe may take beside a scrape."""

_SECONDS_PER_TICK = 1 / os.sysconf("SC_CLK_TCK")


def write_estate(folder: Path, url: str, probes: int, interval: float, authorities: Path | None = None) -> Path:
    """Write the configuration of so many http probes of `url`, ten to a system, and return its folder."""
    systems = {}
    for first in range(0, probes, 10):
        name = f"system-{first // 10}"
        named = {f"probe-{number}": _probe(interval) for number in range(first, min(first + 10, probes))}
        systems[name] = {
            "name": name,
            "name_nl": name,
            "purpose": "is probed",
            "objective": {"measured_by": list(named)},
            "probes": named,
        }
    environment = {"title": "nginx", "endpoints": dict.fromkeys(systems, url), "allow": ["127.0.0.1"]}
    if authorities is not None:
        environment["tls"] = {"authorities": str(authorities)}
    campaign = ROOT / "config" / "campaigns"
    for path, data in (
        ("estate/estate.yaml", {"owner": {"id": "bench", "name": "Bench"}, "systems": systems}),
        ("environments/local.yaml", environment),
    ):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(yaml.safe_dump(data))
    (folder / "campaigns").symlink_to(campaign)
    return folder


def _probe(interval: float) -> dict[str, object]:
    timing = dict.fromkeys(("interval", "timeout", "limit"), f"{interval:g}s")
    return {"kind": "http", "path": "/", "contains": ["Hello"], **timing}


@dataclass
class Probing:
    """A monitor that runs as a process of its own; `rows` once it ended: (started, late, duration, complaint)."""

    process: subprocess.Popen[str]
    url: str
    rows: list[tuple[float, float, float, str]]


@contextmanager
def probing(
    url: str,
    probes: int,
    interval: float,
    *options: str,
    authorities: Path | None = None,
    ledger: Path | None = None,
) -> Iterator[Probing]:
    """Run a monitor of so many probes on the generator's core; its ledger is kept where it is asked for."""
    with tempfile.TemporaryDirectory() as name:
        config = write_estate(Path(name) / "config", url, probes, interval, authorities)
        record = str(ledger or f"{name}/ledger.sqlite")
        command = [sys.executable, "-m", "tests.benchmarks.probing", str(config), record, *options]
        with child(command, GENERATOR, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise Broken("the monitor does not start")
            run = Probing(process, json.loads(line), [])
            yield run
            process.send_signal(signal.SIGTERM)
            lines = process.stdout.read().splitlines()
            if not lines:
                raise Broken("the monitor said nothing of its runs")
            run.rows = json.loads(lines[-1])


def cpu_seconds(pid: int) -> float:
    """Return the CPU-seconds that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _SECONDS_PER_TICK


class Scraper:
    """Scrapes a page every so many seconds; remembers when (Unix time), and how long each took."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._scrape)
        self.spans: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _scrape(self) -> None:
        while not self._stop.wait(SCRAPES):
            begun = time.time()
            accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
            with urlopen(Request(f"{self._url}/metrics", headers=accept)) as answer:
                answer.read()
            self.spans.append((begun, time.time()))


def scrape_cost(bench: Bench, folder: Path) -> None:
    """Compare the two ways of rendering; the sums of both are of the same snapshot."""
    config = write_estate(folder / "config", "http://127.0.0.1:1", PROBES, INTERVAL)
    configuration = load(config)
    snapshot = whole(configuration, targets(configuration, "local", "bench"))
    series = sum(not line.startswith(b"#") for line in asyncio.run(render(snapshot))[0].splitlines())

    def cost(action: Callable[[], object]) -> float:
        begun = []
        for _ in range(5):
            before = time.process_time()
            action()
            begun.append(time.process_time() - before)
        return 1e6 * statistics.median(begun) / series

    theirs = cost(lambda: generate_latest(Collected(snapshot)))  # type: ignore[arg-type]
    ours = cost(lambda: asyncio.run(render(snapshot)))
    bench.tell("series", series, "")
    bench.at_most("series per probe", series / PROBES, 60, "", 1)
    bench.tell("rendering, per series: prometheus_client", theirs, "us", 2)
    bench.tell("rendering, per series: ours", ours, "us", 2)
    bench.tell("rendering: ours to prometheus_client's", ours / theirs, "x", 3)


def punctuality(bench: Bench, url: str, seconds: float) -> None:
    """Measure lateness and duration without scrapes, with them, and with those of before."""
    usual: float | None = None
    for what, scraped, options in (
        ("no scrapes", False, ()),
        ("scraped every 5 s", True, ()),
        ("scraped every 5 s, rendered as before", True, ("--plain",)),
    ):
        with probing(url, PROBES, INTERVAL, *options) as run:
            since = time.time() + WARM_UP
            time.sleep(WARM_UP)
            spans: list[tuple[float, float]] = []
            if scraped:
                with Scraper(run.url) as scraper:
                    time.sleep(seconds)
                spans = scraper.spans
            else:
                time.sleep(seconds)
        rows = [row for row in run.rows if row[0] >= since]
        failed = sum(bool(row[3]) for row in rows)
        late = sorted(1000 * row[1] for row in rows)
        took = sorted(1000 * row[2] for row in rows)
        print(f"  {what}: {len(rows):,} runs, {failed} not passed; {len(spans)} scrapes", flush=True)
        told = f"lateness p50 / p99 / max, {what}"
        shown = f"ms ({_at(late, 0.5):.2f} / {_at(late, 0.99):.2f} / {late[-1]:.2f})"
        if options:
            bench.tell(told, _at(late, 0.99), shown, 1)
        else:
            bench.at_most(told, _at(late, 0.99), LATE, shown, 1)
        bench.tell(f"duration p50, {what}", _at(took, 0.5), f"ms (p99 {_at(took, 0.99):.1f}, max {took[-1]:.1f})", 1)
        if spans:
            bench.tell(f"a scrape, {what}", 1000 * statistics.median(b - a for a, b in spans), "ms")
            beside = sorted(
                1000 * (row[1] + row[2]) for row in rows if any(a <= row[0] + row[2] and row[0] <= b for a, b in spans)
            )
            if beside and usual is not None:
                delay = _at(beside, 0.99) - usual
                told = f"probes beside a scrape ({len(beside)}): p99 over the usual p99, {what}"
                (bench.tell if options else lambda *a: bench.at_most(*a[:2], DELAYED, *a[2:]))(told, delay, "ms", 1)
        else:
            usual = _at(sorted(1000 * (row[1] + row[2]) for row in rows), 0.99)


def _at(values: list[float], part: float) -> float:
    """Return a quantile of sorted values."""
    return values[min(len(values) - 1, int(part * len(values)))]


def cpu(bench: Bench, server: nginx.Estate, seconds: float) -> None:
    """Compare the CPU of one probe with blackbox_exporter's; the two take turns, as the machine's speed varies.

    HTTPS has no bar: with OpenSSL 3.0 the handshake alone takes what the whole probe takes in Go (`openssl s_time`).
    """
    for what, url, authorities in (("http", server.url, None), ("https", server.secure_url, server.authorities)):
        ours, theirs = [], []
        with bench.part(f"{what} probe: ours to blackbox_exporter's"):
            for _ in range(TURNS):
                ours.append(1000 * _cpu_of_ours(server, url, authorities, seconds / TURNS))
                theirs.append(1000 * asyncio.run(_cpu_of_blackbox(server, url, seconds / TURNS)))
        bench.tell(f"{what} probe: ours", statistics.median(ours), "ms CPU", 3)
        if theirs:
            bench.tell(f"{what} probe: blackbox_exporter", statistics.median(theirs), "ms CPU", 3)
            told = f"{what} probe: ours to blackbox_exporter's"
            ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
            bench.tell(told, ratio, "x", 2) if authorities else bench.at_most(told, ratio, 1.0)
    with bench.part("https handshake: openssl s_time"):
        bench.tell("https handshake: openssl s_time", 1000 * _cpu_of_openssl(server, seconds / TURNS), "ms CPU", 3)


def _cpu_of_openssl(server: nginx.Estate, seconds: float) -> float:
    """Return the CPU-seconds of one handshake of OpenSSL's own client."""
    address = server.secure_url.removeprefix("https://").rstrip("/")
    options = ["-connect", address, "-new", "-time", str(round(seconds)), "-CAfile", str(server.authorities)]
    count, used = server.accepted(), os.times()
    with child(["openssl", "s_time", *options], GENERATOR, stdout=subprocess.DEVNULL) as process:
        process.wait()
    spent, count = os.times(), server.accepted() - count - 1
    return (spent.children_user + spent.children_system - used.children_user - used.children_system) / count


def _cpu_of_ours(server: nginx.Estate, url: str, authorities: Path | None, seconds: float) -> float:
    with probing(url, 2 * RATE, 2.0, authorities=authorities) as run:
        time.sleep(WARM_UP)
        count, used = server.accepted(), cpu_seconds(run.process.pid)
        time.sleep(seconds)
        used = cpu_seconds(run.process.pid) - used
        count = server.accepted() - count - 1
    failed = sum(bool(complaint) for *_, complaint in run.rows)
    if failed or count < 0.9 * RATE * seconds:
        raise Broken(f"{count} probes in {seconds:g} s, {failed} did not pass")
    return used / count


async def _cpu_of_blackbox(server: nginx.Estate, url: str, seconds: float) -> float:
    from shutil import which

    program = which("prometheus-blackbox-exporter")
    if program is None:
        raise NotMeasured("prometheus-blackbox-exporter is not installed (Debian has it)")
    http = {
        "preferred_ip_protocol": "ip4",
        "fail_if_body_not_matches_regexp": ["Hello"],
        "tls_config": {"ca_file": str(server.authorities)},
    }
    with tempfile.TemporaryDirectory() as name:
        config, port = Path(name) / "blackbox.yml", free_port()
        config.write_text(yaml.safe_dump({"modules": {"page": {"prober": "http", "http": http}}}))
        command = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
        log = Path(name) / "log"
        with log.open("w") as stream, child(command, GENERATOR, stderr=stream) as process:
            nginx.wait_for_page(process, f"http://127.0.0.1:{port}/-/healthy", log)
            target = f"http://127.0.0.1:{port}/probe?module=page&target={quote(url, safe='')}"
            await _drive(target, WARM_UP)
            count, used = server.accepted(), cpu_seconds(process.pid)
            await _drive(target, seconds)
            used = cpu_seconds(process.pid) - used
            count = server.accepted() - count - 1
    if count < 0.9 * RATE * seconds:
        raise Broken(f"blackbox_exporter: {count} probes in {seconds:g} s")
    return used / count


async def _drive(target: str, seconds: float) -> None:
    """Ask for so many probes a second, on connections that are kept."""

    async def ask(at: float) -> None:
        await asyncio.sleep(at - time.monotonic())
        async with session.get(target) as answer:
            text = await answer.text()
        if "\nprobe_success 1\n" not in text:
            raise Broken(f"blackbox_exporter does not pass: {text[-300:]}")

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as session:
        begin = time.monotonic()
        await asyncio.gather(*(ask(begin + number / RATE) for number in range(round(RATE * seconds))))


def main(
    seconds: Annotated[float, typer.Option(min=5, help="How long each measurement lasts.")] = 60.0,
    only: Annotated[str, typer.Option(help="scrape, punctuality or cpu; without it, all.")] = "",
) -> None:
    """Measure scrapes, punctuality and CPU; needs nginx."""
    bench = Bench("monitor")
    if only in {"", "scrape"}:
        with tempfile.TemporaryDirectory() as name:
            scrape_cost(bench, Path(name))
    with bench.part("probing"), nginx.estate(SERVER) as server:
        if only in {"", "punctuality"}:
            punctuality(bench, server.url, seconds)
        if only in {"", "cpu"}:
            cpu(bench, server, seconds)
    bench.finish()


if __name__ == "__main__":
    start(main)
