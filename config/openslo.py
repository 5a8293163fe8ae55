"""OpenSLO v1: the documents that objectives are exchanged in, as https://github.com/OpenSLO/OpenSLO specifies them.

These models say what is well-formed. What of it can be honoured, `config.imported` says; `monitors.rules.openslo`
writes documents and holds them against these models. Keys are as in the format (`timeWindow`), attributes as in Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from config.fields import Number, known_zone, shaped
from config.source import Contradiction, Strict

VERSION = "openslo/v1"

Name = Annotated[
    str, shaped(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "a name of at most 63 lower-case letters, digits and dashes")
]
Shorthand = Annotated[str, shaped(r"[1-9][0-9]*[mhdwMQY]", "a duration such as 5m, 12h, 30d, 4w, 1M, 1Q or 1Y")]
Description = Annotated[str, Field(max_length=1050)]
Label = Annotated[str, shaped(r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?", "a label's name")]
Annotation = Annotated[
    str, shaped(r"([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?", "a name")
]
StartTime = Annotated[
    str, shaped(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "a date and time without zone, such as 2026-01-01 00:00:00")
]
Zone = Annotated[str, AfterValidator(known_zone)]
Operator = Literal["lte", "gte", "lt", "gt"]


class Part(Strict):
    """Base of every part of a document."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=False)


class Metadata(Part):
    """What an object is called."""

    name: Name
    display_name: str | None = None
    labels: dict[Label, str | list[str]] = Field(default={})
    annotations: dict[Annotation, str] = Field(default={})


class MetricSource(Part):
    """Where figures come from, and the question that is asked there; `spec` is that source's own."""

    metric_source_ref: Name | None = None
    type: str | None = None
    spec: dict[str, Any]

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the kind of source can be known."""
        if self.metric_source_ref is None and self.type is None:
            yield Contradiction(("type",), "a type, or a metricSourceRef", found="nothing")


class Metric(Part):
    """One series of figures."""

    metric_source: MetricSource


class RatioMetric(Part):
    """Good or bad events and all of them; or a ratio that was computed before, `raw`."""

    counter: bool | None = None
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw_type: Literal["success", "failure"] | None = None
    raw: Metric | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that it is exactly one of good and total, bad and total, raw with its type."""
        given = {name for name in ("good", "bad", "total", "raw") if getattr(self, name) is not None}
        if given not in ({"good", "total"}, {"bad", "total"}, {"raw"}):
            yield Contradiction((), "good and total, or bad and total, or raw", found=_listed(given))
        if (self.raw is None) != (self.raw_type is None):
            wanted = "the rawType success or failure" if self.raw else "no rawType without raw"
            yield Contradiction(("rawType",), wanted, found=self.raw_type or "nothing")


class IndicatorSpec(Part):
    """How a service level is measured."""

    description: Description | None = None
    ratio_metric: RatioMetric | None = None
    threshold_metric: Metric | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that there is one metric."""
        given = {name for name in ("ratio_metric", "threshold_metric") if getattr(self, name) is not None}
        if len(given) != 1:
            yield Contradiction((), "either ratioMetric or thresholdMetric", found=_listed(map(to_camel, given)))


class Indicator(Part):
    """An indicator inside an SLO."""

    metadata: Metadata
    spec: IndicatorSpec


class Calendar(Part):
    """Where a calendar window begins, in local time."""

    start_time: StartTime
    time_zone: Zone


class TimeWindow(Part):
    """The period in which a budget may be spent: the last so many days, or the month, quarter, year."""

    duration: Shorthand
    is_rolling: bool | None = None
    calendar: Calendar | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that it is either rolling or bound to the calendar."""
        if bool(self.is_rolling) == (self.calendar is not None):
            found = "both" if self.calendar else "neither"
            yield Contradiction((), "either isRolling: true or a calendar", found=found)


class Goal(Part):
    """What is to be achieved: `target` from 0 to 1, or `targetPercent`."""

    display_name: str | None = None
    op: Operator | None = None
    value: Number | None = None
    target: Annotated[Number, Field(ge=0, lt=1)] | None = None
    target_percent: Annotated[Number, Field(ge=0, lt=100)] | None = None
    time_slice_target: Annotated[Number, Field(ge=0, le=1)] | None = None
    time_slice_window: Number | Shorthand | None = None
    indicator: Indicator | None = None
    indicator_ref: Name | None = None
    composite_weight: Annotated[Number, Field(gt=0)] | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that there is one target."""
        if (self.target is None) == (self.target_percent is None):
            found = "neither" if self.target is None else "both"
            yield Contradiction((), "either target or targetPercent", found=found)


class SloSpec(Part):
    """An objective: what is measured, over which period, and how good it must be."""

    description: Description | None = None
    service: Name
    indicator: Indicator | None = None
    indicator_ref: Name | None = None
    time_window: list[TimeWindow] = Field(default=[], max_length=1)
    budgeting_method: Literal["Occurrences", "Timeslices", "RatioTimeslices"]
    objectives: list[Goal] = Field(min_length=1)
    alert_policies: list[dict[str, Any]] = Field(default=[])

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that there is one indicator; a composite has one in each of its objectives."""
        own = [name for name in ("indicator", "indicator_ref") if getattr(self, name) is not None]
        composite = any(goal.indicator or goal.indicator_ref for goal in self.objectives)
        if len(own) > 1 or (not own and not composite):
            found = "both" if own else "neither"
            yield Contradiction((), "either indicator or indicatorRef", found=found)


class DataSourceSpec(Part):
    """A server that figures come from."""

    description: Description | None = None
    type: str
    connection_details: Any = None


class ServiceSpec(Part):
    """What objectives are of."""

    description: Description | None = None


class ConditionRef(Part):
    """An alert condition by its name."""

    condition_ref: Name


class TargetRef(Part):
    """A target of notifications by its name."""

    target_ref: Name


class PolicySpec(Part):
    """When somebody is told, and who."""

    description: Description | None = None
    alert_when_no_data: bool = False
    alert_when_resolved: bool = False
    alert_when_breaching: bool = False
    conditions: list[ConditionRef] = Field(min_length=1, max_length=1)
    notification_targets: list[TargetRef] = Field(min_length=1)


class BurnRateCondition(Part):
    """How fast the budget burns."""

    kind: Literal["burnrate"] = "burnrate"
    op: Operator
    threshold: Number
    lookback_window: Shorthand
    alert_after: Annotated[str, shaped(r"[0-9]+[mhdwMQY]", "a duration such as 5m")] = "0m"


class ConditionSpec(Part):
    """A condition, and how bad it is."""

    description: Description | None = None
    severity: str
    condition: BurnRateCondition


class NotificationSpec(Part):
    """Where notifications go."""

    description: Description | None = None
    target: str


class Header(Part):
    """What every document begins with."""

    api_version: Literal["openslo/v1"]
    metadata: Metadata


class Service(Header):
    """`kind: Service`."""

    kind: Literal["Service"]
    spec: ServiceSpec


class Slo(Header):
    """`kind: SLO`."""

    kind: Literal["SLO"]
    spec: SloSpec


class Sli(Header):
    """`kind: SLI`."""

    kind: Literal["SLI"]
    spec: IndicatorSpec


class DataSource(Header):
    """`kind: DataSource`."""

    kind: Literal["DataSource"]
    spec: DataSourceSpec


class AlertPolicy(Header):
    """`kind: AlertPolicy`."""

    kind: Literal["AlertPolicy"]
    spec: PolicySpec


class AlertCondition(Header):
    """`kind: AlertCondition`."""

    kind: Literal["AlertCondition"]
    spec: ConditionSpec


class AlertNotificationTarget(Header):
    """`kind: AlertNotificationTarget`."""

    kind: Literal["AlertNotificationTarget"]
    spec: NotificationSpec


KINDS: Mapping[str, type[Header]] = {
    "Service": Service,
    "SLO": Slo,
    "SLI": Sli,
    "DataSource": DataSource,
    "AlertPolicy": AlertPolicy,
    "AlertCondition": AlertCondition,
    "AlertNotificationTarget": AlertNotificationTarget,
}
"""Every kind of v1."""


def _listed(names: Any) -> str:
    return " and ".join(sorted(names)) or "nothing"
