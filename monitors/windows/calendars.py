"""Announced windows: read from iCalendar files, and what they mean for a run at a given moment. Pure.

An event of `config/maintenance/*.ics` is a window when it is confirmed: `STATUS:CANCELLED` and `STATUS:TENTATIVE`
announce nothing. `CATEGORIES` names the systems, and the kind of window where it is not planned work: `aftermath` is
the structural repair after a disruption, announced beforehand and yet counted as unplanned
(2022-12-douane-communication-protocol); `closed` is a time in which there is no service, beside the weekly hours. Start
and end are moments: local times are turned into Unix time before anything is compared, so a window from 00:00 to 08:00
takes seven or nine hours when the clock changes in it.

Weekly service hours are windows too, of the kind `hours`: in force from their start, until later ones start.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from config import ConfigError, Configuration, Problem
from config.hours import ALWAYS, Holidays, Hours, Opening
from config.source import read_text
from monitors.verdict import Window

WindowKind = Literal["planned", "aftermath", "closed", "hours"]
KINDS: tuple[WindowKind, ...] = ("aftermath", "closed")
"""Categories of an event that are no system."""
FOREVER = 32_503_680_000.0
"""The end of what has none: the year 3000."""
ROUND_THE_CLOCK = Opening(Hours.parse(ALWAYS), Holidays())

Component = Any
"""A component of icalendar; its properties are a union of thirty types."""

_MOMENT = "a date and time with a known TZID or in UTC, such as DTSTART;TZID=Europe/Amsterdam:20270307T000000"


@dataclass(frozen=True, slots=True, order=True)
class AnnouncedWindow:
    """One occurrence of an announced window, [start, end) in Unix seconds.

    `uid` names this occurrence: it stays the same when the occurrence is moved. The `summary` of service hours is the
    hours themselves.
    """

    start: float
    end: float
    uid: str
    kind: WindowKind
    systems: tuple[str, ...]
    summary: str


def classify(
    now: float,
    system: str,
    windows: Iterable[AnnouncedWindow],
    last_good: float | None,
    opening: Opening = ROUND_THE_CLOCK,
) -> Window:
    """Return the kind of time at `now` for a system whose last passing run started at `last_good` (None: never).

    From the announced end of planned work on, the time is overrun until the first run passes: stretched maintenance
    counts. Where windows overlap, closed hours go first, and aftermath before planned, so that no later announcement
    hides what counts. `opening` holds where no window says which hours do.
    """
    mine = [window for window in windows if system in window.systems]
    running = {window.kind for window in mine if window.start <= now < window.end}
    if "closed" in running or not opening_at(now, mine, opening).open_at(now):
        return Window.CLOSED
    if "aftermath" in running:
        return Window.AFTERMATH
    if "planned" in running:
        return Window.PLANNED
    ended = max((window.end for window in mine if window.kind == "planned" and window.end <= now), default=None)
    if ended is not None and (last_good is None or last_good < ended):
        return Window.OVERRUN
    return Window.NONE


def opening_at(moment: float, windows: Iterable[AnnouncedWindow], opening: Opening) -> Opening:
    """Return the service hours in force at a moment, of a system's own `windows`: those that started last.

    `opening` is the answer where none says so. Before the first that do, there were no hours: open round the clock.
    """
    noted = sorted(window for window in windows if window.kind == "hours")
    if not noted:
        return opening
    text = next((window.summary for window in reversed(noted) if window.start <= moment), ALWAYS)
    return Opening(Hours.parse(text), opening.holidays)


def announced(configuration: Configuration, start: float, end: float) -> list[AnnouncedWindow]:
    """Return every window of the configuration's calendars that touches [start, end), Unix seconds, in order of time.

    Raises `ConfigError` with every problem of every file.
    """
    return sorted(window for _, window in announced_by_file(configuration, start, end).values())


def announced_by_file(configuration: Configuration, start: float, end: float) -> dict[str, tuple[str, AnnouncedWindow]]:
    """Return the same by uid, each with the name of its file. Raises `ConfigError`."""
    windows: dict[str, tuple[str, AnnouncedWindow]] = {}
    problems: list[Problem] = []
    for path in configuration.calendars:
        try:
            found = windows_in(read_text(path, "iCalendar"), str(path), configuration.systems, start, end)
            windows |= {window.uid: (path.name, window) for window in found}
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return windows


def check(configuration: Configuration) -> list[Problem]:
    """Return every problem of the configuration's calendars."""
    try:
        announced(configuration, 0.0, 1.0)
    except ConfigError as error:
        return error.problems
    return []


def windows_in(text: str, file: str, systems: Collection[str], start: float, end: float) -> list[AnnouncedWindow]:
    """Return the windows of one calendar that touch [start, end), Unix seconds, in order of time.

    `systems` are the names that events may use; `file` is the name in messages. Raises `ConfigError` with every
    problem.
    """
    import recurring_ical_events  # heavy

    calendar = _parse(text, file)
    events = list(calendar.walk("VEVENT"))
    problems = [
        Problem(file, source.line(name), name, found, wanted)
        for event, source in zip(events, _sources(text), strict=True)
        for name, found, wanted in _complaints(event, systems)
    ]
    if problems:
        raise ConfigError(problems)
    recurring = {str(event["UID"]) for event in events if "RRULE" in event or "RDATE" in event}
    try:
        found = recurring_ical_events.of(calendar).between(*(datetime.fromtimestamp(t, UTC) for t in (start, end)))
    except ValueError as error:
        message = f"a recurrence that cannot be computed ({error})"
        raise ConfigError([Problem(file, 1, "RRULE", message, "a rule as in RFC 5545")]) from None
    windows = [_window(event, recurring) for event in found if _confirmed(event)]
    return sorted(window for window in windows if window.start < end and start < window.end)


def _parse(text: str, file: str) -> Component:
    from icalendar import Calendar  # heavy

    try:
        calendar = Calendar.from_ical(text)
    except ValueError as error:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and repr(line.strip()) in str(error):
                raise ConfigError([Problem(file, number, "", f"the line {line!r}", "NAME:value")]) from None
        calendar = None
    if not isinstance(calendar, Calendar):
        raise ConfigError([Problem(file, 1, "", "no whole calendar", "one, from BEGIN:VCALENDAR to END:VCALENDAR")])
    return calendar


def _complaints(event: Component, systems: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (property, what was found, what was expected) for everything that is wrong with an event."""
    broken = {name for name, _ in event.errors}
    for name, message in event.errors:
        yield name or "", f"something unreadable ({message})", "a value as in RFC 5545"
    if not event.get("UID"):
        yield "UID", "nothing", "a name for the window that never changes"
    if "DURATION" in event:
        yield "DURATION", "a duration", "the announced end as a moment: DTEND"
    moments = {name: _moment(event, name) for name in ("DTSTART", "DTEND") if name not in broken}
    for name, moment in moments.items():
        if moment is None and not (name == "DTEND" and "DURATION" in event):
            yield name, str(event[name].dt) if name in event else "nothing", _MOMENT.replace("DTSTART", name)
    begin, end = moments.get("DTSTART"), moments.get("DTEND")
    if begin is not None and end is not None and end <= begin:
        yield "DTEND", f"{end.isoformat()}", f"an end after the start, {begin.isoformat()}"
    if _confirmed(event):
        yield from _complaints_about_systems(_categories(event), systems)


def _complaints_about_systems(categories: Collection[str], systems: Collection[str]) -> Iterator[tuple[str, str, str]]:
    known = f"systems of the estate ({', '.join(systems)}), and 'aftermath' or 'closed' where it is one"
    for name in categories:
        if name not in systems and name not in KINDS:
            yield "CATEGORIES", f"'{name}'", known
    if not set(categories) - set(KINDS):
        yield "CATEGORIES", "no system", known
    if set(KINDS) <= set(categories):
        yield "CATEGORIES", "both 'aftermath' and 'closed'", "one of them"


def _moment(event: Component, name: str) -> datetime | None:
    """Return the property as an aware time, or None."""
    value = event[name].dt if name in event else None
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _confirmed(event: Component) -> bool:
    return str(event.get("STATUS", "CONFIRMED")).upper() == "CONFIRMED"


def _categories(event: Component) -> list[str]:
    """Return the categories; the property may be repeated, and each holds a list."""
    value: Any = event.get("CATEGORIES", [])
    return [str(name).strip() for part in (value if isinstance(value, list) else [value]) for name in part.cats]


def _window(event: Component, recurring: Collection[str]) -> AnnouncedWindow:
    uid, categories = str(event["UID"]), _categories(event)
    if uid in recurring:
        uid += f"/{event['RECURRENCE-ID'].dt.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return AnnouncedWindow(
        start=event["DTSTART"].dt.timestamp(),
        end=event["DTEND"].dt.timestamp(),
        uid=uid,
        kind=next((kind for kind in KINDS if kind in categories), "planned"),
        systems=tuple(name for name in categories if name not in KINDS),
        summary=str(event.get("SUMMARY", "")),
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an event stands in its file: the line of BEGIN, and the first line of each property."""

    begin: int
    properties: Mapping[str, int]

    def line(self, name: str) -> int:
        return self.properties.get(name, self.begin)


def _sources(text: str) -> list[_Source]:
    """Find the events of a calendar that was parsed, in order."""
    found: list[_Source] = []
    properties: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.split(":", 1)[0].split(";", 1)[0].upper()
        if line.strip().upper() == "BEGIN:VEVENT":
            properties = {}
            found.append(_Source(number, properties))
        elif name and not line[0].isspace():
            properties.setdefault(name, number)
    return found
