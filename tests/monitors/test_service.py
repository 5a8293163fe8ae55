"""The whole monitor as a process of its own, against a replica: what it serves, says, survives and leaves behind."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import bcrypt
import pytest
import trustme
import yaml
from prometheus_client.parser import text_string_to_metric_families

from config import PhoneProbe, load
from monitors import metrics
from monitors.availability.accounting import Counts
from monitors.own_state import open_descriptors
from monitors.record.ledger import WRITE_DELAY, Ledger, LedgerError
from monitors.service import Monitor
from monitors.verdict import Cause, Fail, Run, Unknown
from monitors.web.web_server import Limits
from staging.faults import Fault
from tests.monitors.estates import configure
from tests.replica import running_replica
from tests.waiting import LONG, until

PROGRAM = (sys.executable, "-c", "from monitors.commands import app; app()", "run")
INTERVAL = 2.0
PROBES = sum(not isinstance(probe, PhoneProbe) for _, _, probe in load(Path("config")).probes())
OWN_MEMORY = {str(metrics.LATENESS), str(metrics.LEDGER_WRITE)}

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Process:
    """A running `monitor run`; `lines` is what it printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip())

    async def printed(self, pattern: str, *, after: int = 0, seconds: float = LONG) -> re.Match[str]:
        """Wait for a line that matches, after so many others."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.lines[after:]:
                if match := re.search(pattern, line):
                    return match
            await asyncio.sleep(0.02)
        raise AssertionError(f"no line matches {pattern!r} in:\n" + "\n".join(self.lines))

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def ready(self, seconds: float = LONG) -> None:
        """Wait until the monitor says that it is ready."""
        end = time.monotonic() + seconds
        while (status := await self.get("/-/ready"))[0] != 200:
            assert time.monotonic() < end, status[1]
            await asyncio.sleep(0.05)

    async def counters(self) -> Series:
        """Scrape every counter and histogram that comes from the ledger."""
        status, text = await self.get("/metrics")
        assert status == 200
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            if family.type != "gauge" and family.name not in OWN_MEMORY
            for sample in family.samples
        }

    async def counting(self, enough: Callable[[Series], bool]) -> Series:
        """Scrape until the counters say what they must in the end."""
        async with asyncio.timeout(LONG):
            while True:
                counters = await self.counters()
                if enough(counters):
                    return counters
                await asyncio.sleep(0.1)

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = await asyncio.wait_for(self.process.wait(), LONG)
        await self._reading
        return code


async def start(config: Path, ledger: Path, *options: str) -> Process:
    """Start a monitor without waiting for it."""
    return Process(
        await asyncio.create_subprocess_exec(
            *(*PROGRAM, "--config", str(config), "--ledger", str(ledger), "--listen", "127.0.0.1:0", *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    )


@asynccontextmanager
async def monitoring(config: Path, ledger: Path, *options: str) -> AsyncIterator[Process]:
    """Run a monitor that serves; it is killed in the end if it still runs."""
    monitor = await start(config, ledger, *options)
    try:
        monitor.url = (await monitor.printed(r"(https?://127\.0\.0\.1:\d+)/metrics"))[1]
        yield monitor
    finally:
        if monitor.process.returncode is None:
            await monitor.end(signal.SIGKILL)


@dataclass(frozen=True)
class Record:
    """What a ledger holds: runs, those that were due, slots passed over, and when each probe began its last run."""

    counted: int
    expected: int
    skipped: float
    last: list[float]


def recorded(ledger: Path, until: float) -> Record:
    """Return what is in the record until then."""
    with Ledger.open(ledger, read_only=True) as opened:
        first = opened.first_scheduled()
        assert first is not None
        totals, edges = opened.totals(), [int(first // 60), int(until // 60) + 1]
        # Runs are owed once their interval and the time to write them have passed.
        now = until + INTERVAL + WRITE_DELAY
        counts = sum((opened.counts(probe, edges, now=now)[0] for probe in opened.intervals()), Counts())
    return Record(
        counts.good + counts.bad + counts.unknown,
        counts.expected,
        sum(totals.skipped.values()),
        [state.last_run for state in totals.states.values()],
    )


def total(counters: Series, *names: object) -> float:
    return sum(value for (name, _), value in counters.items() if name in map(str, names))


@pytest.mark.slow
async def test_a_monitor_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """After kill -9 and a restart no counter is lower, no run is lost or doubled, and the gap is missing coverage."""
    ledger, gap = tmp_path / "data" / "ledger.sqlite", 3 * INTERVAL
    async with running_replica(dose_web=10_000, dose_app=10_000) as replica:
        config = configure(tmp_path / "config", replica.endpoints, f"{INTERVAL:g}s")
        async with monitoring(config, ledger) as first:
            await first.ready()
            before = await first.counting(lambda counters: total(counters, metrics.RUNS) > 0)
            killed_at = time.time()
            assert await first.end(signal.SIGKILL) == -signal.SIGKILL
        killed = recorded(ledger, killed_at)
        assert total(before, metrics.RUNS, metrics.UNKNOWN) <= killed.counted
        await asyncio.sleep(gap)
        async with monitoring(config, ledger) as second:
            at_start = await second.counters()
            assert total(at_start, metrics.RUNS, metrics.UNKNOWN) >= killed.counted
            await second.ready()
            ready_at = time.time()
            after = await second.counting(lambda counters: total(counters, metrics.RUNS) > total(before, metrics.RUNS))
            assert await second.end(signal.SIGTERM) == 0
        ended_at = time.time()
    assert before.keys() == at_start.keys() == after.keys()
    assert not {key for key in before if not before[key] <= at_start[key] <= after[key]}
    ended = recorded(ledger, ended_at)
    assert ended.counted >= total(after, metrics.RUNS, metrics.UNKNOWN)
    # Slots of a probe leave no trace in the gap, between its last run and the end of a process, and nowhere else.
    missing = ended.expected - ended.counted - ended.skipped
    gone = sum(ready_at - last for last in killed.last) + sum(ended_at - last for last in ended.last)
    assert PROBES * (gap / INTERVAL - 1) <= missing <= gone / INTERVAL + 2 * PROBES


@pytest.mark.slow
async def test_a_fault_is_told_when_it_comes_and_when_it_goes(tmp_path: Path) -> None:
    """The app channel fails at its step and the web channel does not; metrics and lines agree; SIGINT ends it well."""
    async with running_replica(dose_web=10_000, dose_app=10_000) as replica:
        config = configure(tmp_path / "config", replica.endpoints, f"{INTERVAL:g}s")
        async with monitoring(config, tmp_path / "ledger.sqlite") as monitor:
            for _, name, _ in load(config).probes_in("local"):
                await monitor.printed(rf"{name} +passes")
            replica.switch_on(Fault.APP_UNGUARDED)
            told = await monitor.printed(r"(\S+)  login-app +FAILS: waiting_room_bypassed at join-queue")
            during = await monitor.counting(lambda counters: len(bypassed(counters)) >= 4)
            replica.replica.faults.clear()
            await monitor.printed(r"login-app +passes", after=len(monitor.lines))
            assert await monitor.end(signal.SIGINT) == 0
    assert re.fullmatch(r"\d\d:\d\d:\d\d", told[1])
    assert monitor.lines[-1].endswith("stop: Stopped; the record is complete.")
    assert bypassed(during) == {"waiting-room-app", "login-app", "file-return", "file-joint-return"}


def bypassed(counters: Series) -> set[str]:
    """Return the probes that saw the waiting room bypassed."""
    return {
        dict(labels)["probe"]
        for (name, labels), value in counters.items()
        if name == str(metrics.FAILURES_BY_REASON) and value and dict(labels)["reason"] == "waiting_room_bypassed"
    }


async def test_a_second_monitor_and_a_taken_port_are_refused(tmp_path: Path) -> None:
    """One line that says why, exit 2, and the first monitor is not disturbed."""
    config = configure(tmp_path / "config", dict.fromkeys(load(Path("config")).systems, "http://127.0.0.1:1"))
    ledger = tmp_path / "ledger.sqlite"
    async with monitoring(config, ledger) as first:
        second = await start(config, ledger)
        assert await asyncio.wait_for(second.process.wait(), LONG) == 2
        third = await start(config, tmp_path / "other.sqlite", "--listen", first.url.removeprefix("http://"))
        assert await asyncio.wait_for(third.process.wait(), LONG) == 2
        assert (await first.get("/-/healthy"))[0] == 200
        assert await first.end(signal.SIGTERM) == 0
    assert len(second.lines) == 1
    assert str(ledger) in second.lines[0]
    assert third.lines == [f"Cannot listen on {first.url.removeprefix('http://')}: Address already in use"]


async def test_stopping_cuts_runs_off_and_records_them(tmp_path: Path) -> None:
    """Runs under way at the end are in the ledger as unknown(cancelled), not lost."""
    stop, seen = asyncio.Event(), list[Run]()
    kept = list[asyncio.StreamWriter]()  # a writer that nobody holds is closed, which resets the connection

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        await asyncio.sleep(LONG)

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    systems = load(Path("config")).systems
    configuration = load(configure(tmp_path / "config", dict.fromkeys(systems, endpoint)))
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        monitor = Monitor(lambda: configuration, "local", ledger, seen.append)
        assert monitor.lacking() == [f"{target.name}: no run yet" for target in monitor.targets]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            running = asyncio.create_task(monitor.run(listener, stop))
            await until(lambda: len(kept) > 0)
            under_way = len(kept)
            stop.set()
            assert await running == 0
        unknown = ledger.totals().unknown
    silent.close()
    causes = [run.verdict.cause for run in seen if isinstance(run.verdict, Unknown)]
    assert causes.count(Cause.CANCELLED) >= under_way
    assert set(causes) <= {Cause.CANCELLED, Cause.OVERLOADED}, "overloaded: a busy machine was too late for a slot"
    assert sum(unknown.values()) == len(causes) == len(seen)


async def test_a_monitor_that_cannot_write_is_not_ready_and_shows_nothing_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that are not on disk are neither exposed nor lost; readiness says why."""
    stop = asyncio.Event()
    systems = load(Path("config")).systems
    configuration = load(configure(tmp_path / "config", dict.fromkeys(systems, "http://127.0.0.1:1"), "1s"))
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:

        def refuse(*_: object) -> None:
            raise LedgerError("the disk is full")

        monkeypatch.setattr(ledger, "record", refuse)
        monitor = Monitor(lambda: configuration, "local", ledger)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            running = asyncio.create_task(monitor.run(listener, stop))
            await until(lambda: "ledger: the disk is full" in monitor.lacking())
            await until(lambda: monitor._recorder.waiting >= PROBES)
            assert not (await monitor.snapshot()).totals.runs
            stop.set()
            assert await running >= PROBES


async def test_readiness_does_not_wait_for_what_is_seldom_due(tmp_path: Path) -> None:
    """A line that is called every five minutes has its time; every probe that runs each minute has run."""
    stop, seen = asyncio.Event(), set[str]()
    systems = load(Path("config")).systems
    config = configure(tmp_path / "config", dict.fromkeys(systems, "http://127.0.0.1:1"), "1s")
    local = config / "environments" / "local.yaml"
    trunks = {name: {"server": "127.0.0.1:1"} for name in ("carrier", "platform")}
    trunks["platform"]["numbers"] = ["+3199*", "sip:+3199*@platform.example", "sip:+3199*@toeslagen.example"]
    called = {"trunks": trunks, "call_interval": "5m", "call_register": str(tmp_path / "calls")}
    local.write_text(yaml.safe_dump(yaml.safe_load(local.read_text(encoding="utf-8")) | called), encoding="utf-8")
    configuration = load(config)
    calls = {name for _, name, probe in configuration.probes_in("local") if isinstance(probe, PhoneProbe)}
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        monitor = Monitor(lambda: configuration, "local", ledger, lambda run: seen.add(run.probe))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            running = asyncio.create_task(monitor.run(listener, stop))
            await until(lambda: not monitor.lacking())
            assert set() < {target.name for target in monitor.targets} - seen <= calls
            stop.set()
            assert await running == 0


async def test_sighup_reads_the_files_again(tmp_path: Path) -> None:
    """A bad file is told with its line and changes nothing; TLS and users hold, and change with their file."""
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    made.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    web = tmp_path / "web.yml"
    tls = "tls_server_config: {cert_file: server.pem, key_file: server.pem}\n"
    web.write_text(tls, encoding="utf-8")
    config = configure(tmp_path / "config", dict.fromkeys(load(Path("config")).systems, "http://127.0.0.1:1"))
    options = ("--web-config", str(web), "--log-format", "json")
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with monitoring(config, tmp_path / "ledger.sqlite", *options) as monitor:

        async def status(auth: aiohttp.BasicAuth | None = None) -> int:
            connector = aiohttp.TCPConnector(ssl=trust)
            async with (
                aiohttp.ClientSession(connector=connector, auth=auth) as session,
                session.get(f"{monitor.url}/-/healthy") as answer,
            ):
                return answer.status

        assert monitor.url.startswith("https://")
        assert await status() == 200
        password = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
        web.write_text(f"{tls}basic_auth_users: {{alice: secret}}", encoding="utf-8")
        monitor.process.send_signal(signal.SIGHUP)
        refused = json.loads((await monitor.printed(r'.*"event": "reload".*'))[0])
        assert not refused["taken"]
        assert f"{web}:2: basic_auth_users.alice" in refused["message"]
        assert await status() == 200
        web.write_text(f"{tls}basic_auth_users: {{alice: {password}}}", encoding="utf-8")
        monitor.process.send_signal(signal.SIGHUP)
        await monitor.printed(r'.*"event": "reload".*"taken": true')
        assert [await status(), await status(aiohttp.BasicAuth("alice", "x"))] == [401, 200]
        assert await monitor.end(signal.SIGTERM) == 0
    assert all(json.loads(line)["event"] for line in monitor.lines)


async def test_hostile_connections_do_not_disturb_the_probes(tmp_path: Path) -> None:
    """While strangers connect, dawdle and send rubbish, every probe runs twice and none fails, and a scrape answers."""
    runs, stop = list[Run](), asyncio.Event()
    rubbish = [b"", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX: " + 50_000 * b"a", bytes(range(256)), b"\r\n" * 9]
    async with running_replica(dose_web=10_000, dose_app=10_000) as replica:
        configuration = load(configure(tmp_path / "config", replica.endpoints, f"{INTERVAL:g}s"))
        with (
            Ledger.open(tmp_path / "ledger.sqlite") as ledger,
            socket.create_server(("127.0.0.1", 0)) as listener,
        ):
            monitor = Monitor(lambda: configuration, "local", ledger, runs.append)
            running = asyncio.create_task(monitor.run(listener, stop))
            address, kept = listener.getsockname()[:2], list[asyncio.StreamWriter]()
            before = open_descriptors()
            while sum(count >= 2 for count in Counter(run.probe for run in runs).values()) < PROBES:
                _, writer = await asyncio.open_connection(*address)
                writer.write(rubbish[len(kept) % len(rubbish)])
                kept.append(writer)
                if len(kept) > 300:
                    kept.pop(0).transport.abort()
                await asyncio.sleep(0.005)
            both_ends = open_descriptors() - before
            url = f"http://{address[0]}:{address[1]}/metrics"
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                assert answer.status == 200
            stop.set()
            assert await running == 0
            for writer in kept:
                writer.transport.abort()
    assert not [run for run in runs if isinstance(run.verdict, Fail)]
    assert both_ends < len(kept) + Limits().connections + 50
