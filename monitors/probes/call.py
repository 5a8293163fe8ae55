"""Kind `call`: one real telephone call over a trunk, by its script; what became of it is one of `phone.classes`."""

from __future__ import annotations

import time

from config import CallProbe, Environment, Probe
from journeys import JourneyFailed, Reason
from monitors.probes.errors import own_trouble
from monitors.probes.outcome import Noted, Target, Track, Undecided
from monitors.probes.phone import order
from monitors.probes.phone.classes import Circumstances, Class, class_of, in_words, table, verdict_of
from monitors.probes.phone.desk import script_of, trunk_of
from monitors.probes.phone.evidence import CallEvidence, Stage
from monitors.probes.phone.safety.numbers import Refusal
from monitors.verdict import Called, Cause, Fail, Unknown

FAILURES = tuple(each for each in table().classes if isinstance(each, Reason))
REASONS = (Reason.TIMEOUT, Reason.TOO_SLOW, *FAILURES)


def steps(probe: Probe) -> tuple[str, ...]:  # noqa: ARG001 - a call comes to the same stages whatever it is for
    """Return the steps at which a run can fail: the last stage that was reached."""
    return tuple(stage.value for stage in Stage)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - who calls is the trunk's
    """Return when the call met all that its script asks for. Raises `JourneyFailed` and `Undecided`."""
    probe, place = target.probe, target.environment
    assert isinstance(probe, CallProbe)
    assert target.desk is not None, "nobody opened the desk from which calls are made"
    closed = target.closed(time.time())
    track.at(Stage.START.value)
    with track.exchange("CALL", probe.trunk) as noted:
        trunk = usable(probe.trunk, place)
        script, release_within = script_of(probe, target.timeout, closed=closed)
        try:
            evidence = await target.desk.call(probe.number, trunk, script, release_within)
        except Refusal as refusal:
            raise skipped(refusal, track) from None
        around = Circumstances(closed=closed, own=place.trunks[probe.trunk].own)
        judge(evidence, class_of(evidence, around), target, track, noted)


def judge(evidence: CallEvidence, found: Class, target: Target, track: Track, noted: Noted) -> None:
    """Leave a call behind in memory, trace and counters. Raises `JourneyFailed` and `Undecided`, as its class says."""
    target.memory.call = evidence
    track.called = Called(result=found.value)
    track.at(evidence.stage.value)
    noted.result, noted.status = in_words(found, evidence), evidence.status
    noted.headers = (*_ladder(evidence), *_audio(evidence))
    match verdict_of(found, evidence):
        case Fail(reason, step, detail):
            raise JourneyFailed(reason, step, detail)
        case Unknown(cause, detail):
            raise Undecided(cause, detail)


def skipped(refusal: Refusal, track: Track) -> Undecided:
    """Return what a call says that a limit did not allow: nothing about the line."""
    track.called = Called(skipped=refusal.reason.value)
    return Undecided(Cause.CALL_SKIPPED, str(refusal))


def usable(name: str, environment: Environment) -> order.Trunk:
    """Return a trunk ready for use. Raises `Undecided`, which does not repeat what may be a secret."""
    try:
        return trunk_of(name, environment)
    except (OSError, UnicodeDecodeError) as error:
        own = own_trouble(error) if isinstance(error, OSError) else None
        raise Undecided(own or Cause.BROKEN_PROBE, f"trunk {name}: {type(error).__name__}") from None


def _ladder(evidence: CallEvidence) -> tuple[tuple[str, str], ...]:
    """Return the messages in order, as seconds from the beginning, direction and first line."""
    return tuple((f"{each.at:.3f} s {'>' if each.sent else '<'}", each.what) for each in evidence.ladder)


def _audio(evidence: CallEvidence) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{each.start:.1f} to {each.end:.1f} s", f"{each.sound}{', early' if each.early else ''}")
        for each in evidence.heard
    )
