"""A dashboard about some of the probes, whichever they are: what it selects, shows first, and lets choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafanalib.core import Panel, Template

from config import Configuration
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.links import Site
from dashboards.marks import marks
from dashboards.shared import failing_now, firing_alerts, oldest_success
from dashboards.subject import Subject
from monitors import metrics

Probes = Sequence[tuple[str, str]]
"""(system, probe) of each"""


def about(configuration: Configuration, site: Site, probes: Probes) -> Subject:
    """Return these probes of the chosen systems as a subject."""
    return Subject(configuration, site, {"system": "$system", "vantage": "$vantage", "probe": _any_of(probes, 1)})


def standing(subject: Subject) -> list[Panel]:
    """Return the figures that stand first: what fails, what fires, since when."""
    return [failing_now(subject), firing_alerts("$system"), oldest_success(subject)]


def choices(probes: Probes = ()) -> list[Template]:
    """Return the variables above the panels: owners, their systems, places; of these probes, or of all."""
    systems: dict[str, Any] = {"system": _any_of(probes, 0)} if probes else {}
    names: dict[str, Any] = {"probe": _any_of(probes, 1)} if probes else {}
    return [
        variable("owner", metrics.SYSTEM_INFO, **systems),
        variable("system", metrics.SYSTEM_INFO, everything=None, **systems, owner="$owner"),
        variable("vantage", metrics.INTERVAL, **names),
    ]


def dashboard_about(
    subject: Subject,
    probes: Probes,
    uid: str,
    title: str,
    description: str,
    parts: Sequence[Band | Section],
    *,
    period: str = "3h",
    refresh: str = "30s",
) -> JsonObject:
    """Return a dashboard about these probes as plain data."""
    return dashboard(
        uid,
        title,
        description,
        parts,
        variables=choices(probes),
        annotations=marks(subject.configuration, "$system"),
        period=period,
        refresh=refresh,
    )


def _any_of(probes: Probes, place: int) -> str:
    return "|".join(sorted({probe[place] for probe in probes}))
