"""Kind `sip_options`: one OPTIONS to a trunk's server. Its answer says that the border is there, and no more than that.

A border may answer 200 while every number behind it is dead, so this is the third leg of a line, never the only one.
"""

from __future__ import annotations

from config import Probe, SipOptionsProbe
from journeys import JourneyFailed, Reason
from monitors.probes.call import usable
from monitors.probes.outcome import Target, Track, Undecided
from monitors.probes.phone.classes import Circumstances, class_of, facts, verdict_of
from monitors.probes.phone.evidence import Stage
from monitors.verdict import Fail, Unknown

PATIENCE = 0.9
"""The part of the timeout for which an answer is waited for, so that a silent border is not mistaken for a timeout."""
REASONS = (Reason.LINE_UNREACHABLE, Reason.NO_PROGRESS, Reason.UNEXPECTED_STATUS, Reason.TIMEOUT, Reason.TOO_SLOW)


def steps(probe: Probe) -> tuple[str, ...]:  # noqa: ARG001 - the same for each probe of this kind
    """Return the steps at which a run can fail: the last stage that was reached."""
    stages = (Stage.START, Stage.RESOLVE, Stage.CONNECT, Stage.INVITE, Stage.TRYING, Stage.ANSWER)
    return tuple(stage.value for stage in stages)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - it is for nobody
    """Return when the server gave one of the expected answers. Raises `JourneyFailed` and `Undecided`."""
    probe, place = target.probe, target.environment
    assert isinstance(probe, SipOptionsProbe)
    assert target.desk is not None, "nobody opened the desk from which calls are made"
    track.at(Stage.START.value)
    with track.exchange("OPTIONS", probe.trunk) as noted:
        evidence = await target.desk.options(usable(probe.trunk, place), PATIENCE * target.timeout)
        track.at(evidence.stage.value)
        noted.status, noted.result = evidence.status, facts(evidence)
        if evidence.trouble is None and evidence.status is not None:
            if evidence.status not in probe.statuses:
                raise JourneyFailed(Reason.UNEXPECTED_STATUS, Stage.ANSWER.value, facts(evidence))
            return
        match verdict_of(class_of(evidence, Circumstances(own=place.trunks[probe.trunk].own)), evidence):
            case Fail(reason, step, detail):
                raise JourneyFailed(reason, step, detail)
            case Unknown(cause, detail):
                raise Undecided(cause, detail)
