"""The script of an incident: its published course, compressed, and what must be noticed of it. Pure.

    real seconds since the beginning = (moment - start) / compress,    compress = (end - start) / length

A moment is one of the incident's own days, so a script reads like the letter that it was taken from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from config import Configuration
from config.fields import Duration, Identifier, Instant, Number, UrlPath
from config.source import Contradiction, Problem, Strict, read, validate
from journeys import Reason

FOLDER = Path(__file__).parent
"""Where the scripts are."""


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
    """The people: hours of a day of a campaign, replayed while the script runs, with a part of them."""

    campaign: Identifier
    day: Identifier | None = None
    first: str = Field(pattern=r"^\d\d:\d\d$")
    last: str = Field(pattern=r"^\d\d:\d\d$")
    rate: Number = Field(gt=0, le=500)
    fails: bool = True


class Detection(Strict):
    """After the fault `after` began, a probe must fail for one of the reasons, within so many of its runs."""

    after: Identifier
    probe: Identifier
    reasons: list[Reason] = Field(min_length=1)
    within: int = Field(default=2, ge=1, le=20)
    why: str = Field(min_length=1)


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

    def seconds(self, moment: Instant, length: float) -> float:
        """Return when a moment comes, in seconds since the beginning of a replay of that length."""
        whole = (self.end - self.start).total_seconds()
        return (moment - self.start).total_seconds() / whole * length

    def problems(self, configuration: Configuration, faults: Collection[str], file: str) -> list[Problem]:
        """Return every probe, system and fault that does not exist."""
        probes = {name for _, name, _ in configuration.probes()}
        named: list[tuple[str, Collection[str], str]] = [
            *((each.probe, probes, "a probe of the estate") for each in self.expect),
            *((name, probes, "a probe of the estate") for name in self.untouched),
            *((name, configuration.systems, "a system of the estate") for work in self.work for name in work.systems),
            *(
                (each.on or each.off or "", faults, "a fault of the replica")
                for each in self.course
                if each.on or each.off
            ),
        ]
        return [Problem(file, 1, "", f"'{name}'", wanted) for name, known, wanted in named if name not in known]


def names() -> list[str]:
    """Return the incidents that can be replayed."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def script(name: str) -> Script:
    """Return the script of an incident. Raises `ConfigError`."""
    return validate(read(FOLDER / f"{name}.yaml"), Script)
