"""Kind `journey`: one synthetic citizen walks a journey, the same that load tests replay."""

from __future__ import annotations

from config import JourneyProbe, Probe
from journeys import Citizen, definitions
from monitors.probes.client import walk
from monitors.probes.outcome import Target, Track

PATIENCE = 0.8
"""Part of the timeout that a citizen spends in a waiting room at most, so that a queue is reported as a queue."""


def steps(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run can fail, in order."""
    assert isinstance(probe, JourneyProbe)
    return definitions()[probe.journey].steps


async def run(target: Target, track: Track, number: int) -> None:
    """Return when the citizen with this number reached the goal. Raises `JourneyFailed` and `Undecided`."""
    assert isinstance(target.probe, JourneyProbe)
    citizen = Citizen(
        number,
        target.identities.account(number),
        target.probe.channel,
        seed=target.seed,
        watchful=True,
        patience=min(target.limit, PATIENCE * target.timeout),
    )
    await walk(definitions()[target.probe.journey].start(citizen), target.environment, track)
