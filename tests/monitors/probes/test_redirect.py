"""Probes of kind redirect against real listeners."""

from __future__ import annotations

import pytest
from aiohttp import web

from config import RedirectProbe
from journeys import Reason
from monitors.probes import Outcome, measure, steps_of
from monitors.verdict import Fail, Pass
from tests.monitors.listeners import aim, answering, environment, probe_of

HOPS = [{"system": "toeslagen-nl", "path": "/nl", "status": 302}, {"system": "website", "path": "/home?from=old"}]
GOOD = {"/": (302, "/nl"), "/nl": (301, "/site/home?from=old"), "/site/home": (200, "Welkom")}


async def look(answers: dict[str, tuple[int, str]], **fields: object) -> Outcome:
    """Run a redirect probe once; `answers` are status, and location or text, by path."""

    async def answer(request: web.Request) -> web.Response:
        status, said = answers[request.path]
        if 300 <= status < 400:
            return web.Response(status=status, headers={"Location": said} if said else {})
        return web.Response(status=status, text=said)

    probe = probe_of(RedirectProbe, hops=HOPS, **fields)
    assert steps_of(probe) == ("hop-1", "hop-2", "page")
    async with answering(answer) as base:
        place = environment(base, {"toeslagen-nl": base, "website": f"{base}/site"})
        return await measure(aim(probe, place, system="toeslagen-nl"), 0)


async def test_every_hop_as_pinned_passes() -> None:
    """Each redirect is an exchange of its own; the last page has its text."""
    outcome = await look(GOOD, contains=["Welkom"])
    assert outcome.verdict == Pass()
    assert [(each.step, each.status) for each in outcome.trace] == [("hop-1", 302), ("hop-2", 301), ("page", 200)]


@pytest.mark.parametrize(
    ("change", "reason", "step"),
    [
        ({"/": (302, "/elsewhere")}, Reason.UNEXPECTED_REDIRECT, "hop-1"),
        ({"/": (302, "")}, Reason.UNEXPECTED_REDIRECT, "hop-1"),
        ({"/": (302, "http://[bad")}, Reason.UNEXPECTED_REDIRECT, "hop-1"),
        ({"/": (307, "/nl")}, Reason.UNEXPECTED_REDIRECT, "hop-1"),
        ({"/": (200, "a page in its place")}, Reason.UNEXPECTED_STATUS, "hop-1"),
        ({"/": (200, "Wegens onderhoud gesloten")}, Reason.MAINTENANCE_PAGE, "hop-1"),
        ({"/nl": (301, "/site/home")}, Reason.UNEXPECTED_REDIRECT, "hop-2"),
        ({"/nl": (301, "http://www.squatter.example/site/home?from=old")}, Reason.UNEXPECTED_REDIRECT, "hop-2"),
        ({"/site/home": (302, "/site/more")}, Reason.UNEXPECTED_REDIRECT, "page"),
        ({"/site/home": (404, "")}, Reason.UNEXPECTED_STATUS, "page"),
        ({"/site/home": (200, "U staat in de wachtrij")}, Reason.WAITING_ROOM, "page"),
    ],
)
async def test_whatever_is_not_as_pinned_fails_at_its_hop(
    change: dict[str, tuple[int, str]], reason: Reason, step: str
) -> None:
    """Another target, status or query, one redirect more or less, another last page."""
    outcome = await look(GOOD | change)
    assert isinstance(outcome.verdict, Fail)
    assert (outcome.verdict.reason, outcome.verdict.step) == (reason, step)
    assert outcome.trace[-1].step == step


async def test_nothing_is_sent_to_where_the_redirect_should_not_lead() -> None:
    """The run ends before a request to the other host; the detail names the host and not the query."""
    outcome = await look(GOOD | {"/": (302, "http://127.0.0.9/login?ticket=abc")})
    assert isinstance(outcome.verdict, Fail)
    assert outcome.verdict.detail.startswith("to http://127.0.0.9/login, not http://127.0.0.1:")
    assert len(outcome.trace) == 1
