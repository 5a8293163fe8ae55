"""How often `piekwacht load compare` is right: `python -m tests.benchmarks.compare`, about ten minutes.

Real runs of 25 s at 50 requests/s, several at once: 20 equal pairs, and 10 pairs in whose second run the server takes
20 % longer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.loadtests import pairs

EQUAL, SLOWED = 20, 10
SECONDS, RATE, AT_ONCE = 25, 50.0, 4


def measured(config: Path, folder: Path, number: int, attempt: int, *, slowed: bool) -> dict[str, Any]:
    """Run a pair and compare it."""
    runs = [
        pairs.run(config, environment, SECONDS, 2 * number + place, folder / f"{number}-{attempt}-{place}")
        for place, environment in enumerate(("plain", "slow" if slowed else "plain"))
    ]
    command = [sys.executable, "-m", "piekwacht", "load", "compare", *map(str, runs), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    comparison: dict[str, Any] = json.loads(done.stdout)
    return comparison


def compared(config: Path, folder: Path, number: int) -> tuple[bool, str]:
    """Measure pair `number`, again if it cannot be compared; return whether it was slowed down, and the outcome."""
    slowed = number >= EQUAL
    for attempt in range(pairs.TRIES):
        comparison = measured(config, folder, number, attempt, slowed=slowed)
        kind = "20 % slower" if slowed else "equal"
        print(
            f"pair {number + 1:2d} ({kind}): {comparison['outcome']}", *comparison["reasons"], sep="\n    ", flush=True
        )
        if comparison["outcome"] != "invalid":
            break
    return slowed, comparison["outcome"]


def main() -> None:
    """Run all pairs and print both rates."""
    with tempfile.TemporaryDirectory() as name, pairs.server(slower=1.2) as url, ThreadPoolExecutor(AT_ONCE) as pool:
        config = pairs.configure(Path(name) / "config", url, RATE)
        outcomes = list(pool.map(lambda number: compared(config, Path(name), number), range(EQUAL + SLOWED)))
    print(f"false alarms: {outcomes.count((False, 'failed'))} of {EQUAL} equal pairs")
    print(f"slowdowns found: {outcomes.count((True, 'failed'))} of {SLOWED}")
    print(f"could not be compared: {sum(outcome == 'invalid' for _, outcome in outcomes)}")


if __name__ == "__main__":
    main()
