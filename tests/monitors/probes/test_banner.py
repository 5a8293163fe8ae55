"""Probes of kind banner: where the notice stands, and which moment it announces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from config import BannerProbe
from config.hours import ZONE
from journeys import JourneyFailed, Reason
from monitors.probes import Outcome, measure, steps_of
from monitors.probes.banner import Page, judge
from monitors.probes.notice import next_update, notice_of
from monitors.verdict import Fail, Pass
from tests.monitors.listeners import aim, answering, environment, probe_of

NOW = datetime(2023, 3, 1, 14, 0, tzinfo=ZONE)
PAGES = {"nl": ["/", "/storingen"], "en": ["/en/"]}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("page", "notice"),
    [
        ("<p>Welkom</p>", None),
        ('<p role="alert">Er is een storing.</p><p>Verder</p>', "Er is een storing."),
        ("<div role=alert><p>Er is<br>een <b>storing</b>.</p> Sorry</div>na", "Er iseen storing. Sorry"),
        ('<p role="alert" hidden>Er is een storing.</p>', None),
        ('<p role="alert">een</p><p role="alert">twee</p>', "een"),
        ('<style>[role=alert]{}</style><script>var a = "<p role=alert>";</script>', None),
        ('<p role="note alert">a</p>', "a"),
        ('<p role="alert">om <time datetime="2023-03-01T15:00+01:00">drie uur</time>.', "om 2023-03-01T15:00+01:00 ."),
        ('<p role="alert"></p>', ""),
        ('<p role="alert', None),
        ('<![x]><p role="alert">Er is<![nonsense[ > een storing.</p>', "Er is een storing."),
        ('<![if old><p role="alert">Er is een storing.</p>', "Er is een storing."),
        ("<![nonsense[<p>Welkom</p>", None),
        ('<![CDATA[ x > <p role="alert">Er is een storing.</p>', "Er is een storing."),
        ('<!--><p role="alert">Er is een storing.</p>', "Er is een storing."),
        ('<!---><p role="alert">Er is een storing.</p>', "Er is een storing."),
        ('<!-- oud --!><p role="alert">Er is een storing.</p>', "Er is een storing."),
        ('<!-- <p role="alert">Er was een storing.</p> --><p>Welkom</p>', None),
    ],
)
def test_the_notice_is_the_marked_element_that_people_see(page: str, notice: str | None) -> None:
    """Its text, with a `<time>` as what it says to programs; not what is hidden, nor what only looks like one."""
    assert notice_of(page, "role=alert") == notice


def test_another_marker_may_be_chosen() -> None:
    """A class among others, for example."""
    page = '<div class="box disruption">Storing</div>'
    assert notice_of(page, "class=disruption") == "Storing"
    assert notice_of(page, "role=alert") is None


@pytest.mark.parametrize(
    ("notice", "moment"),
    [
        ("Volgende update: 1 maart 2023 om 14.30 uur.", "2023-03-01T14:30"),
        ("Next update: 9:05 on 2nd March 2023", "2023-03-02T09:05"),
        ("Sinds 10.00 uur storing. Volgende update om 15:00 uur; verwachting 18:00.", "2023-03-01T15:00"),
        ("volgende UPDATE rond 13.30 uur", "2023-03-01T13:30"),
        ("Volgende update: 2023-03-01T15:30:00+02:00", "2023-03-01T14:30"),
        ("Volgende update: 2023-03-01 15:30", "2023-03-01T15:30"),
        ("Next update: 2023-03-01T13:30Z", "2023-03-01T14:30"),
        ("Volgende update 3 maart om 9.00", "2023-03-03T09:00"),
        ("Volgende update om 23.30 uur", "2023-02-28T23:30"),  # more than six hours ahead: it was yesterday's
        ("Volgende update volgt", None),
        ("Er is een storing sinds 14.30 uur", None),
        ("Volgende update: 31 februari om 14.30 uur", None),
        ("Volgende update" + " ..." * 40 + " 14.30", None),
    ],
)
def test_the_announced_moment_is_read(notice: str, moment: str | None) -> None:
    """After the announcing words, by the clock of the Netherlands, in every form that people write."""
    words = "next update" if "next" in notice.lower() else "volgende update"
    assert next_update(notice, words, NOW.astimezone(UTC)) == (local(moment) if moment else None)


@pytest.mark.parametrize(
    ("now", "clock", "moment"),
    [
        ("2023-03-01T23:00", "00.30", "2023-03-02T00:30"),
        ("2023-03-02T00:10", "23.30", "2023-03-01T23:30"),
        ("2023-03-01T09:00", "15.00", "2023-03-01T15:00"),
        ("2023-03-01T08:59", "15.00", "2023-02-28T15:00"),
    ],
)
def test_a_time_without_a_date_is_the_one_near_now(now: str, clock: str, moment: str) -> None:
    """Never more than six hours ahead: around midnight 00.30 is tonight's and 23.30 last night's."""
    assert next_update(f"Next update {clock}", "next update", local(now)) == local(moment)


UPDATE_NL, UPDATE_EN = "Storing. Volgende update: 14.30", "Disruption. Next update: 14:30"


@pytest.mark.parametrize(
    ("expect", "notices", "found"),
    [
        ("consistent", (None, None, None), None),
        ("consistent", (UPDATE_NL, UPDATE_NL, UPDATE_EN), None),
        ("consistent", (UPDATE_NL, UPDATE_NL, None), (Reason.NOTICE_MISSING, "en /en/")),
        ("consistent", (None, UPDATE_NL, UPDATE_EN), (Reason.NOTICE_MISSING, "nl /")),
        ("consistent", (UPDATE_NL, UPDATE_NL, "Disruption. Next update: 13:59"), (Reason.NOTICE_STALE, "en /en/")),
        ("consistent", (UPDATE_NL, "Storing.", UPDATE_EN), (Reason.CONTENT_MISSING, "nl /storingen")),
        ("required", (None, None, None), (Reason.NOTICE_MISSING, "nl /")),
        ("required", (UPDATE_NL, UPDATE_NL, UPDATE_EN), None),
        ("absent", (None, None, None), None),
        ("absent", (None, UPDATE_NL, None), (Reason.DISRUPTION_ANNOUNCED, "nl /storingen")),
    ],
)
def test_notices_are_judged_together(
    expect: str, notices: tuple[str | None, ...], found: tuple[Reason, str] | None
) -> None:
    """On all pages or none, in both languages, none older than its announced next update."""
    probe = probe_of(BannerProbe, pages=PAGES, expect=expect)
    words = ["volgende update", "volgende update", "next update"]
    seen = {Page(step, "/", word): notice for step, word, notice in zip(steps_of(probe), words, notices, strict=True)}
    assert verdict_on(seen, probe, NOW) == found


def verdict_on(seen: Mapping[Page, str | None], probe: BannerProbe, now: datetime) -> tuple[Reason, str] | None:
    try:
        judge(seen, probe, now)
    except JourneyFailed as failure:
        return failure.reason, failure.step
    return None


def test_grace_and_notices_that_announce_nothing() -> None:
    """A notice may be late by the grace; where no words are configured it need not announce anything."""
    late = {Page("nl /", "/", "volgende update"): "Volgende update: 13.50"}
    for grace, found in (("9m", (Reason.NOTICE_STALE, "nl /")), ("10m", None)):
        assert verdict_on(late, probe_of(BannerProbe, pages=PAGES, grace=grace), NOW) == found
    assert verdict_on({Page("nl /", "/", None): "Storing"}, probe_of(BannerProbe, pages=PAGES), NOW) is None


async def look(notices: Mapping[str, str], **fields: object) -> Outcome:
    """Run a banner probe once on pages with these notices."""

    async def answer(request: web.Request) -> web.Response:
        notice = notices.get(request.path, "")
        shown = f'<p role="alert">{notice}</p>' if notice else ""
        return web.Response(text=f"<h1>Belastingdienst</h1>{shown}", content_type="text/html")

    async with answering(answer) as base:
        return await measure(aim(probe_of(BannerProbe, pages=PAGES, **fields), environment(base)), 0)


async def test_every_page_is_read_and_judged_by_the_clock_of_now() -> None:
    """A run asks for each page once; a moment that lies in the past is stale."""
    now = datetime.now(ZONE)
    soon, past = (now + timedelta(minutes=minutes) for minutes in (30, -30))
    fresh = dict.fromkeys(("/", "/storingen", "/en/"), f"Next update, volgende update: {soon:%Y-%m-%dT%H:%M%z}")
    outcome = await look(fresh)
    assert outcome.verdict == Pass()
    assert [each.step for each in outcome.trace] == ["nl /", "nl /storingen", "en /en/"]
    stale = (await look(fresh | {"/storingen": f"Volgende update: {past:%Y-%m-%dT%H:%M%z}"})).verdict
    assert isinstance(stale, Fail)
    assert (stale.reason, stale.step) == (Reason.NOTICE_STALE, "nl /storingen")
    assert stale.detail == f"the next update was announced for {past:%Y-%m-%d %H:%M}"
    assert (await look({})).verdict == Pass()


async def test_a_site_that_is_down_is_no_missing_notice() -> None:
    """The reason is that of the page, at its step."""
    probe = probe_of(BannerProbe, pages=PAGES, expect="required")
    verdict = (await measure(aim(probe, environment("http://127.0.0.1:1")), 0)).verdict
    assert isinstance(verdict, Fail)
    assert (verdict.reason, verdict.step) == (Reason.CONNECTION_REFUSED, "nl /")
