"""An example configuration for Alertmanager: who is told of which alert, and which alert says it all. Pure.

Routing is by the labels `owner` and `severity` that every alert carries: each owner has a receiver for pages and one
for tickets, and so has whoever runs Piekwacht. What belongs to no owner of the estate goes to the latter.
"""

from __future__ import annotations

from typing import Any

from config import Configuration
from monitors.rules import markers
from monitors.rules.queries import OPERATOR

Tree = dict[str, Any]

NOBODY = "nobody"
"""The receiver of markers, which delivers nothing."""

PLACEHOLDER = "https://replace-me.example"
"""Where notifications go until someone says where: a name that never resolves (RFC 2606)."""

REMARK = "Replace each URL and put each token into its file; then: amtool check-config FILE"
"""What whoever installs it does first."""

SECRETS = "/etc/prometheus/secrets"
"""Where Alertmanager finds the token of each receiver, in a file of the receiver's name."""

# A page waits for what fails with it: within 15 s all probes have run and all rules were evaluated once more, and what
# is silenced must not be faster than what silences it. One message for each system: tools that page take all messages
# of one group for one incident, and would not ring again for a second system.
PAGES: Tree = {"group_by": ["system"], "group_wait": "20s", "group_interval": "1m", "repeat_interval": "1h"}

# Nobody waits for a ticket; one a day is a reminder.
TICKETS: Tree = {
    "group_by": ["alertname", "system"], "group_wait": "5m", "group_interval": "15m", "repeat_interval": "1d",
}  # fmt: skip

# Trouble of the prober hits many systems at once and is one matter.
OPERATOR_GROUPS = ["alertname"]

MONITOR_DOWN = "MonitorDown"
ABOUT_WINDOWS = "MaintenanceWillOverrun|MaintenanceOverruns|NoticeOverdue"
"""Alerts that a planned window brings about; it must not silence them."""


def build(configuration: Configuration) -> Tree:
    """Return the configuration as plain data."""
    imported = {objective.owner for objective in configuration.imported.values()}
    owners = sorted(({owner.id for owner in configuration.owner_of.values()} | imported) - {OPERATOR})
    return {
        "route": _route(owners),
        "receivers": [
            {"name": NOBODY},
            *(_receiver(owner, severity) for owner in [OPERATOR, *owners] for severity in ("page", "ticket")),
        ],
        "inhibit_rules": [
            _monitor_down(list(configuration.systems)),
            *(_dependency(name, ones) for name, ones in markers.dependents(configuration).items()),
            _planned_window(),
            *_page_before_ticket(),
        ],
    }


def _route(owners: list[str]) -> Tree:
    """Return the tree; the first branch that fits takes an alert, and what fits none stays with the operator."""
    return {
        "receiver": f"{OPERATOR}-ticket",
        **TICKETS,
        "group_by": OPERATOR_GROUPS,
        "routes": [
            {"receiver": NOBODY, "matchers": [f'severity="{markers.NO_ONE}"']},
            *(
                {
                    "receiver": f"{owner}-ticket",
                    "matchers": [f'owner="{owner}"'],
                    "group_by": TICKETS["group_by"],
                    "routes": [_pages(owner)],
                }
                for owner in owners
            ),
            {**_pages(OPERATOR), "group_by": OPERATOR_GROUPS},
        ],
    }


def _pages(owner: str) -> Tree:
    return {"receiver": f"{owner}-page", "matchers": ['severity="page"'], **PAGES}


def _receiver(owner: str, severity: str) -> Tree:
    name = f"{owner}-{severity}"
    hook = {
        "url": f"{PLACEHOLDER}/{owner}/{severity}",
        "send_resolved": True,
        "http_config": {"authorization": {"credentials_file": f"{SECRETS}/{name}"}},
    }
    return {"name": name, "webhook_configs": [hook]}


def _monitor_down(systems: list[str]) -> Tree:
    """Without a monitor every alert about a system that it probes is about what was, and none can be trusted."""
    return {
        "source_matchers": [f'alertname="{MONITOR_DOWN}"'],
        "target_matchers": [f'system=~"{"|".join(systems)}"'],
    }


def _dependency(name: str, dependents: list[str]) -> Tree:
    """Silence what is down because something under it is: whoever answers for the latter is awake."""
    return {
        "source_matchers": [f'alertname=~"{markers.DOWN}|{markers.DEPENDENCY_DOWN}"', f'system="{name}"'],
        "target_matchers": [f'alertname=~"{markers.DOWN}"', 'severity="page"', f'system=~"{"|".join(dependents)}"'],
    }


def _planned_window() -> Tree:
    """In a planned window its systems page only about the window; planned runs are in no counter that pages anyway."""
    return {
        "source_matchers": [f'alertname="{markers.PLANNED_WINDOW}"'],
        "target_matchers": ['severity="page"', f'alertname!~"{ABOUT_WINDOWS}"'],
        "equal": ["system"],
    }


def _page_before_ticket() -> list[Tree]:
    """While someone is woken by an outage, or by the same alert, the ticket about it waits."""
    return [
        {
            "source_matchers": ['severity="page"', f'alertname=~"{markers.DOWN}"'],
            "target_matchers": ['severity="ticket"', 'system=~".+"'],
            "equal": ["system", "owner"],
        },
        {
            "source_matchers": ['severity="page"'],
            "target_matchers": ['severity="ticket"'],
            "equal": ["alertname", "system", "probe", "instance"],
        },
    ]
