"""What the status page says, without words and without I/O: facts in, one page model out. Pure.

The model is also the JSON twin of the page: `Page.model_json_schema()` is its schema, docs/status.schema.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import Field

from config import Owner, System
from config.source import Strict
from journeys import Reason
from monitors.availability.accounting import Account, ratio
from monitors.incidents import Incident
from monitors.notices.outlook import Outlook
from monitors.notices.protocol import Kind, Rule
from monitors.record.totals import Probe
from monitors.sightings import Seen, Sighting
from monitors.verdict import Cause, Window
from monitors.windows.calendars import AnnouncedWindow, WindowKind

DAYS = 90
"""Days of the strip, today included."""
AHEAD = 60 * 86_400.0
"""Seconds ahead for which announced windows are shown."""
BEHIND = 14 * 86_400.0
"""Seconds for which an incident that is over is shown."""
FAR = 10
"""Times the failures that the objective allows, from which on a day is far short."""


class State(StrEnum):
    """What a system does now."""

    WORKS = "works"
    FAILS = "fails"
    UNKNOWN = "unknown"
    MAINTENANCE = "maintenance"
    CLOSED = "closed"


class Level(StrEnum):
    """What a day was."""

    MET = "met"
    SHORT = "short"
    FAR_SHORT = "far_short"
    PLANNED = "planned"
    CLOSED = "closed"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that the page is made of, as of `now`. Times are Unix seconds.

    By system: the kind of time now and since when, the account of each day of the strip (oldest first), of the last 30
    days, and of this year with what is still to come of it. `sightings` holds what this vantage point says of each
    probe now. `incidents` are all that touch the days of the strip. `notices` are what people must be told, the most
    urgent first; `notices_kept_by` is the vantage point that knows, where it is another one.
    """

    now: float
    zone: ZoneInfo
    vantage: str
    systems: Mapping[str, System]
    owner_of: Mapping[str, Owner]
    kinds: Mapping[str, tuple[Window, float]]
    sightings: Mapping[Probe, Sighting]
    days: Mapping[str, Sequence[tuple[date, Account]]]
    rolling: Mapping[str, Account]
    year: Mapping[str, Account]
    incidents: Sequence[Incident]
    notices: Sequence[Outlook]
    notices_kept_by: str | None = None
    windows: Sequence[AnnouncedWindow]


class Figure(Strict):
    """Availability in a period, from 0 to 1; null where nothing was measured."""

    availability: float | None = Field(description="Excluding planned maintenance; the objective is judged by it.")
    including_planned: float | None
    coverage: float | None = Field(description="The part of the scheduled runs that passed or failed.")
    met: bool | None = Field(description="Whether the objective was met; null: not enough was measured to say.")
    budget_minutes: float = Field(description="Minutes of the period, the rest of the year included, to fail in.")
    budget_minutes_left: float | None = Field(description="Below 0: overspent.")


class Day(Strict):
    """One local day of the strip."""

    day: date
    level: Level
    availability: float | None = Field(description="Excluding planned maintenance, 0 to 1.")
    coverage: float | None = Field(description="The part of the scheduled runs that passed or failed, 0 to 1.")


class SystemRow(Strict):
    """One system: what it does now and what it achieved."""

    id: str
    name: str
    name_nl: str
    purpose: str
    state: State
    since: datetime | None = Field(description="Since when the state is so; null: it was never measured.")
    until: datetime | None = Field(description="The announced end of the work that is under way, if any.")
    window: Window = Field(description="The kind of time now.")
    doing: State = Field(description="Works, fails or unknown, whatever the kind of time.")
    reason: Reason | None = Field(description="Why it fails, by the latest failed runs.")
    step: str
    cause: Cause | None = Field(description="Why nobody can tell, if the monitor knows.")
    causes: tuple[str, ...] = Field(description="Systems that the open incident came from, by id.")
    objective: float = Field(description="The availability to achieve, 0.999 for 99.9 %.")
    rolling: Figure = Field(description="The last 30 days.")
    year: Figure = Field(description="This calendar year so far.")
    days: tuple[Day, ...] = Field(description="The last 90 local days, oldest first, today last.")


class OwnerGroup(Strict):
    """The systems of one owner."""

    id: str
    name: str
    systems: tuple[SystemRow, ...]


class IncidentRow(Strict):
    """One incident."""

    system: str = Field(description="The system, by id.")
    began: datetime
    ended: datetime | None = Field(description="Null: the system still fails.")
    seconds: float = Field(description="Seconds in which the system failed, until now.")
    reason: Reason | None = Field(description="Of the first failed run.")
    step: str
    causes: tuple[str, ...] = Field(description="Systems that it came from, by id.")
    kinds: tuple[Window, ...] = Field(description="The kinds of time in which the system failed.")
    planned: bool = Field(description="Whether all of it lies in announced maintenance.")
    reopened: int = Field(description="How often the system recovered and failed again.")
    seen_by: tuple[str, ...] = Field(description="The vantage points that saw it.")


class NoticeRow(Strict):
    """One message that people must be told."""

    case: str = Field(description="What it is about: the id of a window or of a disruption.")
    systems: tuple[str, ...] = Field(description="By id; the first leads.")
    rule: Rule = Field(description="Of the customs' communication protocol.")
    kind: Kind
    deadline: datetime
    overdue: bool


class WindowRow(Strict):
    """One announced window."""

    systems: tuple[str, ...] = Field(description="By id.")
    kind: WindowKind
    start: datetime
    end: datetime
    summary: str
    under_way: bool


class Page(Strict):
    """The status of every system at one moment. Moments are in the zone of the page."""

    at: datetime
    vantage: str = Field(description="Where this monitor measures from.")
    owners: tuple[OwnerGroup, ...]
    incidents: tuple[IncidentRow, ...] = Field(
        description="Open ones, oldest first; then those of the last 14 days, newest first."
    )
    notices: tuple[NoticeRow, ...] = Field(description="Messages that are due now, the most urgent first.")
    notices_kept_by: str | None = Field(
        description="The vantage point whose monitor knows what is due, where that is another one; else null."
    )
    windows: tuple[WindowRow, ...] = Field(description="Under way and announced for the next 60 days.")

    @property
    def systems(self) -> list[SystemRow]:
        """All systems, in the order of the page."""
        return [system for owner in self.owners for system in owner.systems]


def view(facts: Facts) -> Page:
    """Return the page of these facts."""
    owners: dict[str, tuple[Owner, list[SystemRow]]] = {}
    for name in facts.systems:
        owner = facts.owner_of[name]
        owners.setdefault(owner.id, (owner, []))[1].append(_row(name, facts))
    return Page(
        at=_moment(facts.now, facts),
        vantage=facts.vantage,
        owners=tuple(OwnerGroup(id=owner.id, name=owner.name, systems=tuple(rows)) for owner, rows in owners.values()),
        incidents=tuple(_incident(each, facts) for each in _shown(facts)),
        notices=tuple(_notices(facts)),
        notices_kept_by=facts.notices_kept_by,
        windows=tuple(
            _window(each, facts)
            for each in sorted(facts.windows)
            if facts.now < each.end and each.start < facts.now + AHEAD
        ),
    )


def _row(name: str, facts: Facts) -> SystemRow:
    system = facts.systems[name]
    kind, kind_since = facts.kinds[name]
    seen = [facts.sightings.get((name, probe)) for probe in system.objective.measured_by]
    incident = next((each for each in facts.incidents if each.system == name and each.ended is None), None)
    doing, since = _doing(incident, seen)
    failing = _latest(seen, Seen.FAILING)
    silent = _latest(seen, Seen.SILENT)
    state = {Window.CLOSED: State.CLOSED, Window.PLANNED: State.MAINTENANCE}.get(kind, doing)
    return SystemRow(
        id=name,
        name=system.name,
        name_nl=system.name_nl,
        purpose=system.purpose,
        state=state,
        since=None if (when := since if state is doing else kind_since) is None else _moment(when, facts),
        until=_until(name, facts),
        window=kind,
        doing=doing,
        reason=failing.reason if failing and doing is State.FAILS else None,
        step=failing.step if failing and doing is State.FAILS else "",
        cause=silent.cause if silent and doing is State.UNKNOWN else None,
        causes=incident.causes if incident else (),
        objective=ratio(system.objective.target),
        rolling=_figure(facts.rolling[name]),
        year=_figure(facts.year[name]),
        days=tuple(_day(day, account) for day, account in facts.days[name]),
    )


def _doing(incident: Incident | None, seen: Sequence[Sighting | None]) -> tuple[State, float | None]:
    """Return whether a system works, and since when: it does if every probe that measures it passes.

    An incident goes on while nobody can see; then nobody can tell.
    """
    known = [sighting for sighting in seen if sighting is not None]
    silent = [sighting.at for sighting in known if sighting.seen is Seen.SILENT]
    if incident is not None and len(silent) < len(known):
        return State.FAILS, incident.began
    if silent or len(known) < len(seen):
        return State.UNKNOWN, min(silent, default=None)
    return State.WORKS, max(sighting.at for sighting in known)


def _until(name: str, facts: Facts) -> datetime | None:
    ends = [each.end for each in facts.windows if name in each.systems and each.start <= facts.now < each.end]
    return _moment(max(ends), facts) if ends else None


def _latest(seen: Sequence[Sighting | None], what: Seen) -> Sighting | None:
    found = [sighting for sighting in seen if sighting is not None and sighting.seen is what]
    return max(found, key=lambda sighting: sighting.at, default=None)


def _figure(account: Account) -> Figure:
    return Figure(
        availability=account.excluding_planned,
        including_planned=account.including_planned,
        coverage=account.coverage,
        met=account.met,
        budget_minutes=account.budget_minutes,
        budget_minutes_left=account.budget_minutes_left,
    )


def _day(day: date, account: Account) -> Day:
    judged = account.judged
    measured = judged.good + judged.bad
    if measured:
        # Failures are compared, not availabilities: 1 of 1,000 is what 99.9 % allows, whatever floats make of it.
        allowed = (1 - account.objective) * measured + 1e-6
        level = Level.MET if judged.bad <= allowed else Level.SHORT if judged.bad <= FAR * allowed else Level.FAR_SHORT
    elif account.including_planned is not None:
        level = Level.PLANNED
    else:
        level = Level.CLOSED if set(account.time) == {Window.CLOSED} else Level.NO_DATA
    return Day(day=day, level=level, availability=account.excluding_planned, coverage=account.coverage)


def _shown(facts: Facts) -> list[Incident]:
    """Return the open incidents, in the order in which they began, and those that ended lately, newest first.

    What failed in closed hours only is no incident.
    """
    real = [each for each in facts.incidents if each.kinds != (Window.CLOSED,)]
    under_way = [each for each in real if each.ended is None]
    over = [each for each in real if each.ended is not None and each.ended > facts.now - BEHIND]
    return sorted(under_way, key=lambda each: each.began) + sorted(over, key=lambda each: -each.began)


def _incident(incident: Incident, facts: Facts) -> IncidentRow:
    return IncidentRow(
        system=incident.system,
        began=_moment(incident.began, facts),
        ended=None if incident.ended is None else _moment(incident.ended, facts),
        seconds=sum(max(0.0, (facts.now if end is None else end) - start) for start, end in incident.spells),
        reason=incident.reason,
        step=incident.step,
        causes=incident.causes,
        kinds=incident.kinds,
        planned=incident.planned,
        reopened=incident.reopened,
        seen_by=incident.seen_by,
    )


def _notices(facts: Facts) -> Iterator[NoticeRow]:
    for item in facts.notices:
        for due in item.dues:
            if due.since <= facts.now:
                yield NoticeRow(
                    case=item.subject.id,
                    systems=item.subject.systems,
                    rule=due.rule,
                    kind=due.kind,
                    deadline=_moment(due.deadline, facts),
                    overdue=due.overdue(facts.now),
                )


def _window(window: AnnouncedWindow, facts: Facts) -> WindowRow:
    return WindowRow(
        systems=window.systems,
        kind=window.kind,
        start=_moment(window.start, facts),
        end=_moment(window.end, facts),
        summary=window.summary,
        under_way=window.start <= facts.now,
    )


def _moment(at: float, facts: Facts) -> datetime:
    return datetime.fromtimestamp(round(at), facts.zone)
