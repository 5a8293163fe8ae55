"""Kind `http`: one GET, its status and what must be on the page."""

from __future__ import annotations

from config import HttpProbe, Probe
from journeys import Journey, Reason, Request, Response, check
from journeys.core import missing_content
from monitors.probes.client import walk
from monitors.probes.lookup import only
from monitors.probes.outcome import Target, Track
from monitors.probes.reasons import PAGE

STEP = "request"
REASONS = PAGE


def steps(probe: Probe) -> tuple[str, ...]:  # noqa: ARG001 - the same for each probe of this kind
    """Return the steps at which a run can fail."""
    return (STEP,)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - anyone may read a page
    """Return when the page is right. Raises `JourneyFailed` and `Undecided`."""
    assert isinstance(target.probe, HttpProbe)
    family = only(target.probe.families)
    await walk(_look(target.system, target.probe), target.environment, track, family=family)


def _look(system: str, probe: HttpProbe) -> Journey:
    response: Response = yield Request(STEP, system, probe.path)
    check(response, STEP, statuses=probe.statuses)
    for text in probe.contains:
        check(response, STEP, statuses=probe.statuses, contains=text)
    if not probe.contains:
        refuse_stand_in(response, STEP)


def refuse_stand_in(response: Response, step: str) -> None:
    """Where a probe names no text to look for, a page that speaks of a queue or of maintenance is still no pass."""
    failure = missing_content(response, step, "the page itself")
    if failure.reason is not Reason.CONTENT_MISSING:
        raise failure
