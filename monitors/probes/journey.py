"""Kind `journey`: one synthetic citizen walks a journey, the same that load tests replay."""

from __future__ import annotations

from config import JourneyProbe, Probe
from config.secrets import read_secret
from journeys import Account, Citizen, definitions
from monitors.probes.client import walk
from monitors.probes.errors import own_trouble
from monitors.probes.lookup import only
from monitors.probes.outcome import Target, Track, Undecided
from monitors.probes.reasons import JOURNEY
from monitors.verdict import Cause

REASONS = JOURNEY

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
        _account(target, target.probe, number),
        target.probe.channel,
        seed=target.seed,
        watchful=True,
        patience=min(target.limit, PATIENCE * target.timeout),
    )
    start = definitions()[target.probe.journey].start
    await walk(start(citizen), target.environment, track, family=only(target.probe.families))


def _account(target: Target, probe: JourneyProbe, number: int) -> Account:
    """Return who logs in: the probe's own account, read anew for each run so that it can be changed, or a test number.

    Raises `Undecided`, which does not repeat what may be a secret.
    """
    if probe.account is None:
        return target.identities.account(number)
    try:
        user, colon, password = read_secret(target.environment.secrets[probe.account]).strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        own = own_trouble(error) if isinstance(error, OSError) else None
        raise Undecided(own or Cause.BROKEN_PROBE, f"secret {probe.account}: {type(error).__name__}") from None
    if not (user and colon and password):
        raise Undecided(Cause.BROKEN_PROBE, f"secret {probe.account}: not of the form USER:PASSWORD")
    return Account(user, password, "", "")
