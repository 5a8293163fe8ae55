"""Customs' message systems: acknowledged, answered, held, delivered; and a gateway that asks for a certificate."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from config import Configuration
from journeys import Reason
from monitors.probes import Target, measure, targets
from monitors.verdict import Fail, Pass
from staging.app import Replica
from staging.faults import BadParametersError, Fault, Faults
from staging.layout import MESSAGE_SYSTEMS, endpoints
from staging.server import listening
from tests.drivers import browser, send
from tests.monitors.listeners import aim, answering, environment
from tests.replica import Clock, RunningReplica, running_replica
from tests.waiting import until


async def ask(replica: RunningReplica, system: str, number: str) -> tuple[int, dict[str, str]]:
    async with browser() as session:
        return await send(session, "GET", f"{replica.url}/customs/{system}/return-message?lrn={number}")


async def submit(replica: RunningReplica, system: str, number: str, **more: str) -> tuple[int, dict[str, str]]:
    async with browser() as session:
        url = f"{replica.url}/customs/{system}/declarations"
        return await send(session, "POST", url, {"lrn": number, **more})


@pytest.mark.parametrize("system", MESSAGE_SYSTEMS)
async def test_a_declaration_is_acknowledged_and_answered(system: str) -> None:
    """Acknowledged at once, pending for a while, then the message and the number of that system."""
    clock = Clock()
    async with running_replica(clock, return_message_delay=5.0) as replica:
        assert await submit(replica, system, "A1") == (202, {"lrn": "A1", "status": "acknowledged"})
        assert (await ask(replica, system, "A1"))[0] == 202
        clock.now += 5.0
        status, message = await ask(replica, system, "A1")
        assert (await ask(replica, system, "B2"))[0] == 404
        assert (await submit(replica, system, "A1"))[0] == 409
    assert (status, message["message"], message["lrn"]) == (200, MESSAGE_SYSTEMS[system].answer, "A1")
    assert len(message[MESSAGE_SYSTEMS[system].number]) == 18


async def test_the_messages_of_one_system_can_be_held() -> None:
    """The other systems answer; when it is over, what was held is there."""
    async with running_replica(return_message_delay=0.0) as replica:
        replica.switch_on(Fault.RETURN_MESSAGES_HELD, messages="ncts")
        for system in MESSAGE_SYSTEMS:
            await submit(replica, system, system)
        held = {system for system in MESSAGE_SYSTEMS if (await ask(replica, system, system))[0] == 202}
        replica.replica.faults.clear()
        assert held == {"ncts"}
        assert (await ask(replica, "ncts", "ncts"))[0] == 200


def test_only_known_message_systems_can_be_held() -> None:
    """The fault knows the systems that the replica plays, and no other."""
    for system in MESSAGE_SYSTEMS:
        Faults().switch_on(Fault.RETURN_MESSAGES_HELD, {"messages": system})
    with pytest.raises(BadParametersError):
        Faults().switch_on(Fault.RETURN_MESSAGES_HELD, {"messages": "telex"})


class Trader:
    """Takes deliveries, and refuses them while it is shut."""

    def __init__(self) -> None:
        self.numbers: list[str] = []
        self.refused = 0
        self.shut = False

    async def take(self, request: web.Request) -> web.Response:
        if self.shut:
            self.refused += 1
            return web.Response(status=503)
        self.numbers.append(json.loads(await request.text())["lrn"])
        return web.Response()


async def test_return_messages_are_delivered_also_those_that_were_held_or_refused() -> None:
    """What could not be delivered comes with the next message, before it; each once."""
    trader = Trader()
    async with running_replica(return_message_delay=0.0) as replica, answering(trader.take) as base:
        trader.shut = True
        await submit(replica, "ics2", "refused", deliver=base)
        await until(lambda: trader.refused == 1)
        trader.shut = False
        replica.switch_on(Fault.RETURN_MESSAGES_HELD)
        await submit(replica, "ics2", "held", deliver=base)
        assert (await ask(replica, "ics2", "held"))[0] == 202
        await until(lambda: not replica.replica._customs._under_way)
        replica.replica.faults.clear()
        await submit(replica, "ics2", "last", deliver=base)
        await until(lambda: len(trader.numbers) == 3)
    assert sorted(trader.numbers[:2]) == ["held", "refused"]
    assert trader.numbers[2] == "last"


@pytest.mark.parametrize("address", ["http://192.0.2.1/", "https://127.0.0.1/", "http://www.example.org/", "x", ""])
async def test_nothing_is_delivered_to_another_machine(address: str) -> None:
    """The replica sends nothing anywhere but to this machine; the declaration is refused."""
    async with running_replica() as replica:
        assert (await submit(replica, "ics2", "A1", deliver=address))[0] == 400
        assert replica.replica.state()["customs"]["declarations"] == 0


async def test_a_replica_that_stops_delivers_no_more() -> None:
    """Nothing goes on in the background."""
    async with running_replica(return_message_delay=600.0) as replica:
        await submit(replica, "ics2", "A1", deliver="http://127.0.0.1:1/")
        assert len(replica.replica._customs._under_way) == 1
    await asyncio.sleep(0)
    assert not replica.replica._customs._under_way


async def test_a_gateway_that_asks_for_a_certificate_answers_those_who_have_one(
    configuration: Configuration, tmp_path: Path
) -> None:
    """With the environment's client certificate every declaration is answered; without it, none is submitted."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    mine = authority.issue_cert("prober.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "mine.pem")
    mine.private_key_pem.write_to_path(tmp_path / "mine.key")
    trusted = {"authorities": str(tmp_path / "ca.pem")}
    shown = {"certificate": str(tmp_path / "mine.pem"), "key": str(tmp_path / "mine.key")}
    async with listening(Replica(), tls=context) as url:
        for tls, expected in ((trusted | shown, {None}), (trusted, {Reason.TLS_FAILED, Reason.CONNECTION_RESET})):
            place = environment(url, endpoints(url), tls=tls)
            verdicts = [(await measure(each, 0)).verdict for each in declarations(configuration, place)]
            assert len(verdicts) == len(MESSAGE_SYSTEMS)
            for verdict in verdicts:
                assert isinstance(verdict, Pass | Fail)
                assert (verdict.reason if isinstance(verdict, Fail) else None) in expected


def declarations(configuration: Configuration, place: object) -> list[Target]:
    """Return the probes of customs' messages, aimed at another place."""
    found = [each for each in targets(configuration, "local", "here") if each.system == "customs-messages"]
    return [aim(each.probe, place, system=each.system) for each in found]  # type: ignore[arg-type]
