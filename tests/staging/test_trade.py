"""What the trade reads: pages in both languages, an old address, and a company's own declarations."""

from __future__ import annotations

import pytest

from tests.drivers import browser, send
from tests.replica import running_replica
from tests.staging.means import inside


@pytest.mark.parametrize(
    ("path", "language", "words"),
    [("/", "nl", "Beschikbaarheid van systemen"), ("/en/", "en", "Availability of systems")],
)
async def test_the_helpdesk_page_speaks_both_languages(path: str, language: str, words: str) -> None:
    """Each page says in which language it is."""
    async with running_replica() as replica, browser() as session:
        status, page = await send(session, "GET", replica.endpoints["nh-douane"] + path)
        assert status == 200
        assert f'lang="{language}"' in page
        assert words in page


async def test_the_old_address_leads_to_the_website() -> None:
    """douane.nl moves to the website's pages about customs, for good (301)."""
    async with running_replica() as replica, browser() as session:
        async with session.get(replica.endpoints["douane-nl"] + "/", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (301, "/website/douane")
        status, page = await send(session, "GET", replica.endpoints["douane-nl"] + "/")
        assert (status, "<h1>Douane</h1>" in page) == (200, True)


async def test_declarations_are_the_company_s_own() -> None:
    """The same company sees the same ones again, another sees others."""
    async with running_replica() as replica:
        seen = []
        for number in (0, 0, 1):
            async with inside("mijn-douane", replica, number) as session:
                seen.append((await send(session, "GET", replica.endpoints["mijn-douane"] + "/"))[1]["declarations"])
    assert seen[0] == seen[1]
    assert not set(seen[0]) & set(seen[2])
    assert all(len(number) == 18 and number.isdecimal() for number in seen[0] + seen[2])
