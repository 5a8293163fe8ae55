"""What the exporter shows: counters that only grow, and the state of each probe. Pure.

`Batch` turns finished runs into what they add to the tables of the ledger; `Totals` is what is read back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import accumulate
from operator import add
from typing import Self

from monitors.metrics import DURATION
from monitors.verdict import Fail, Pass, Phases, Run, Unknown

Probe = tuple[str, str]
"""(system, probe)"""
Labelled = Mapping[tuple[str, str, str], float]
"""(system, probe, label) to count"""

_BUCKETS = DURATION.buckets
_BOUNDS = (*map(str, _BUCKETS), "+Inf")
_PHASES = tuple(phase.name for phase in fields(Phases))


@dataclass(frozen=True, slots=True)
class State:
    """What is known of a probe's last runs: Unix times of starts, `last_success` None until a run passed.

    `passed`: whether the last run with a verdict passed; None until there was one.
    """

    last_run: float
    last_success: float | None
    passed: bool | None


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram of durations: cumulative counts by upper bound (`le`, the last is "+Inf"), and the sum in seconds."""

    buckets: tuple[tuple[str, float], ...] = tuple((bound, 0.0) for bound in _BOUNDS)
    sum: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """Every counter since the ledger was made. A combination that never happened is absent: use `.get(key, 0.0)`.

    The label in a key is the window in `runs` (passed or failed) and `failures`, the cause in `unknown`, the reason,
    the step, the phase (a field of `Phases`; the value is in seconds), what a call came to in `calls`, the limit in
    `calls_skipped`. `repeated` runs are in every counter, but not in
    the minutes of the record: the clock was set back, and their minute had been measured already.
    """

    runs: Labelled
    failures: Labelled
    unknown: Labelled
    reasons: Labelled
    steps: Labelled
    phases: Labelled
    calls: Labelled
    calls_skipped: Labelled
    skipped: Mapping[Probe, float]
    repeated: Mapping[Probe, float]
    durations: Mapping[Probe, Durations]
    states: Mapping[Probe, State]

    @classmethod
    def of(cls, counters: Iterable[tuple[str, str, str, str, float]], states: Mapping[Probe, State]) -> Self:
        """Sort rows of (system, probe, kind, label, value) into their counters."""
        kinds: dict[str, dict[tuple[str, str, str], float]] = defaultdict(dict)
        for system, probe, kind, label, value in counters:
            kinds[kind][system, probe, label] = value
        return cls(
            runs=kinds["runs"],
            failures=kinds["failures"],
            unknown=kinds["unknown"],
            reasons=kinds["reason"],
            steps=kinds["step"],
            phases=kinds["phase"],
            calls=kinds["calls"],
            calls_skipped=kinds["calls_skipped"],
            skipped=_by_probe(kinds["skipped"]),
            repeated=_by_probe(kinds["repeated"]),
            durations=_durations(kinds["bucket"], kinds["seconds"]),
            states=states,
        )


class Batch:
    """What finished runs add to the ledger, summed so that each row is touched once.

    `minutes`: (minute, probe number) to [good, bad, unknown]; `counters`: (probe number, kind, label) to value;
    `states`: (probe number, start, start if passed, passed), one for each run.
    """

    def __init__(self) -> None:
        self.minutes: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        self.counters: dict[tuple[int, str, str], float] = defaultdict(float)
        self.states: list[tuple[int, float, float | None, bool | None]] = []

    @property
    def hours(self) -> dict[tuple[int, int], list[int]]:
        """The minutes summed by the hour: (probe number, hour) to [good, bad, unknown]."""
        hours: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for (minute, number), counts in self.minutes.items():
            hour = hours[number, minute // 60]
            hour[:] = map(add, hour, counts)
        return hours

    def add(self, number: int, minute: int | None, run: Run) -> None:
        """Add one run of probe `number` to its minute, the counters and the state; None: its minute is full."""
        counts = [0, 0, 0] if minute is None else self.minutes[minute, number]
        if minute is None:
            self.counters[number, "repeated", ""] += 1
        passed: bool | None = None
        match run.verdict:
            case Pass():
                passed = True
                counts[0] += 1
            case Fail(reason, step):
                passed = False
                counts[1] += 1
                self.counters[number, "failures", run.window] += 1
                self.counters[number, "reason", reason] += 1
                self.counters[number, "step", step] += 1
            case Unknown(cause):
                counts[2] += 1
                self.counters[number, "unknown", cause] += 1
        if run.called is not None:
            kind, label = ("calls", run.called.result) if run.called.result else ("calls_skipped", run.called.skipped)
            self.counters[number, kind, label] += 1
        self.states.append((number, run.started, run.started if passed else None, passed))
        if passed is not None:
            self.counters[number, "runs", run.window] += 1
            self.counters[number, "bucket", _BOUNDS[bisect_left(_BUCKETS, run.duration)]] += 1
            self.counters[number, "seconds", ""] += run.duration
            for phase in _PHASES:
                if seconds := getattr(run.phases, phase):  # mostly there is nothing to resolve
                    self.counters[number, "phase", phase] += seconds

    def skip(self, number: int) -> None:
        """Add one run of probe `number` that was not started."""
        self.counters[number, "skipped", ""] += 1


def _by_probe(counts: Labelled) -> dict[Probe, float]:
    return {(system, probe): value for (system, probe, _), value in counts.items()}


def _durations(counts: Labelled, seconds: Labelled) -> dict[Probe, Durations]:
    """Add counts by bucket up to a cumulative histogram for each probe."""
    by_probe: dict[Probe, list[float]] = defaultdict(lambda: [0.0] * len(_BOUNDS))
    for (system, probe, bound), count in counts.items():
        by_probe[system, probe][bisect_left(_BUCKETS, float(bound))] += count
    return {
        probe: Durations(tuple(zip(_BOUNDS, accumulate(values), strict=True)), seconds[(*probe, "")])
        for probe, values in by_probe.items()
    }
