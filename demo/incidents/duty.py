"""Which messages the protocol asked for, in the incident's own days, if each had been sent at its deadline. Pure.

A replay is compressed and a promise ('every hour') is not, so what was seen is first put back into the days of the
incident: announced work, over when its probes passed again, and as disruptions what else failed of the systems that the
script names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from config import Configuration
from config.hours import ZONE
from demo.incidents.chronicle import Chronicle
from demo.incidents.script import Script, Work
from monitors.notices.protocol import Case, Disruption, Due, Kind, Maintenance, Promise, Published, Rule, dues

TOGETHER = timedelta(hours=2)
"""What fails again so soon, in the incident's days, is the same disruption: who meets a limit passes now and then."""

ANNOUNCED = timedelta(days=30)
"""How long before its beginning work is taken to have been announced."""

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Owed:
    """One message: about which system, by which rule, until when."""

    system: str
    rule: Rule
    kind: Kind
    by: datetime


def duty(script: Script, chronicle: Chronicle, configuration: Configuration) -> list[Owed]:
    """Return every message, in order of time."""
    found = []
    for system, case in _cases(script, chronicle, configuration):
        promise = Promise(configuration.owner_of[system].notices, configuration.office_hours(system))
        dated = ((due, datetime.fromtimestamp(due.deadline, ZONE)) for due in _owed(case, promise))
        found += [Owed(system, due.rule, due.kind, by) for due, by in dated]
    return sorted(found, key=lambda each: each.by)


def _cases(script: Script, chronicle: Chronicle, configuration: Configuration) -> Iterator[tuple[str, Case]]:
    probes: dict[str, list[str]] = {system: [] for system in configuration.systems}
    for system, name, _ in configuration.probes():
        probes[system].append(name)
    worked = {name for work in script.work for name in work.systems}
    for work in script.work:
        names = [name for system in work.systems for name in probes[system]]
        yield work.systems[0], _maintenance(work, _failed(names, chronicle))
    seen = [each.probe for each in script.expect]
    for system, names in probes.items():
        mine = [name for name in names if name in seen]
        if system not in worked:
            for began, ended in _together(_failed(mine, chronicle)):
                yield system, Disruption(began.timestamp(), began.timestamp(), began.timestamp(), ended.timestamp())


def _failed(probes: Iterable[str], chronicle: Chronicle) -> list[Span]:
    moment = chronicle.timetable.moment
    return [(moment(start), moment(end)) for probe in probes for start, end in chronicle.failing(probe)]


def _together(spans: Sequence[Span]) -> list[Span]:
    """Join what overlaps or follows soon."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= TOGETHER:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _maintenance(work: Work, failed: Sequence[Span]) -> Maintenance:
    """Return announced work that was over when what failed at its announced end passed again."""
    over = max([work.end, *(end for start, end in failed if start <= work.end < end)])
    start, end = work.start.timestamp(), work.end.timestamp()
    said = Published(Kind.PLANNED, at=(work.start - ANNOUNCED).timestamp(), about=(start, end))
    return Maintenance("planned", start, end, entered=said.at, ended=over.timestamp(), published=(said,))


def _owed(case: Maintenance | Disruption, promise: Promise) -> Iterator[Due]:
    """Yield what is due one after the other, each published at its deadline; its end is known only once it has come."""
    now = case.end if isinstance(case, Maintenance) else case.detected
    over = case.ended if case.ended is not None else now
    while True:
        known = replace(case, ended=over if now >= over else None)
        due = min(dues(known, promise, now), default=None)
        if now < over and (due is None or due.deadline > over):
            now = over
        elif due is None:
            return
        else:
            yield due
            said = Published(due.kind, at=due.deadline, emergency=due.kind is Kind.EMERGENCY)
            case, now = replace(case, published=(*case.published, said)), max(now, due.deadline)
