"""The incidents, switched on in the replica, and what a running monitor says: which legs, why, and how soon."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config import CallProbe, Configuration, Environment, Probe, Script, System
from config.hours import ALWAYS
from monitors import service
from monitors.probes import Target, targets
from monitors.record.ledger import Ledger
from monitors.service import Monitor
from monitors.verdict import Fail, Pass, Run
from staging.faults import Fault, Faults
from staging.layout import OUTBOUND, Leg
from staging.lines import Lines
from staging.phone import Pace
from tests.waiting import until

INTERVAL = 3.0
PACE = Pace(ringing=0.1, gives_up=0.2, cut_off=0.2)
PROBED = ("belastingtelefoon", "digid-helpdesk", OUTBOUND)
"""Lines: enough for a difference between them, and between their legs."""
PUBLIC = {f"{line}-public" for line in PROBED if line != OUTBOUND}
"""Leg (a) of each line: the number that citizens dial."""

INCIDENTS: dict[str, tuple[Fault, dict[str, str], set[str], str]] = {
    "2023-03-digid-outage-letter": (Fault.NUMBER_CANCELLED, {}, {"digid-helpdesk-public"}, "number_unallocated"),
    "2022-11-phone-outage": (Fault.FORWARDING_BROKEN, {}, PUBLIC, "no_progress"),
    "2022-11, answered and broken off": (Fault.FORWARDING_BROKEN, {"how": "cut-off"}, PUBLIC, "cut_off"),
}
"""Of each: what is switched on, the probes that must fail, and why; all others go on passing."""


def shortened(configuration: Configuration, places: dict[str, str], register: Path) -> Configuration:
    """Return the lines as shipped, but at these places, called every few seconds, at any hour, and not for long."""

    def short(probe: Probe) -> Probe:
        if not isinstance(probe, CallProbe):
            return probe
        brief = {"answer_within": "10s", "prompt_within": "8s", "listen": "300ms", "hang_up_after": "20s"}
        return probe.model_copy(update={"script": Script.model_validate(brief)})

    def line(system: System) -> System:
        probes = {name: short(probe) for name, probe in system.probes.items()}
        return system.model_copy(update={"probes": probes, "service_hours": ALWAYS})

    local = configuration.environments["local"]
    trunks = {
        name: trunk.model_copy(update={"server": places[name], "pause": 0.01, "calls_at_once": 20})
        for name, trunk in local.trunks.items()
    }
    update = {"trunks": trunks, "call_interval": INTERVAL, "call_register": str(register)}
    place: Environment = local.model_copy(update=update)
    systems = {name: line(configuration.systems[name]) for name in PROBED}
    return replace(configuration, root=register.parent, systems=systems, environments={"local": place})


@asynccontextmanager
async def monitored(configuration: Configuration, folder: Path) -> AsyncIterator[tuple[Faults, list[Run]]]:
    """Run lines and a monitor with its scheduler, ledger and reaper; yield the switches and the runs on record."""
    runs: list[Run] = []
    faults, stop = Faults(), asyncio.Event()
    lines = Lines(faults, 50)
    for leg in lines.legs.values():
        leg.pace = PACE
    async with lines.answering(dict.fromkeys(Leg, 0)) as places:
        here = shortened(configuration, places, folder / "calls")
        with Ledger.open(folder / "ledger.sqlite") as ledger, socket.create_server(("127.0.0.1", 0)) as listener:
            running = asyncio.create_task(Monitor(lambda: here, "local", ledger, runs.append).run(listener, stop))
            try:
                yield faults, runs
            finally:
                stop.set()
                await running
        assert [leg.counts.open for leg in lines.legs.values()] == [0, 0]


def decided(runs: list[Run], since: float) -> dict[str, list[Run]]:
    """Return the runs of each probe that began since then and say something; a busy machine leaves some unknown."""
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.started >= since and isinstance(run.verdict, Pass | Fail):
            found[run.probe].append(run)
    return found


async def seen(incident: str, configuration: Configuration, folder: Path) -> dict[str, list[Run]]:
    """Switch an incident on once every leg has passed; return what each probe says from then on."""
    fault, parameters, hit, _ = INCIDENTS[incident]
    legs = {name for line in PROBED for name in configuration.systems[line].probes}

    def told(since: float, failing: set[str]) -> bool:
        """Tell whether each leg has said what it must in the end: these that they fail, the others that they pass."""
        said = {(name, type(run.verdict)) for name, found in decided(runs, since).items() for run in found}
        return {(name, Fail if name in failing else Pass) for name in legs} <= said

    async with monitored(configuration, folder) as (faults, runs):
        await until(lambda: told(0.0, set()))
        faults.switch_on(fault, parameters)
        since = time.time()
        await until(lambda: told(since, hit))
        return decided(runs, since)


@pytest.mark.slow
async def test_each_incident_is_seen_within_two_intervals(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first or the second run of each leg that is hit fails, with the reason that localises it; no other fails."""

    def patient(*given: Any, **more: Any) -> list[Target]:
        """Give each call as much time as it wants: on a busy machine that is longer than these intervals."""
        return [replace(target, timeout=60.0, limit=60.0) for target in targets(*given, **more)]

    monkeypatch.setattr(service, "targets", patient)
    folders = {incident: tmp_path / str(number) for number, incident in enumerate(INCIDENTS)}
    for folder in folders.values():
        folder.mkdir()
    looks = (seen(incident, configuration, folder) for incident, folder in folders.items())
    for incident, runs in zip(INCIDENTS, await asyncio.gather(*looks), strict=True):
        _, _, hit, reason = INCIDENTS[incident]
        first = [(name, run.verdict) for name, found in runs.items() for run in found[:2]]
        failures = {(name, str(verdict.reason)) for name, verdict in first if isinstance(verdict, Fail)}
        assert failures == {(name, reason) for name in hit}, incident
        others = {"belastingtelefoon-platform", "toeslagen-choice", "belastingtelefoon-border", "outbound-call"}
        assert others < runs.keys()
