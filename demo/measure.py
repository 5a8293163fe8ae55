"""How long a page takes: a fault is switched on, and the way of the first page is followed to its receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from config import Configuration
from demo.alerting import Stack
from demo.hops import Way, hops
from demo.processes import complete
from demo.receiver import Alert, Notification
from demo.stack import Pace, Say, look, saying, stack
from demo.stage import ENVIRONMENT, Stage
from demo.watch import FAILURES, PLANNED, SUCCESS, Watch

PATIENCE = 5
"""After so many times the allowed time nobody waits for a page any more."""

Tallies = list[tuple[float, dict[str, int]]]


@dataclass(frozen=True)
class Fault:
    """A fault of the replica by name, with its parameters."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


class UnknownFaultError(Exception):
    """The replica has no such fault, or not with such parameters; the message says so."""


def measure(
    configuration: Configuration, folder: Path, pace: Pace, fault: Fault, within: float, console: Console
) -> bool:
    """Switch a fault on, wait for the page, print its way; return whether it took `within` seconds at most.

    Raises as `stack` does, and `UnknownFaultError`.
    """
    say = saying(console)
    with stack(configuration, folder, pace) as running:
        require(running.scene, fault)
        say(f"Everything runs; a probe every {pace.interval:g} s, a call every {pace.calls:g} s")
        watch = Watch(running.scene.monitor)
        _await_passes(running, watch, configuration, pace, say)
        way = fault_to_page(running, watch, configuration, fault, PATIENCE * within, say)
    if way is None:
        console.print(f"\nNo page was delivered within {PATIENCE * within:g} s.", highlight=False)
        return False
    _tell(console, way, within)
    record = {"fault": asdict(fault), "pace": asdict(pace), "seconds": way.seconds, **asdict(way)}
    (folder / "stack.json").write_text(json.dumps(record, indent=2) + "\n")
    return way.seconds <= within


def fault_to_page(
    running: Stack, watch: Watch, configuration: Configuration, fault: Fault, patience: float, say: Say
) -> Way | None:
    """Switch a fault on and return the way of the first page that is delivered; None if none is after `patience`."""
    watch.look()
    tally: Tallies = [(time.time(), dict(watch.failures))]
    running.scene.switch_on(fault.name, fault.parameters)
    on = time.time()
    say(f"[bold]Fault on:[/] {fault.name}")
    while time.time() - on < patience:
        delivered = look(running, watch, say)
        tally.append((time.time(), dict(watch.failures)))
        for notification in delivered:
            for alert in notification.alerts:
                if alert.firing and alert.pages:
                    return _way(running, configuration, on, tally, notification, alert)
    return None


def _way(
    running: Stack, configuration: Configuration, on: float, tally: Tallies, notification: Notification, alert: Alert
) -> Way:
    """Ask Prometheus what it knew when the rule fired."""
    system = alert.labels.get("system", "")
    known = configuration.systems.get(system)
    probes = known.objective.measured_by if known else []
    counted = f'{FAILURES}{{probe=~"{"|".join(probes)}", window!="{PLANNED}"}}'
    scraped = running.ask(f"max(timestamp({counted}))", alert.fired) or alert.fired
    number = int(running.ask(f"sum({counted})", alert.fired) or 0) - sum(tally[0][1].get(probe, 0) for probe in probes)
    way = hops(on, tally, probes, (scraped, number), alert.fired, notification.arrived)
    return Way(alert.name, system, notification.receiver, way)


def require(scene: Stage, fault: Fault) -> None:
    """Raise `UnknownFaultError` unless the replica has the fault, with these parameters."""
    arguments = ["staging", "fault", "list", "--json", "--url", scene.replica]
    listing = json.loads(complete("faults", arguments, scene.logs))
    known = {each["fault"]: each["parameters"] for each in listing["known"]}
    if fault.name not in known:
        raise UnknownFaultError(f"There is no fault '{fault.name}'; there is: {', '.join(known)}")
    for name in fault.parameters:
        if name not in known[fault.name]:
            has = ", ".join(known[fault.name]) or "none"
            raise UnknownFaultError(f"{fault.name} has no parameter '{name}'; it has: {has}")


def _await_passes(running: Stack, watch: Watch, configuration: Configuration, pace: Pace, say: Say) -> None:
    """Wait until Prometheus sees every probe pass, or for three rounds of the slowest."""
    number = len(list(configuration.probes_in(ENVIRONMENT)))
    deadline = time.monotonic() + 3 * max(pace.interval, pace.calls) + 30
    while time.monotonic() < deadline:
        look(running, watch, say)
        if running.ask(f"count({SUCCESS} == 1)") == number:
            say(f"All {number} probes pass")
            return
    failing = sorted(probe for probe, passes in watch.probes.items() if not passes)
    say(f"[bold red]Not every probe passes[/]: {', '.join(failing) or 'some have not run'}")


def _tell(console: Console, way: Way, within: float) -> None:
    outcome = "in time" if way.seconds <= within else "[bold red]TOO LATE[/]"
    console.print(
        f"\nThe page {way.alert} of {way.system or 'the monitor'} was delivered to {way.receiver}"
        f" [bold]{way.seconds:.1f} s[/] after the fault began; allowed are {within:g} s: {outcome}",
        highlight=False,
        soft_wrap=True,
    )
    for hop in way.hops:
        share = hop.seconds / way.seconds
        console.print(
            f"  {hop.name:<11}{hop.seconds:6.1f} s  {share:4.0%}  {hop.remark}", highlight=False, soft_wrap=True
        )
