"""What a run says: passed, failed, or invalid because the measurement itself cannot be trusted.

Each threshold is a `Check`. The outcome follows from them, in this order:

    invalid   the generator broke, was interrupted, or missed a limit of its health: the figures say nothing
    failed    the system missed a limit, or the run was ended early because it was hopeless
    invalid   something that has a limit was never measured: no data is no success
    passed    otherwise
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from config import GeneratorLimits
from config.source import Strict
from loadtests import wording

Outcome = Literal["passed", "failed", "invalid"]

Unit = Literal["share", "seconds", "ratio", "cores", "count"]

Result = Literal["met", "missed", "not measured"]


class Check(Strict):
    """One threshold: what was measured against it (None: nothing), and in words what is wrong, "" where it was met.

    `limit` is the highest value allowed, or with `lowest` the lowest. Times are seconds, shares go from 0 to 1.
    """

    about: Literal["generator", "system"]
    name: str
    unit: Unit
    limit: float
    lowest: bool = False
    measured: float | None
    complaint: str = ""

    @property
    def result(self) -> Result:
        """What came of it."""
        if self.measured is None:
            return "not measured"
        return "missed" if self.complaint else "met"


NOTICED = 0.02
"""Cores withheld by the host from which on it is named as a cause: in every second someone waits for 20 ms."""


@dataclass(frozen=True)
class Verdict:
    """The outcome and every reason for it; a passed run has none."""

    outcome: Outcome
    reasons: list[str]


@dataclass(frozen=True)
class Generator:
    """How the generator did; times in seconds. `cpu` and `loop_lag` may be left out where nothing limits them.

    `stolen` are the cores that the machine wanted and its host gave to others: a cause of lateness, never judged alone.
    """

    due: int
    started: int
    dropped: int
    lateness_p99: float
    cpu: float = 0.0
    loop_lag: float = 0.0
    stolen: float = 0.0


def judge(
    checks: Sequence[Check],
    *,
    troubles: Sequence[str] = (),
    ended_early: str | None = None,
    anyone: bool = True,
    causes: Sequence[str] = (),
) -> Verdict:
    """Judge a run. `troubles` befell the generator; `anyone` tells whether any journey came to an end.

    `causes` say what the failures look like; they are reasons of a run that has failed, and fail none by themselves.
    """
    unsound = [*troubles, *(check.complaint for check in checks if check.about == "generator" and check.complaint)]
    if not anyone and not unsound:
        unsound.append("no journey came to an end")
    early = [f"ended early: {ended_early}"] if ended_early else []
    if unsound:
        return Verdict("invalid", early + unsound)
    missed = [check.complaint for check in checks if check.complaint]
    if early or missed:
        return Verdict("failed", [*early, *missed, *causes])
    unknown = [f"{check.name}: nothing was measured" for check in checks if check.measured is None]
    return Verdict("invalid" if unknown else "passed", unknown)


def troubles(
    *,
    interrupted: bool,
    errors: Sequence[str],
    aborted: int,
    shortages: Collection[str] = (),
    no_account: int = 0,
    pool: int = 0,
) -> list[str]:
    """Return in words what befell the generator: `aborted` journeys found no descriptor, port or memory.

    `shortages` are the operating system's words for it. `no_account` arrivals found no free test account in a pool of
    so many.
    """
    reasons = [f"the generator failed: {error}" for error in errors]
    if interrupted:
        reasons.append("the run was interrupted; figures cover the part until then")
    if aborted:
        said = f" ({'; '.join(sorted(shortages))})" if shortages else ""
        reasons.append(f"the generator ran out of descriptors, ports or memory for {aborted:,} journeys{said}")
    if no_account:
        reasons.append(f"{no_account:,} arrivals found no free test account (pool of {pool:,})")
    return reasons


def generator_checks(generator: Generator, limits: GeneratorLimits) -> list[Check]:
    """Return the checks of the generator's health."""
    late, busy = "the generator could not keep its schedule", "the generator was the limit"
    host = (
        f"; the machine's host withheld {generator.stolen:.2f} cores meanwhile" if generator.stolen >= NOTICED else ""
    )
    started = generator.started / generator.due if generator.due else 1.0
    lateness, latest = wording.over(generator.lateness_p99, limits.lateness_p99)
    checks = [
        check(
            "generator",
            "arrivals started",
            "share",
            limits.started_share,
            started,
            f"{late}: {generator.started} of {generator.due} arrivals were started ({generator.dropped} dropped){host}",
            lowest=True,
        ),
        check(
            "generator",
            "start lateness p99",
            "seconds",
            limits.lateness_p99,
            generator.lateness_p99,
            f"{late}: 1 % of the arrivals started {lateness} late or more (limit {latest}){host}",
        ),
    ]
    if limits.cpu is not None:
        cores, most = wording.over(generator.cpu, limits.cpu, wording.rounded)
        said = f"{busy}: its busiest process used {cores} cores (limit {most})"
        checks.append(check("generator", "generator CPU", "cores", limits.cpu, generator.cpu, said))
    if limits.loop_lag is not None:
        lag, most = wording.over(generator.loop_lag, limits.loop_lag)
        said = f"{busy}: its event loop was {lag} late (limit {most}){host}"
        checks.append(check("generator", "generator loop lag", "seconds", limits.loop_lag, generator.loop_lag, said))
    return checks


def check(
    about: Literal["generator", "system"],
    name: str,
    unit: Unit,
    limit: float,
    measured: float | None,
    complaint: str,
    *,
    lowest: bool = False,
) -> Check:
    """Hold a measured value against its limit; `complaint` says what is wrong if it is."""
    missed = measured is not None and (measured < limit if lowest else measured > limit)
    return Check(
        about=about,
        name=name,
        unit=unit,
        limit=limit,
        lowest=lowest,
        measured=measured,
        complaint=complaint if missed else "",
    )
