"""What the page says of a system, from facts alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from config import Configuration
from journeys import Reason
from monitors.availability.accounting import Counts
from monitors.incidents import Incident
from monitors.sightings import Seen, Sighting
from monitors.verdict import Cause, Window
from monitors.web.status_page.view import Level, Page, State, SystemRow, view
from tests.monitors.web.status_page import sample
from tests.monitors.web.status_page.sample import DAY, HOUR, NOW

SCHEMA = Path(__file__).resolve().parents[4] / "docs" / "status.schema.json"

AT = NOW.timestamp()
SYSTEM = "waiting-room"
PROBES = ("waiting-room-web", "waiting-room-app")


def seen(what: Seen, ago: float = 60.0, probe: str = PROBES[0], **more: Any) -> dict[tuple[str, str], Sighting]:
    return {(SYSTEM, probe): Sighting(AT - ago, "amsterdam", SYSTEM, probe, what, **more)}


def row(configuration: Configuration, **changes: Any) -> SystemRow:
    """Return the row of the system of these tests."""
    return next(each for each in view(sample.facts(configuration, **changes)).systems if each.id == SYSTEM)


def incident(ended: float | None = None, **more: Any) -> Incident:
    whole = Incident(
        SYSTEM, AT - HOUR, ended, Reason.TIMEOUT, "home", ((AT - HOUR, ended),), ("amsterdam",), (), (Window.NONE,)
    )
    return replace(whole, **more)


def test_a_system_works_if_every_measuring_probe_passes(configuration: Configuration) -> None:
    """Since the last of them began to."""
    sightings = seen(Seen.PASSING, 600) | seen(Seen.PASSING, 300, PROBES[1])
    found = row(configuration, sightings=sightings, incidents=[])
    assert (found.state, found.since and found.since.timestamp()) == (State.WORKS, AT - 300)


@pytest.mark.parametrize(
    "other", [{}, seen(Seen.SILENT, 300, PROBES[1], cause=Cause.OWN_NETWORK), seen(Seen.SILENT, 300, PROBES[1])]
)
def test_one_that_is_not_measured_wholly_is_unknown(
    configuration: Configuration, other: dict[tuple[str, str], Sighting]
) -> None:
    """A probe that never spoke, or not lately, leaves open whether the system works; it is not said to."""
    found = row(configuration, sightings=seen(Seen.PASSING) | other, incidents=[])
    assert found.state is State.UNKNOWN
    assert (found.since is None) == (not other)
    assert found.cause is (other[SYSTEM, PROBES[1]].cause if other else None)


def test_one_in_an_incident_fails_with_the_present_reason(configuration: Configuration) -> None:
    """Since its incident began; the reason is the latest, and the cause that of the incident."""
    failing = seen(Seen.FAILING, 60, reason=Reason.MAINTENANCE_PAGE, step="poll") | seen(Seen.PASSING, 9, PROBES[1])
    found = row(configuration, sightings=failing, incidents=[incident(causes=("access-service",))])
    assert (found.state, found.since and found.since.timestamp()) == (State.FAILS, AT - HOUR)
    assert (found.reason, found.step, found.causes) == (Reason.MAINTENANCE_PAGE, "poll", ("access-service",))


def test_an_incident_that_nobody_can_see_any_more_is_unknown(configuration: Configuration) -> None:
    """It stays open, and the page does not claim to know."""
    silent = seen(Seen.SILENT) | seen(Seen.SILENT, 60, PROBES[1])
    page = view(sample.facts(configuration, sightings=silent, incidents=[incident()]))
    assert next(each for each in page.systems if each.id == SYSTEM).state is State.UNKNOWN
    assert [each.system for each in page.incidents if each.ended is None] == [SYSTEM]


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (Window.PLANNED, State.MAINTENANCE),
        (Window.CLOSED, State.CLOSED),
        (Window.OVERRUN, State.FAILS),
        (Window.AFTERMATH, State.FAILS),
        (Window.NONE, State.FAILS),
    ],
)
def test_the_kind_of_time_goes_before_the_verdict(configuration: Configuration, kind: Window, state: State) -> None:
    """Planned and closed time are states of their own, and what the system does meanwhile is still told."""
    failing = seen(Seen.FAILING, 60, reason=Reason.TIMEOUT) | seen(Seen.FAILING, 60, PROBES[1], reason=Reason.TIMEOUT)
    kinds = dict.fromkeys(configuration.systems, (Window.NONE, AT - DAY)) | {SYSTEM: (kind, AT - 300)}
    found = row(configuration, sightings=failing, incidents=[incident()], kinds=kinds)
    assert (found.state, found.doing, found.window) == (state, State.FAILS, kind)
    assert found.since is not None
    assert found.since.timestamp() == (AT - HOUR if state is State.FAILS else AT - 300)


@pytest.mark.parametrize(
    ("counts", "level", "coverage"),
    [
        ({Window.NONE: Counts(1000, 0, 0, 1000)}, Level.MET, 1.0),
        ({Window.NONE: Counts(999, 1, 0, 1000)}, Level.MET, 1.0),
        ({Window.NONE: Counts(998, 2, 0, 1000)}, Level.SHORT, 1.0),
        ({Window.OVERRUN: Counts(998, 2, 0, 1000)}, Level.SHORT, 1.0),
        ({Window.AFTERMATH: Counts(990, 10, 0, 1000)}, Level.SHORT, 1.0),
        ({Window.NONE: Counts(989, 11, 0, 1000)}, Level.FAR_SHORT, 1.0),
        ({Window.NONE: Counts(1, 0, 499, 1000)}, Level.MET, 0.001),
        ({Window.NONE: Counts(0, 0, 1000, 1000)}, Level.NO_DATA, 0.0),
        ({Window.PLANNED: Counts(10, 90, 0, 100)}, Level.PLANNED, 1.0),
        ({Window.NONE: Counts(900, 0, 0, 900), Window.PLANNED: Counts(0, 100, 0, 100)}, Level.MET, 1.0),
        ({Window.CLOSED: Counts(10, 10, 0, 20)}, Level.CLOSED, None),
        ({Window.NONE: Counts()}, Level.NO_DATA, None),
        ({}, Level.NO_DATA, None),
    ],
)
def test_what_a_day_was(
    configuration: Configuration, counts: dict[Window, Counts], level: Level, coverage: float | None
) -> None:
    """Judged outside planned time, and never good without a measurement."""
    days = {name: [(date(2026, 3, 1), sample.an_account(name, counts))] for name in configuration.systems}
    (day,) = row(configuration, days=days).days
    assert (day.level, day.coverage) == (level, coverage)
    assert (day.availability is None) == (level in (Level.NO_DATA, Level.PLANNED, Level.CLOSED))


def test_no_figure_without_a_measurement(configuration: Configuration) -> None:
    """No data is never 100 %."""
    counts = {Window.NONE: Counts(0, 0, 9, 9)}
    figure = row(
        configuration, rolling={name: sample.an_account(name, counts) for name in configuration.systems}
    ).rolling
    assert (figure.availability, figure.including_planned, figure.met, figure.coverage) == (None, None, None, 0.0)


def test_which_incidents_are_shown(configuration: Configuration) -> None:
    """Open ones first, in order; then those of the last 14 days, newest first; nothing of closed hours."""
    found = [
        incident(began=AT - 20 * DAY, ended=AT - 15 * DAY),
        incident(began=AT - 20 * DAY, ended=AT - 13 * DAY),
        incident(began=AT - 2 * DAY, ended=AT - DAY),
        incident(began=AT - HOUR),
        incident(began=AT - 2 * HOUR),
        incident(began=AT - 3 * HOUR, kinds=(Window.CLOSED,)),
    ]
    shown = view(sample.facts(configuration, incidents=found)).incidents
    assert [round((AT - each.began.timestamp()) / HOUR) for each in shown] == [2, 1, 48, 480]


def test_which_windows_are_shown(configuration: Configuration) -> None:
    """Those under way and those of the next 60 days; and until when the work on a system is announced."""
    page = view(sample.facts(configuration))
    assert [each.under_way for each in page.windows] == [True, False, False]
    (portal,) = [each for each in page.systems if each.id == "mijn-belastingdienst"]
    assert portal.until == page.windows[0].end


def test_the_order_is_that_of_the_estate(configuration: Configuration) -> None:
    """Grouped by owner."""
    page = view(sample.facts(configuration))
    assert [each.id for owner in page.owners for each in owner.systems] == list(configuration.systems)
    assert [owner.id for owner in page.owners] == list(
        dict.fromkeys(each.id for each in configuration.owner_of.values())
    )


def test_the_twin_is_the_page(configuration: Configuration) -> None:
    """The JSON is read back as the same page, in the zone of the page."""
    page = view(sample.facts(configuration))
    text = page.model_dump_json()
    assert Page.model_validate_json(text).model_dump_json() == text
    assert json.loads(text)["at"] == "2026-03-11T14:32:00+01:00"


def test_the_schema_is_written_down(golden: Callable[[str, str], None]) -> None:
    """docs/status.schema.json is the schema of the twin."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Page.model_json_schema(mode="serialization")}
    golden(str(SCHEMA), json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


def test_what_people_must_be_told_is_shown_until_it_was_told(configuration: Configuration) -> None:
    """Overdue after a quarter of an hour; what is only foreseen is not shown."""
    [row] = view(sample.facts(configuration)).notices
    assert (row.systems, row.rule, row.kind, row.overdue) == (("access-service",), "N5", "disruption", True)
    [item] = sample.facts(configuration).notices
    later = replace(item, dues=[replace(item.dues[0], since=NOW.timestamp() + 60)])
    assert view(sample.facts(configuration, notices=[later])).notices == ()
