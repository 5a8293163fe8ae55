"""The demo itself: the morning of 1 March 2023, loaded, probed, broken in the middle, and accounted for."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from config import Configuration, PhoneProbe, load
from demo import checks
from demo.checks import Check, Observed
from demo.processes import Child, complete
from demo.stage import CALL_INTERVAL, CAMPAIGN, ENVIRONMENT, Stage, stage
from demo.watch import Change, Watch
from monitors.availability.view import percent

MORNING = ("07:00", "10:00")
MORNING_SECONDS = 3 * 3600.0
ARRIVAL_RATE = 90.0
"""Arrivals per second that the demo aims at on average; a laptop carries replica, monitor and load together."""

FAULT = "maintenance-page"
"""The portal answers with a page that says 'maintenance' and has the status 200: a check of the status sees nothing."""

LINE_FAULT = "number-cancelled"
"""As in March 2023: whoever calls the DigiD helpdesk hears that the number is not in use."""

FAULT_FROM, FAULT_TO = 0.35, 0.65
"""When the faults begin, and when the portal's ends, as parts of the load run."""

SETTING_UP = 15.0
"""Seconds of the demo that are not load: starting, first probes, the last accounts."""

INTERVAL = 2.0
"""Seconds between the runs of each probe."""

LOOK = 0.2
"""Seconds between two looks at what happens."""

Say = Callable[[str], None]


def tell(configuration: Configuration, folder: Path, seconds: float, console: Console) -> bool:
    """Run the demo for about `seconds`; return whether it showed everything it should.

    Raises `FolderError`, `ChildFailedError`.
    """
    begun = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    length = max(15.0, seconds - SETTING_UP)
    with stage(configuration, folder, INTERVAL) as scene:
        say(f"A replica of the estate runs on {scene.replica}")
        say(f"A monitor probes it every {INTERVAL:g} s; metrics on {scene.monitor}/metrics")
        watch = Watch(scene.monitor)
        configured = load(scene.config).probes_in(ENVIRONMENT)
        quick = {name for _, name, probe in configured if not isinstance(probe, PhoneProbe)}
        healthy = _healthy_start(scene, watch, quick, say)
        observed, load_code = _replay(scene, watch, length, say)
        _await_calls(scene, watch, observed, say)
        say("The load is over; the accounts:")
        arguments = ["availability", "--config", str(scene.config), "--ledger", str(scene.ledger), "--json"]
        accounts = json.loads(complete("availability", arguments, scene.logs, good=(0, 1, 3)))
    summary = json.loads(_summary(scene).read_text())
    shown = [
        healthy,
        *checks.detection(observed),
        checks.cancelled_number(observed, watch.probes),
        checks.schedule(summary, load_code),
        checks.cost(observed, accounts, INTERVAL),
    ]
    _show_end(console, folder, summary, accounts, shown)
    record = {"checks": [vars(check) for check in shown], "availability": accounts}
    (folder / "demo.json").write_text(json.dumps(record, indent=2) + "\n")
    return all(check.passed for check in shown)


def _healthy_start(scene: Stage, watch: Watch, probes: Collection[str], say: Say) -> Check:
    """Wait for the first run of every probe, say and return whether all pass: the load begins on a healthy system."""
    failing = wait_until_all_pass(watch, probes, check=scene.check)
    check = checks.at_start(failing, len(probes))
    if check.passed:
        say(f"All {len(probes)} probes have run and pass")
    else:
        say(f"[bold red]{check.text}[/]")
    return check


def wait_until_all_pass(
    watch: Watch, probes: Collection[str], check: Callable[[], None], within: float = 30.0
) -> dict[str, str]:
    """Return the probes that do not pass after `within` seconds, with the reason; none as soon as all pass.

    `check` is called at every look; what it raises ends the wait.
    """
    deadline = time.monotonic() + within
    reasons = dict.fromkeys(probes, "no run yet")
    while True:
        check()
        reasons.update({change.probe: change.reason for change in watch.look()})
        failing = {probe: reasons[probe] for probe in probes if not watch.probes.get(probe)}
        if not failing or time.monotonic() >= deadline:
            return failing
        time.sleep(LOOK)


def _replay(scene: Stage, watch: Watch, length: float, say: Say) -> tuple[Observed, int]:
    """Replay the morning in `length` seconds, with the fault in the middle; return what was seen and the exit code."""
    scale = ARRIVAL_RATE * length / _people_of_the_morning(scene)
    options = f"--env {ENVIRONMENT} --seed 1 --drain 15 --compress {MORNING_SECONDS / length:.6g} --scale {scale:.6g}"
    arguments = [*_load("run", scene), *options.split(), "--out", str(_summary(scene).parent)]
    observed = Observed()
    with Child("load", arguments, scene.logs) as load:
        begun = time.monotonic()
        hours = " to ".join(MORNING)
        say(f"The morning of 1 March 2023, {hours}, in {length:.0f} s, with {scale:.2%} of the people")
        while load.exit_code is None:
            scene.check()
            _switch(scene, (time.monotonic() - begun) / length, observed, say)
            _note(watch, observed, say)
            time.sleep(LOOK)
        _note(watch, observed, say)
        if not _summary(scene).is_file():
            raise load.failure()
        return observed, load.wait(1)


def _switch(scene: Stage, part: float, observed: Observed, say: Say) -> None:
    """Switch the fault on and off where `part` of the load run has passed."""
    if not observed.on and part >= FAULT_FROM:
        scene.switch_on(FAULT)
        scene.switch_on(LINE_FAULT)
        observed.on = time.monotonic()
        say(f"[bold]Fault on:[/] {FAULT}. The portal answers every page with 'maintenance' and status 200")
        say(f"[bold]Fault on:[/] {LINE_FAULT}. The carrier says that the number of the DigiD helpdesk is not in use")
    if observed.on and not observed.off and part >= FAULT_TO:
        scene.switch_off(FAULT)
        observed.off = time.monotonic()
        say(f"[bold]Fault off[/] after {observed.off - observed.on:.1f} s")


def _await_calls(scene: Stage, watch: Watch, observed: Observed, say: Say) -> None:
    """Wait for the calls that tell of the line fault: two to each number since it began, where the load was shorter."""
    until = observed.on + 2 * CALL_INTERVAL
    while time.monotonic() < until and not checks.cancelled_number(observed, watch.probes).passed:
        scene.check()
        _note(watch, observed, say)
        time.sleep(LOOK)


def _note(watch: Watch, observed: Observed, say: Say) -> None:
    for change in watch.look():
        observed.changes.append(change)
        say(_describe(change, observed))


def _describe(change: Change, observed: Observed) -> str:
    what = "[green]Probe {} passes again[/]" if change.passing else "[red]Probe {} fails: {}[/]"
    text = what.format(change.probe, change.reason)
    turn, event = (observed.off, "ended") if change.passing else (observed.on, "began")
    return f"{text}, {change.instant - turn:.1f} s after the fault {event}" if turn else text


def _people_of_the_morning(scene: Stage) -> float:
    """Ask `load shape` how many people the campaign has in these hours."""
    return float(json.loads(complete("shape", [*_load("shape", scene), "--json"], scene.logs))["arrivals"])


def _load(command: str, scene: Stage) -> list[str]:
    """Return a `load` command about the morning of the campaign."""
    return [*f"load {command} {CAMPAIGN} --from {MORNING[0]} --to {MORNING[1]} --config".split(), str(scene.config)]


def _summary(scene: Stage) -> Path:
    return scene.folder / "load" / "summary.json"


def _show_end(
    console: Console, folder: Path, summary: Mapping[str, Any], accounts: Mapping[str, Any], shown: list[Check]
) -> None:
    console.print()
    for check in shown:
        console.print(f"  {'[green]yes[/]' if check.passed else '[bold red]NO [/]'}  {check.text}", soft_wrap=True)
    console.print()
    reasons = "; ".join(summary["reasons"])
    console.print(
        f"  the load test [bold]{summary['outcome']}[/], as it should with such a fault: {reasons}", soft_wrap=True
    )
    console.print(f"  availability: {availability(accounts['systems'])}", highlight=False, soft_wrap=True)
    console.print("\nTo look further:", highlight=False)
    program, place = shlex.quote(sys.argv[0]), shlex.quote(str(folder))
    for command in (
        f"xdg-open {place}/load/report.html",
        f"{program} availability --config {place}/config --ledger {place}/ledger.sqlite",
        f"ls {place}/grafana {place}/prometheus {place}/logs",
        "make up        # the same, running until Ctrl-C",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True)


def availability(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one line: the figure of each system that lost something; how many lost nothing, or were never asked."""
    figures = {row["system"]: row["availability_excluding_planned"] for row in rows}
    lost = [f"{percent(figure)} of {system}" for system, figure in figures.items() if figure not in (None, 1.0)]
    found = list(figures.values())
    return ", ".join([*lost, f"{found.count(1.0)} systems at 100 %", f"{found.count(None)} without data"])
