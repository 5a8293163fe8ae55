"""The estate: systems, who owns them, what they depend on, how they are probed, what they must achieve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from config.fields import Host, Identifier, Number
from config.hours import ALWAYS, Holidays, OpeningHours
from config.probes import PhoneProbe, Probe, by_family
from config.source import Contradiction, Strict
from config.terms import Terms


class Objective(Strict):
    """What the system must achieve, and which of its probes say whether it does.

    99.9 % per year: 2024-06-ict-progress-letter. The letter gives no measuring method, so the probes are named here.
    A figure of which less than `min_coverage` percent was measured is shown but not judged.
    """

    target: Number = Field(default=99.9, gt=0, lt=100)
    min_coverage: Number = Field(default=90.0, ge=0, le=100)
    measured_by: list[Identifier] = Field(min_length=1)


class System(Strict):
    """One row that must work for citizens, companies or agents.

    Outside `service_hours` nothing counts. `quorum`: how many vantage points must see it down in a minute.
    """

    name: str = Field(min_length=1)
    name_nl: str = Field(min_length=1)
    purpose: str = Field(min_length=1)
    depends_on: list[Identifier] = Field(default=[])
    production_hosts: list[Host] = Field(default=[])
    service_hours: OpeningHours = ALWAYS
    quorum: int = Field(default=1, strict=True, ge=1, le=99)
    objective: Objective
    probes: Annotated[dict[Identifier, Probe], AfterValidator(by_family), Field(min_length=1)]

    @property
    def is_line(self) -> bool:
        """Whether it is reached by telephone only, so that it has no endpoint."""
        return all(isinstance(probe, PhoneProbe) for probe in self.probes.values())

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that the objective is measured by probes of this system."""
        for index, name in enumerate(self.objective.measured_by):
            if name not in self.probes:
                path = ("objective", "measured_by", index)
                yield Contradiction(path, f"a probe of this system: {', '.join(self.probes)}")


class Owner(Strict):
    """The organisation that answers for the systems of a file.

    Neither office hours nor holidays are settled by 2022-12-douane-communication-protocol, so both can be set.
    `notices` is what the owner has promised about telling people.
    """

    id: Identifier
    name: str
    office_hours: OpeningHours = "Mo-Fr 08:00-17:00; PH off"
    holidays: Holidays = Holidays()
    notices: Terms = Terms()


class EstateFile(Strict):
    """One file of `config/estate/`: an owner and the systems it answers for."""

    owner: Owner
    systems: dict[Identifier, System] = Field(min_length=1)
