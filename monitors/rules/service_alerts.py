"""Alerts about what surrounds a service: certificates, planned work, telephone calls, load tests. Pure.

A planned window is overrun in three steps. Half an hour before its announced end somebody must say whether it will do
(2022-12-douane-communication-protocol, N2); from the end on the time counts as unplanned, and burns the budget as well.
With several vantage points a probe fails here when it fails from all of them, and a window is overrun when all say so.
"""

from __future__ import annotations

from collections import defaultdict

from config import Configuration
from config.fields import parse_duration
from config.promql import increase, ratio, select, total
from loadtests import metrics as load
from monitors.metrics import (
    CALLS_LEAKED,
    CERTIFICATE_EXPIRY,
    FAILURES,
    NOTICE_DUE,
    SUCCESS,
    WINDOW_ACTIVE,
    WINDOW_END,
)
from monitors.rules import queries
from monitors.rules.burn_rates import BurnRates, Severity
from monitors.rules.queries import OPERATOR
from monitors.rules.rule import Rule, alert, owned

CERTIFICATES: dict[Severity, int] = {"ticket": 21, "page": 3}
"""Days before its end at which a certificate must be told of."""

BEFORE_THE_END = "30m"
"""N2 of 2022-12-douane-communication-protocol: half an hour before the announced end at the latest."""

LATELY = "2h"
"""How far back failed runs of a window are counted; four hours' calls of a line that is called every half hour."""

NOTICES: dict[Severity, str] = {"page": "N[2-9]", "ticket": "N1|N10"}
"""Rules of 2022-12-douane-communication-protocol: of what goes on, and of what is announced beforehand."""

LEAKED: dict[Severity, int] = {"ticket": 1, "page": 3}
"""Calls within an hour whose end nobody confirmed: one may have lost its last message, three keep lines busy."""

DROPPED = 10
"""Arrivals of a load test within a minute that are too few to say anything."""


def alerts(configuration: Configuration, rates: BurnRates) -> list[Rule]:
    """Return the alerts that are not about a budget."""
    return [
        *(_certificate(severity, days) for severity, days in CERTIFICATES.items()),
        _will_overrun(configuration, rates.min_failures),
        _overruns(configuration, rates.min_failures),
        *(_notice_overdue(severity, kinds) for severity, kinds in NOTICES.items()),
        *(_calls_not_released(severity, calls) for severity, calls in LEAKED.items()),
        *_load_generator_late(configuration),
    ]


def _certificate(severity: Severity, days: int) -> Rule:
    left = f"(min by (system, probe) ({select(CERTIFICATE_EXPIRY)}) - time() < {days * 86_400})"
    return alert(
        "CertificateExpiresSoon",
        severity,
        owned(left),
        wait="10m",
        summary="The certificate that {{ $labels.probe }} sees expires in {{ $value | humanizeDuration }}",
        description=(
            f"A certificate of {{{{ $labels.system }}}}, seen by {{{{ $labels.probe }}}}, expires in "
            f"{{{{ $value | humanizeDuration }}}}, less than {days} days. From then on every browser and "
            "app refuses it; with a minus it has expired."
        ),
    )


def _will_overrun(configuration: Configuration, floor: int) -> Rule:
    before = f"{parse_duration(BEFORE_THE_END):g}"
    left = f"((max by (system) ({WINDOW_END}) - time() <= {before}) > 0)"
    return alert(
        "MaintenanceWillOverrun",
        "page",
        f"{owned(left)}\n"
        f"and on (system) {_failing(configuration)} == 0\n"
        f"and on (system) {_failures(configuration, 'planned')} >= {floor}",
        wait="1m",
        summary="{{ $labels.system }} still fails, {{ $value | humanizeDuration }} before its planned work ends",
        description=(
            "The planned work on {{ $labels.system }} ends in {{ $value | humanizeDuration }} as announced, and its "
            "probes still fail. If it will take longer, users must be told now, half an hour before that end at the "
            "latest; time after it counts as unplanned."
        ),
    )


def _overruns(configuration: Configuration, floor: int) -> Rule:
    past = f"(time() - max by (system) ({WINDOW_END}) > 0)"
    overrun = f"min by (system) ({select(WINDOW_ACTIVE, window='overrun')})"
    return alert(
        "MaintenanceOverruns",
        "page",
        f"{owned(past)}\n"
        f"and on (system) {overrun} == 1\n"
        f"and on (system) {_failures(configuration, 'overrun')} >= {floor}",
        wait="1m",
        summary="The planned work on {{ $labels.system }} overruns by {{ $value | humanizeDuration }}",
        description=(
            "The planned work on {{ $labels.system }} should have ended {{ $value | humanizeDuration }} ago, and its "
            "probes have not all passed since. This time counts as unplanned and spends the error budget."
        ),
    )


def _failing(configuration: Configuration) -> str:
    probes = queries.measuring_probes(configuration)
    return f"min by (system) (max by (system, probe) ({select(SUCCESS, probe=probes)}))"


def _failures(configuration: Configuration, window: str) -> str:
    probes = queries.measuring_probes(configuration)
    return total(increase(FAILURES, LATELY, probe=probes, window=window), "system")


def _notice_overdue(severity: Severity, kinds: str) -> Rule:
    """Believe whoever says that a message is due: only the monitor that keeps the messages does (`notices.kept_by`)."""
    late = f"(time() - min by (system, rule) ({select(NOTICE_DUE, rule=kinds)}) > 0)"
    return alert(
        "NoticeOverdue",
        severity,
        owned(late),
        wait="2m",
        summary="People should have been told about {{ $labels.system }} {{ $value | humanizeDuration }} ago",
        description=(
            "By rule {{ $labels.rule }} of the communication protocol a message about {{ $labels.system }} is overdue "
            "by {{ $value | humanizeDuration }}. `piekwacht notice due` says which."
        ),
    )


def _calls_not_released(severity: Severity, calls: int) -> Rule:
    return alert(
        "CallsNotReleased",
        severity,
        f"{total(increase(CALLS_LEAKED, '1h'), 'instance')} >= {calls}",
        owner=OPERATOR,
        summary="The monitor at {{ $labels.instance }} could not end {{ $value | humanize }} telephone calls",
        description=(
            "Within an hour the end of {{ $value | humanize }} telephone calls of the monitor at "
            "{{ $labels.instance }} was never confirmed. They may still keep a line busy, and cost money."
        ),
    )


def _load_generator_late(configuration: Configuration) -> list[Rule]:
    """Compare a running load test with the limits of its campaign: past them its verdict will be *invalid*."""
    by_limits = defaultdict[tuple[float, float], list[str]](list)
    for name, campaign in configuration.campaigns.items():
        limits = campaign.thresholds.generator
        by_limits[limits.lateness_p99, limits.started_share].append(name)
    found = []
    for (lateness, share), names in by_limits.items():
        mine = {"campaign": "|".join(names)}
        dropped, planned = (
            total(increase(metric, "1m", **mine), "campaign") for metric in (load.DROPPED, load.PLANNED)
        )
        found += [
            _late(
                f"max by (campaign) ({select(load.LATENESS_P99, **mine)}) > {lateness:g}",
                {"limit": "lateness", "allowed": f"{lateness:g}s"},
                "1 % of its arrivals start {{ $value | humanizeDuration }} late or later",
            ),
            _late(
                f"{ratio(dropped, planned)} > {round(1 - share, 9):g}\nand {dropped} >= {DROPPED}",
                {"limit": "dropped", "allowed": f"{1 - share:.3%}"},
                "{{ $value | humanizePercentage }} of its arrivals of the last minute were never started",
            ),
        ]
    return found


def _late(expression: str, labels: dict[str, str], what: str) -> Rule:
    return alert(
        "LoadGeneratorLate",
        "ticket",
        expression,
        wait="30s",
        owner=OPERATOR,
        summary="The load test {{ $labels.campaign }} cannot keep its schedule",
        description=(
            f"Of the load test {{{{ $labels.campaign }}}}, {what}; {{{{ $labels.allowed }}}} is allowed. The generator "
            "is the limit, not the system under test: the run will be invalid."
        ),
        labels=labels,
    )
