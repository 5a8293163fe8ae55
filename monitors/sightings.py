"""What one vantage point says of each probe, as changes: the facts that incidents are made of. Pure.

    runs  --Watch-->  sightings  --monitors.incidents-->  incidents
    F                 (nothing yet: one failed run may be a lost packet)
    F F               failing, since the first of them
    F F ? ? F         failing all the while: a run without a verdict neither opens nor closes anything
    F F G G           failing, now for another reason
    F F P             passing, since that run
    P . . . . .       silent, once `fresh` has passed without a verdict: this vantage point has no say any more

The ledger writes a sighting down in the transaction of the runs that led to it, so whoever reads it, today or next
year, makes the same incidents from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from journeys import Reason
from monitors.record.totals import Probe, State
from monitors.verdict import Cause, Fail, Pass, Run, Unknown

INTERVALS_FRESH = 3
"""A verdict is fresh for so many intervals of its probe, if that is longer than `Rule.fresh`."""


class Seen(StrEnum):
    """What a vantage point says of a probe."""

    PASSING = "passing"
    FAILING = "failing"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Rule:
    """When failed runs are an incident. Times are in seconds.

    `confirm`: failed runs in a row before a probe is failing. Two: a single one may be a packet lost on the way, and at
    an interval of 15 s the second costs 15 s; availability counts each failed run all the same. `fresh`: for how long a
    verdict speaks for its vantage point; eight intervals of 15 s. `flap`: a system that fails again so soon after it
    recovered is in the same incident; a person who was told 'solved' five minutes ago calls it the same one.
    """

    confirm: int = 2
    fresh: float = 120.0
    flap: float = 300.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """From `at` (Unix seconds) on, `vantage` says this of a probe.

    A failing one has the reason and step of the failed run at that moment, a silent one the cause, unless nothing came.
    """

    at: float
    vantage: str
    system: str
    probe: str
    seen: Seen
    reason: Reason | None = None
    step: str = ""
    cause: Cause | None = None

    @property
    def why(self) -> tuple[Reason | None, str]:
        """Reason and step."""
        return self.reason, self.step


@dataclass(frozen=True, slots=True)
class Watched:
    """One probe: what was said last, when a run last had a verdict, and the failed runs in a row not said yet."""

    said: Sighting | None = None
    heard: float = -math.inf
    failures: tuple[Sighting, ...] = ()

    @property
    def seen(self) -> Seen | None:
        """What was said last."""
        return None if self.said is None else self.said.seen

    def fail(self, failing: Sighting, confirm: int) -> Watched:
        """Count a failed run; say so if there were enough: that it fails, or that it now does for another reason."""
        failures = self.failures
        if self.said is not None and self.seen is Seen.FAILING:
            if failing.why == self.said.why:
                return replace(self, failures=())
            if any(other.why != failing.why for other in failures):
                failures = ()
        failures = (*failures, failing)
        if len(failures) < confirm:
            return replace(self, failures=failures)
        # What failed last before a restart is known, why is not.
        return self.turn(failures[0] if failures[0].reason else replace(failing, at=failures[0].at))

    def turn(self, sighting: Sighting) -> Watched:
        """Say something new. It is never before what was said last, even when the clock was set back meanwhile."""
        at = sighting.at if self.said is None else max(sighting.at, self.said.at)
        return replace(self, said=replace(sighting, at=at), failures=())


@dataclass(frozen=True, slots=True)
class Watch:
    """Turns the runs of one vantage point into sightings; `resume` goes on where the last one was."""

    vantage: str
    rule: Rule = Rule()
    probes: dict[Probe, Watched] = field(default_factory=dict)

    @classmethod
    def resume(
        cls, vantage: str, past: Iterable[Sighting], states: Mapping[Probe, State], rule: Rule = Rule()
    ) -> Watch:
        """Return the watch after a restart: from the last sighting of each probe, and the states of the ledger."""
        probes = {(sighting.system, sighting.probe): Watched(sighting) for sighting in past}
        for probe, state in states.items():
            watched = probes.get(probe, Watched())
            failing = Sighting(state.last_run, vantage, *probe, Seen.FAILING)
            failed = state.passed is False and watched.seen is not Seen.FAILING
            probes[probe] = replace(watched, heard=state.last_run, failures=(failing,) if failed else ())
        return cls(vantage, rule, probes)

    def fork(self) -> Watch:
        """Return a watch that goes on from here, while this one stays as it is."""
        return replace(self, probes=dict(self.probes))

    def see(self, run: Run, interval: float = 0.0) -> list[Sighting]:
        """Take the next run in order of recording, and return what has changed by it: mostly nothing, at most two.

        `interval` is the number of seconds between two runs of the probe.
        """
        probe = (run.system, run.probe)
        watched = self.probes.get(probe, Watched())
        said = watched.said
        found = []
        faded = watched.heard + fresh_for(interval, self.rule)
        if watched.seen not in (None, Seen.SILENT) and run.started > faded:
            cause = run.verdict.cause if isinstance(run.verdict, Unknown) else None
            watched = watched.turn(Sighting(faded, self.vantage, *probe, Seen.SILENT, cause=cause))
            found.append(watched.said)
        if not isinstance(run.verdict, Unknown):
            watched = replace(watched, heard=run.started)
        match run.verdict:
            case Pass():
                passing = Sighting(run.started, self.vantage, *probe, Seen.PASSING)
                watched = watched.turn(passing) if watched.seen is not Seen.PASSING else replace(watched, failures=())
            case Fail(reason, step):
                failing = Sighting(run.started, self.vantage, *probe, Seen.FAILING, reason, step)
                watched = watched.fail(failing, self.rule.confirm)
        if watched.said is not None and watched.said is not (found[-1] if found else said):
            found.append(watched.said)
        self.probes[probe] = watched
        return [sighting for sighting in found if sighting is not None]


def faded(
    sightings: Iterable[Sighting],
    heard: Mapping[tuple[str, str, str], float],
    intervals: Mapping[Probe, float],
    now: float,
    rule: Rule = Rule(),
) -> list[Sighting]:
    """Return the silences that nobody wrote down: of the probes not heard of lately.

    A monitor that does not run any more cannot say so. `heard`: the start of the last run by (vantage, system, probe).
    """
    last = {(each.vantage, each.system, each.probe): each for each in sightings}
    found = []
    for (vantage, system, probe), sighting in last.items():
        end = heard.get((vantage, system, probe), sighting.at) + fresh_for(intervals.get((system, probe), 0.0), rule)
        if sighting.seen is not Seen.SILENT and end < now:
            found.append(Sighting(max(end, sighting.at), vantage, system, probe, Seen.SILENT))
    return found


def fresh_for(interval: float, rule: Rule) -> float:
    """Return for how many seconds a verdict of a probe that runs every `interval` seconds is fresh."""
    return max(rule.fresh, INTERVALS_FRESH * interval)
