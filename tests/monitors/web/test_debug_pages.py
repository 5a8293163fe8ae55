"""One probe run on demand, and what was kept of those before, as pages."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from journeys import Reason
from monitors.evidence import Archive
from monitors.instruments import LoopLag
from monitors.own_state import OwnState, References
from monitors.probes import Memory, Outcome, Target
from monitors.record.ledger import Ledger
from monitors.verdict import Cause, Fail, Pass, Phases, Run, Unknown
from monitors.web.access import Access
from monitors.web.debug_pages import DebugPages, exposition
from monitors.web.on_demand import AT_ONCE, Demanded, OnDemand
from monitors.web.web_config import WebConfig
from tests.monitors.listeners import aim, answering, closed_port, environment, http_probe
from tests.waiting import until

AT = 1_700_000_000.0


@dataclass
class Site:
    """A site that counts who asks, how many at once, and keeps them waiting until `release`."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: Counter[str] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    most: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        self.now[request.path] += 1
        self.most = max(self.most, self.now[request.path])
        await self.release.wait()
        self.now[request.path] -= 1
        answer = web.Response(text="here", status=500 if request.path == "/broken" else 200)
        answer.set_cookie("session", "a-secret")
        return answer


@dataclass
class Pages:
    """The pages under test, the site that is probed, and what serves them."""

    site: Site
    targets: list[Target]
    archive: Archive
    on_demand: OnDemand
    session: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(path) as answer:
            return answer.status, await answer.text()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        yield opened


@asynccontextmanager
async def serving(ledger: Ledger, site: Site, own_state: OwnState | None = None) -> AsyncIterator[Pages]:
    async with answering(site.answer) as base:
        names = ["home", "broken", *(f"other-{number}" for number in range(AT_ONCE))]
        targets = [aim(http_probe(path=f"/{name}"), environment(base), name=name) for name in names]
        archive, on_demand, access = (
            Archive(ledger),
            OnDemand(own_state or OwnState(LoopLag(), References([]))),
            Access(WebConfig()),
        )
        application = web.Application()
        application.add_routes(DebugPages(lambda: targets, archive, on_demand).routes(access))
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
                yield Pages(site, targets, archive, on_demand, session)
        finally:
            await on_demand.close()
            await runner.cleanup()
            access.close()


@pytest.fixture
async def pages(ledger: Ledger) -> AsyncIterator[Pages]:
    site = Site()
    site.release.set()
    async with serving(ledger, site) as served:
        yield served


async def test_one_run_as_metrics(pages: Pages) -> None:
    """A scrape of this one run: success, duration, phases."""
    status, text = await pages.get("/probe?probe=home")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    assert families["probe_success"].samples[0].value == 1
    assert families["probe_duration_seconds"].samples[0].value > 0
    assert {sample.labels["phase"] for sample in families["probe_phase_duration_seconds"].samples} == {
        "resolve",
        "connect",
        "first_byte",
        "transfer",
    }


async def test_one_run_for_a_terminal(pages: Pages) -> None:
    """Verdict, reason and step first; then every request with its status and headers, secrets masked."""
    status, text = await pages.get("/probe?probe=broken&debug=true")
    assert status == 200
    assert text.startswith("broken of website: FAILS: unexpected_status at request")
    assert "GET http://127.0.0.1" in text
    assert "Set-Cookie: session=***" in text
    assert "a-secret" not in text
    assert "/probes?probe=broken" in text


async def test_one_run_as_json(pages: Pages) -> None:
    found = json.loads((await pages.get("/probe?probe=home&format=json"))[1])
    assert (found["verdict"], found["trace"][0]["status"]) == ("pass", 200)
    assert "a-secret" not in json.dumps(found)


async def test_one_run_without_a_network_blames_nobody(ledger: Ledger) -> None:
    """No reference target answers: the failure is this machine's own, and what happened is shown all the same."""
    site = Site()
    site.release.set()
    silent = OwnState(LoopLag(), References([f"127.0.0.1:{closed_port()}"]))
    async with serving(ledger, site, silent) as pages:
        found = json.loads((await pages.get("/probe?probe=broken&format=json"))[1])
        assert (found["verdict"], found["cause"], found["trace"][0]["status"]) == ("unknown", Cause.OWN_NETWORK, 500)
        assert "probe_success" not in (await pages.get("/probe?probe=broken"))[1]
        assert json.loads((await pages.get("/probe?probe=home&format=json"))[1])["verdict"] == "pass"


async def test_a_run_on_demand_is_not_kept(pages: Pages, ledger: Ledger) -> None:
    """Neither in the record nor in the evidence, and the probe remembers nothing of it."""
    for _ in range(3):
        await pages.get("/probe?probe=broken")
    assert pages.archive.newest(("website", "broken")) == []
    assert ledger.totals().states == {}
    assert (await pages.get("/probes?probe=broken"))[1] == "nothing is kept of broken yet\n"


@pytest.mark.parametrize("path", ["/probe", "/probe?probe=", "/probe?probe=nobody", "/probes?probe=nobody"])
async def test_an_unknown_probe_is_told_which_there_are(pages: Pages, path: str) -> None:
    status, text = await pages.get(path)
    assert (status, "there is: broken, home, other-0" in text) == (400, True)


async def test_a_probe_is_never_run_twice_at_once(ledger: Ledger) -> None:
    """Who asks while it runs gets the same run; then there is a new one."""
    site = Site()
    async with serving(ledger, site) as pages:
        asking = [asyncio.create_task(pages.get("/probe?probe=home&format=json")) for _ in range(10)]
        await until(lambda: site.asked["/home"] == 1)
        await asyncio.sleep(0.1)
        site.release.set()
        answers = {text for _, text in await asyncio.gather(*asking)}
        assert (len(answers), site.asked["/home"], site.most) == (1, 1, 1)
        await pages.get("/probe?probe=home")
        assert site.asked["/home"] == 2


async def test_a_scheduled_run_under_way_ends_first(ledger: Ledger) -> None:
    """The run on demand begins after it."""
    site = Site()
    async with serving(ledger, site) as pages:
        scheduled = asyncio.create_task(pages.on_demand.scheduled(pages.targets[0], 1))
        await until(lambda: site.asked["/home"] == 1)
        asking = asyncio.create_task(pages.get("/probe?probe=home"))
        await asyncio.sleep(0.1)
        assert site.asked["/home"] == 1
        site.release.set()
        assert (await scheduled).verdict == Pass()
        assert (await asking)[0] == 200
        assert (site.asked["/home"], site.most) == (2, 1)


async def test_only_a_few_probes_are_run_at_once(ledger: Ledger) -> None:
    """One more is refused in words, and welcome again later."""
    site = Site()
    async with serving(ledger, site) as pages:
        asking = [asyncio.create_task(pages.get(f"/probe?probe=other-{number}")) for number in range(AT_ONCE)]
        await until(lambda: site.asked.total() == AT_ONCE)
        status, text = await pages.get("/probe?probe=home")
        assert (status, "try again" in text) == (429, True)
        site.release.set()
        assert [status for status, _ in await asyncio.gather(*asking)] == [200] * AT_ONCE
        assert (await pages.get("/probe?probe=home"))[0] == 200


async def test_what_was_kept(pages: Pages) -> None:
    """The list has every probe and its last word; a probe's page its runs, newest first."""
    failed = Fail(Reason.TIMEOUT, "request", "after 10 s")
    for number, verdict in enumerate((failed, Pass())):
        run = Run("website", "home", AT + 15 * number, 0.1, verdict)
        pages.archive.add(run, Outcome(verdict, 0.1, Phases(), ()))
    _, text = await pages.get("/probes")
    lines = text.splitlines()
    assert len(lines) == len(pages.targets)
    assert lines[0].split()[0] == "home"
    assert lines[0].endswith("passes")
    assert lines[1].endswith("no run yet")
    _, text = await pages.get("/probes?probe=home")
    assert 0 < text.index("home of website: passes") + 1 < text.index("home of website: FAILS: timeout at request")
    kept = json.loads((await pages.get("/probes?probe=home&format=json"))[1])
    assert [found["verdict"] for found in kept] == ["pass", "fail"]
    listed = json.loads((await pages.get("/probes?format=json"))[1])
    assert [entry["probe"] for entry in listed] == [target.name for target in pages.targets]


def test_a_run_that_could_not_tell_blames_nobody() -> None:
    """No probe_success; the cause instead. A certificate's expiry has the name that alerts know."""
    memory = Memory()
    memory.certificate_expires = AT
    text = exposition(Demanded(AT, Outcome(Unknown(Cause.OWN_NETWORK), 0.0, Phases(), ()), memory))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert "probe_success" not in families
    assert families["probe_unknown_info"].samples[0].labels == {"cause": "own_network"}
    assert families["probe_ssl_earliest_cert_expiry"].samples[0].value == AT
