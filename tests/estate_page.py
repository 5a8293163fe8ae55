"""`docs/estate.md`: every system of the estate with all that belongs to it, read from the project itself.

The journeys are walked on a replica, so that what is said about them is what they do.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config import Configuration
from dashboards.provisioning import dashboards
from journeys import Action, Connect, Request, definitions
from staging.app import Replica
from staging.faults import DEFINITIONS, AddedLatency, ErrorShare, Fault
from staging.layout import LINES, PREFIXES
from staging.line_faults import LineFault
from tests.drivers import browser, drive, someone
from tests.monitors.probes.test_matrix import SYSTEM_OF
from tests.replica import running_replica

ORDER = (
    *("digid-app", "digid-sms", "digid-activation", "access-service", "eherkenning", "eidas", "mandates"),
    *("waiting-room", "website", "toeslagen-nl", "douane-nl", "mijn-belastingdienst", "belastingdienst-app"),
    *("mijn-belastingdienst-zakelijk", "bank-tax", "vat-ecommerce", "payments", "chat", "callback", "mijn-toeslagen"),
    *("mijn-douane", "customs-messages", "nh-douane", "belastingtelefoon", "douanetelefoon", "nhd-line"),
    *("digid-helpdesk", "outbound-calls", "staff-login", "internal-pages", "generic-platform"),
)
"""Every system that must work, whether the estate has it or not; what else the estate has comes after these."""

CALLS = "calls, each by a probe's script"
NO_CROWD = "none: a load test makes no calls; numbers have limits of their own"
WITHOUT = {
    "toeslagen-nl": ("none: one redirect", "none: its load is the website's"),
    "douane-nl": ("none: one redirect", "none: its load is the website's"),
    "generic-platform": ("none: people use what stands on it", "none of its own: that of what stands on it"),
}
"""Of systems without a journey: what there is instead, and why no campaign has them."""

MISSING = "not yet"

HEAD = """\
# The estate

Every system that must work, and what there is for it. This page is generated:
`pytest tests/staging/test_estate_page.py --update-golden`.

- **Journeys** send requests to the system; load tests and probes walk the same ones.
- **Probes** in bold measure its objective.
- **In the replica** says where it is played, and below which address or at which number.
- **Dashboards** are those about some systems only; {general} show every one.
- **Load**: the campaigns that have one of its journeys. How their rates follow from published figures stands in
  [campaigns](campaigns.md).
- **Faults** can be switched on with `piekwacht staging fault on`. Those of a system that it depends on hit it too.

"""
COLUMNS = ("System", "Owner", "Estate", "Journeys", "Probes", "In the replica", "Dashboards", "Load", "Faults")


@dataclass(frozen=True)
class House:
    """All that the page is made of; `journeys` and `campaigns` are by system, `played` says what plays it."""

    configuration: Configuration
    journeys: Mapping[str, list[str]]
    campaigns: Mapping[str, list[str]]
    played: Mapping[str, str]
    boards: Mapping[str, Mapping[str, Any]]


async def read_house(configuration: Configuration) -> House:
    """Look at every part of the project once."""
    visited = await _visited()
    replayed = {
        name: {part.journey for stream in campaign.streams.values() for part in stream.split}
        for name, campaign in configuration.campaigns.items()
    }
    systems = [*PREFIXES, *LINES]
    journeys = {system: sorted(name for name, found in visited.items() if system in found) for system in systems}
    campaigns = {
        system: sorted(name for name, walked in replayed.items() if walked & set(journeys[system]))
        for system in systems
    }
    return House(configuration, journeys, campaigns, _played(), dashboards(configuration))


def page(house: House) -> str:
    """Return the page as Markdown."""
    rows = [[*row(house, system).values()] for system in _order(house)]
    lines = [_line(COLUMNS), _line("---" for _ in COLUMNS), *(_line(cells) for cells in rows)]
    general = [board["title"] for board in house.boards.values() if _about(board) is None]
    head = HEAD.format(general=", ".join(f"*{title}*" for title in general[:-1]) + f" and *{general[-1]}*")
    return head + "\n".join(lines) + "\n"


def row(house: House, system: str) -> dict[str, str]:
    """Return the cells of a system by column; what there is nothing of says why."""
    known = house.configuration.systems.get(system)
    if known is None:
        return dict(zip(COLUMNS, (f"`{system}`", *[MISSING] * (len(COLUMNS) - 1)), strict=True))
    owner = house.configuration.owner_of[system]
    instead = (CALLS, NO_CROWD) if known.is_line else WITHOUT.get(system, ("", ""))
    cells = (
        f"`{system}`<br>{known.name}",
        owner.name,
        f"`{_file_of(house.configuration, owner.id)}`",
        _names(house.journeys.get(system, [])) or instead[0],
        ", ".join(f"**{name}**" if name in known.objective.measured_by else name for name in known.probes),
        house.played.get(system, ""),
        _names(_boards(house, system)),
        _names(house.campaigns.get(system, [])) or instead[1],
        "; ".join(filter(None, [_names(_faults(system)), _names(known.depends_on, "those of ")])),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _order(house: House) -> list[str]:
    return [*ORDER, *(system for system in house.configuration.systems if system not in ORDER)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _names(names: Iterable[str], before: str = "") -> str:
    words = ", ".join(names)
    return before + words if words else ""


def _file_of(configuration: Configuration, owner: str) -> str:
    """Return the file in which an owner stands."""
    wanted = re.compile(rf"(?m)^(owner: \{{|  )id: {owner}\b")
    found = [
        path.name for path in sorted((configuration.root / "estate").glob("*.yaml")) if wanted.search(path.read_text())
    ]
    assert len(found) == 1, (owner, found)
    return found[0]


async def _visited() -> dict[str, set[str]]:
    """Walk every journey of the project; return the systems to which it sends anything."""
    found: dict[str, set[str]] = {}
    async with running_replica() as replica:
        replica.switch_on(Fault.CALLBACK_FORM)  # its form is there in an emergency only
        for name, known in definitions().items():
            if known.start.__module__.startswith("journeys."):
                found[name] = set()
                async with browser() as session:
                    await drive(_noting(known.start(someone()), found[name]), session, replica.url)
    return found


def _noting(walking: Generator[Action, Any, None], systems: set[str]) -> Generator[Action, Any, None]:
    answer = None
    try:
        while True:
            action = walking.send(answer)
            if isinstance(action, Request | Connect):
                systems.add(action.system)
            answer = yield action
    except StopIteration:
        return


def _played() -> dict[str, str]:
    """Return, by system, the files that play it, and where it is found."""
    found: dict[str, dict[str, None]] = {}
    for service in Replica().services:
        for route in service.routes():
            found.setdefault(route.system, {})[f"`{_file(type(service))}`, {PREFIXES[route.system]}"] = None
    lines = _file(type(Replica().lines))
    played = {system: " and ".join(places) for system, places in found.items()}
    return played | {name: f"`{lines}`, {line.number}" for name, line in LINES.items()}


def _file(kind: type) -> str:
    return kind.__module__.replace(".", "/") + ".py"


def _boards(house: House, system: str) -> list[str]:
    """Return the titles of the dashboards about some systems that have this one among them."""
    return [board["title"] for board in house.boards.values() if system in (_about(board) or ())]


def _about(board: Mapping[str, Any]) -> list[str] | None:
    """Return the systems that a dashboard lets one choose from; None: all of them."""
    (query,) = [each["query"]["query"] for each in board["templating"]["list"] if each["name"] == "system"]
    named = re.search(r'system=~"([^"]+)"', query)
    return named[1].split("|") if named else None


def _faults(system: str) -> list[str]:
    """Return the faults that hit a system itself."""
    found = [str(fault) for fault, hit in SYSTEM_OF.items() if hit == system]
    if system.startswith("digid-") and system in PREFIXES:
        found.append(str(Fault.CONNECTION_LIMIT))
    if system in LINES:
        found.append(str(Fault.PLATFORM_DOWN))
    for fault, definition in DEFINITIONS.items():
        kinds = (AddedLatency, ErrorShare) if system in PREFIXES else (LineFault,)
        if issubclass(definition.parameters, kinds):
            found.append(str(fault))
    return found
