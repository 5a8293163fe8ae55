"""From what the vantage points see to incidents: when a system did not work, who saw it, and what it came from. Pure.

A vantage point sees a system down while a probe that measures it is failing there (`monitors.sightings`: two failed
runs in a row, from the first of them until the first that passes). The system is in an incident while

    vantage points that see it down  >=  min(quorum of the system, vantage points with a fresh verdict)

While no vantage point has a fresh verdict, nothing changes: an incident neither begins nor ends. One that begins within
`Rule.flap` after the last one ended is the same, opened again.

Incidents are a function of the sightings and of nothing else. There is no state to keep: a restarted monitor, and
whoever lays the ledgers of several vantage points side by side, finds the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from config import System
from journeys import Reason
from monitors.sightings import Rule, Seen, Sighting
from monitors.verdict import Window

SAME_MOMENT = 120.0
"""Seconds after a system by which what it depends on must have failed to be its cause: probes do not run together."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One system that did not work from `began` until `ended` (Unix seconds; None: it still does not).

    `reason` and `step` are those of the first failed run. `spells` are the parts of it in which the system failed: more
    than one where it recovered and failed again. `seen_by` are the vantage points that saw it, at any time. `causes`
    are the systems that it came from, as far as `depends_on` tells; `kinds` are the kinds of time in which it failed.
    """

    system: str
    began: float
    ended: float | None
    reason: Reason | None
    step: str
    spells: tuple[tuple[float, float | None], ...]
    seen_by: tuple[str, ...]
    causes: tuple[str, ...] = ()
    kinds: tuple[Window, ...] = ()

    @property
    def reopened(self) -> int:
        """How often the system recovered and failed again."""
        return len(self.spells) - 1

    @property
    def planned(self) -> bool:
        """Whether all of it lies in announced maintenance: observed, and no surprise."""
        return self.kinds == (Window.PLANNED,)

    @property
    def counts(self) -> bool:
        """Whether any of it counts against the objective."""
        return not self.kinds or not set(self.kinds) <= {Window.PLANNED, Window.CLOSED}

    def at(self, moment: float) -> bool:
        """Tell whether the system failed at that moment."""
        return any(start <= moment and (end is None or moment < end) for start, end in self.spells)


def incidents(
    sightings: Iterable[Sighting],
    systems: Mapping[str, System],
    rule: Rule = Rule(),  # noqa: B008 - frozen
) -> list[Incident]:
    """Return every incident, in order of begin and then of the estate, with causes and without kinds.

    The sightings of one probe and vantage point are in their order; those of different ones may be mixed in any way.
    """
    measuring = {(name, probe) for name, system in systems.items() for probe in system.objective.measured_by}
    by_system: dict[str, list[Sighting]] = {name: [] for name in systems}
    for sighting in sightings:
        if (sighting.system, sighting.probe) in measuring:
            by_system[sighting.system].append(sighting)
    found = {
        name: _joined(_spells(sorted(seen, key=_order), systems[name].quorum), rule.flap)
        for name, seen in by_system.items()
    }
    everything = [_blame(each, found, systems) for each_system in found.values() for each in each_system]
    return sorted(everything, key=lambda incident: incident.began)


def classified(incident: Incident, timeline: Sequence[tuple[int, int, Window]], now: float) -> Incident:
    """Return the incident with the kinds of time in which the system failed, in order of first appearance.

    `timeline` is of `monitors.availability.timeline`: (start, end, kind) in minutes of Unix time. An overrun ends with
    the minute before the one in which the system passes; so does a spell here, lest it end in time after the overrun.
    """
    spells = [(begin, now if stop is None else _last_minute(begin, stop)) for begin, stop in incident.spells]
    kinds = [
        kind for start, end, kind in timeline if any(begin < end * 60 and start * 60 < until for begin, until in spells)
    ]
    return replace(incident, kinds=tuple(dict.fromkeys(kinds)))


def _last_minute(begin: float, stop: float) -> float:
    """Return the beginning of the minute in which a spell ends; its end where it began in that minute, too."""
    minute = stop // 60 * 60
    return minute if begin < minute else stop


@dataclass(slots=True)
class _Votes:
    """What each vantage point says of each probe of one system."""

    quorum: int
    said: dict[tuple[str, str], Sighting] = field(default_factory=dict)

    def hear(self, sightings: Iterable[Sighting]) -> None:
        for sighting in sightings:
            self.said[sighting.vantage, sighting.probe] = sighting

    @property
    def failing(self) -> list[Sighting]:
        return sorted((each for each in self.said.values() if each.seen is Seen.FAILING), key=_order)

    def down(self, before: bool) -> bool:
        """Tell whether the system is down; without a fresh verdict it is what it was before."""
        fresh = {each.vantage for each in self.said.values() if each.seen is not Seen.SILENT}
        against = {each.vantage for each in self.failing}
        return len(against) >= min(self.quorum, len(fresh)) if fresh else before


def _order(sighting: Sighting) -> tuple[float, str, str]:
    return sighting.at, sighting.vantage, sighting.probe


def _spells(sightings: Sequence[Sighting], quorum: int) -> list[Incident]:
    """Return each time in which a system was down as an incident of its own; `sightings` are in order."""
    votes = _Votes(quorum)
    found: list[Incident] = []
    down = False
    for at, together in groupby(sightings, key=lambda sighting: sighting.at):
        votes.hear(together)
        before, down = down, votes.down(down)
        if down:
            failing = votes.failing
            seen_by = tuple(sorted({each.vantage for each in failing}))
            if not before:
                found.append(Incident(failing[0].system, at, None, *failing[0].why, ((at, None),), seen_by))
            else:
                found[-1] = replace(found[-1], seen_by=_union(found[-1].seen_by, seen_by))
        elif before:
            found[-1] = replace(found[-1], ended=at, spells=((found[-1].began, at),))
    return found


def _joined(spells: Iterable[Incident], flap: float) -> list[Incident]:
    """Make one incident of those between which the system worked for less than `flap` seconds."""
    found: list[Incident] = []
    for spell in spells:
        last = found[-1] if found else None
        if last is not None and last.ended is not None and spell.began - last.ended < flap:
            found[-1] = replace(
                last,
                ended=spell.ended,
                spells=last.spells + spell.spells,
                seen_by=_union(last.seen_by, spell.seen_by),
            )
        else:
            found.append(spell)
    return found


def _blame(incident: Incident, found: Mapping[str, Collection[Incident]], systems: Mapping[str, System]) -> Incident:
    """Add the causes: follow `depends_on` through systems in an incident at the time, to those where it ends."""
    causes: dict[str, None] = {}
    visited: set[str] = set()

    def follow(path: tuple[str, ...]) -> None:
        visited.add(path[-1])
        failing = [
            name
            for name in systems[path[-1]].depends_on
            if name not in path and any(_together(other, incident) for other in found.get(name, ()))
        ]
        if not failing:
            causes[path[-1]] = None
        for name in failing:
            if name not in visited:
                follow((*path, name))

    follow((incident.system,))
    return replace(incident, causes=tuple(name for name in causes if name != incident.system))


def _together(other: Incident, incident: Incident) -> bool:
    """Tell whether `other` was under way when `incident` began, or began just after it."""
    return other.began <= incident.began + SAME_MOMENT and (other.ended is None or other.ended > incident.began)


def _union(one: Collection[str], other: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({*one, *other}))
