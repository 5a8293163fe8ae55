"""The proofs can fail: rules that are broken on purpose, and the generated cases that must notice.

Each fault is one replacement in the text of the rules. Only the case that is about it is run, all faults side by side.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from config import Configuration
from monitors.rules import queries, rule_cases, rules
from monitors.rules.burn_rates import burn_rates
from tests.monitors.rules.estates import changed, only
from tests.prometheus import UNHURRIED


@dataclass(frozen=True)
class Fault:
    """What is replaced by what, everywhere in the rules, and words from the name of the case that is about it."""

    right: str
    wrong: str
    words: str


_SHORT = "system:piekwacht_probe_failures:ratio_increase"

FAULTS = {
    "a metric by another name": Fault("piekwacht_probe_failures_total", "piekwacht_probe_failure_total", "aftermath"),
    "another label": Fault("window=~", "windows=~", "an announced aftermath"),
    "planned time counts": Fault(queries.UNPLANNED, queries.COUNTED, "in a planned window"),
    "an aftermath does not count": Fault(queries.UNPLANNED, "none|overrun", "aftermath"),
    "a threshold too high": Fault("14.4 *", "44 *", "sixty seconds"),
    "pages at the pace of tickets": Fault("6 * system", "3 * system", "one failed run in two hundred"),
    "no floor": Fault(f">= {burn_rates().min_failures}", ">= 0", "single failed run is quiet"),
    "no floor right after a window": Fault(f">= {burn_rates().min_failures}", ">= 0", "right after a planned window"),
    "no guard against an idle system": Fault(" > 0)", ")", "without runs"),
    "no alert on silence": Fault("absent(", "absent(vector(1) or ", "dead exporter"),
    "no wait for a certificate": Fault("for: 10m", "for: 0m", "expires in 20 days"),
    "a window too short for calls": Fault(
        f"and on (system) {_SHORT}20m", f"and on (system) {_SHORT}5m", "third failed"
    ),
    "told at the end only": Fault("<= 1800", "<= 18", "overruns by thirty minutes"),
    "told though all is well": Fault(" == 0", " >= 0", "back before its end"),
    "blind is as good as measured": Fault("> 0.5", "> 5", "is blind pages nobody"),
    "lateness ignored": Fault("piekwacht_load_start_lateness_p99_seconds", "up", "starts its arrivals late"),
    "budget of the part that has passed": Fault(" + max by", " + 0 * max by", "calendar"),
}

QUORUM_FAULTS = {
    "one vantage point is enough": Fault(", 2)", ", 1)", "1 of 3 vantage points"),
    "all must see it": Fault(", 2)", ", 3)", "2 of 3 vantage points"),
    "the blind have a vote": Fault("clamp_max(count by (system) (", "clamp_min(count by (system) (", "is blind has no"),
    "all runs together page too": Fault('system=~"digid-app"', 'system=~".*"', "1 of 3 vantage points"),
}


def verdicts(promtool: str, folder: Path, configuration: Configuration, faults: dict[str, Fault]) -> dict[str, str]:
    """Return what promtool says of the rules with each fault, and with none; nothing: it found all as described."""
    text = yaml.safe_dump(rules.build(configuration, burn_rates()), width=100_000)
    everything = rule_cases.build(configuration, "rules.yml")

    def judge(fault: Fault, name: str) -> str:
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        assert fault.right in text, f"{name}: nothing to replace"
        cases = [case for case in everything["tests"] if fault.words in case["name"]]
        assert cases, f"{name}: no case is about {fault.words!r}"
        (place / "rules.yml").write_text(text.replace(fault.right, fault.wrong))
        (place / "tests.yml").write_text(yaml.safe_dump({**everything, "tests": cases}))
        command = [promtool, "test", "rules", str(place / "tests.yml")]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=UNHURRIED)
        return "" if ran.returncode == 0 else ran.stdout + ran.stderr

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip(faults, threads.map(judge, faults.values(), faults), strict=True))


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_seeded_fault_is_noticed(
    peer: Callable[[str], str], configuration: Configuration, tmp_path: Path
) -> None:
    """By the case that is about it, and because its samples differ, not because a rule could not be read."""
    found = verdicts(peer("promtool"), tmp_path, configuration, FAULTS)
    for name, said in found.items():
        assert "FAILED" in said, f"{name}: unnoticed"
        assert "exp:" in said, f"{name}: {said}"
        assert "got:" in said, f"{name}: {said}"


@pytest.mark.peer
def test_every_fault_of_a_quorum_is_noticed(
    peer: Callable[[str], str], configuration: Configuration, tmp_path: Path
) -> None:
    """Two of three vantage points must see the website burn; each other rule is found out."""
    estate = changed(only(configuration, "website", "digid-app"), "website", quorum=2)
    found = verdicts(peer("promtool"), tmp_path, estate, QUORUM_FAULTS)
    for name, said in found.items():
        assert "exp:" in said, f"{name}: unnoticed\n{said}"
