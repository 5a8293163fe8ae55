"""A monitor as a process of its own, for benchmarks: what `monitor run` does, and an account of every run at the end.

`python -m tests.benchmarks.probing CONFIG LEDGER` prints the address of its pages as soon as it listens. SIGTERM ends
it; then it prints every run as JSON: when it started, how late, how long it took, and why it did not pass. With
`--plain` pages are rendered as they were before: by prometheus_client, in a thread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import tempfile
from pathlib import Path

import uvloop
from prometheus_client.exposition import choose_encoder

from config import load
from journeys import definitions
from monitors.record.ledger import Ledger
from monitors.scheduler import schedule_of
from monitors.service import Monitor
from monitors.slots import Slots
from monitors.verdict import Cause, Fail, Run, Unknown
from monitors.web import exporter
from monitors.web.exposition import Snapshot
from tests.monitors.snapshots import Collected


async def render_plainly(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """Render as prometheus_client does."""
    encode, content_type = choose_encoder(accept)
    return await asyncio.to_thread(lambda: encode(Collected(snapshot))), content_type


def _complaint(run: Run) -> str:
    """Say why a run did not pass; nothing for one that did."""
    match run.verdict:
        case Fail(reason, step):
            return f"{reason} at {step}"
        case Unknown(cause):
            return f"unknown ({cause})"
    return ""


def main(config: Path, ledger: Path) -> None:
    """Probe until SIGTERM."""

    def note(run: Run) -> None:
        if isinstance(run.verdict, Unknown) and run.verdict.cause is Cause.CANCELLED:
            return  # under way at the end
        late = run.started - slots[run.probe].at(round(1000 * run.started)) / 1000
        print(json.dumps((run.started, late, run.duration, _complaint(run))), file=rows)

    async def serve() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print(json.dumps(f"http://127.0.0.1:{listener.getsockname()[1]}"), flush=True)
            await monitor.run(listener, stop)

    # Not in memory, which is measured.
    with Ledger.open(ledger) as record, tempfile.TemporaryFile("w+") as rows:
        monitor = Monitor(lambda: load(config, definitions()), "local", record, note)
        slots = {target.name: Slots.of(schedule_of(target)) for target in monitor.targets}
        uvloop.run(serve())
        rows.seek(0)
        print(f"[{','.join(rows)}]".replace("\n", ""))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    if options.plain:
        exporter.render = render_plainly
    main(options.config, options.ledger)
