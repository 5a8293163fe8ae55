"""A monitor whose network is cut off: a program of its own, inside a network namespace of its own.

`unshare --map-root-user --net python -m tests.monitors.cut_off FOLDER` makes a second namespace with a website, a
website that will die and a reference target, joined by a pair of virtual Ethernet devices, and a real monitor on this
side. It prints, as JSON, how many runs of each website the ledger had counted by then: as `good`, `bad` or `unknown`

    `alive`     while everything works         `silent`   after nothing comes through any more, without an error
    `dead`      while one website is dead      `down`     after the device on this side is down
    `back`      after all is well again
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from monitors.record.ledger import Ledger, LedgerError
from monitors.verdict import Cause
from tests.monitors.estates import SHIPPED
from tests.waiting import LONG

NEAR, FAR = "10.77.0.1", "10.77.0.2"
WEBSITE, DYING, REFERENCE = 8001, 8002, 8003

SYSTEM = """
  {name}:
    name: {name}
    name_nl: {name}
    purpose: is there, or not
    objective: {{measured_by: [{name}]}}
    probes: {{{name}: {{kind: http, path: /, interval: 2s, timeout: 2s, limit: 2s}}}}
"""
ESTATE = "owner: {id: test, name: Test}\nsystems:" + "".join(SYSTEM.format(name=name) for name in ("website", "dying"))
ENVIRONMENT = f"""
title: The other side
endpoints: {{website: "http://{FAR}:{WEBSITE}", dying: "http://{FAR}:{DYING}"}}
allow: [{FAR}]
references: ["{FAR}:{REFERENCE}"]
"""

Counts = dict[str, dict[str, float]]


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True)


def far_side() -> None:
    """Serve on the other side, as lines of standard input say: `up`, `die`, `silence`, `revive`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def main() -> None:
        servers: dict[int, asyncio.Server] = {}
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            match line:
                case "up":
                    ip("address", "add", f"{FAR}/24", "dev", "far")
                    ip("link", "set", "far", "up")
                    for port in (WEBSITE, DYING, REFERENCE):
                        servers[port] = await asyncio.start_server(answer, FAR, port)
                case "die":
                    servers[DYING].close()
                case "silence":
                    ip("address", "flush", "dev", "far")
                case "revive":
                    ip("address", "add", f"{FAR}/24", "dev", "far")
            print("done", flush=True)

    asyncio.run(main())


class Counting:
    """What the ledger of the running monitor has counted."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def now(self) -> Counts | None:
        """Return the counts of both websites; `unknown` are those of the monitor's own network.

        None: the monitor has not made its ledger yet.
        """
        try:
            with Ledger.open(self._ledger, read_only=True) as ledger:
                totals = ledger.totals()
        except LedgerError:
            return None

        def of(name: str) -> dict[str, float]:
            runs = totals.runs.get((name, name, "none"), 0.0)
            bad = totals.failures.get((name, name, "none"), 0.0)
            unknown = totals.unknown.get((name, name, str(Cause.OWN_NETWORK)), 0.0)
            return {"good": runs - bad, "bad": bad, "unknown": unknown}

        return {name: of(name) for name in ("website", "dying")}

    def more(self, name: str, kind: str, by: int = 1) -> Counts:
        """Wait until so many more runs have been counted, and return what there is then."""
        wanted = self._soon()[name][kind] + by
        return self._soon(lambda counts: counts[name][kind] >= wanted)

    def _soon(self, enough: Callable[[Counts], bool] = lambda _: True) -> Counts:
        end = time.monotonic() + LONG
        while True:
            found = self.now()
            if found is not None and enough(found):
                return found
            if time.monotonic() > end:
                raise TimeoutError(f"counted so far: {found or 'nothing'}")
            time.sleep(0.1)


def near_side(folder: Path) -> None:
    """Run a monitor on this side and cut it off."""
    config, ledger = folder / "config", folder / "ledger.sqlite"
    for path, text in (("estate/test.yaml", ESTATE), ("environments/local.yaml", ENVIRONMENT)):
        (config / path).parent.mkdir(parents=True)
        (config / path).write_text(text)
    shutil.copytree(SHIPPED / "campaigns", config / "campaigns")
    ip("link", "set", "lo", "up")
    ip("link", "add", "near", "type", "veth", "peer", "name", "far")
    far = subprocess.Popen(
        ["unshare", "--net", sys.executable, "-m", __spec__.name, "far"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert far.stdin is not None
    assert far.stdout is not None

    def tell(line: str) -> None:
        assert far.stdin is not None
        assert far.stdout is not None
        print(line, file=far.stdin, flush=True)
        assert far.stdout.readline() == "done\n"

    tell("hello")  # by now it is in its own namespace
    ip("link", "set", "far", "netns", str(far.pid))
    ip("address", "add", f"{NEAR}/24", "dev", "near")
    ip("link", "set", "near", "up")
    tell("up")
    command = [sys.executable, "-m", "piekwacht", "monitor", "run", "--config", str(config), "--ledger", str(ledger)]
    monitor = subprocess.Popen([*command, "--listen", "127.0.0.1:0"], stdout=sys.stderr)
    try:
        counting, found = Counting(ledger), {}
        counting.more("dying", "good")
        found["alive"] = counting.more("website", "good")
        tell("die")
        counting.more("dying", "bad")
        found["dead"] = counting.more("website", "good")
        tell("silence")
        counting.more("website", "unknown")
        found["silent"] = counting.more("dying", "unknown")
        ip("link", "set", "near", "down")
        counting.more("website", "unknown")
        found["down"] = counting.more("dying", "unknown")
        ip("link", "set", "near", "up")
        tell("revive")
        counting.more("dying", "bad")
        found["back"] = counting.more("website", "good")
        print(json.dumps(found))
    finally:
        for process in (monitor, far):
            process.terminate()
            process.wait(timeout=20)


if __name__ == "__main__":
    if sys.argv[1] == "far":
        far_side()
    else:
        near_side(Path(sys.argv[1]))
