"""The demo itself: the morning of 1 March 2023, loaded, probed, broken in the middle, and accounted for."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from config import Configuration
from demo.processes import Child, complete
from demo.stage import Stage, stage
from demo.watch import Change, Watch

CAMPAIGN = "aangifte-2023-03-01"
MORNING = ("07:00", "10:00")
SCALE_RATE = 90.0
"""Arrivals per second that the demo aims at on average; a laptop carries replica, monitor and load together."""

FAULT, HIT_PROBE, HIT_SYSTEM = "maintenance-page", "file-return", "mijn-belastingdienst"
"""The portal answers with a page that says 'maintenance' and has the status 200: a check of the status sees nothing."""

FAULT_FROM, FAULT_TO = 0.35, 0.65
"""When the fault begins and ends, as parts of the load run."""

SETTING_UP = 15.0
"""Seconds of the demo that are not load: starting, first probes, the last accounts."""

INTERVAL = 2.0
"""Seconds between the runs of each probe."""


@dataclass(frozen=True)
class Check:
    """One thing the demo must show, whether it did, and the figure."""

    passed: bool
    text: str


@dataclass
class Observed:
    """What happened, in seconds of `time.monotonic`."""

    on: float = 0.0
    off: float = 0.0
    changes: list[Change] = field(default_factory=list)

    def first(self, *, passing: bool, after: float) -> Change | None:
        """Return the hit probe's first change of this kind after an instant."""
        fitting = (
            change
            for change in self.changes
            if change.probe == HIT_PROBE and change.passing == passing and change.instant >= after
        )
        return next(fitting, None)


def tell(configuration: Configuration, folder: Path, seconds: float, console: Console) -> bool:
    """Run the demo for about `seconds`; return whether it showed everything it should. Raises `ChildFailedError`."""
    begun = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    length = max(15.0, seconds - SETTING_UP)
    with stage(configuration, folder, INTERVAL) as scene:
        say(f"A replica of the estate runs on {scene.replica}")
        say(f"A monitor probes it every {INTERVAL:g} s; metrics on {scene.monitor}/metrics")
        watch = Watch(scene.monitor)
        _wait_until_all_pass(watch)
        say(f"All {len(watch.probes)} probes have run and pass: {', '.join(sorted(watch.probes))}")
        observed, load_code = _replay(scene, watch, length, say)
        say("The load is over; the accounts:")
        arguments = ["availability", "--config", str(scene.config), "--ledger", str(scene.ledger), "--json"]
        accounts = json.loads(complete("availability", arguments, scene.logs, good=(0, 1, 3)))
    summary = json.loads((folder / "load" / "summary.json").read_text())
    checks = _checks(observed, summary, load_code, accounts)
    _show_end(console, folder, summary, accounts, checks)
    (folder / "demo.json").write_text(
        json.dumps({"checks": [vars(check) for check in checks], "availability": accounts}, indent=2) + "\n"
    )
    return all(check.passed for check in checks)


def _wait_until_all_pass(watch: Watch, within: float = 30.0) -> None:
    """Wait for the first run of every probe; the load begins on a healthy system."""
    deadline = time.monotonic() + within
    seen = -1
    while time.monotonic() < deadline:
        watch.look()
        if watch.probes and all(watch.probes.values()) and len(watch.probes) == seen:
            return
        seen = len(watch.probes)
        time.sleep(INTERVAL)


def _replay(scene: Stage, watch: Watch, length: float, say: Callable[[str], None]) -> tuple[Observed, int]:
    """Replay the morning in `length` seconds, with the fault in the middle; return what was seen and the exit code."""
    hours = 3600.0 * 3
    scale = SCALE_RATE * length / _people_of_the_morning(scene)
    arguments = ["load", "run", CAMPAIGN, "--env", "local", "--config", str(scene.config), "--seed", "1"]
    arguments += [
        "--from",
        MORNING[0],
        "--to",
        MORNING[1],
        "--compress",
        f"{hours / length:.6g}",
        "--scale",
        f"{scale:.6g}",
    ]
    arguments += ["--drain", "15", "--out", str(scene.folder / "load")]
    observed = Observed()
    with Child("load", arguments, scene.logs) as load:
        begun = time.monotonic()
        say(
            f"The morning of 1 March 2023, {MORNING[0]} to {MORNING[1]}, in {length:.0f} s,"
            f" with {scale:.2%} of the people"
        )
        while load.exit_code is None:
            elapsed = time.monotonic() - begun
            if not observed.on and elapsed >= FAULT_FROM * length:
                scene.switch_on(FAULT)
                observed.on = time.monotonic()
                say(f"[bold]Fault on:[/] {FAULT}. The portal answers every page with 'maintenance' and status 200")
            if observed.on and not observed.off and elapsed >= FAULT_TO * length:
                scene.switch_off(FAULT)
                observed.off = time.monotonic()
                say(f"[bold]Fault off[/] after {observed.off - observed.on:.1f} s")
            for change in watch.look():
                observed.changes.append(change)
                say(_describe(change, observed))
            time.sleep(0.2)
        for change in watch.look():
            observed.changes.append(change)
        return observed, load.wait(1)


def _people_of_the_morning(scene: Stage) -> float:
    """Ask `load shape` how many people the campaign has in these hours."""
    arguments = [
        "load",
        "shape",
        CAMPAIGN,
        "--from",
        MORNING[0],
        "--to",
        MORNING[1],
        "--config",
        str(scene.config),
        "--json",
    ]
    return float(json.loads(complete("shape", arguments, scene.logs))["arrivals"])


def _describe(change: Change, observed: Observed) -> str:
    since = change.instant - (observed.off if change.passing else observed.on)
    if change.passing:
        return f"[green]Probe {change.probe} passes again[/], {since:.1f} s after the fault ended"
    return f"[red]Probe {change.probe} fails: {change.reason}[/], {since:.1f} s after the fault began"


def _checks(observed: Observed, summary: dict[str, Any], load_code: int, accounts: dict[str, Any]) -> list[Check]:
    return [
        *_detection(observed),
        _schedule(summary, load_code),
        _cost(observed, accounts),
    ]


def _detection(observed: Observed) -> list[Check]:
    seen = observed.first(passing=False, after=observed.on)
    cleared = observed.first(passing=True, after=observed.off)
    return [
        Check(
            seen is not None and seen.reason == "maintenance_page",
            f"the probe {HIT_PROBE} saw it after {seen.instant - observed.on:.1f} s, as {seen.reason}"
            if seen
            else f"the probe {HIT_PROBE} did not see the fault",
        ),
        Check(
            cleared is not None,
            f"it passed again {cleared.instant - observed.off:.1f} s after the fault ended"
            if cleared
            else f"the probe {HIT_PROBE} did not pass again",
        ),
    ]


def _schedule(summary: dict[str, Any], load_code: int) -> Check:
    arrivals, lateness = summary["arrivals"], summary["lateness"]
    text = (
        f"the load kept its schedule: {arrivals['started']:,} of {arrivals['due']:,} arrivals started,"
        f" 99 % of them within {lateness['p99'] * 1000:.1f} ms"
    )
    if load_code not in (0, 1):
        text = f"the load is worth nothing: {'; '.join(summary['reasons'])}"
    return Check(load_code in (0, 1) and summary["outcome"] != "invalid", text)


def _cost(observed: Observed, accounts: dict[str, Any]) -> Check:
    """Check that availability fell by the length of the fault: its seconds / interval, two runs more or less."""
    hit = next(row for row in accounts["systems"] if row["system"] == HIT_SYSTEM)
    expected = (observed.off - observed.on) / INTERVAL
    runs = hit["good"] + hit["bad"]
    return Check(
        abs(hit["bad"] - expected) <= 2,
        f"the fault of {observed.off - observed.on:.1f} s cost {HIT_SYSTEM} {hit['bad']} of {runs} probe runs"
        f" (expected {expected:.1f} ± 2): availability {hit['good'] / max(1, runs):.2%} instead of 100 %",
    )


def _show_end(
    console: Console, folder: Path, summary: dict[str, Any], accounts: dict[str, Any], checks: list[Check]
) -> None:
    console.print()
    for check in checks:
        console.print(f"  {'[green]yes[/]' if check.passed else '[bold red]NO [/]'}  {check.text}", soft_wrap=True)
    console.print()
    reasons = "; ".join(summary["reasons"])
    console.print(
        f"  the load test [bold]{summary['outcome']}[/], as it should with such a fault: {reasons}", soft_wrap=True
    )
    for row in accounts["systems"]:
        figure = row["availability_excluding_planned"]
        shown = "no data" if figure is None else f"{figure:.3%}"
        console.print(
            f"  availability of {row['system']:<22} {shown:>9}   objective {row['objective']:.1%}", highlight=False
        )
    console.print("\nTo look further:", highlight=False)
    program, place = shlex.quote(sys.argv[0]), shlex.quote(str(folder))
    for command in (
        f"xdg-open {place}/load/report.html",
        f"{program} availability --config {place}/config --ledger {place}/ledger.sqlite",
        f"ls {place}/grafana {place}/prometheus {place}/logs",
        "make up        # the same, running until Ctrl-C",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True)
