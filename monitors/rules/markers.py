"""Alerts that wake nobody: Alertmanager holds others back while one of them fires. Pure.

Nothing is left out of the counters by them, and they end with what they mark: an alert that still holds afterwards is
delivered then. So none of them can make an alert fire or lose one.
"""

from __future__ import annotations

from config import Configuration
from config.promql import select
from monitors.metrics import WINDOW_ACTIVE
from monitors.rules.rule import Rule

NO_ONE = "none"
"""The severity of a marker: Alertmanager delivers it to nobody."""

PLANNED_WINDOW = "PlannedWindow"
DEPENDENCY_DOWN = "DependencyDown"

BURNS_FAST, OVERRUNS = "AvailabilityBurnsFast", "MaintenanceOverruns"
DOWN = f"{BURNS_FAST}|{OVERRUNS}"
"""The pages that say that a system is down now; a certificate that expires in three days is another matter."""

AFTERWARDS = "5m"
"""How long a dependency still counts as down after its page has ended.

What depends on it recovers a little later, and its page a little after that; without this it would be delivered when
all is over. As long as the shortest window of a burn rate.
"""


def dependents(configuration: Configuration) -> dict[str, list[str]]:
    """Return, for each system on which others depend, those that do, however many steps away; sorted by name.

    Systems that depend on each other are in neither list: each would silence the other, and nobody would be woken.
    """
    ahead = {name: _dependencies(configuration, name) for name in configuration.systems}
    behind = {
        name: sorted(one for one in ahead if name in ahead[one] and one not in ahead[name])
        for name in configuration.systems
    }
    return {name: ones for name, ones in behind.items() if ones}


def _dependencies(configuration: Configuration, name: str) -> set[str]:
    """Return everything that a system depends on."""
    found: set[str] = set()
    ahead = list(configuration.systems[name].depends_on)
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += configuration.systems[one].depends_on
    return found


def build(configuration: Configuration) -> list[Rule]:
    """Return the rules of the markers. Systems on which nothing depends get none."""
    names = list(dependents(configuration))
    planned = f"max by (system) ({select(WINDOW_ACTIVE, window='planned')}) == 1"
    down = f'max by (system) (ALERTS{{alertname=~"{DOWN}", alertstate="firing", system=~"{"|".join(names)}"}})'
    markers = [_marker(PLANNED_WINDOW, planned, "{{ $labels.system }} is in a planned window")]
    if names:
        told = "{{ $labels.system }} is down, and so may be what depends on it"
        markers.append(_marker(DEPENDENCY_DOWN, down, told, keep_firing_for=AFTERWARDS))
    return markers


def _marker(name: str, expression: str, summary: str, **extra: str) -> Rule:
    return {
        "alert": name,
        "expr": expression,
        **extra,
        "labels": {"severity": NO_ONE},
        "annotations": {"summary": summary},
    }
