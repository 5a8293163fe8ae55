"""What was seen during a replay, and whether it is what had to be noticed. Pure.

Every time is in seconds since the beginning of the replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from demo.incidents.script import LATE, Detection, Script
from demo.incidents.timetable import Timetable


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the course, when it was carried out."""

    at: float
    says: str
    on: str = ""
    off: str = ""


@dataclass(frozen=True, slots=True)
class Turned:
    """A probe that began to fail, with the reason, or to pass."""

    at: float
    probe: str
    passing: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A notification that was delivered, in words, and its alerts that fire or not any more: (name, system)."""

    at: float
    text: str
    firing: Sequence[tuple[str, str]] = ()
    resolved: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A check of status 200, and whether it was content."""

    at: float
    system: str
    good: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """A load test that began at `at`: on which day of the incident, and its summary."""

    at: float
    day: str
    summary: Mapping[str, Any]


@dataclass
class Chronicle:
    """Everything that was seen. `every` is how often each probe runs; `accounts` is availability by system."""

    timetable: Timetable
    every: Mapping[str, float]
    happened: list[Happened] = field(default_factory=list)
    turned: list[Turned] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    crowds: list[Crowd] = field(default_factory=list)
    accounts: Sequence[Mapping[str, Any]] = ()

    @property
    def length(self) -> float:
        """How long it took."""
        return self.timetable.length

    def spells(self, probe: str) -> Iterator[tuple[float, float, str]]:
        """Yield from when until when a probe failed for the same reason."""
        turned = [each for each in self.turned if each.probe == probe]
        ends = [*(each.at for each in turned[1:]), self.length]
        for each, end in zip(turned, ends, strict=False):
            if not each.passing:
                yield each.at, end, each.reason

    def failing(self, probe: str) -> Iterator[tuple[float, float]]:
        """Yield from when until when a probe failed, whatever the reason."""
        begun: float | None = None
        for each in self.turned:
            if each.probe != probe:
                continue
            if not each.passing:
                begun = each.at if begun is None else begun
            elif begun is not None:
                yield begun, each.at
                begun = None
        if begun is not None:
            yield begun, self.length

    def lasting(self) -> Iterator[tuple[str, float, float]]:
        """Yield each fault with its beginning and end."""
        for each in self.happened:
            if each.on:
                ends = (other.at for other in self.happened if other.off == each.on and other.at > each.at)
                yield each.on, each.at, next(ends, self.length)

    def alerts(self) -> Iterator[tuple[tuple[str, str], float, float]]:
        """Yield each alert, (name, system), with when its delivery was first seen, and that of its end."""
        begun: dict[tuple[str, str], float] = {}
        for each in self.told:
            for alert in each.firing:
                begun.setdefault(alert, each.at)
            for alert in each.resolved:
                if alert in begun:
                    yield alert, begun.pop(alert), each.at
        for alert, at in begun.items():
            yield alert, at, self.length


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that had to be seen, and whether it was."""

    passed: bool
    what: str
    seen: str


def findings(script: Script, chronicle: Chronicle) -> list[Finding]:
    """Return every finding: detections, what was to stay untouched, and the load tests."""
    found = [_detected(each, chronicle) for each in script.expect]
    found += [_untouched(probe, chronicle) for probe in script.untouched]
    if script.load is not None:
        wanted = "failed" if script.load.fails else "passed"
        found += [_tested(crowd, wanted) for crowd in chronicle.crowds]
    return found


def _detected(wanted: Detection, chronicle: Chronicle) -> Finding:
    what = f"{wanted.probe} sees {wanted.after} within {wanted.within} runs, as {' or '.join(wanted.reasons)}"
    began = next((each.at for each in chronicle.happened if each.on == wanted.after), None)
    if began is None:
        return Finding(False, what, "the fault did not begin")
    every = chronicle.every[wanted.probe]
    ends = next(end for name, _, end in chronicle.lasting() if name == wanted.after)
    # A probe that failed already fails on: what counts is whether it fails for this while the fault lasts.
    spells = [each for each in chronicle.spells(wanted.probe) if each[1] > began and each[0] < ends + LATE]
    if not spells:
        return Finding(False, what, "it passed")
    right = [each for each in spells if set(each[2].split(", ")) & set(wanted.reasons)]
    at, _, reason = (right or spells)[0]
    after = max(0.0, at - began)
    good = bool(right) and after <= wanted.seconds(every)
    return Finding(good, what, f"{reason} after {after:.1f} s, that is {after / every:.1f} runs")


def _untouched(probe: str, chronicle: Chronicle) -> Finding:
    failed = list(chronicle.spells(probe))
    said = f"it failed at {failed[0][0]:.0f} s: {failed[0][2]}" if failed else "it did"
    return Finding(not failed, f"{probe} passes from the beginning to the end", said)


def _tested(crowd: Crowd, wanted: str) -> Finding:
    outcome, reasons = crowd.summary["outcome"], "; ".join(crowd.summary["reasons"])
    said = f"it {outcome}: {reasons}" if reasons else f"it {outcome}"
    return Finding(outcome == wanted, f"the load test of {crowd.day} {wanted}", said)


def blind(chronicle: Chronicle) -> Mapping[str, tuple[int, int]]:
    """Return for each system how many checks of status 200 were content, of how many."""
    found: dict[str, tuple[int, int]] = {}
    for each in chronicle.asked:
        good, every = found.get(each.system, (0, 0))
        found[each.system] = good + each.good, every + 1
    return found
