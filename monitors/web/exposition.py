"""What `/metrics` says: a snapshot of the monitor as Prometheus text or OpenMetrics.

Every metric is declared in `monitors.metrics`. Counters are those of the ledger (`monitors.record.live_totals`), so a
restart resets nothing and nothing is shown that is not on disk. Every combination of labels of a counter that can
happen is there from the start, at 0, or the first event of each kind would be lost to `increase()`. The gauges that
tell of a probe's last runs are absent until there was one: 0 would say that it failed, in 1970.

Rendering shares the event loop with the probes, so it gives the loop its turn every half a millisecond. What a series
is called never changes, so it is put together once and remembered:

    piekwacht_probe_runs_total{probe="home-page",system="website",vantage="west",window="none"} 42.0
    '------------------------- remembered ----------------------------------------------------' '---'
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice

from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from config import System
from config.hours import ALWAYS
from config.metric import Metric
from journeys import Reason, definitions
from monitors import metrics
from monitors.availability.accounting import NOT_PUBLISHED, Counts
from monitors.availability.to_date import ToDate
from monitors.probes import KINDS, Target, steps_of
from monitors.probes.phone.classes import table
from monitors.probes.phone.safety.numbers import Skipped
from monitors.probes.reasons import PAGE
from monitors.record.totals import Durations, Labelled, Probe, State, Totals
from monitors.verdict import Cause, Phases, Window

SLICE = 50
"""Lines that are rendered between two looks at the clock."""
TURN = 0.0005
"""Seconds after which the loop has its turn."""
REMEMBERED = 250_000
"""Names of series that are kept; 60 for each probe, 100 for one that calls, some 200 bytes each."""

Values = Iterable[tuple[tuple[str, ...], float]]
"""(label values, value)"""
Histograms = Iterable[tuple[tuple[str, ...], Durations]]
"""(label values, histogram)"""

_OPENMETRICS = "application/openmetrics-text"
_UNUSED = Durations()
CALLING = frozenset({"call", "ari_call"})
"""The kinds of probes that make calls."""
CLASSES = tuple(map(str, table().classes))
SKIPPED = tuple(map(str, Skipped))
_WINDOWS = (*(str(window) for window in Window if window is not Window.CLOSED), str(Window.CLOSED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """What this process does on the telephone; `budgets`: which part is left today, by trunk and what is counted."""

    in_progress: int = 0
    leaked: int = 0
    budgets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that one scrape shows. Times are Unix seconds; `windows` says which kind of time it is now.

    `references` are the reference targets (host:port) and whether each answered last; `reloaded` is whether the last
    reload took its configuration. `window_ends` are the announced ends of the planned windows that apply now or are
    overrun, `notices` by when people must be told, by system and rule, `periods` what each system achieved so far in
    the month and the year, empty until that was counted.
    """

    vantage: str
    version: str
    systems: Mapping[str, System]
    targets: Sequence[Target]
    totals: Totals
    owners: Mapping[str, str]
    windows: Mapping[str, Window]
    window_ends: Mapping[str, float] = field(default_factory=dict)
    notices: Mapping[tuple[str, str], float] = field(default_factory=dict)
    periods: ToDate = field(default_factory=dict)
    lateness: Durations
    ledger_write: Durations
    loop_lag: float
    config_loaded: float
    reloaded: bool = True
    references: Mapping[str, bool]
    open_descriptors: int
    descriptor_limit: int
    phone: Phone = Phone()


async def render(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """Return the exposition and its content type: OpenMetrics if the scraper likes it best, else Prometheus text."""
    _, content_type = choose_encoder(accept if _prefers_openmetrics(accept) else "")
    # No name has a character that a scheme would have to change; the other schemes double every underscore.
    content_type = re.sub("escaping=(dots|values)", "escaping=underscores", content_type)
    lines = _lines(snapshot, openmetrics=content_type.startswith(_OPENMETRICS))
    slices, turn = [], time.perf_counter()
    while part := "".join(islice(lines, SLICE)):
        slices.append(part)
        if time.perf_counter() - turn > TURN:
            await asyncio.sleep(0)
            turn = time.perf_counter()
    return "".join(slices).encode(), content_type


def _prefers_openmetrics(accept: str) -> bool:
    """Tell whether OpenMetrics has the greatest weight (`q`, 1 unless given) of what can be written here."""
    weights: dict[str, float] = {}
    for offer in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in offer.split(";"))
        given = (value for name, _, value in (part.partition("=") for part in parameters) if name == "q")
        try:
            weights[kind] = max(weights.get(kind, 0.0), float(next(given, 1.0)))
        except ValueError:
            continue
    wanted = weights.get(_OPENMETRICS, 0.0)
    return wanted > 0 and wanted >= weights.get("text/plain", 0.0)


def _lines(snapshot: Snapshot, *, openmetrics: bool) -> Iterator[str]:
    values, histograms = values_of(snapshot), histograms_of(snapshot)
    for metric in metrics.ALL:
        # The only difference between the formats for metrics like these: what the family of a counter is called.
        family = metric.name.removesuffix("_total") if openmetrics and metric.kind == "counter" else metric.name
        yield f"# HELP {family} {_escaped(metric.help, quotes=openmetrics)}\n# TYPE {family} {metric.kind}\n"
        if metric.kind == "histogram":
            yield from _histogram_lines(metric, histograms[metric])
        else:
            name, names = metric.name, metric.labels
            for labels, value in values[metric]:
                yield f"{_series(name, names, labels)}{_number(value)}\n"
    if openmetrics:
        yield "# EOF\n"


def _histogram_lines(metric: Metric, histograms: Histograms) -> Iterator[str]:
    name, labels = metric.name, metric.labels
    bucket, count, total, bounded = f"{name}_bucket", f"{name}_count", f"{name}_sum", (*labels, "le")
    for values, histogram in histograms:
        for bound, below in histogram.buckets:
            yield f"{_series(bucket, bounded, (*values, bound))}{_number(below)}\n"
        yield f"{_series(count, labels, values)}{_number(histogram.buckets[-1][1])}\n"
        yield f"{_series(total, labels, values)}{_number(histogram.sum)}\n"


@lru_cache(REMEMBERED)
def _series(name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Return the name of a series and the space behind it."""
    if not labels:
        return f"{name} "
    pairs = sorted(zip(labels, values, strict=True))
    text = ",".join(f'{label}="{_escaped(value, quotes=True)}"' for label, value in pairs)
    return f"{name}{{{text}}} "


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text


def _number(value: float) -> str:
    """Write a number as Go does, which begins exponents at a million; below that Python's way is the same."""
    if value == 0.0:
        return "0.0"  # most are, and writing a float takes its time
    return repr(value) if -1e6 < value < 1e6 else str(floatToGoString(value))  # type: ignore[no-untyped-call]


def values_of(snapshot: Snapshot) -> dict[Metric, Values]:
    """Return every declared counter and gauge with its values."""
    parts = (_counters, _states, _gauges, _calls, _periods)
    return {metric: values for part in parts for metric, values in part(snapshot).items()}


def _counters(snapshot: Snapshot) -> dict[Metric, Values]:
    totals = snapshot.totals
    causes = [*map(str, Cause)]
    phases = [phase.name for phase in fields(Phases)]
    steps, reasons, runs = _seen(totals.steps), _seen(totals.reasons), _seen(totals.runs)

    def spread(counts: Labelled, labels: Callable[[Target], Iterable[str]]) -> Values:
        for target in snapshot.targets:
            system, name = target.system, target.name
            for label in labels(target):
                yield (system, name, snapshot.vantage, label), counts.get((system, name, label), 0.0)

    def windows(target: Target) -> Iterable[str]:
        never_closed = snapshot.systems[target.system].service_hours == ALWAYS
        return with_past(_WINDOWS[: -1 if never_closed else None], runs, target)

    def with_past(now: Sequence[str], past: Mapping[Probe, list[str]], target: Target) -> Iterable[str]:
        """Give the labels that can happen now, then those of the record that cannot any more."""
        found = past.get((target.system, target.name))
        return dict.fromkeys([*now, *found]) if found else now

    return {
        metrics.RUNS: spread(totals.runs, windows),
        metrics.FAILURES: spread(totals.failures, windows),
        metrics.UNKNOWN: spread(totals.unknown, lambda _: causes),
        metrics.FAILURES_BY_REASON: spread(
            totals.reasons,
            lambda target: with_past(
                _reasons(target.probe.kind, getattr(target.probe, "journey", None)), reasons, target
            ),
        ),
        metrics.FAILURES_BY_STEP: spread(totals.steps, lambda target: with_past(steps_of(target.probe), steps, target)),
        metrics.PHASES: spread(totals.phases, lambda _: phases),
        metrics.CALLS: spread(totals.calls, lambda target: CLASSES if target.probe.kind in CALLING else ()),
        metrics.CALLS_SKIPPED: spread(
            totals.calls_skipped, lambda target: SKIPPED if target.probe.kind in CALLING else ()
        ),
        metrics.CALLS_LEAKED: [((), float(snapshot.phone.leaked))],
        metrics.SKIPPED: (((system, snapshot.vantage), count) for system, count in _skipped(snapshot).items()),
    }


def _skipped(snapshot: Snapshot) -> dict[str, float]:
    """Sum by system: one number for each probe is not worth a series for each."""
    counts = dict.fromkeys(snapshot.systems, 0.0)
    for target in snapshot.targets:
        counts[target.system] += snapshot.totals.skipped.get((target.system, target.name), 0.0)
    return counts


def _seen(counts: Labelled) -> dict[Probe, list[str]]:
    """Return the labels in the record for each probe, sorted."""
    seen = defaultdict[Probe, list[str]](list)
    for system, probe, label in sorted(counts):
        seen[system, probe].append(label)
    return seen


@lru_cache
def _reasons(kind: str, journey: str | None) -> tuple[str, ...]:
    """Return the reasons for which a probe can fail; a journey says which of its kind are its own."""
    own = definitions()[journey].reasons if journey else frozenset(Reason)
    return tuple(str(reason) for reason in KINDS[kind].REASONS if reason in PAGE or reason in own)


def _states(snapshot: Snapshot) -> dict[Metric, Values]:
    def known(value: Callable[[State], float | None]) -> Values:
        for target in snapshot.targets:
            state = snapshot.totals.states.get((target.system, target.name))
            if state is not None and (found := value(state)) is not None:
                yield _labels(target, snapshot), float(found)

    return {
        metrics.SUCCESS: known(lambda state: state.passed),
        metrics.LAST_RUN: known(lambda state: state.last_run),
        metrics.LAST_SUCCESS: known(lambda state: state.last_success),
    }


def _calls(snapshot: Snapshot) -> dict[Metric, Values]:
    """Return what the last call of each probe showed; absent where there was none, or where it did not come so far."""
    last = [(_labels(target, snapshot), call) for target in snapshot.targets if (call := target.memory.call)]
    return {
        metrics.CALL_POST_DIAL_DELAY: (
            (labels, call.post_dial_delay) for labels, call in last if call.post_dial_delay is not None
        ),
        metrics.CALL_ANSWER_DELAY: (
            (labels, call.answer_delay) for labels, call in last if call.answer_delay is not None
        ),
        metrics.CALL_STAGE: (
            ((*labels, str(stage)), seconds) for labels, call in last for stage, seconds in call.stages.items()
        ),
        metrics.CALL_AUDIO: (
            ((*labels, str(sound)), part) for labels, call in last for sound, part in call.audio.items()
        ),
        metrics.CALL_LOSS: ((labels, call.received.loss) for labels, call in last if call.received.packets),
        metrics.CALL_JITTER: ((labels, call.received.jitter) for labels, call in last if call.received.packets),
        metrics.CALLS_IN_PROGRESS: [((), float(snapshot.phone.in_progress))],
        metrics.TRUNK_BUDGET_LEFT: (
            ((trunk, kind), left) for trunk, budget in snapshot.phone.budgets.items() for kind, left in budget.items()
        ),
    }


def _gauges(snapshot: Snapshot) -> dict[Metric, Values]:
    objectives = {name: system.objective for name, system in snapshot.systems.items()}
    return {
        metrics.CERTIFICATE_EXPIRY: (
            (_labels(target, snapshot), expires)
            for target in snapshot.targets
            if (expires := target.memory.certificate_expires) is not None
        ),
        metrics.OLDEST_UNANSWERED: (
            (_labels(target, snapshot), target.memory.oldest_unanswered(time.time()))
            for target in snapshot.targets
            if target.probe.kind == "message"
        ),
        metrics.INTERVAL: ((_labels(target, snapshot), target.interval) for target in snapshot.targets),
        metrics.OBJECTIVE: (((name,), round(each.target / 100, 9)) for name, each in objectives.items()),
        metrics.WINDOW_ACTIVE: (
            ((name, str(window)), float(snapshot.windows[name] == window))
            for name in snapshot.systems
            for window in Window
        ),
        metrics.WINDOW_END: (((name,), end) for name, end in snapshot.window_ends.items()),
        metrics.NOTICE_DUE: snapshot.notices.items(),
        metrics.SYSTEM_INFO: (((name, snapshot.owners[name]), 1.0) for name in snapshot.systems),
        metrics.LOOP_LAG: [((), snapshot.loop_lag)],
        metrics.REFERENCE_UP: (((name,), float(answers)) for name, answers in snapshot.references.items()),
        metrics.OPEN_DESCRIPTORS: [((), float(snapshot.open_descriptors))],
        metrics.DESCRIPTOR_LIMIT: [((), float(snapshot.descriptor_limit))],
        metrics.CONFIG_RELOADED: [((), float(snapshot.reloaded))],
        metrics.CONFIG_LOADED: [((), snapshot.config_loaded)],
        metrics.BUILD: [((snapshot.version,), 1.0)],
    }


def _periods(snapshot: Snapshot) -> dict[Metric, Values]:
    """Return what was counted in the month and the year, for each class of time that there was and that counts."""
    accounts = [
        ((system, snapshot.vantage, period), account)
        for system, periods in snapshot.periods.items()
        for period, account in periods.items()
    ]

    def each(value: Callable[[Counts], int]) -> Values:
        for labels, account in accounts:
            for kind, counts in account.counts.items():
                if kind not in NOT_PUBLISHED:
                    yield (*labels, str(kind)), float(value(counts))

    return {
        metrics.PERIOD_RUNS: each(lambda counts: counts.good + counts.bad),
        metrics.PERIOD_FAILURES: each(lambda counts: counts.bad),
        metrics.PERIOD_EXPECTED: each(lambda counts: counts.expected),
        metrics.PERIOD_TIME: (
            ((*labels, part), 60.0 * minutes)
            for labels, account in accounts
            for part, minutes in (("passed", account.minutes), ("ahead", account.ahead))
        ),
    }


def histograms_of(snapshot: Snapshot) -> dict[Metric, Histograms]:
    """Return every declared histogram with its values."""
    durations = snapshot.totals.durations
    return {
        metrics.DURATION: (
            (_labels(target, snapshot), durations.get((target.system, target.name), _UNUSED))
            for target in snapshot.targets
        ),
        metrics.LATENESS: [((), snapshot.lateness)],
        metrics.LEDGER_WRITE: [((), snapshot.ledger_write)],
    }


def _labels(target: Target, snapshot: Snapshot) -> tuple[str, str, str]:
    return target.system, target.name, snapshot.vantage
