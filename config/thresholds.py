"""Thresholds: what the system under test must meet, and what the generator must keep for its figures to count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Protocol

from pydantic import AfterValidator, Field, ValidationInfo

from config.fields import Duration, Number, Pause, shaped
from config.probes import Channel
from config.source import Contradiction, Strict, expected


class _HasSteps(Protocol):
    """What a journey's definition is to a configuration."""

    @property
    def steps(self) -> tuple[str, ...]:
        """Every step, in order."""


def known_step(name: str, info: ValidationInfo) -> str:
    """Return `name` if it is a step of a journey of the validation context, or if that holds no definitions."""
    known: Mapping[str, _HasSteps] | object = (info.context or {}).get("journeys")
    if not isinstance(known, Mapping):
        return name
    journey, _, step = name.rpartition("/")
    if journey and journey not in known:
        raise expected(f"a step, or journey/step with a journey that exists: {', '.join(sorted(known))}")
    steps = known[journey].steps if journey else sorted({step for one in known.values() for step in one.steps})
    if step not in steps:
        raise expected(f"a step of {journey or 'a journey'}: {', '.join(steps)}")
    return name


StepName = Annotated[
    str,
    shaped(r"([a-z][a-z0-9-]*/)?[a-z][a-z0-9-]*", "a step such as submit, or file-return/submit"),
    AfterValidator(known_step),
]
"""A step in all journeys that have it (`submit`), or in one (`file-return/submit`)."""


class StepLimits(Strict):
    """Percentiles of a step's response time, counted from the intended start, in seconds."""

    p50: Duration | None = None
    p95: Duration | None = None
    p99: Duration | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that something is limited."""
        if (self.p50, self.p95, self.p99) == (None, None, None):
            yield Contradiction((), "a limit: p50, p95 or p99", "none")


class GeneratorLimits(Strict):
    """The health of the generator; where one is exceeded the run is invalid, whatever the system did.

    `started_share` of the arrivals due must be started, and 99 % of them no later than `lateness_p99`. `cpu` limits the
    cores that the busiest process uses over ten seconds, `loop_lag` how late its event loop may be; both are not
    judged unless given, since lateness shows what they do.
    """

    started_share: Number = Field(default=0.999, gt=0, le=1)
    lateness_p99: Duration = 0.1
    cpu: Number | None = Field(default=None, gt=0, le=1000)
    loop_lag: Duration | None = None


class Abort(Strict):
    """When a run ends early: more than `failed_share` of the journeys that ended in the last `over` failed.

    It also ends when `failed_share` of the thresholds cannot be met any more, whatever the rest of the run brings.
    """

    failed_share: Number = Field(default=0.5, gt=0, lt=1)
    over: Duration = 30.0


class Thresholds(Strict):
    """What the system under test must meet, judged on the steady part: from `warm_up` to the last arrival.

    `p95` and `p99` limit the response times of all steps together, `steps` those of one. `amplification` limits the
    attempts for each journey that passes. `doses` are the people a second that a channel's waiting room may admit;
    exceeded at any time of the run, it has failed. Without `abort` a run goes on however badly it goes.
    """

    failed_share: Number = Field(default=0.01, ge=0, le=1)
    p95: Duration = 2.0
    p99: Duration | None = None
    warm_up: Pause = 0.0
    amplification: Number | None = Field(default=None, ge=1, le=1000)
    steps: dict[StepName, StepLimits] = Field(default={})
    generator: GeneratorLimits = GeneratorLimits()
    doses: dict[Channel, Annotated[Number, Field(ge=0, le=1e6)]] = Field(default={})
    abort: Abort | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a run does not end early over failures that it may have."""
        if self.abort is not None and self.abort.failed_share < self.failed_share:
            yield Contradiction(("abort", "failed_share"), f"at least the failed_share allowed, {self.failed_share:g}")
