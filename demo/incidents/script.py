"""The script of an incident: its published course, compressed, and what must be noticed of it. Pure.

A moment is one of the incident's own days, so a script reads like the letter that it was taken from; `Timetable` says
when it comes in the replay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated

from pydantic import Field

from config import Configuration
from config.fields import Duration, Identifier, Instant, Number, UrlPath
from config.hours import ZONE
from config.source import Contradiction, Problem, Strict, read, validate
from demo.incidents.timetable import Timetable, timetable
from journeys import Reason

FOLDER = Path(__file__).parent
"""Where the scripts are."""

LATE = 10.0
"""Seconds that a run itself may take: what it saw is known when it is over."""


PEOPLE = 10.0
"""Seconds that the people of a day come at least: of less a load test can say nothing."""


class Event(Strict):
    """Something that happened at a moment: a fault begins (`on`) or ends (`off`), or it is only told."""

    at: Instant
    says: str = Field(min_length=1)
    on: Identifier | None = None
    parameters: dict[str, str | int | float] = Field(default={})
    off: Identifier | None = None


class Work(Strict):
    """Announced work: a window that the ledger is told of before it begins."""

    systems: list[Identifier] = Field(min_length=1)
    start: Instant
    end: Instant
    summary: str = Field(min_length=1)


class Load(Strict):
    """The people: hours of a day of a campaign, replayed on each of the `dates`, `rate` arrivals a second on average.

    `fails`: whether the load test has to fail.
    """

    campaign: Identifier
    day: Identifier | None = None
    dates: list[date] = Field(min_length=1)
    first: str = Field(pattern=r"^\d\d:\d\d$")
    last: str = Field(pattern=r"^\d\d:\d\d$")
    rate: Number = Field(gt=0, le=500)
    fails: bool = True

    def spans(self) -> list[tuple[datetime, datetime]]:
        """Return from when until when the people come on each date."""
        first, last = time.fromisoformat(self.first), time.fromisoformat(self.last)
        return [(datetime.combine(day, first, ZONE), datetime.combine(day, last, ZONE)) for day in self.dates]


class Detection(Strict):
    """After the fault `after` began, a probe must fail for one of the reasons, within so many of its runs."""

    after: Identifier
    probe: Identifier
    reasons: list[Reason] = Field(min_length=1)
    within: int = Field(default=2, ge=1, le=20)
    why: str = Field(min_length=1)

    def seconds(self, every: float) -> float:
        """Return how long that may take with a run every so many seconds."""
        return self.within * every + LATE


class Plain(Strict):
    """What a check of status 200 would have asked."""

    system: Identifier
    path: UrlPath


class Script(Strict):
    """One file. `length` is how long it takes; `untouched` are the probes that pass from the beginning to the end."""

    title: str
    sources: list[str] = Field(min_length=1)
    assumptions: list[str] = Field(min_length=1)
    start: Instant
    end: Instant
    length: Duration
    load: Load | None = None
    work: list[Work] = Field(default=[])
    course: Annotated[list[Event], Field(min_length=1)]
    expect: Annotated[list[Detection], Field(min_length=1)]
    untouched: list[Identifier] = Field(default=[])
    plain: list[Plain] = Field(default=[])

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the course is in order and that each detection follows a fault."""
        faults = {event.on for event in self.course}
        last = self.start
        for index, event in enumerate(self.course):
            if not last <= event.at <= self.end:
                yield Contradiction(
                    ("course", index, "at"), f"a moment from {last.isoformat()} to {self.end.isoformat()}"
                )
            last = max(last, event.at)
        for index, detection in enumerate(self.expect):
            if detection.after not in faults:
                known = ", ".join(sorted(each for each in faults if each))
                yield Contradiction(("expect", index, "after"), f"a fault of the course: {known}")
        for index, (first, until) in enumerate(self.load.spans() if self.load else []):
            if not self.start <= first < until <= self.end:
                yield Contradiction(("load", "dates", index), "a day whose hours lie between `start` and `end`")

    def timetable(self, every: Mapping[str, float], length: float) -> Timetable:
        """Return when each moment comes in a replay of `length` seconds, with a run of each probe `every` seconds."""
        crowds, works = self.load.spans() if self.load else [], [(work.start, work.end) for work in self.work]
        spanned = [at for span in (*crowds, *works) for at in span]
        floors = {first: PEOPLE for first, _ in crowds}
        for event in self.course:
            waits = (each.seconds(every[each.probe]) for each in self.expect if each.after == event.on)
            floors[event.at] = max(floors.get(event.at, 0.0), max(waits, default=0.0))
        return timetable([self.start, self.end, *spanned, *(event.at for event in self.course)], floors, length)

    def problems(self, configuration: Configuration, faults: Collection[str], file: str) -> list[Problem]:
        """Return every probe, system, campaign and fault that does not exist."""
        probes = {name for _, name, _ in configuration.probes()}
        systems, campaigns = configuration.systems, configuration.campaigns
        named: list[tuple[str, Collection[str], str]] = [
            *((each.probe, probes, "a probe of the estate") for each in self.expect),
            *((name, probes, "a probe of the estate") for name in self.untouched),
            *((name, systems, "a system of the estate") for work in self.work for name in work.systems),
            *((each.system, systems, "a system of the estate") for each in self.plain),
            *((name, faults, "a fault of the replica") for each in self.course if (name := each.on or each.off)),
            *([(self.load.campaign, campaigns, "a campaign")] if self.load else []),
        ]
        return [Problem(file, 1, "", f"'{name}'", wanted) for name, known, wanted in named if name not in known]


def names() -> list[str]:
    """Return the incidents that can be replayed."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def script(name: str) -> Script:
    """Return the script of an incident. Raises `ConfigError`."""
    return validate(read(FOLDER / f"{name}.yaml"), Script)
