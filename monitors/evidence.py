"""What a run saw, kept for the person who asks why: every request with its status and headers, secrets masked.

Failures are kept longer than successes: the last 20 failures and the last 5 other runs of each probe, in memory and in
the ledger, so that a restart forgets no failure. Passes come by thousands and each durable write costs: the ledger gets
every failure, the first pass after one, and otherwise a pass now and then.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from monitors.probes import Outcome
from monitors.record.ledger import Ledger, LedgerError
from monitors.record.totals import Probe
from monitors.verdict import Cause, Fail, Run, Unknown, Verdict

FAILURES, OTHERS = 20, 5
PASS_EVERY = 300.0
"""Seconds between two passes of a probe whose evidence goes to the ledger."""
WAITING = 2_000
"""Runs whose evidence may wait to be written; more are kept in memory only: the record itself goes first."""
_WIDTH = 78

Evidence = Mapping[str, Any]
"""One run as plain data, as JSON shows it: see `evidence`."""
_Measured = tuple[Run, Outcome | None]
_Kept = Evidence | _Measured


def evidence(run: Run, outcome: Outcome | None) -> Evidence:
    """Return a run as plain data; `outcome` is what was measured, None for a slot that came to no run."""
    return {
        "system": run.system,
        "probe": run.probe,
        "started": round(run.started, 3),
        "window": str(run.window),
        **verdict_data(run.verdict),
        **(outcome_data(outcome) if outcome else {"duration": 0.0, "phases": {}, "trace": []}),
    }


def verdict_data(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain data: `verdict` is pass, fail or unknown."""
    return {"verdict": type(verdict).__name__.lower(), **asdict(verdict)}


def outcome_data(outcome: Outcome) -> dict[str, Any]:
    """Return what a run measured as plain data, without its verdict."""
    return {
        "duration": round(outcome.duration, 6),
        "phases": {name: round(seconds, 6) for name, seconds in asdict(outcome.phases).items()},
        "trace": [asdict(exchange) | {"seconds": round(exchange.seconds, 6)} for exchange in outcome.trace],
    }


def as_text(found: Evidence, zone: tzinfo | None = None) -> str:
    """Return one run for a terminal: the verdict first, then where the time went, then every request."""
    at = datetime.fromtimestamp(found["started"], zone).astimezone(zone)
    window = f"; window: {found['window']}" if found.get("window") else ""
    lines = [
        f"{found['probe']} of {found['system']}: {in_words(found)}",
        f"{at:%Y-%m-%d %H:%M:%S %Z}, took {found['duration']:.3f} s{window}",
    ]
    if found["phases"]:
        lines.append(_phases(found["phases"]))
    for number, exchange in enumerate(found["trace"], 1):
        lines += ["", *_exchange(number, exchange)]
    return "\n".join(lines) + "\n"


def listing(runs: list[Evidence], zone: tzinfo | None = None) -> str:
    """Return many runs for a terminal, in the order given."""
    return ("\n" + "-" * _WIDTH + "\n").join(as_text(each, zone) for each in runs)


def in_words(found: Evidence) -> str:
    """Return the verdict of a run in words."""
    match found["verdict"]:
        case "pass":
            return "passes"
        case "fail":
            said = f"FAILS: {found['reason']} at {found['step']}"
        case _:
            said = f"unknown: {found['cause']}"
    return said + (f" ({found['detail']})" if found["detail"] else "")


def _phases(phases: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {1000 * seconds:.0f} ms" for name, seconds in phases.items())


def _exchange(number: int, exchange: Mapping[str, Any]) -> list[str]:
    said = f"{number:2}. {exchange['step']}: {exchange['method']} {exchange['url']}"
    took = f"    {exchange['result']} after {1000 * exchange['seconds']:.0f} ms ({_phases(exchange['phases'])})"
    return [said, took, *(f"    {name}: {value}" for name, value in exchange["headers"])]


class Archive:
    """The evidence of one monitor. `run` writes what `add` took to the ledger until cancelled."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._failures: dict[Probe, deque[_Kept]] = defaultdict(lambda: deque(maxlen=FAILURES))
        self._others: dict[Probe, deque[_Kept]] = defaultdict(lambda: deque(maxlen=OTHERS))
        self._written: dict[Probe, tuple[type[Verdict], float]] = {}
        self._waiting: deque[_Measured] = deque(maxlen=WAITING)
        self._news = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evidence")

    def load(self, probes: Iterable[Probe]) -> None:
        """Take what the ledger kept of these probes. Raises `LedgerError`."""
        for probe in probes:
            for _, text in reversed(self._ledger.evidence(probe)):
                found = json.loads(text)
                self._shelf(probe, failed=found["verdict"] == "fail").append(found)

    def add(self, run: Run, outcome: Outcome | None) -> None:
        """Keep the evidence of a finished run. This is done for every run: what costs is left for who asks.

        A run that was cut off says nothing.
        """
        if isinstance(run.verdict, Unknown) and run.verdict.cause is Cause.CANCELLED:
            return
        probe, verdict = (run.system, run.probe), type(run.verdict)
        self._shelf(probe, failed=verdict is Fail).append((run, outcome))
        last, at = self._written.get(probe, (None, 0.0))
        if verdict is Fail or verdict is not last or not 0 <= run.started - at < PASS_EVERY:
            self._written[probe] = verdict, run.started
            self._waiting.append((run, outcome))
            self._news.set()

    def newest(self, probe: Probe) -> list[Evidence]:
        """Return what is kept of a probe, newest first."""
        kept = [*self._failures.get(probe, ()), *self._others.get(probe, ())]
        found = [evidence(*each) if isinstance(each, tuple) else each for each in kept]
        return sorted(found, key=lambda each: -each["started"])

    def forget(self, probe: Probe) -> None:
        """Drop a probe from memory; the ledger keeps what it has."""
        for shelves in (self._failures, self._others, self._written):
            shelves.pop(probe, None)

    async def run(self) -> None:
        """Write to the ledger until cancelled, then what still waits."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                await loop.run_in_executor(self._thread, self._write)
        finally:
            self._thread.shutdown()
            self._write()

    def _shelf(self, probe: Probe, *, failed: bool) -> deque[_Kept]:
        return (self._failures if failed else self._others)[probe]

    def _write(self) -> None:
        while self._waiting:
            found = evidence(*self._waiting.popleft())
            with suppress(LedgerError):  # the recorder says so; this one stays in memory only
                self._ledger.keep_evidence((found["system"], found["probe"]), found["started"], json.dumps(found))
