"""The estate: systems, who owns them, what they depend on, how they are probed, what they must achieve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.fields import Duration, Host, Identifier, JourneyName, Number, UrlPath
from config.source import Contradiction, Strict

Channel = Literal["web", "app"]


class ProbeTiming(Strict):
    """When a probe runs and how long it may take.

    `limit`: an answer slower than this is a failure (`too_slow`); `timeout`: the run is given up (`timeout`).
    """

    interval: Duration = 15.0
    timeout: Duration = 10.0
    limit: Duration = 5.0

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a run is over before the next one begins: limit <= timeout <= interval."""
        if self.interval < self.timeout:
            yield Contradiction(("interval",), f"at least the timeout, {self.timeout:g}s")
        if self.limit > self.timeout:
            yield Contradiction(("limit",), f"at most the timeout, {self.timeout:g}s")


class HttpProbe(ProbeTiming):
    """One GET: the answer has one of `statuses` and contains every text of `contains`."""

    kind: Literal["http"]
    path: UrlPath = "/"
    statuses: list[Annotated[int, Field(strict=True, ge=100, le=599)]] = Field(default=[200], min_length=1)
    contains: list[str] = Field(default=[])


class JourneyProbe(ProbeTiming):
    """One synthetic citizen walks a journey, the same that a load test replays."""

    kind: Literal["journey"]
    journey: JourneyName
    channel: Channel = "web"


Probe = Annotated[HttpProbe | JourneyProbe, Field(discriminator="kind")]


class Objective(Strict):
    """What the system must achieve, and which of its probes say whether it does.

    99.9 % per year: 2024-06-ict-progress-letter. The letter gives no measuring method, so the probes are named here.
    """

    target: Number = Field(default=99.9, gt=0, lt=100)
    measured_by: list[Identifier] = Field(min_length=1)


class System(Strict):
    """One row that must work for citizens, companies or agents."""

    name: str = Field(min_length=1)
    name_nl: str = Field(min_length=1)
    purpose: str = Field(min_length=1)
    depends_on: list[Identifier] = Field(default=[])
    production_hosts: list[Host] = Field(default=[])
    objective: Objective
    probes: dict[Identifier, Probe] = Field(min_length=1)

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the objective is measured by probes of this system."""
        for index, name in enumerate(self.objective.measured_by):
            if name not in self.probes:
                path = ("objective", "measured_by", index)
                yield Contradiction(path, f"a probe of this system: {', '.join(self.probes)}")


class Owner(Strict):
    """The organisation that answers for the systems of a file."""

    id: Identifier
    name: str


class EstateFile(Strict):
    """One file of `config/estate/`: an owner and the systems it answers for."""

    owner: Owner
    systems: dict[Identifier, System] = Field(min_length=1)
