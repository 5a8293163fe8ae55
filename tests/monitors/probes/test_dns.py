"""Probes of kind dns, lookups of their own thread, and probes bound to one address family."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from config import DnsProbe, HttpProbe
from journeys import Reason
from monitors.probes import Outcome, measure, steps_of
from monitors.probes.lookup import look_up
from monitors.verdict import Cause, Fail, Pass, Unknown
from tests.monitors.listeners import aim, answering, environment, page, probe_of
from tests.waiting import LONG


async def look(place: str = "http://localhost", **fields: object) -> Outcome:
    return await measure(aim(probe_of(DnsProbe, **fields), environment(place)), 0)


async def test_a_name_with_the_right_addresses_passes() -> None:
    """The host of the endpoint, by the resolver of this machine; the trace says what it answered."""
    outcome = await look(addresses=["127.0.0.1"])
    assert outcome.verdict == Pass()
    assert [(each.step, each.method, each.url, each.result) for each in outcome.trace] == [
        ("ipv4", "LOOKUP", "localhost", "127.0.0.1")
    ]
    assert outcome.phases.resolve > 0


async def test_any_address_will_do_unless_some_are_expected() -> None:
    """Without `addresses` a name only has to exist."""
    assert (await look()).verdict == Pass()


async def test_another_address_is_a_failure_that_names_it() -> None:
    """A name that leads elsewhere."""
    assert (await look(addresses=["192.0.2.1", "::1"])).verdict == Fail(
        Reason.WRONG_ADDRESS, "ipv4", "localhost leads to 127.0.0.1"
    )


async def test_each_family_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step for each; a name without addresses of a family fails there."""

    def answer(host: str, port: int, family: int, *_: object) -> list[object]:
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(family, 1, 6, "", ("192.0.2.7", port))]

    monkeypatch.setattr("socket.getaddrinfo", answer)
    probe = probe_of(DnsProbe, families=["ipv4", "ipv6"], name="www.staging.example")
    assert steps_of(probe) == ("ipv4", "ipv6")
    verdict = (await measure(aim(probe, environment("http://localhost")), 0)).verdict
    assert isinstance(verdict, Fail)
    assert (verdict.reason, verdict.step) == (Reason.NAME_NOT_RESOLVED, "ipv6")


async def test_a_lookup_that_cannot_leave_this_machine_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name server within reach because there is no network: unknown."""

    def answer(*_: object) -> list[object]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", answer)
    monkeypatch.setattr("monitors.probes.errors._no_way_out", lambda: Cause.OWN_NETWORK)
    verdict = (await look()).verdict
    assert isinstance(verdict, Unknown)
    assert verdict.cause is Cause.OWN_NETWORK


def test_silent_name_servers_hold_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten lookups that hang leave the eleventh alone, on the loop that monitors use."""
    hanging, release = threading.Semaphore(0), threading.Event()

    def answer(host: str, port: int, family: int, *_: object) -> list[object]:
        if host == "silent.example":
            hanging.release()
            release.wait(LONG)
        return [(family, 1, 6, "", ("192.0.2.7", port))]

    async def main() -> list[str]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(20))
        silent = [asyncio.create_task(look_up("silent.example", socket.AF_INET)) for _ in range(10)]
        async with asyncio.timeout(LONG):
            while not hanging.acquire(blocking=False):  # noqa: ASYNC110 - threads set no event of the loop
                await asyncio.sleep(0.01)
            try:
                return await look_up("quick.example", socket.AF_INET)
            finally:
                release.set()
                await asyncio.gather(*silent)

    monkeypatch.setattr("socket.getaddrinfo", answer)
    assert uvloop.run(main()) == ["192.0.2.7"]


async def test_a_probe_bound_to_a_family_sees_what_the_other_one_hides() -> None:
    """The site answers on IPv4 alone: a browser notices nothing, the probe of IPv6 does."""
    async with answering(page("ok")) as base:
        place = environment(base.replace("127.0.0.1", "localhost"))
        found = {
            families: (await measure(aim(probe_of(HttpProbe, families=families.split()), place), 0)).verdict
            for families in ("", "ipv4", "ipv6")
        }
    assert (found[""], found["ipv4"]) == (Pass(), Pass())
    assert isinstance(found["ipv6"], Fail | Unknown)  # unknown where this machine has no IPv6 at all
    if isinstance(found["ipv6"], Fail):
        assert found["ipv6"].reason in {Reason.CONNECTION_REFUSED, Reason.NAME_NOT_RESOLVED}


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "ipv6"), ("[::1]", "ipv4")])
async def test_an_address_of_the_other_family_is_not_resolved(host: str, family: str) -> None:
    """Whoever asks for IPv6 of an endpoint that is an IPv4 address is told so, whatever listens there."""
    place = environment(f"http://{host}:1")
    verdict = (await measure(aim(probe_of(HttpProbe, families=[family]), place), 0)).verdict
    assert isinstance(verdict, Fail)
    assert verdict.reason is Reason.NAME_NOT_RESOLVED
    assert verdict.detail.endswith("is of another address family")
