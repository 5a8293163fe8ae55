"""What the monitor says, seen from outside: probe states read from `/metrics`, and each change with its instant."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

SUCCESS = "piekwacht_probe_success"
REASONS = "piekwacht_probe_failures_by_reason_total"
RUNS = "piekwacht_probe_runs_total"
FAILURES = "piekwacht_probe_failures_total"
PLANNED = "planned"


Sample = tuple[str, dict[str, str], float]
"""Name, labels, value."""


@dataclass(frozen=True, slots=True)
class Change:
    """A probe that passed now fails, or fails for another reason (`reason`), or passes again (no reason)."""

    probe: str
    system: str
    passing: bool
    reason: str
    instant: float


class Watch:
    """Follows the probes of a monitor; instants are those of `time.monotonic`."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/metrics"
        self._passing: dict[tuple[str, str], bool] = {}
        self._reasons: dict[tuple[str, str], float] = {}
        self._why: dict[tuple[str, str], str] = {}
        self.probes: dict[str, bool] = {}
        self.failures: Counter[str] = Counter()
        """Failed runs of each probe so far, planned time left out."""

    def look(self) -> list[Change]:
        """Return what has changed since the last look."""
        samples = self._scrape()
        now = time.monotonic()
        reasons = {(labels["probe"], labels["reason"]): value for name, labels, value in samples if name == REASONS}
        ran = {labels["probe"] for name, labels, value in samples if name == RUNS and value > 0}
        changes = []
        for name, labels, value in samples:
            key = (labels.get("system", ""), labels.get("probe", ""))
            if name != SUCCESS or key[1] not in ran:
                continue
            passing = value == 1
            reason = "" if passing else self._new_reason(key[1], reasons)
            if passing != self._passing.get(key, True) or (reason and reason != self._why.get(key)):
                changes.append(Change(key[1], key[0], passing, reason, now))
                self._why[key] = reason
            self._passing[key] = passing
        self._reasons = reasons
        self.failures = _failures(samples) or self.failures
        self.probes = {probe: passing for (_, probe), passing in self._passing.items()}
        return changes

    def _new_reason(self, probe: str, reasons: Mapping[tuple[str, str], float]) -> str:
        """Return the reason whose counter has grown since the last look."""
        grown = [
            reason
            for (name, reason), value in reasons.items()
            if name == probe and value > self._reasons.get((name, reason), 0)
        ]
        return ", ".join(grown)

    def _scrape(self) -> list[Sample]:
        try:
            with urlopen(self._url, timeout=5) as answer:  # noqa: S310 - loopback
                text = answer.read().decode()
        except OSError:  # not reached, or cut off half-way: the next look may see more
            return []
        return [
            (sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]


def _failures(samples: Sequence[Sample]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for name, labels, value in samples:
        if name == FAILURES and labels["window"] != PLANNED:
            counted[labels["probe"]] += int(value)
    return counted
