"""Real runs to compare: `piekwacht load run` against a small server of known service time.

Every path answers after a uniform 20 to 50 ms; below `/slow` everything takes longer.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from config.commands import Exit
from tests.conftest import ROOT

TRIES = 3

_PAGE = b"<h1>Belastingdienst</h1><p>Storingen</p>"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(_PAGE), _PAGE)

_CAMPAIGN = """
title: Pages of a website
sources: [none]
assumptions: []
days:
  day: {start: 2026-01-15T00:00:00+01:00, source: none, totals: {visits: %d}}
hourly_profile: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
streams:
  visits: {title: Visits, split: [{journey: visit-website, share: 1.0}]}
"""


@contextmanager
def server(slower: float) -> Iterator[str]:
    """Serve from a thread of its own, `slower` times slower below /slow; yield the URL."""
    loop, luck = asyncio.new_event_loop(), Random(1)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                factor = slower if head.startswith(b"GET /slow") else 1.0
                await asyncio.sleep(factor * luck.uniform(0.02, 0.05))
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listener = loop.run_until_complete(asyncio.start_server(converse, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def configure(folder: Path, url: str, rate: float) -> Path:
    """Make a configuration: environments `plain` and `slow`, campaign `pages` of `rate` requests a second."""
    (folder / "campaigns").mkdir(parents=True)
    (folder / "environments").mkdir()
    (folder / "estate").symlink_to(ROOT / "config/estate")
    visits = round(rate * 86_400 / 2)  # a visit is two requests
    (folder / "campaigns/pages.yaml").write_text(_CAMPAIGN % visits)
    local = (ROOT / "config/environments/local.yaml").read_text()
    for name in ("plain", "slow"):
        text = re.sub(r"http://127\.0\.0\.1:\d+", f"{url}/{name}", local)
        (folder / f"environments/{name}.yaml").write_text(text)
    return folder


def run(config: Path, environment: str, seconds: int, seed: int, out: Path) -> Path:
    """Run so many seconds of load, again if the machine was too busy for it, and return the folder of the summary."""
    command = [sys.executable, "-m", "piekwacht", "load", "run", "pages", "--config", str(config), "--env", environment]
    command += ["--from", "10:00", "--to", f"10:00:{seconds:02d}", "--think", "0.01", "--seed", str(seed)]
    for _ in range(TRIES):
        done = subprocess.run([*command, "--out", str(out)], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode in {Exit.GOOD, Exit.NO}:
            return out
    raise RuntimeError(done.stdout + done.stderr)
