from __future__ import annotations

import pytest

from staging.faults import Fault
from tests.drivers import browser, send
from tests.replica import running_replica

NL, EN = "Er is een storing", "There is a disruption"


@pytest.mark.parametrize(
    ("path", "language", "notice"),
    [("/", "nl", NL), ("/storingen", "nl", NL), ("/en/", "en", EN), ("/en/disruptions", "en", EN)],
)
async def test_the_banner_is_on_every_page_in_its_language_while_it_is_on(
    path: str, language: str, notice: str
) -> None:
    """Home page and disruptions page, in Dutch and in English: no notice, the notice, no notice."""
    async with running_replica() as replica, browser() as session:
        url = replica.endpoints["website"] + path
        pages = [await send(session, "GET", url)]
        replica.switch_on(Fault.BANNER)
        pages.append(await send(session, "GET", url))
        replica.replica.faults.clear()
        pages.append(await send(session, "GET", url))
    assert [status for status, _ in pages] == [200, 200, 200]
    assert [notice in page for _, page in pages] == [False, True, False]
    assert all(f'lang="{language}"' in page and "Belastingdienst" in page for _, page in pages)


async def test_the_links_between_the_pages_lead_somewhere() -> None:
    """Every address in the navigation of every page answers."""
    async with running_replica() as replica, browser() as session:
        for path in ("/", "/en/"):
            _, page = await send(session, "GET", replica.endpoints["website"] + path)
            links = [part.split('"')[0] for part in page.split('href="')[1:]]
            assert len(links) == 3
            for link in links:
                assert (await send(session, "GET", replica.url + link))[0] == 200


async def test_a_head_request_is_answered_without_a_body() -> None:
    """Tools that ask for headers only get them."""
    async with running_replica() as replica, browser() as session:
        assert await send(session, "HEAD", replica.endpoints["website"] + "/") == (200, "")
