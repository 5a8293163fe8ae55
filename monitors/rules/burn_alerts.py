"""Alerts for error budgets that burn too fast. Pure.

A pair of burn-rate windows fires when

    error ratio (long)  > factor * budget   and   error ratio (short) > factor * budget   and   failures (long) ≥ floor

with budget = 1 - objective. A system with a quorum of vantage points pages when the pair fires in enough of them:

    vantage points in which the pair fires  >=  min(quorum, vantage points with a verdict in the shortest window)

so that one that fails or is blind stays a ticket. Short windows hold four runs at least of the slowest probe that
counts for the system (`Pair.fitted`), so telephone lines, called every five minutes, have others than websites. Planned
time needs no gate here: each run carries the window it was measured in, and only unplanned ones are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from config import Configuration
from monitors.rules import queries
from monitors.rules.burn_rates import BurnRates, Pair, at_least
from monitors.rules.queries import BUDGET, BY_SYSTEM, BY_VANTAGE, VOTES, failures_record, ratio_record, runs_record
from monitors.rules.rule import Rule, alert, budget_of, labels_of, record, slowest


def records(configuration: Configuration, rates: BurnRates) -> list[Rule]:
    """Record what the alerts compare: for every system over each window of the file, for slow ones over theirs too."""
    probes = queries.measuring_probes(configuration)
    found = [rule for window in rates.windows for rule in _records(window, BY_SYSTEM, probe=probes)]
    for window, systems in _windows(_fitted(configuration, rates)).items():
        if window not in rates.windows:
            found += _records(window, BY_SYSTEM, probe=probes, system="|".join(systems))
    return found


def alerts(configuration: Configuration, rates: BurnRates) -> list[Rule]:
    """Judge all runs together; for a page, only those of systems without a quorum.

    Raises `ValueError` for a system that is probed too seldom for every pair.
    """
    found, judged = [], set[str]()
    voting = {name for name, system in configuration.systems.items() if system.quorum > 1}
    for pair, systems in _fitted(configuration, rates):
        judged.update(systems)
        mine = [name for name in systems if pair.severity == "ticket" or name not in voting]
        if mine:
            found.append(_alert(pair, rates, budget_of(configuration, mine)))
    if seldom := sorted(set(configuration.systems) - judged):
        raise ValueError(f"probed too seldom for any burn rate: {', '.join(seldom)}")
    return found


def quorum(configuration: Configuration, rates: BurnRates) -> list[Rule]:
    """Judge the runs of each vantage point by themselves, and page when enough of them see it."""
    probes = queries.measuring_probes(configuration)
    voting = [name for name, system in configuration.systems.items() if system.quorum > 1]
    pages = [
        (pair, mine)
        for pair, systems in _fitted(configuration, rates)
        if pair.severity == "page" and (mine := [name for name in systems if name in voting])
    ]
    found: list[Rule] = []
    for window, systems in _windows(pages).items():
        found += _records(window, BY_VANTAGE, probe=probes, system="|".join(systems))
    for name in voting:
        found.append(_votes(configuration, name, at_least(rates.windows[0], slowest(configuration, name))))
    return found + [_quorum_alert(pair, rates, systems, voting) for pair, systems in pages]


def _fitted(configuration: Configuration, rates: BurnRates) -> Iterator[tuple[Pair, list[str]]]:
    """Yield each pair as it fits some systems, with those systems."""
    for pair in rates.pairs:
        fitting: dict[str, tuple[Pair, list[str]]] = {}
        for name in (*configuration.systems, *configuration.imported):
            if fits := pair.fitted(slowest(configuration, name)):
                fitting.setdefault(fits.short, (fits, []))[1].append(name)
        yield from fitting.values()


def _windows(pairs: Iterable[tuple[Pair, list[str]]]) -> dict[str, list[str]]:
    """Return every window of the pairs with the systems that need it."""
    found = defaultdict[str, list[str]](list)
    for pair, systems in pairs:
        for window in (pair.short, pair.long):
            found[window] += [name for name in systems if name not in found[window]]
    return found


def _records(window: str, by: tuple[str, ...], **labels: str) -> list[Rule]:
    runs, failures = runs_record(window, by), failures_record(window, by)
    return [
        record(runs, queries.runs(window, *by, **labels)),
        record(failures, queries.failures(window, *by, **labels)),
        record(ratio_record(window, by), f"{failures} / ({runs} > 0)"),
    ]


def _alert(pair: Pair, rates: BurnRates, budget: str) -> Rule:
    limit = f"{pair.factor:g} * {budget}"
    expression = (
        f"{ratio_record(pair.long)} > on (system) group_left (owner, objective) {limit}\n"
        f"and on (system) {ratio_record(pair.short)} > on (system) {limit}\n"
        f"and on (system) {failures_record(pair.long)} >= {rates.min_failures}"
    )
    return alert(
        pair.alert,
        pair.severity,
        expression,
        summary="{{ $labels.system }} spends its error budget too fast",
        description=(
            f"Over {pair.long}, {{{{ $value | humanizePercentage }}}} of the runs that count for "
            f"{{{{ $labels.system }}}} failed, and over {pair.short} it went on. {_meaning(pair, rates)}"
        ),
        labels={"pair": f"{pair.long}/{pair.short}"},
    )


def _quorum_alert(pair: Pair, rates: BurnRates, systems: list[str], voting: list[str]) -> Rule:
    limit = f"{pair.factor:g} * {BUDGET}"
    long, short = ratio_record(pair.long, BY_VANTAGE), ratio_record(pair.short, BY_VANTAGE)
    votes = VOTES if systems == voting else f'{VOTES}{{system=~"{"|".join(systems)}"}}'
    expression = (
        "count by (system) (\n"
        f"  {long} > on (system) group_left () {limit}\n"
        f"  and {short} > on (system) group_left () {limit}\n"
        f"  and {failures_record(pair.long, BY_VANTAGE)} >= {rates.min_failures}\n"
        f") >= on (system) group_left (owner, objective) {votes}"
    )
    return alert(
        pair.alert,
        pair.severity,
        expression,
        summary="{{ $labels.system }} spends its error budget too fast, seen from {{ $value }} vantage points",
        description=(
            f"From {{{{ $value }}}} vantage points, enough for its quorum, too many of the runs that count for "
            f"{{{{ $labels.system }}}} failed over {pair.long}, and over {pair.short} it went on. "
            f"{_meaning(pair, rates)}"
        ),
        labels={"pair": f"{pair.long}/{pair.short}", "seen_by": "quorum"},
    )


def _meaning(pair: Pair, rates: BurnRates) -> str:
    return (
        f"The objective of {{{{ $labels.objective }}}} % allows fewer: this alert fires at a burn rate of "
        f"{pair.factor:g}, which spends {rates.spent(pair):.0%} of the budget of {rates.period} in {pair.long}."
    )


def _votes(configuration: Configuration, name: str, window: str) -> Rule:
    seeing = f'count by (system) ({ratio_record(window, BY_VANTAGE)}{{system="{name}"}})'
    quorum = configuration.systems[name].quorum
    return record(VOTES, f"clamp_max({seeing}, {quorum})", **labels_of(configuration, name))
