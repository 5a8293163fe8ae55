"""Dashboard *Availability*: whether each system achieves its objective, and if not, since when and why."""

from __future__ import annotations

from grafanalib.core import Panel

from config import Configuration
from config.fields import parse_duration
from config.promql import increase, or_zero, quantile, rate, ratio, select, total
from dashboards import palette
from dashboards.grafana import JsonObject, dashboard, variable
from dashboards.layout import Band, Section
from dashboards.panels import NOTHING, Column, Query, Steps, bars, stat, table, text, time_series
from dashboards.shared import (
    AVAILABILITY_UID,
    LOGIN_UID,
    RANGE,
    RATE,
    failed_by_reason,
    failing_now,
    firing_alerts,
    latency_by_probe,
    link_to,
    load_tests,
    marks,
    oldest_success,
    probe_states,
)
from monitors import metrics
from monitors.rules import queries
from monitors.rules.burn_rates import burn_rates

_SCOPE = {"system": "$system", "vantage": "$vantage"}
_BUDGET = f"(1 - max by (system) ({select(metrics.OBJECTIVE, system='$system')}))"
_BURN_UNIT = "\N{MULTIPLICATION SIGN}"
"""A burn rate is a multiple of what the objective allows."""

_LOOKED = f"max({select(metrics.INTERVAL, **_SCOPE)})"

_COVERED: Steps = [(None, palette.BAD), (0.9, palette.WARNING), (0.99, palette.GOOD)]

_PURPOSE = """
**Does each system achieve its objective, and if not, since when and why?** Availability is the share of probe runs that
passed, over the probes that measure the system's objective, *without planned time* (overrun and aftermath count as
unplanned) and *with planned time*. Runs without a verdict are neither up nor down: they lower the coverage. The figure
of record comes from the ledger: `piekwacht availability`.

**First look:** a red stretch in *State of each probe*, then *Failed runs a minute, by reason*. What each alert means
and what to do: `docs/runbooks/` of the project. The other dashboards are linked above.
"""


def build(configuration: Configuration) -> JsonObject:
    """Return the dashboard as plain data."""
    measured = {**_SCOPE, "probe": queries.measuring_probes(configuration)}
    systems, probes = palette.systems(configuration), palette.probes(configuration)
    parts: list[Band | Section] = [
        Band(5, [text("Purpose", "What is this dashboard for?", _PURPOSE)]),
        Band(
            4,
            [
                _below_objective(measured),
                failing_now(**_SCOPE),
                firing_alerts("$system"),
                oldest_success(**_SCOPE),
                _fastest_burn(measured),
                _lowest_coverage(measured),
            ],
        ),
        Band(8, [probe_states({"Login in detail": LOGIN_UID}, **_SCOPE)]),
        Band(8, [failed_by_reason(**_SCOPE), _failed_share(measured, systems)]),
        Band(min(16, 3 + len(systems)), [_table(measured)]),
        Band(8, [_burn(measured, systems), latency_by_probe(probes, **_SCOPE)]),
        Band(8, [_ages(probes), _without_verdict()]),
        Band(5, [_unanswered(probes), _certificates(probes)]),
        Section("The monitor itself", _instrument(measured), "Is the instrument healthy?", collapsed=True),
    ]
    return dashboard(
        AVAILABILITY_UID,
        "Availability",
        "Per system against its objective: availability, error budget, burn rate, coverage",
        parts,
        variables=[variable("system", metrics.OBJECTIVE), variable("vantage", metrics.INTERVAL)],
        annotations=[*marks(system="$system"), load_tests()],
        period="6h",
        refresh="30s",
    )


def _below_objective(measured: dict[str, str]) -> Panel:
    missed = f"{queries.error_ratio('30d', 'system', **measured)} > bool on (system) {_BUDGET}"
    return stat(
        "Below objective",
        "How many systems have spent more than the error budget of 30 days (without planned time)?",
        [Query(f"sum({missed})", instant=True)],
        steps=[(None, palette.GOOD), (1, palette.BAD)],
    )


def _burn_rate(measured: dict[str, str]) -> str:
    """Burn rate = error ratio / budget: at 1 the budget of 30 days lasts exactly 30 days."""
    return f"{queries.error_ratio('1h', 'system', **measured)} / on (system) {_BUDGET}"


def _page_factors() -> list[float]:
    return sorted(pair.factor for pair in burn_rates().pairs if pair.severity == "page")


def _fastest_burn(measured: dict[str, str]) -> Panel:
    slow, *_, fast = _page_factors()
    return stat(
        "Fastest burn, 1 hour",
        "How many times faster than allowed does the worst system spend its budget?",
        [Query(f"max({_burn_rate(measured)})", instant=True)],
        unit=_BURN_UNIT,
        decimals=1,
        steps=[(None, palette.GOOD), (1, palette.WARNING), (slow, palette.BAD), (fast, palette.BAD)],
    )


def _coverage(period: str, seconds: str, measured: dict[str, str]) -> str:
    """Coverage = runs with a verdict / runs that the schedule asks for, at most 1 (increase() extrapolates)."""
    verdicts = total(increase(metrics.RUNS, period, **measured), "system")
    expected = total(f"{seconds} / {select(metrics.INTERVAL, **measured)}", "system")
    return f"clamp_max({ratio(verdicts, expected)}, 1)"


def _lowest_coverage(measured: dict[str, str]) -> Panel:
    return stat(
        "Lowest coverage",
        "Which part of the time on screen was really measured, for the system measured least?",
        [Query(f"min({_coverage(RANGE, '$__range_s', measured)})", instant=True)],
        unit="percentunit",
        decimals=1,
        steps=_COVERED,
    )


def _table(measured: dict[str, str]) -> Panel:
    def passed(title: str, period: str, windows: str) -> Column:
        errors = queries.error_ratio(period, "system", windows=windows, **measured)
        return Column(title, f"1 - {errors}", "percentunit", 2)

    objective = f"max by (system) ({select(metrics.OBJECTIVE, system='$system')})"
    left = f"1 - {queries.error_ratio('30d', 'system', **measured)} / on (system) {_BUDGET}"
    month = f"{parse_duration('30d'):g}"
    return table(
        "Each system against its objective, excluding and including planned time",
        "Which systems keep their objective, and how much of the error budget of 30 days is left? "
        "Covered is the share of the time that was really measured.",
        "system",
        [
            Column("Objective", objective, "percentunit", 2),
            passed("30 d excl.", "30d", queries.UNPLANNED),
            passed("30 d incl.", "30d", queries.COUNTED),
            passed("Range excl.", RANGE, queries.UNPLANNED),
            passed("Range incl.", RANGE, queries.COUNTED),
            Column("Budget left", left, "percentunit", 0, [(None, palette.BAD), (0, palette.GOOD)]),
            Column("Burn 1 h", _burn_rate(measured), _BURN_UNIT, 1, [(None, palette.GOOD), (1, palette.BAD)]),
            Column("Covered 30 d", _coverage("30d", month, measured), "percentunit", 1),
            Column("Covered", _coverage(RANGE, "$__range_s", measured), "percentunit", 1, _COVERED),
        ],
        first="Budget left",
        link=("Only this system", f"{link_to(AVAILABILITY_UID)}&var-system=${{__data.fields.System}}"),
    )


def _failed_share(measured: dict[str, str], colours: dict[str, str]) -> Panel:
    return time_series(
        "Failed share of runs, without planned time",
        "Which system fails, and how much of it?",
        [Query(queries.error_ratio(RATE, "system", **measured), "{{system}}")],
        unit="percentunit",
        colours=colours,
        top=1,
        ranked=True,
    )


def _burn(measured: dict[str, str], colours: dict[str, str]) -> Panel:
    return time_series(
        "Burn rate, 1 hour",
        "How fast is each budget spent? At 1 it lasts exactly 30 days; lines stand where the rules page.",
        [Query(_burn_rate(measured), "{{system}}")],
        unit=_BURN_UNIT,
        decimals=1,
        colours=colours,
        ranked=True,
        lines_at=[(None, palette.GOOD), *((factor, palette.BAD) for factor in _page_factors())],
    )


def _ages(colours: dict[str, str]) -> Panel:
    return time_series(
        "Age of the last success",
        "Since when has each probe not passed?",
        [Query(f"time() - max by (probe) ({select(metrics.LAST_SUCCESS, **_SCOPE)})", "{{probe}}")],
        unit="s",
        decimals=0,
        colours=colours,
        ranked=True,
    )


def _unanswered(colours: dict[str, str]) -> Panel:
    waiting = f"max by (probe) ({select(metrics.OLDEST_UNANSWERED, **_SCOPE)})"
    return time_series(
        "Age of the oldest unanswered message",
        "Since when does a return message not come?",
        [Query(or_zero(waiting, _LOOKED, probe=NOTHING), "{{probe}}")],
        unit="s",
        decimals=0,
        colours=colours | {NOTHING: palette.GOOD},
        ranked=True,
    )


def _certificates(colours: dict[str, str]) -> Panel:
    left = f"min by (probe) ({select(metrics.CERTIFICATE_EXPIRY, **_SCOPE)}) - time()"
    return bars(
        "Certificates are valid for",
        "Which certificate expires first? 'none' where no probe reads one.",
        [Query(f"sort({or_zero(left, _LOOKED, probe=NOTHING)})", "{{probe}}", instant=True)],
        unit="s",
        colours=colours | {NOTHING: palette.UNKNOWN},
        decimals=0,
    )


def _without_verdict() -> Panel:
    per_second = rate(metrics.UNKNOWN, RATE, **_SCOPE)
    unknown = or_zero(f"60 * {total(per_second, 'cause')} > 0", total(per_second), cause=NOTHING)
    return time_series(
        "Runs without a verdict a minute, by cause",
        "Is the prober itself in trouble? Such runs count neither as up nor as down.",
        [Query(unknown, "{{cause}}")],
        colours=palette.CAUSES | {NOTHING: palette.GOOD},
        stacked=True,
    )


def _instrument(measured: dict[str, str]) -> list[Band]:
    return [
        Band(7, [_lateness(), _loop_lag(), _ledger_writes()]),
        Band(10, [_skipped(), _schedule(measured), _windows(), _versions(), _config_age()], [5, 9, 4, 3, 3]),
        Band(7, [_references(), _descriptors(), _reloaded()], [10, 10, 4]),
    ]


def _lateness() -> Panel:
    return time_series(
        "Start lateness, 99th percentile",
        "Do probes start when they should?",
        [Query(quantile(0.99, metrics.LATENESS, RATE), "p99")],
        unit="s",
        colours=palette.PERCENTILES,
    )


def _loop_lag() -> Panel:
    return time_series(
        "Lag of the event loop",
        "Is the monitor too busy to measure well?",
        [Query(f"max({select(metrics.LOOP_LAG)})", "largest")],
        unit="s",
        colours={"largest": palette.NEUTRAL},
    )


def _ledger_writes() -> Panel:
    return time_series(
        "Durable writes of the ledger, 99th percentile",
        "Does the disk keep up with the record?",
        [Query(quantile(0.99, metrics.LEDGER_WRITE, RATE), "p99")],
        unit="s",
        colours=palette.PERCENTILES,
    )


def _references() -> Panel:
    return time_series(
        "Reference targets that answer",
        "Is the monitor's own network up? At 0 every failure is unknown; -1 where none are configured.",
        [Query(f"sum({select(metrics.REFERENCE_UP)}) or vector(-1)", "answering")],
        decimals=0,
        colours={"answering": palette.NEUTRAL},
    )


def _descriptors() -> Panel:
    used = f"max({select(metrics.OPEN_DESCRIPTORS)} / {select(metrics.DESCRIPTOR_LIMIT)})"
    return time_series(
        "Descriptors in use",
        "Can the monitor still open connections? Above 95 % a failure is unknown.",
        [Query(used, "in use")],
        unit="percentunit",
        colours={"in use": palette.NEUTRAL},
    )


def _reloaded() -> Panel:
    return stat(
        "Last reload",
        "Was the configuration taken at the last reload?",
        [Query(f"min({select(metrics.CONFIG_RELOADED)})", instant=True)],
        steps=[(None, palette.BAD), (1, palette.GOOD)],
        labels={0: ("refused", palette.BAD), 1: ("taken", palette.GOOD)},
    )


def _skipped() -> Panel:
    skipped = total(increase(metrics.SKIPPED, RANGE, **_SCOPE), "system")
    return bars(
        "Runs skipped, this range",
        "Of which systems were probes still running when they should have started again?",
        [Query(f"sort_desc({skipped})", "{{system}}", instant=True)],
        other=palette.WARNING,
        decimals=0,
    )


def _windows() -> Panel:
    active = select(metrics.WINDOW_ACTIVE, system="$system", window="planned|overrun|aftermath|closed")
    return bars(
        "Systems in a window now",
        "For how many systems is the present time planned, overrun, aftermath or closed?",
        [Query(total(f"max by (system, window) ({active})", "window"), "{{window}}", instant=True)],
        colours=palette.WINDOWS,
        decimals=0,
    )


def _schedule(measured: dict[str, str]) -> Panel:
    counts = f"{select(metrics.INTERVAL, **measured)} > bool 0 or 0 * {select(metrics.INTERVAL, **_SCOPE)}"
    return table(
        "Schedule",
        "What is probed, how often, when did it last run, and does it count for the objective?",
        "probe",
        [
            Column("Every", f"min by (probe) ({select(metrics.INTERVAL, **_SCOPE)})", "s"),
            Column("Last run", f"time() - max by (probe) ({select(metrics.LAST_RUN, **_SCOPE)})", "s", 0),
            Column("Counts", f"max by (probe) ({counts})", "bool_yes_no"),
        ],
    )


def _versions() -> Panel:
    return stat(
        "Version",
        "Which version measures?",
        [Query(f"max by (version) ({select(metrics.BUILD)})", "{{version}}", instant=True)],
        steps=[(None, palette.NEUTRAL)],
        show="name",
    )


def _config_age() -> Panel:
    return stat(
        "Config read",
        "How old is the configuration that is being measured?",
        [Query(f"time() - min({select(metrics.CONFIG_LOADED)})", instant=True)],
        unit="s",
        decimals=0,
        steps=[(None, palette.NEUTRAL)],
    )
