"""Kind `banner`: the disruption notice is where it should be, in every language, and up to date.

In November 2022 the notice stood on the home page and on the page of disruptions (2022-11-phone-outage); every notice
names the moment of its next update (2022-12-douane-communication-protocol). A page with a notice of this morning, or
with one in Dutch alone, is a 200 as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config import BannerProbe, Probe
from config.hours import ZONE
from journeys import Journey, JourneyFailed, Reason, Request, Response, check
from monitors.probes.client import walk
from monitors.probes.lookup import only
from monitors.probes.notice import next_update, notice_of
from monitors.probes.outcome import Target, Track
from monitors.probes.reasons import PAGE

REASONS = (*PAGE, Reason.DISRUPTION_ANNOUNCED, Reason.NOTICE_MISSING, Reason.NOTICE_STALE)


@dataclass(frozen=True, slots=True)
class Page:
    """One page that may carry the notice."""

    step: str
    path: str
    words: str | None
    """What announces the next update in the page's language; None if nothing need be announced."""


def steps(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run can fail: one for each page, named by its language and path."""
    assert isinstance(probe, BannerProbe)
    return tuple(page.step for page in _pages(probe))


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - anyone may read the notice
    """Return when the notice is as it should be. Raises `JourneyFailed` and `Undecided`."""
    assert isinstance(target.probe, BannerProbe)
    journey = _read(target.system, target.probe)
    await walk(journey, target.environment, track, family=only(target.probe.families))


def judge(notices: Mapping[Page, str | None], probe: BannerProbe, now: datetime) -> None:
    """Return when the notices of the pages are right at a moment. Raises `JourneyFailed` for the first that is not."""
    shown = [page for page, notice in notices.items() if notice is not None]
    if probe.expect == "absent" and shown:
        raise JourneyFailed(Reason.DISRUPTION_ANNOUNCED, shown[0].step, f"on {len(shown)} of {len(notices)} pages")
    if probe.expect == "required" or shown:
        for page, notice in notices.items():
            if notice is None:
                detail = f"on {len(shown)} of {len(notices)} pages"
                raise JourneyFailed(Reason.NOTICE_MISSING, page.step, detail)
    for page, notice in notices.items():
        if notice is not None and page.words:
            _judge_age(page, next_update(notice, page.words, now), probe.grace, now)


def _judge_age(page: Page, announced: datetime | None, grace: float, now: datetime) -> None:
    if announced is None:
        detail = f"the notice names no moment after '{page.words}'"
        raise JourneyFailed(Reason.CONTENT_MISSING, page.step, detail)
    if now > announced + timedelta(seconds=grace):
        when = announced.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
        raise JourneyFailed(Reason.NOTICE_STALE, page.step, f"the next update was announced for {when}")


def _pages(probe: BannerProbe) -> Iterator[Page]:
    for language, paths in probe.pages.items():
        for path in paths:
            yield Page(f"{language} {path}", path, probe.next_update.get(language))


def _read(system: str, probe: BannerProbe) -> Journey:
    notices = {}
    for page in _pages(probe):
        response: Response = yield Request(page.step, system, page.path)
        check(response, page.step)
        notices[page] = notice_of(response.text, probe.marker)
    judge(notices, probe, datetime.now(UTC))
