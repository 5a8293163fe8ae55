"""What messages are about: announced windows and incidents, with what was published of each. Pure.

Of incidents only those are cases that count as unplanned and come from nothing else: what fails because its dependency
fails is told together with that, and what fails in a planned window or its overrun is told with the window.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from monitors.availability.timeline import Stretch
from monitors.incidents import Incident
from monitors.notices.message import Message
from monitors.notices.protocol import Case, Disruption, Maintenance, Published
from monitors.record.ledger_windows import WindowRevision
from monitors.verdict import Window


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing that people are told about: its name, the systems it hits (the first leads), and its course.

    `summary` is what was announced of a window; `incident` is what the monitor saw of a disruption.
    """

    id: str
    systems: tuple[str, ...]
    case: Case
    summary: str = ""
    incident: Incident | None = None


def subjects(
    history: Iterable[WindowRevision],
    incidents: Collection[Incident],
    messages: Iterable[Message],
    timelines: Mapping[str, Sequence[Stretch]],
    since: float,
    now: float,
) -> list[Subject]:
    """Return every subject that was not over at `since`: windows first, then disruptions, each in order of time.

    `timelines` are the classes of the minutes of each system, from `since` at least until `now`.
    """
    said: dict[str, list[Published]] = {}
    for message in messages:
        said.setdefault(message.case, []).append(message.published())
    found = [*_windows(history, said, timelines, now), *_disruptions(incidents, said)]
    return [each for each in found if _end(each.case) >= since]


def case_id(system: str, began: float) -> str:
    """Name an incident: mijn-belastingdienst-20260302T0900Z."""
    return f"{system}-{datetime.fromtimestamp(began, UTC):%Y%m%dT%H%MZ}"


def _windows(
    history: Iterable[WindowRevision],
    said: Mapping[str, Sequence[Published]],
    timelines: Mapping[str, Sequence[Stretch]],
    now: float,
) -> Iterator[Subject]:
    last = {revision.uid: revision for revision in sorted(history, key=lambda each: each.known_at)}
    for revision in sorted(last.values(), key=lambda each: each.window):
        window = revision.window
        systems = tuple(name for name in window.systems if name in timelines)
        if window.kind not in ("planned", "aftermath") or not systems:
            continue
        ended = _ended(window.end, [timelines[name] for name in systems], now)
        case = Maintenance(
            kind=window.kind,
            start=window.start,
            end=window.end,
            entered=revision.known_at,
            ended=ended,
            withdrawn=revision.withdrawn,
            published=said.get(window.uid, ()),
        )
        yield Subject(window.uid, systems, case, window.summary)


def _ended(end: float, timelines: Iterable[Sequence[Stretch]], now: float) -> float | None:
    """Return when work was over: at its announced end, or with the overrun of its last system; None: not yet."""
    if now < end:
        return None
    over = end
    for stretches in timelines:
        for start, until, kind in stretches:
            if kind is Window.OVERRUN and start * 60.0 - 60.0 <= end < until * 60.0:
                if until * 60.0 >= now:
                    return None
                over = max(over, until * 60.0)
    return over


def _disruptions(incidents: Collection[Incident], said: Mapping[str, Sequence[Published]]) -> Iterator[Subject]:
    for incident in incidents:
        if incident.causes or (incident.kinds and Window.NONE not in incident.kinds):
            continue
        name = case_id(incident.system, incident.began)
        resumed = incident.spells[-1][0]
        case = Disruption(incident.began, resumed, resumed, incident.ended, said.get(name, ()))
        follow = (each.system for each in incidents if incident.system in each.causes and _overlap(each, incident))
        yield Subject(name, tuple(dict.fromkeys([incident.system, *follow])), case, incident=incident)


def _overlap(one: Incident, other: Incident) -> bool:
    """Tell whether both failed at some moment."""
    return (one.ended is None or one.ended > other.began) and (other.ended is None or other.ended > one.began)


def _end(case: Case) -> float:
    """Return when it was over, or will be at the earliest; without end: for ever."""
    if isinstance(case, Maintenance):
        return case.end if case.ended is None else case.ended
    return float("inf") if case.ended is None else case.ended
