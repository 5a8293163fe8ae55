"""A past for Prometheus, in which every probe ran and passed.

Burn rates look back for hours. Right after a start they see little, and the first failures are a large share of it: a
page would come sooner than on an ordinary day, and a time measured then would be too good.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from demo.watch import FAILURES, RUNS, Sample

STEP = 60.0
"""Seconds between two samples of the past; increases are computed from its ends."""

ORDINARY = "none"
"""The window of runs outside any announced one."""

INTERVALS = "piekwacht_probe_interval_seconds"


def write_history(path: Path, monitor: str, job: str, seconds: float, least: float) -> Path:
    """Write the past of every probe of a monitor, as the text that `promtool tsdb create-blocks-from` reads.

    It ends `least` seconds ago, before Prometheus scrapes for the first time. Returns `path`. Raises `OSError`.
    """
    with urlopen(f"{monitor}/metrics", timeout=10) as answer:  # noqa: S310 - loopback
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [(each.name, each.labels, each.value) for family in families for each in family.samples]
    lines = history(samples, {"job": job, "instance": urlsplit(monitor).netloc}, time.time() - least, seconds)
    path.write_text("\n".join([*lines, "# EOF\n"]))
    return path


def history(samples: list[Sample], target: dict[str, str], end: float, seconds: float) -> Iterator[str]:
    """Yield the lines: runs that grow by one each interval, failures that stay at 0. `end` in seconds of the epoch."""
    intervals = {labels["probe"]: value for name, labels, value in samples if name == INTERVALS}
    for name, labels, _ in samples:
        if name in {RUNS, FAILURES} and labels["window"] == ORDINARY:
            every = intervals[labels["probe"]]
            named = ",".join(f'{label}="{value}"' for label, value in {**labels, **target}.items())
            for step in range(int(seconds / STEP) + 1):
                runs = int(step * STEP / every) if name == RUNS else 0
                yield f"{name}{{{named}}} {runs} {end - seconds + step * STEP:.3f}"
