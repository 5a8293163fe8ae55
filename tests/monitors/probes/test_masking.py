"""What of an answer is shown, and what never."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from aiohttp import web
from yarl import URL

from config import HttpProbe
from monitors.probes import measure
from monitors.probes.masking import MASK, MAX_HEADERS, mask_headers, mask_url
from monitors.verdict import Pass
from tests.monitors.listeners import aim, answering, environment, probe_of

SECRET = "s3cr3t-value"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Content-Type", "text/html; charset=utf-8", "text/html; charset=utf-8"),
        ("RETRY-AFTER", "30", "30"),
        ("Set-Cookie", f"a={SECRET}; Path=/; Secure; Note={SECRET}; Max-Age=9", f"a={MASK}; Path=/; Secure; Max-Age=9"),
        ("Set-Cookie", SECRET, MASK),
        ("Location", f"https://a.example/next?ticket={SECRET}#{SECRET}", f"https://a.example/next?{MASK}"),
        ("Location", f"/next?{SECRET}", f"/next?{MASK}"),
        ("Location", f"https://user:{SECRET}@a.example/", "https://a.example/"),
        ("Location", "http://[bad", MASK),
        ("WWW-Authenticate", f'Digest nonce="{SECRET}"', MASK),
        ("Authorization", f"Bearer {SECRET}", MASK),
        ("X-CSRF-Token", SECRET, MASK),
        ("X-Whatever", SECRET, MASK),
    ],
)  # fmt: skip
def test_only_harmless_headers_are_shown_by_value(name: str, value: str, shown: str) -> None:
    """Of all others the name; of cookies the name and what browsers know; of links no query, user or fragment."""
    assert mask_headers([(name.encode(), value.encode())]) == ((name, shown),)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/return/receipt", "/return/receipt"),
        ("/en/disruptions", "/en/disruptions"),
        ("/citizen/999990019/return", f"/citizen/{MASK}/return"),
        ("/t/3f9c2a77d0b14e21", f"/t/{MASK}"),
        ("/reset/eyJhbGciOiJIUzI1NiJ9.e30.x", f"/reset/{MASK}"),
        ("/a-long-readable-name-of-a-page", "/a-long-readable-name-of-a-page"),
    ],
)
def test_tickets_and_citizen_numbers_in_a_path_are_masked(path: str, shown: str) -> None:
    """Long parts with digits and long numbers; readable names stay."""
    assert mask_url(URL(f"https://a.example:8443{path}?q=1")) == f"https://a.example:8443{shown}"


def test_what_is_kept_is_bounded() -> None:
    """A hostile server cannot fill the memory with headers."""
    kept = mask_headers([(b"Server", b"x" * 10_000)] * 1000)
    assert len(kept) == MAX_HEADERS
    assert {len(value) for _, value in kept} == {200}


async def test_each_exchange_carries_status_headers_and_phases_and_no_secret() -> None:
    """As the evidence of a run shows them: per request, in order, adding up to the phases of the run."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/":
            return web.Response(
                status=302, headers={"Location": f"/in?ticket={SECRET}", "Set-Cookie": f"session={SECRET}; Path=/"}
            )
        return web.Response(text=f"hello {SECRET}", headers={"X-Token": SECRET, "Server": "test"})

    async with answering(answer) as base:
        outcome = await measure(aim(probe_of(HttpProbe), environment(base)), 0)
    assert outcome.verdict == Pass()
    first, second = outcome.trace
    assert (first.status, second.status) == (302, 200)
    assert ("Location", f"/in?{MASK}") in first.headers
    assert ("Set-Cookie", f"session={MASK}; Path=/") in first.headers
    assert ("Server", "test") in second.headers
    assert ("X-Token", MASK) in second.headers
    for each in outcome.trace:
        assert min(each.phases.connect, each.phases.first_byte, each.phases.transfer) > 0
    together = [a + b for a, b in zip(asdict(first.phases).values(), asdict(second.phases).values(), strict=True)]
    assert together == pytest.approx(list(asdict(outcome.phases).values()))
    assert SECRET not in json.dumps([asdict(each) for each in outcome.trace])
