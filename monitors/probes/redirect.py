"""Kind `redirect`: an address that people still know leads where it should, hop by hop."""

from __future__ import annotations

from yarl import URL

from config import Environment, Probe, RedirectProbe
from journeys import Journey, JourneyFailed, Reason, Request, Response, check
from monitors.probes.client import walk
from monitors.probes.conversation import REDIRECTS
from monitors.probes.http import refuse_stand_in
from monitors.probes.lookup import only
from monitors.probes.masking import mask_url
from monitors.probes.outcome import Target, Track
from monitors.probes.reasons import PAGE

REASONS = PAGE
LAST = "page"


def steps(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run can fail: each hop, then the page at the end."""
    assert isinstance(probe, RedirectProbe)
    return (*(f"hop-{number}" for number in range(1, len(probe.hops) + 1)), LAST)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - anyone may follow a link
    """Return when every redirect led where it should. Raises `JourneyFailed` and `Undecided`."""
    assert isinstance(target.probe, RedirectProbe)
    journey = _follow(target.system, target.probe, target.environment)
    await walk(journey, target.environment, track, family=only(target.probe.families), follow=False)


def _follow(system: str, probe: RedirectProbe, environment: Environment) -> Journey:
    path = probe.path
    for step, hop in zip(steps(probe), probe.hops, strict=False):
        response: Response = yield Request(step, system, path)
        _check_status(response, step, hop.status)
        wanted = URL(environment.endpoints[hop.system] + hop.path)
        found = _target(URL(environment.endpoints[system] + path), response, step)
        if found != wanted:
            raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, f"to {mask_url(found)}, not {mask_url(wanted)}")
        system, path = hop.system, hop.path
    response = yield Request(LAST, system, path)
    if response.status in REDIRECTS:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, LAST, f"status {response.status}: one more redirect")
    check(response, LAST)
    for text in probe.contains:
        check(response, LAST, contains=text)
    if not probe.contains:
        refuse_stand_in(response, LAST)


def _check_status(response: Response, step: str, wanted: int) -> None:
    if response.status == wanted:
        return
    detail = f"status {response.status}, not {wanted}"
    if response.status in REDIRECTS:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, detail)
    if response.status == 200:
        refuse_stand_in(response, step)
    raise JourneyFailed(Reason.UNEXPECTED_STATUS, step, detail)


def _target(here: URL, response: Response, step: str) -> URL:
    """Return where the answer leads. Raises `JourneyFailed`."""
    try:
        return here.join(URL(response.header("Location") or ""))
    except ValueError:
        raise JourneyFailed(Reason.UNEXPECTED_REDIRECT, step, "to something that is not a URL") from None
