"""Facts of an eventful quarter: one system in every state, and a day of every kind."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import accumulate
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from config import Configuration, Owner, System
from journeys import Reason
from monitors.availability.accounting import Account, Counts
from monitors.incidents import Incident
from monitors.notices.cases import Subject, case_id
from monitors.notices.outlook import Outlook
from monitors.notices.protocol import Disruption, Promise, dues
from monitors.sightings import Seen, Sighting
from monitors.verdict import Cause, Window
from monitors.web.status_page.view import DAYS, Facts
from monitors.windows.calendars import AnnouncedWindow

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 3, 11, 14, 32, tzinfo=ZONE)
HOUR, DAY = 3600.0, 86_400.0
RUNS = 5760
"""A day at an interval of 15 s."""

NOT_MEASURED = "vat-ecommerce"


def facts(configuration: Configuration, **changes: Any) -> Facts:
    """Return facts of the shipped estate in which almost everything happens; `changes` replace parts of them."""
    now = NOW.timestamp()
    systems = configuration.systems
    known = Facts(
        now=now,
        zone=ZONE,
        vantage="amsterdam",
        systems=systems,
        owner_of=configuration.owner_of,
        kinds={name: KINDS.get(name, (Window.NONE, now - 9 * DAY)) for name in systems},
        sightings={
            (name, probe): sighting(name, probe) for name in systems for probe in systems[name].objective.measured_by
        },
        days={name: days(name, number) for number, name in enumerate(systems)},
        rolling={name: account(name, number, 30) for number, name in enumerate(systems)},
        year={name: account(name, number, 70, ahead=295) for number, name in enumerate(systems)},
        incidents=INCIDENTS,
        notices=[item for each in INCIDENTS[:1] for item in notices(configuration, each)],
        windows=WINDOWS,
    )
    return replace(known, **changes)


def sighting(name: str, probe: str) -> Sighting:
    """Return what is said of a probe now."""
    now = NOW.timestamp()
    if name in ("access-service", "digid-app"):
        return Sighting(now - 1650, "amsterdam", name, probe, Seen.FAILING, Reason.MAINTENANCE_PAGE, "log-in")
    if name == NOT_MEASURED:
        return Sighting(now - 40 * DAY, "amsterdam", name, probe, Seen.SILENT, cause=Cause.BROKEN_PROBE)
    if name == "digid-activation":
        return Sighting(now - 420, "amsterdam", name, probe, Seen.SILENT, cause=Cause.OWN_NETWORK)
    return Sighting(now - 9 * DAY - 3 * HOUR, "amsterdam", name, probe, Seen.PASSING)


def days(name: str, number: int) -> Sequence[tuple[date, Account]]:
    """Return the days of a strip; measurement began 80 days ago, and was interrupted once for one and a half day.

    One system has not been measured for 40 days, one only in part.
    """
    chance = random.Random(number)
    first = NOW.date() - timedelta(days=DAYS - 1)
    found = []
    for index in range(DAYS):
        day = first + timedelta(days=index)
        expected = RUNS if index < DAYS - 1 else round(RUNS * 14.5 / 24)
        bad = chance.choice([0] * 24 + [1, 3, 5, 4, 9])
        measured = expected
        if index == 61 + number % 3:
            bad = (40, 211, 7, 190, 0, 640, 90, 12)[number % 8]
        if name in ("access-service", "digid-app") and index == DAYS - 1:
            bad = 108
        if index in (82, 83):
            measured = 0 if index == 83 else expected // 2
        if name == "digid-activation" and index >= 60:
            measured -= measured // 7
        if name == NOT_MEASURED and index >= 50:
            measured = 0
        if index < 10:
            measured = expected = 0
        bad = min(bad, measured)
        counts = {Window.NONE: Counts(measured - bad, bad, 0, expected)}
        if index == 33 and number % 2:
            counts[Window.PLANNED] = Counts(1500, 420, 0, 1920)
        if name == "website" and day.weekday() == 6:
            counts = {Window.CLOSED: Counts(expected, 0, 0, expected)}
        found.append((day, an_account(name, counts)))
    return found


def an_account(name: str, counts: Mapping[Window, Counts]) -> Account:
    """Return an account of a probe that runs four times a minute."""
    time = {kind: each.expected // 4 or 1440 for kind, each in counts.items()}
    return Account(name, 0.999, 0.9, time, dict(counts))


def account(name: str, number: int, length: int, ahead: int = 0) -> Account:
    """Return the figure of the last days of the strip, `ahead` days before the end of its period."""
    *_, whole = accumulate((each for _, each in days(name, number)[-length:]), add)
    return replace(whole, ahead=ahead * 1440)


_NOW = NOW.timestamp()
KINDS: Mapping[str, tuple[Window, float]] = {
    "mijn-belastingdienst": (Window.PLANNED, _NOW - 2 * HOUR - 1920),
    "website": (Window.CLOSED, _NOW - 32 * 60),
    "digid-app": (Window.OVERRUN, _NOW - 20 * 60),
}


def an_incident(name: str, began: float, length: float | None, reason: Reason, **more: Any) -> Incident:
    """Return an incident of `length` seconds; None: it goes on."""
    ended = None if length is None else began + length
    whole = Incident(name, began, ended, reason, "log-in", ((began, ended),), ("amsterdam",), (), (Window.NONE,))
    return replace(whole, **more)


INCIDENTS = [
    an_incident("access-service", _NOW - 1650, None, Reason.TIMEOUT),
    an_incident("digid-app", _NOW - 1590, None, Reason.SESSION_LOST, causes=("access-service",)),
    an_incident(
        *("mijn-belastingdienst", _NOW - 3 * DAY, 5 * HOUR, Reason.MAINTENANCE_PAGE),
        kinds=(Window.PLANNED, Window.OVERRUN),
        spells=(
            (_NOW - 3 * DAY, _NOW - 3 * DAY + 2 * HOUR),
            (_NOW - 3 * DAY + 2 * HOUR + 120, _NOW - 3 * DAY + 5 * HOUR),
        ),
    ),
    an_incident("digid-sms", _NOW - 8 * DAY, 240, Reason.CODE_REJECTED),
    an_incident("waiting-room", _NOW - 30 * DAY, 3600, Reason.WAITING_ROOM),
]


def notices(configuration: Configuration, incident: Incident) -> list[Outlook]:
    """Return what people must be told of an incident of which nobody said anything."""
    owner = configuration.owner_of[incident.system]
    promise = Promise(owner.notices, configuration.office_hours(incident.system))
    case = Disruption(incident.began, incident.began, incident.began, incident.ended)
    subject = Subject(case_id(incident.system, incident.began), (incident.system,), case, incident=incident)
    return [Outlook(subject, promise, dues(case, promise, _NOW), [])]


def window(
    uid: str, start: float, hours: float, *systems: str, kind: str = "planned", summary: str = ""
) -> AnnouncedWindow:
    """Return an announced window that begins `start` seconds from now."""
    return AnnouncedWindow(_NOW + start, _NOW + start + hours * HOUR, uid, kind, systems, summary)  # type: ignore[arg-type]


WINDOWS = [
    window("a", -2 * HOUR - 1920, 4, "mijn-belastingdienst", summary="Release 2026.3 of the portal"),
    window("b", 3 * DAY + 9.5 * HOUR, 8, "access-service", "mijn-belastingdienst", summary="Move to the new platform"),
    window(
        "c", 10 * DAY, 30, "digid-app", kind="aftermath", summary="Structural repair after the disruption of 11 March"
    ),
    window("d", 90 * DAY, 2, "website", summary="Too far ahead to be shown"),
]


def hostile(configuration: Configuration) -> Facts:
    """Return facts whose names and texts try to become markup."""
    evil = "\"><script>alert('x')</script>&amp;"
    systems: dict[str, System] = {
        name: system.model_copy(update={"name": evil, "name_nl": evil})
        for name, system in configuration.systems.items()
    }
    owners = {name: Owner(id=owner.id, name=evil) for name, owner in configuration.owner_of.items()}
    texts = [replace(each, summary=evil) for each in WINDOWS]
    return facts(configuration, systems=systems, owner_of=owners, windows=texts, vantage=evil)
