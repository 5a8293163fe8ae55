"""Which message is due when: the protocol as a function of what has happened and what was said. Pure.

The rules are those of 2022-12-douane-communication-protocol, numbered as in `Rule`. There is no state to keep: like
incidents, what is due follows from the facts and from the messages that were published, at any moment one likes.

    planned work      N1 ──start──▶ (nothing) ──overrun known──▶ N2 ──▶ N3 ⟲ ──ended──▶ N4
    repair            N10 ─start──▶ the same
    disruption        N5 ──'under investigation'──▶ N6 ──▶ N8 ⟲ ──ended──▶ N9
                      └── emergency procedure ──▶ N7

Planned work that is not over at its announced end overruns, whether or not anybody said so. A disruption that comes
back after its end was published begins again at N5. Every case that is not over has a next moment: `dues` is empty only
when everything was said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from config.hours import ZONE, Opening
from config.terms import Terms
from monitors.availability.periods import midnight
from monitors.windows.working_days import working_day


class Rule(StrEnum):
    """The rules of the protocol."""

    N1 = "N1"  # planned unavailability is announced ten working days ahead
    N2 = "N2"  # an overrun is announced half an hour before the planned end
    N3 = "N3"  # an overrun is told again every hour, every two hours outside office hours
    N4 = "N4"  # the end of maintenance is always told
    N5 = "N5"  # a disruption is told as soon as possible
    N6 = "N6"  # after 'under investigation' a second message follows as soon as possible
    N7 = "N7"  # the permission to use the emergency procedure follows within half an hour
    N8 = "N8"  # during a disruption people are told regularly, at the moment that was named
    N9 = "N9"  # the end of a disruption is told
    N10 = "N10"  # a repair after a disruption is announced beforehand, and counted as unplanned


class Kind(StrEnum):
    """What a message says."""

    PLANNED = "planned"
    REPAIR = "repair"
    WITHDRAWN = "withdrawn"
    OVERRUN = "overrun"
    MAINTENANCE_ENDED = "maintenance-ended"
    INVESTIGATING = "investigating"
    DISRUPTION = "disruption"
    UPDATE = "update"
    EMERGENCY = "emergency"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Published:
    """A message that went out at `at` and named the `next_moment`, if there is to be one (Unix seconds).

    `about` is the time that an announcement spoke of: one that has been moved since says nothing about the new time.
    `emergency`: it gives the permission to use the emergency procedure. `workaround`: the end that it tells of is a way
    around the disruption, which goes on.
    """

    kind: Kind
    at: float
    next_moment: float | None = None
    about: tuple[float, float] | None = None
    emergency: bool = False
    workaround: bool = False


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Announced work, planned or the repair after a disruption, as it is known now (Unix seconds).

    `entered`: when this start and end were entered. `ended`: when it was over, None as long as it is not. `withdrawn`:
    it will not take place.
    """

    kind: Literal["planned", "aftermath"]
    start: float
    end: float
    entered: float
    ended: float | None = None
    withdrawn: bool = False
    published: Sequence[Published] = ()


@dataclass(frozen=True, slots=True)
class Disruption:
    """Something that does not work, announced by nobody (Unix seconds).

    `resumed`: when it last began to fail; `began` where it failed without a break. `detected`: when that was noticed,
    which may be later.
    `ended`: when it worked again, None as long as it does not.
    """

    began: float
    detected: float
    resumed: float
    ended: float | None = None
    published: Sequence[Published] = ()


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """A message that is owed by `deadline`, from `since` on; both in Unix seconds."""

    deadline: float
    since: float
    rule: Rule
    kind: Kind

    def overdue(self, now: float) -> bool:
        """Tell whether the deadline has passed."""
        return now > self.deadline


Case = Maintenance | Disruption

_ANNOUNCEMENTS = (Kind.PLANNED, Kind.REPAIR)


@dataclass(frozen=True, slots=True)
class Promise:
    """What the owner of a system has promised, and when its office is open."""

    terms: Terms
    office: Opening

    def next_update(self, last: float) -> float:
        """Return the latest moment of the message after one at `last`.

            the first moment t >= last + 1 h at which the office is open, and last + 2 h at the latest

        So at 16:30, with an office that closes at 17:00, the next one is due at 18:30, and at 06:30, with one that
        opens at 08:00, at 08:00.
        """
        soon, late = last + self.terms.in_office_hours, last + self.terms.outside_office_hours
        spans = self.office.spans(math.floor(soon / 60), math.ceil(late / 60) + 1)
        opens = next((max(soon, begin * 60.0) for begin, until in spans if soon < until * 60.0), math.inf)
        return min(opens, max(soon, late))

    def next_after(self, kind: Kind, at: float) -> float:
        """Return the latest moment that a message at `at` may name for the next: sooner after 'under investigation'."""
        latest = self.next_update(at)
        return min(latest, at + self.terms.more_within) if kind is Kind.INVESTIGATING else latest

    def announce_by(self, start: float) -> float:
        """Return the latest moment to announce work that begins at `start`: the end of the last day that will do.

        The tenth working day before the day on which the work begins is the last: work on Sunday 10 May 2026 is
        announced on Thursday 23 April at the latest.
        """
        day = datetime.fromtimestamp(start, ZONE).date()
        last = working_day(day, -self.terms.working_days, self.office.holidays)
        return midnight(last + timedelta(days=1)) * 60.0 if self.terms.working_days else start


def dues(case: Case, promise: Promise, now: float) -> list[Due]:
    """Return every message that is owed or will be, the most urgent first; none where all has been said."""
    found = _of_maintenance(case, promise, now) if isinstance(case, Maintenance) else _of_disruption(case, promise)
    return sorted(found)


def next_moment(case: Case, promise: Promise, now: float) -> float | None:
    """Return the moment by which the next message must go out; None where all has been said."""
    return min((due.deadline for due in dues(case, promise, now)), default=None)


def _of_maintenance(case: Maintenance, promise: Promise, now: float) -> list[Due]:
    announced = _last(case.published, *_ANNOUNCEMENTS)
    if case.withdrawn:
        told = announced is None or _said_since(case.published, announced.at, Kind.WITHDRAWN)
        by = case.entered + promise.terms.first_within
        return [] if told else [Due(by, case.entered, _announcement(case)[0], Kind.WITHDRAWN)]
    if case.ended is not None:
        if _said_since(case.published, case.start, Kind.MAINTENANCE_ENDED):
            return []
        return [Due(case.ended + promise.terms.end_within, case.ended, Rule.N4, Kind.MAINTENANCE_ENDED)]
    found = []
    if (announced is None or announced.about != (case.start, case.end)) and now < case.end:
        rule, kind = _announcement(case)
        by = promise.announce_by(case.start) if rule is Rule.N1 else case.start
        found.append(Due(by, case.entered, rule, kind))
    return [*found, _course(case, promise, now)]


def _announcement(case: Maintenance) -> tuple[Rule, Kind]:
    return (Rule.N1, Kind.PLANNED) if case.kind == "planned" else (Rule.N10, Kind.REPAIR)


def _course(case: Maintenance, promise: Promise, now: float) -> Due:
    """Return the message about the overrun, or about the end where no overrun is known.

    Who publishes an overrun knows of it; at the announced end everybody does.
    """
    told = [message for message in case.published if message.kind is Kind.OVERRUN and message.at >= case.entered]
    if told:
        return _again(told[-1], promise, Rule.N3, Kind.OVERRUN)
    if now >= case.end:
        latest = case.end - promise.terms.before_end
        return Due(latest, latest, Rule.N2, Kind.OVERRUN)
    return Due(case.end + promise.terms.end_within, case.end, Rule.N4, Kind.MAINTENANCE_ENDED)


def _of_disruption(case: Disruption, promise: Promise) -> list[Due]:
    terms = promise.terms
    if case.ended is not None:
        long = case.ended - case.began >= terms.shortest
        solved = [message for message in case.published if not message.workaround]
        if _said_since(solved, case.resumed, Kind.ENDED) or not (case.published or long):
            return []
        return [Due(case.ended + terms.end_within, case.ended, Rule.N9, Kind.ENDED)]
    chapter = [message for message in case.published if message.at >= case.resumed]
    return [_tell(case, chapter, promise), *_emergency(case, chapter, terms)]


def _tell(case: Disruption, chapter: Sequence[Published], promise: Promise) -> Due:
    """Return the next message about a disruption that goes on; `chapter` are those since it last began."""
    terms = promise.terms
    if not chapter:
        return Due(case.detected + terms.first_within, case.detected, Rule.N5, Kind.DISRUPTION)
    last = chapter[-1]
    if last.kind is not Kind.INVESTIGATING:
        return _again(last, promise, Rule.N8, Kind.UPDATE)
    named = math.inf if last.next_moment is None else last.next_moment
    return Due(min(last.at + terms.more_within, named), last.at, Rule.N6, Kind.UPDATE)


def _emergency(case: Disruption, chapter: Sequence[Published], terms: Terms) -> list[Due]:
    """Return the permission to use the emergency procedure, where there is one and it was not given yet."""
    if not terms.emergency_procedure or any(message.emergency for message in chapter):
        return []
    published = (message.at for message in chapter if message.kind is not Kind.INVESTIGATING)
    begins = case.detected if terms.half_hour_from == "detected" else next(published, None)
    return [] if begins is None else [Due(begins + terms.emergency_within, begins, Rule.N7, Kind.EMERGENCY)]


def _again(last: Published, promise: Promise, rule: Rule, kind: Kind) -> Due:
    """Return the message after `last`: at the moment that it named, and by the promised rhythm at the latest."""
    latest = promise.next_update(last.at)
    return Due(latest if last.next_moment is None else min(latest, last.next_moment), last.at, rule, kind)


def _last(published: Sequence[Published], *kinds: Kind) -> Published | None:
    return next((message for message in reversed(published) if message.kind in kinds), None)


def _said_since(published: Sequence[Published], moment: float, kind: Kind) -> bool:
    return any(message.kind is kind and message.at >= moment for message in published)
