"""The phone lines of the replica: two legs, and faults that strike one or both."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from staging.faults import BadParametersError, Fault, Faults
from staging.layout import LINES, Leg, ports_beside
from staging.phone import BEHAVIOURS
from tests.drivers import browser, send
from tests.replica import RunningReplica, running_replica
from tests.staging.caller import Caller, calling
from tests.staging.test_commands import ROOT, order, started

PUBLIC = [name for name in LINES if name != "outbound-calls"]


@dataclass
class Phone:
    """A replica whose lines answer."""

    replica: RunningReplica

    async def met(self, leg: Leg, line: str) -> tuple[int, str]:
        """Call a line over a leg; return the first status that decides and its Reason, hanging up if need be."""
        async with calling(self.replica.replica.lines.legs[leg], LINES[line].number) as caller:
            caller.invite()
            while (answer := await caller.next()).status < 180:
                pass
            await _release(caller, answer.status)
            return answer.status, answer.get("Reason")

    async def border(self, leg: Leg) -> int:
        async with calling(self.replica.replica.lines.legs[leg], "border") as caller:
            caller.say("OPTIONS")
            return (await caller.final("OPTIONS")).status


async def _release(caller: Caller, status: int) -> None:
    if status < 200:
        caller.cancel()
        while (answer := await caller.final()).status == 200:
            caller.ack(answer)
            caller.bye(answer)
            return
        caller.ack(answer)


@asynccontextmanager
async def phone() -> AsyncIterator[Phone]:
    async with running_replica() as replica, replica.replica.lines.answering(ports_beside(0)):
        yield Phone(replica)


RINGS, UNALLOCATED = (180, ""), (404, "Q.850;cause=1")
C, P = Leg.CARRIER, Leg.PLATFORM


async def test_every_line_rings_on_both_legs() -> None:
    """And the border is well."""
    async with phone() as at:
        for leg in Leg:
            assert [await at.met(leg, line) for line in LINES] == [RINGS] * len(LINES)
            assert await at.border(leg) == 200


async def test_a_cancelled_number_is_unallocated_at_the_carrier_only() -> None:
    """March 2023: that one number; the platform answers, and other lines do."""
    async with phone() as at:
        at.replica.switch_on(Fault.NUMBER_CANCELLED)
        assert [await at.met(leg, "digid-helpdesk") for leg in (C, P)] == [UNALLOCATED, RINGS]
        assert await at.met(C, "belastingtelefoon") == RINGS
        at.replica.switch_on(Fault.NUMBER_CANCELLED, line="nhd-line")
        assert [await at.met(C, line) for line in ("digid-helpdesk", "nhd-line")] == [UNALLOCATED] * 2
        at.replica.replica.faults.clear()
        assert await at.met(C, "digid-helpdesk") == RINGS


async def test_broken_forwarding_strikes_inbound_calls_at_the_carrier() -> None:
    """November 2022: no ringing by the carrier; the platform, its border and outbound calls are well."""
    async with phone() as at:
        at.replica.switch_on(Fault.FORWARDING_BROKEN)
        faults = at.replica.replica.faults
        assert {faults.of_line(C, line) for line in PUBLIC} == {"no-progress"}
        assert {faults.of_line(P, line) for line in LINES} == {None}
        assert [await at.met(P, line) for line in ("belastingtelefoon", "outbound-calls")] == [RINGS] * 2
        assert await at.border(P) == 200
        at.replica.switch_on(Fault.FORWARDING_BROKEN, how="cut-off")
        assert faults.of_line(C, "douanetelefoon") == "cut-off"
        assert faults.of_line(C, "outbound-calls") is None


async def test_a_platform_that_is_down_strikes_all_of_it() -> None:
    """Neither leg, nor the border, nor outbound calls; it outdoes a line that is told to behave otherwise."""
    async with phone() as at:
        at.replica.switch_on(Fault.PLATFORM_DOWN)
        at.replica.switch_on(Fault.SILENT)
        assert [await at.met(leg, "nhd-line") for leg in (C, P)] == [(503, "Q.850;cause=38"), (500, "Q.850;cause=41")]
        assert await at.met(P, "outbound-calls") == (500, "Q.850;cause=41")
        assert [await at.border(leg) for leg in (C, P)] == [200, 503]


@pytest.mark.parametrize(
    ("fault", "behaviour"),
    [(Fault.QUEUE_FULL, "queue-full"), (Fault.SILENT, "silence"), (Fault.LINES_CLOSED, "announcement")],
)
def test_faults_of_both_legs(fault: Fault, behaviour: str) -> None:
    """Each line that the public calls, or the one that is named."""
    faults = Faults()
    faults.switch_on(fault, {})
    assert {faults.of_line(leg, line) for leg in Leg for line in PUBLIC} == {behaviour}
    assert faults.of_line(P, "outbound-calls") is None
    faults.clear()
    faults.switch_on(fault, {"line": "nhd-line"})
    assert {line for line in LINES if faults.of_line(C, line)} == {"nhd-line"}


@pytest.mark.parametrize("behaviour", [behaviour.name for behaviour in BEHAVIOURS])
def test_every_behaviour_can_be_switched_on(behaviour: str) -> None:
    """On one leg or both; the last order counts."""
    faults = Faults()
    faults.switch_on(Fault.SILENT, {})
    faults.switch_on(Fault.LINE_BEHAVES, {"line": "nhd-line", "behaviour": behaviour, "leg": "platform"})
    assert [faults.of_line(leg, "nhd-line") for leg in (C, P)] == ["silence", behaviour]
    faults.switch_on(Fault.SILENT, {"line": "nhd-line"})
    assert faults.of_line(P, "nhd-line") == "silence"


@pytest.mark.parametrize(
    ("fault", "parameters", "message"),
    [
        (Fault.NUMBER_CANCELLED, {"line": "fax"}, "number-cancelled: line: one of all, belastingtelefoon,"),
        (Fault.FORWARDING_BROKEN, {"how": "slowly"}, "forwarding-broken: how: Input should be 'no-progress' or"),
        (Fault.LINE_BEHAVES, {"behaviour": "sings"}, "line-behaves: behaviour: one of menu, announcement,"),
        (Fault.PLATFORM_DOWN, {"line": "all"}, "platform-down has no parameter 'line'; it has: none"),
    ],
)
def test_wrong_parameters_are_explained(fault: Fault, parameters: dict[str, object], message: str) -> None:
    """They name what there is."""
    with pytest.raises(BadParametersError) as caught:
        Faults().switch_on(fault, parameters)
    assert str(caught.value).startswith(message)


async def test_the_state_counts_calls_on_each_leg() -> None:
    """Calls that are up, ended, never hung up: over the controls' JSON."""
    async with phone() as at, browser() as session:
        async with calling(at.replica.replica.lines.legs[P], LINES["nhd-line"].number) as caller:
            answer = await caller.answered()
            _, state = await send(session, "GET", at.replica.url + "/admin/state")
            assert (state["phone"]["platform"]["up"], state["phone"]["carrier"]["invited"]) == (1, 0)
            caller.bye(answer)
            await caller.final("BYE")
        _, state = await send(session, "GET", at.replica.url + "/admin/state")
        counts = state["phone"]["platform"]
        assert (counts["up"], counts["ended_by_caller"], counts["never_hung_up"]) == (0, 1, 0)


def test_the_command_says_where_the_lines_are_and_they_answer() -> None:
    """Two trunks beside the URL; a fault switched on by the command line is met by the next caller."""
    with started() as (_, said), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        trunks = said["trunks"]
        assert isinstance(trunks, dict)
        assert list(trunks) == ["carrier", "platform"]
        url = str(said["url"])
        result = order("fault", "on", "number-cancelled", "line=nhd-line", "--url", url)
        assert (result.exit_code, result.stdout) == (0, "on: number-cancelled line=nhd-line\n")
        host, _, port = str(trunks["carrier"]).rpartition(":")
        caller.settimeout(20)
        caller.connect((host, int(port)))
        caller.send(
            b"INVITE sip:+31990000003@x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1;rport\r\n"
            b"From: <sip:a@x>;tag=1\r\nTo: <sip:+31990000003@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
            b"Contact: <sip:a@x>\r\n\r\n"
            b"c=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 8\r\n"
        )
        assert caller.recv(4000).startswith(b"SIP/2.0 404 Not Found\r\n")
        state = json.loads(order("state", "--url", url, "--json").stdout)
        assert state["phone"]["carrier"]["refused"] == 1
        assert "    never hung up: 0\n" in order("state", "--url", url).stdout


def test_a_taken_port_of_a_leg_is_one_clear_line() -> None:
    """It names the port that is taken, not the replica's own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = order("run", "--port", str(port - 10), "--config", str(ROOT / "config"))
    assert result.exit_code == 2
    assert result.stderr.endswith(f"cannot listen on 127.0.0.1 port {port}: the port is taken\n")


def test_ports_beside_a_free_one_are_free_ones() -> None:
    """10 and 11 above the replica's, or chosen by the machine."""
    assert ports_beside(8600) == {C: 8610, P: 8611}
    assert ports_beside(0) == {C: 0, P: 0}
