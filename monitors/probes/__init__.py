"""Probes: one synthetic person looks whether a system works. One file for each kind.

A kind is a module with two functions and one constant, and one line in `KINDS`:

    REASONS: tuple[Reason, ...]                   the reasons for which a run can fail
    steps(probe) -> tuple[str, ...]               the steps at which a run can fail
    async run(target, track, number) -> None      returns: pass; raises `JourneyFailed`: fail; `Undecided`: unknown

`measure` runs any of them once and turns whatever happens into an `Outcome`.
"""

from __future__ import annotations

import asyncio
import traceback
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from config import Configuration, Probe
from journeys import Identities, JourneyFailed, Reason
from monitors.probes import (
    ari_call,
    banner,
    call,
    certificate,
    dns,
    http,
    journey,
    message,
    redirect,
    sip_options,
    websocket,
)
from monitors.probes.outcome import Exchange, Memory, Outcome, Target, Track, Undecided
from monitors.probes.phone.desk import Desk
from monitors.verdict import Cause, Fail, Pass, Unknown, Verdict, Window

__all__ = ["KINDS", "Exchange", "Kind", "Memory", "Outcome", "Target", "measure", "steps_of", "targets"]


class Kind(Protocol):
    """One kind of probe; a module is one."""

    @property
    def REASONS(self) -> Sequence[Reason]:  # noqa: N802 - a constant of the module
        """The reasons for which a run can fail."""

    def steps(self, probe: Probe) -> tuple[str, ...]:
        """Return the steps at which a run can fail."""

    async def run(self, target: Target, track: Track, number: int) -> None:
        """Run once."""


KINDS: Mapping[str, Kind] = {
    "http": http,
    "journey": journey,
    "message": message,
    "websocket": websocket,
    "certificate": certificate,
    "redirect": redirect,
    "banner": banner,
    "dns": dns,
    "call": call,
    "sip_options": sip_options,
    "ari_call": ari_call,
}


def steps_of(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run of `probe` can fail."""
    return KINDS[probe.kind].steps(probe)


def targets(
    configuration: Configuration,
    environment: str,
    vantage: str,
    before: Sequence[Target] = (),
    *,
    window: Callable[[str, float], Window] | None = None,
    desk: Desk | None = None,
) -> list[Target]:
    """Return every probe that runs in an environment, fitted to it; those that were there `before` keep their memory.

    Where the environment sets the interval, timeout and limit shrink to fit. Each vantage point has its own order of
    identities; they come from the part of the test range that load tests leave alone. `window` says which kind of time
    it is for a system at a Unix time (None: by its service hours alone); `desk` is where calls are made from.
    """
    place = configuration.environments[environment]
    seed = zlib.crc32(vantage.encode())
    identities = Identities(seed, reserved=True)
    memories = {(target.system, target.name): target.memory for target in before}
    found = []
    for system, name, probe in configuration.probes_in(environment):
        interval = place.interval_of(probe)
        timeout = min(probe.timeout, interval / 2 if probe.confirm else interval)
        found.append(
            Target(
                system=system,
                name=name,
                probe=probe,
                environment=place,
                interval=interval,
                timeout=timeout,
                limit=min(probe.limit, timeout),
                seed=seed,
                identities=identities,
                memory=memories.get((system, name)) or Memory(),
                closed=_closing(configuration, system, window),
                desk=desk,
            )
        )
    return found


def _closing(
    configuration: Configuration, system: str, window: Callable[[str, float], Window] | None
) -> Callable[[float], bool]:
    """Return what tells whether a system is closed at a moment."""
    if window is not None:
        return lambda at: window(system, at) is Window.CLOSED
    opening = configuration.opening(system)
    return lambda at: not opening.open_at(at)


async def measure(target: Target, number: int) -> Outcome:
    """Run a probe once, as the citizen with this number. Never raises: a cancelled run is unknown(cancelled)."""
    track = Track()
    verdict: Verdict
    try:
        async with asyncio.timeout(target.timeout):
            await KINDS[target.probe.kind].run(target, track, number)
        verdict = _judge_duration(target, track)
    except TimeoutError:
        verdict = Fail(Reason.TIMEOUT, track.step or steps_of(target.probe)[0], f"after {target.timeout:g} s")
    except JourneyFailed as failure:
        verdict = Fail(failure.reason, failure.step, failure.detail)
    except Undecided as trouble:
        verdict = Unknown(trouble.cause, trouble.detail)
    except asyncio.CancelledError:
        verdict = Unknown(Cause.CANCELLED)
    except Exception as error:  # noqa: BLE001 - a bug of a probe says nothing about its target
        verdict = Unknown(Cause.BROKEN_PROBE, _place_of(error))
    return Outcome(verdict, track.elapsed, track.phases, tuple(track.trace), track.called)


def _judge_duration(target: Target, track: Track) -> Verdict:
    elapsed = track.elapsed
    if elapsed <= target.limit:
        return Pass()
    return Fail(Reason.TOO_SLOW, track.slowest_step(), f"{elapsed:.2f} s, limit {target.limit:g} s")


def _place_of(error: Exception) -> str:
    """Name the error and its line, not its message: a message may quote what belongs to a person."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
