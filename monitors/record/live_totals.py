"""The ledger's counters, kept in memory beside it so that a scrape need not read thousands of rows.

They are read from the ledger once and then follow every durable write with the very same additions: a batch is summed
first and then added, as the tables do, so that the last bit of a sum of seconds is the same. It must be: after a
restart the counters come from the ledger, and one that is the tiniest bit lower is a reset to Prometheus.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from itertools import accumulate

from monitors.record.totals import Batch, Durations, Probe, State, Totals
from monitors.verdict import Run

_UNUSED = Durations()
_BOUNDS = tuple(bound for bound, _ in _UNUSED.buckets)
_FIELDS = {"reason": "reasons", "step": "steps", "phase": "phases"}


class LiveTotals:
    """`add` what has been written; `now` is what `Ledger.totals` would say, except for `repeated` runs."""

    def __init__(self, totals: Totals) -> None:
        self._labelled = {
            field.name: dict(getattr(totals, field.name))
            for field in fields(totals)
            if field.name not in {"durations", "states"}
        }
        self._durations = dict(totals.durations)
        self._states = dict(totals.states)

    def add(self, runs: Sequence[Run], skipped: Sequence[Probe]) -> None:
        """Add one batch, in the order in which it was written."""
        probes = list(dict.fromkeys([*((run.system, run.probe) for run in runs), *skipped]))
        numbers = {probe: number for number, probe in enumerate(probes)}
        batch = Batch()
        for run in runs:
            batch.add(numbers[run.system, run.probe], 0, run)
        for probe in skipped:
            batch.skip(numbers[probe])
        buckets: defaultdict[Probe, dict[str, float]] = defaultdict(dict)
        seconds: dict[Probe, float] = {}
        for (number, kind, label), value in batch.counters.items():
            probe = probes[number]
            match kind:
                case "bucket":
                    buckets[probe][label] = value
                case "seconds":
                    seconds[probe] = value
                case "skipped":
                    counts = self._labelled["skipped"]
                    counts[probe] = counts.get(probe, 0.0) + value
                case _:
                    counts = self._labelled[_FIELDS.get(kind, kind)]
                    key = (*probe, str(label))
                    counts[key] = counts.get(key, 0.0) + value
        for probe, new in buckets.items():
            self._durations[probe] = _more(self._durations.get(probe, _UNUSED), new, seconds[probe])
        for number, started, success, passed in batch.states:
            self._states[probes[number]] = _later(self._states.get(probes[number]), started, success, passed)

    def now(self) -> Totals:
        """Return the totals as they are at this moment."""
        copies = {name: dict(counts) for name, counts in self._labelled.items()}
        return Totals(**copies, durations=dict(self._durations), states=dict(self._states))


def _more(durations: Durations, new: dict[str, float], seconds: float) -> Durations:
    added = accumulate(new.get(bound, 0.0) for bound in _BOUNDS)
    buckets = tuple((bound, count + more) for (bound, count), more in zip(durations.buckets, added, strict=True))
    return Durations(buckets, durations.sum + seconds)


def _later(state: State | None, started: float, success: float | None, passed: bool | None) -> State:
    if state is None:
        return State(started, success, passed)
    return State(
        started,
        state.last_success if success is None else success,
        state.passed if passed is None else passed,
    )
