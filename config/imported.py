"""Objectives of other systems, from OpenSLO v1 files: what the rules need of them, or why they cannot be honoured.

An objective counts events over a window w, as the estate's objectives count runs:

    error ratio (w) = failures (w) / events (w)

    bad, total     failures = bad                 events = total
    good, total    failures = total - good        events = total
    raw, failure   failures = sum of the ratios   events = number of samples
    raw, success   failures = samples - their sum events = number of samples

Both are PromQL with `{{.window}}` where w comes, as Sloth has it. No bad event yet, or no good one any more, is 0 as
long as there are events at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from config.openslo import (
    KINDS,
    DataSource,
    Goal,
    Header,
    IndicatorSpec,
    Metric,
    RatioMetric,
    Service,
    Sli,
    Slo,
    TimeWindow,
)
from config.source import ConfigError, Document, Problem, read_documents, validate
from config.yaml_tree import DataPath

WINDOW = "{{.window}}"
DEFAULT_PERIOD = "30d"
"""The period of an objective that names none."""

_PLACEHOLDER = re.compile(r"\{\{\s*\.window\s*\}\}")
_FOREIGN = re.compile(r"\$\{?\w+\}?|\{\{(?!\.window\}\}).*?\}\}")
_PER_SECOND = re.compile(r"\bi?rate\s*\(")
_SELECTOR = r"""(?:[a-zA-Z_:][\w:]*)?(?:\{(?:[^{}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})?"""
_SERIES = re.compile(rf"(?:sum\s*\(\s*)(?P<summed>{_SELECTOR})\s*\)|(?P<plain>{_SELECTOR})")
_OWNER = r"[a-z][a-z0-9-]*"
_DAYS = {"d": 1, "w": 7}


@dataclass(frozen=True, slots=True)
class ImportedObjective:
    """An objective of a system that is not of the estate. `target` in per cent; `period` such as 30d, rolling."""

    name: str
    title: str
    owner: str
    target: float
    period: str
    _failures: str
    _events: str

    def failures(self, window: str) -> str:
        """Return the number of bad events over `window`, as PromQL."""
        return self._failures.replace(WINDOW, window)

    def events(self, window: str) -> str:
        """Return the number of events over `window`, as PromQL."""
        return self._events.replace(WINDOW, window)


class _Found(NamedTuple):
    """A well-formed document."""

    document: Document
    model: Header


class _Refused(Exception):  # noqa: N818 - a finding, always turned into a problem
    """What at `path` cannot be honoured. `missing`: another document is needed, and not among the well-formed ones."""

    def __init__(self, path: DataPath, found: str, wanted: str, *, missing: bool = False) -> None:
        super().__init__(found)
        self.path, self.found, self.wanted, self.missing = path, found, wanted, missing


def read_objectives(folder: Path, taken: Mapping[str, str]) -> dict[str, ImportedObjective]:
    """Return the objectives of every *.yaml file of `folder`, by name. Raises `ConfigError` with every problem.

    `taken`: names that an objective must not have, and whose they are.
    """
    problems: list[Problem] = []
    found = list(_well_formed(folder, problems))
    whole = not problems  # with a document missing, every name that refers to it would look unknown
    problems += _repeated(found, taken)
    known = {(type(each.model), each.model.metadata.name): each.model for each in found}
    objectives: dict[str, ImportedObjective] = {}
    for document, model in found:
        if isinstance(model, Slo):
            refusals: list[_Refused] = []
            objective = _Reader(model, known, refusals).objective()
            told = [each for each in refusals if whole or not each.missing]
            problems += [document.problem(each.path, each.found, each.wanted) for each in told]
            objectives[objective.name] = objective
    if problems:
        raise ConfigError(problems)
    return objectives


def _well_formed(folder: Path, problems: list[Problem]) -> Iterator[_Found]:
    problems += [Problem(str(path), 1, "", "the ending .yml", "the ending .yaml") for path in folder.glob("*.yml")]
    for path in sorted(folder.glob("*.yaml")):
        try:
            documents = read_documents(path)
        except ConfigError as error:
            problems += error.problems
            continue
        for document in documents:
            try:
                yield _Found(document, validate(document, _kind(document)))
            except ConfigError as error:
                problems += error.problems


def _kind(document: Document) -> type[Header]:
    """Return the model of a document. Raises `ConfigError` for a kind that says nothing here."""
    data: Any = document.data
    if not isinstance(data, dict):
        raise ConfigError([document.problem((), "no mapping", "an OpenSLO document, more of them after lines of ---")])
    kind = data.get("kind")
    usable = {name: model for name, model in KINDS.items() if not name.startswith("Alert")}
    if isinstance(kind, str) and kind in usable:
        return usable[kind]
    wanted = f"one of: {', '.join(usable)}"
    if kind in KINDS:
        wanted += "; alerts follow from the burn rates of `rules build`"
    raise ConfigError([document.problem(("kind",), "nothing" if kind is None else str(kind), wanted)])


def _repeated(found: Iterable[_Found], taken: Mapping[str, str]) -> Iterator[Problem]:
    """Each name exists once for each kind; an objective's, which becomes the label `system`, also not in the estate."""
    seen: dict[tuple[type[Header], str], str] = {}
    for document, model in found:
        key = type(model), model.metadata.name
        path = ("metadata", "name")
        if key in seen:
            yield document.problem(path, f"'{key[1]}' a second time", f"it only in {seen[key]}")
        elif isinstance(model, Slo) and key[1] in taken:
            yield document.problem(path, f"'{key[1]}', the name of {taken[key[1]]}", "another name")
        seen.setdefault(key, f"{document.file}:{document.line(path)}")


class _Reader:
    """Turns one SLO into an objective; what cannot be honoured is added to `refusals`, all of it."""

    def __init__(self, slo: Slo, known: Mapping[tuple[type[Header], str], Header], refusals: list[_Refused]) -> None:
        self._slo, self._known, self._refusals = slo, known, refusals

    def objective(self) -> ImportedObjective:
        """Return what can be read of it; usable only if nothing was refused."""
        slo = self._slo
        self._budgeting()
        failures, events = self._indicator()
        return ImportedObjective(
            name=slo.metadata.name,
            title=slo.metadata.display_name or slo.metadata.name,
            owner=self._owner(),
            target=self._target(),
            period=self._period(),
            _failures=failures,
            _events=events,
        )

    def _refuse(self, path: DataPath, found: str, wanted: str, *, missing: bool = False) -> None:
        self._refusals.append(_Refused(path, found, wanted, missing=missing))

    def _budgeting(self) -> None:
        spec = self._slo.spec
        if spec.budgeting_method != "Occurrences":
            wanted = "Occurrences: good and bad events are counted, not slices of time"
            self._refuse(("spec", "budgetingMethod"), spec.budgeting_method, wanted)
        if spec.alert_policies:
            wanted = "none: alerts follow from the burn rates of `rules build`"
            self._refuse(("spec", "alertPolicies"), "alert policies", wanted)

    def _owner(self) -> str:
        """Return the label `owner` of the SLO, or of its service: alerts are routed by it."""
        service = self._known.get((Service, self._slo.spec.service))
        for metadata in (self._slo.metadata, *([service.metadata] if service else [])):
            owner = metadata.labels.get("owner")
            if isinstance(owner, str) and re.fullmatch(_OWNER, owner):
                return owner
        wanted = "a label 'owner' of lower-case letters, digits and hyphens, here or at its Service; alerts go to it"
        self._refuse(("metadata",), "no owner", wanted, missing=service is None)
        return ""

    def _target(self) -> float:
        """Return the target in per cent."""
        goals = self._slo.spec.objectives
        if len(goals) > 1:
            self._refuse(("spec", "objectives"), f"{len(goals)} objectives", "one for each SLO")
        for index, goal in enumerate(goals):
            for name, wanted in _BEYOND_RATIOS.items():
                if getattr(goal, name) is not None:
                    key = Goal.model_fields[name].alias or name
                    self._refuse(("spec", "objectives", index, key), key, wanted)
        goal = goals[0]
        percent = goal.target_percent if goal.target is None else round(100 * goal.target, 9)
        if not percent:
            self._refuse(("spec", "objectives", 0), "a target of 0", "a target above 0")
        return percent or 0.0

    def _period(self) -> str:
        windows: list[TimeWindow] = self._slo.spec.time_window
        if not windows:
            return DEFAULT_PERIOD
        duration, path = windows[0].duration, ("spec", "timeWindow", 0)
        if windows[0].calendar is not None:
            wanted = "isRolling: true; Prometheus knows no calendar"
            self._refuse((*path, "calendar"), "a calendar window", wanted)
        elif duration[-1] not in _DAYS or int(duration[:-1]) * _DAYS[duration[-1]] < _SHORTEST:
            self._refuse((*path, "duration"), duration, f"days or weeks, at least {_SHORTEST}d, such as 30d or 4w")
        return duration

    def _indicator(self) -> tuple[str, str]:
        """Return failures and events with `WINDOW`."""
        spec = self._slo.spec
        if spec.indicator is not None:
            return self._metric(spec.indicator.spec, ("spec", "indicator", "spec"))
        if spec.indicator_ref is None:  # a composite: its objectives have been refused
            return "", ""
        sli = self._known.get((Sli, spec.indicator_ref))
        if isinstance(sli, Sli):
            return self._metric(sli.spec, ("spec", "indicatorRef"))
        names = ", ".join(sorted(name for kind, name in self._known if kind is Sli)) or "none there is"
        self._refuse(("spec", "indicatorRef"), f"'{spec.indicator_ref}'", f"the name of an SLI: {names}", missing=True)
        return "", ""

    def _metric(self, spec: IndicatorSpec, path: DataPath) -> tuple[str, str]:
        ratio = spec.ratio_metric
        if ratio is None:
            self._refuse((*path, "thresholdMetric"), "a thresholdMetric", "a ratioMetric: events, good or bad")
            return "", ""
        path = (*path, "ratioMetric")
        try:
            if ratio.raw is not None:
                return self._raw(ratio, (*path, "raw"))
            name = "good" if ratio.good is not None else "bad"
            part = self._count(ratio.good or ratio.bad, ratio, (*path, name))
            events = self._count(ratio.total, ratio, (*path, "total"))
        except _Refused as refusal:
            self._refusals.append(refusal)
            return "", ""
        if name == "bad":
            return f"{part} or 0 * {events}", events
        return f"clamp_min({events} - ({part} or 0 * {events}), 0)", events

    def _count(self, metric: Metric | None, ratio: RatioMetric, path: DataPath) -> str:
        """Return the number of events of a metric over `WINDOW`."""
        assert metric is not None, "the model has seen that it is there"
        query = self._query(metric, path)
        if WINDOW in query:
            if _PER_SECOND.search(query):
                wanted = f"increase(...[{WINDOW}]): events are counted, a rate has none"
                raise _Refused((*path, *_QUERY), query, wanted)
            return f"sum({query})"
        series = _series(query)
        if series is None or not ratio.counter:
            wanted = f"a query over [{WINDOW}], or the selector of a counter with counter: true"
            raise _Refused((*path, *_QUERY), query, wanted)
        return f"sum(increase({series}[{WINDOW}]))"

    def _raw(self, ratio: RatioMetric, path: DataPath) -> tuple[str, str]:
        """Return bad samples and samples: each counts as one event, bad in part."""
        assert ratio.raw is not None, "the caller has looked"
        query = self._query(ratio.raw, path)
        series = _series(query)
        if series is None:
            raise _Refused((*path, *_QUERY), query, "the selector of a ratio that is recorded")
        total, samples = f"sum(sum_over_time({series}[{WINDOW}]))", f"sum(count_over_time({series}[{WINDOW}]))"
        return (total if ratio.raw_type == "failure" else f"{samples} - {total}"), samples

    def _query(self, metric: Metric, path: DataPath) -> str:
        """Return the PromQL of a metric, its window written as `WINDOW`. Raises `_Refused`."""
        source = metric.metric_source
        self._source(source.metric_source_ref, source.type, (*path, "metricSource"))
        query = source.spec.get("query")
        if not isinstance(query, str) or not query.strip() or len(source.spec) > 1:
            found = ", ".join(sorted(source.spec)) or "nothing"
            raise _Refused((*path, "metricSource", "spec"), found, "the key 'query' with PromQL, and no other")
        query = _PLACEHOLDER.sub(WINDOW, " ".join(query.split()))
        if foreign := _FOREIGN.search(query):
            raise _Refused((*path, *_QUERY), foreign[0], f"{WINDOW} where the window comes, and no other variable")
        if "#" in re.sub(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", "", query):
            raise _Refused((*path, *_QUERY), "a comment (#)", "PromQL without comments")
        return query

    def _source(self, reference: str | None, kind: str | None, path: DataPath) -> None:
        """Make sure that Prometheus is asked. Raises `_Refused`."""
        if reference is not None:
            source = self._known.get((DataSource, reference))
            if isinstance(source, DataSource):
                kind = kind or source.spec.type
            elif kind is None:
                names = ", ".join(sorted(name for known, name in self._known if known is DataSource)) or "none there is"
                wanted = f"the name of a DataSource: {names}"
                raise _Refused((*path, "metricSourceRef"), f"'{reference}'", wanted, missing=True)
        if kind is None or kind.lower() != "prometheus":
            key = "type" if reference is None else "metricSourceRef"
            raise _Refused((*path, key), f"the data source {kind}", "Prometheus")


_QUERY = ("metricSource", "spec", "query")
_SHORTEST = 3
"""Days of the longest window of the burn rates: a shorter period would be over before its alert."""

_BEYOND_RATIOS = {
    "op": "none: a ratioMetric is compared with its target only",
    "value": "none: a ratioMetric is compared with its target only",
    "time_slice_target": "none: slices of time are not counted",
    "time_slice_window": "none: slices of time are not counted",
    "indicator": "one indicator for the whole SLO: composites are not supported",
    "indicator_ref": "one indicator for the whole SLO: composites are not supported",
    "composite_weight": "none: composites are not supported",
}


def _series(query: str) -> str | None:
    """Return the selector of a query that is one, or the sum of one."""
    match = _SERIES.fullmatch(query)
    return (match["summed"] or match["plain"]) if match else None
