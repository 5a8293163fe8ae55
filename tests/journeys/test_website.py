from __future__ import annotations

import pytest

from journeys import JourneyFailed, Reason
from tests.drivers import someone, walk, walk_by_hand
from tests.replica import running_replica

HOME, NOTICE = "<h1>Belastingdienst</h1>", '<p role="alert">Er is een storing.</p>'


def visit(home: str, disruptions: str, *, watchful: bool) -> None:
    """Walk the journey on two pages given by hand."""
    walk_by_hand("visit-website", someone(watchful=watchful), {"home": (200, home), "disruptions": (200, disruptions)})


async def test_both_pages_are_read() -> None:
    """The home page, then the disruptions page."""
    async with running_replica() as replica:
        assert await walk("visit-website", replica.url, someone(watchful=True)) == ["home", "disruptions"]


@pytest.mark.parametrize("watchful", [True, False])
def test_a_quiet_website_passes(watchful: bool) -> None:
    """No notice anywhere."""
    visit(HOME, "<h1>Storingen</h1>", watchful=watchful)


@pytest.mark.parametrize("watchful", [True, False])
def test_a_notice_on_the_home_page_alone_is_incomplete(watchful: bool) -> None:
    """Who follows the notice to the disruptions page must find it there."""
    with pytest.raises(JourneyFailed) as caught:
        visit(HOME + NOTICE, "<h1>Storingen</h1>", watchful=watchful)
    assert (caught.value.reason, caught.value.step) == (Reason.CONTENT_MISSING, "disruptions")


def test_an_announced_disruption_stops_only_the_watchful() -> None:
    """People read on; a probe reports what the website announces."""
    visit(HOME + NOTICE, NOTICE, watchful=False)
    with pytest.raises(JourneyFailed) as caught:
        visit(HOME + NOTICE, NOTICE, watchful=True)
    assert caught.value.reason is Reason.DISRUPTION_ANNOUNCED


async def test_the_trade_reads_the_helpdesk_s_page() -> None:
    """One page; another one in its place is no news."""
    async with running_replica() as replica:
        assert await walk("read-customs-news", replica.url, someone(watchful=True)) == ["helpdesk-page"]
    with pytest.raises(JourneyFailed) as caught:
        walk_by_hand("read-customs-news", someone(), {"helpdesk-page": (200, HOME)})
    assert (caught.value.reason, caught.value.step) == (Reason.CONTENT_MISSING, "helpdesk-page")
