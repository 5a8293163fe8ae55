"""The estate: systems, who owns them, what they depend on, how they are probed, what they must achieve."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.fields import Duration, Host, Identifier, JourneyName
from config.source import Strict, expected

Channel = Literal["web", "app"]


class ProbeTiming(Strict):
    """When a probe runs and how long it may take.

    `limit`: an answer slower than this is a failure (`too_slow`); `timeout`: the run is given up (`timeout`).
    """

    interval: Duration = 15.0
    timeout: Duration = 10.0
    limit: Duration = 5.0

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.interval < self.timeout:
            raise expected(f"an interval of at least the timeout ({self.timeout:g}s), not {self.interval:g}s")
        if self.limit > self.timeout:
            raise expected(f"a limit of at most the timeout ({self.timeout:g}s), not {self.limit:g}s")
        return self


class HttpProbe(ProbeTiming):
    """One GET: the answer has one of `statuses` and contains every text of `contains`."""

    kind: Literal["http"]
    path: str = Field(default="/", pattern=r"^/")
    statuses: list[Annotated[int, Field(ge=100, le=599)]] = Field(default=[200], min_length=1)
    contains: list[str] = []


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

    target: float = Field(default=99.9, gt=0, lt=100)
    measured_by: list[Identifier] = Field(min_length=1)


class System(Strict):
    """One row that must work for citizens, companies or agents."""

    name: str = Field(min_length=1)
    name_nl: str = Field(min_length=1)
    purpose: str = Field(min_length=1)
    depends_on: list[Identifier] = []
    production_hosts: list[Host] = []
    objective: Objective
    probes: dict[Identifier, Probe] = Field(min_length=1)

    @model_validator(mode="after")
    def _measured_by_own_probes(self) -> Self:
        unknown = [name for name in self.objective.measured_by if name not in self.probes]
        if unknown:
            raise expected(f"objective.measured_by to name probes of this system, not {', '.join(unknown)}")
        return self


class Owner(Strict):
    """The organisation that answers for the systems of a file."""

    id: Identifier
    name: str


class EstateFile(Strict):
    """One file of `config/estate/`: an owner and the systems it answers for."""

    owner: Owner
    systems: dict[Identifier, System] = Field(min_length=1)
