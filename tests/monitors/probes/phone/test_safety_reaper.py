"""Every call ends: when its task is cancelled, on SIGTERM, and when its process was killed. Counted at the far end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Literal

import pytest
import trustme

from monitors.probes.phone.agent import CallOrder, Reaper, Refusal, Script, Skipped, Trunk, call
from monitors.probes.phone.safety.limits import Limits, Register
from staging.phone.line import DemoLine
from tests.monitors.probes.phone.caller import SCRIPT, trunk

NUMBER = "+31990000001"


async def until_open(line: DemoLine, count: int, *, up: bool) -> None:
    """Wait until so many calls ring, or are up."""
    async with asyncio.timeout(60):
        while (line.counts.up if up else line.counts.ringing) < count:  # noqa: ASYNC110 - the line tells nobody
            await asyncio.sleep(0.01)


async def started(folder: Path, line: DemoLine, loop: str, transport: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "tests.monitors.probes.phone.caller", str(folder), str(line.port), NUMBER]
    environ = os.environ | {"LOOP": loop, "TRANSPORT": transport}
    return await asyncio.create_subprocess_exec(*command, env=environ)


@pytest.mark.parametrize(
    ("behaviour", "loop", "transport"),
    [("menu", "asyncio", "UDP"), ("menu", "uvloop", "TCP"), ("no-answer", "uvloop", "UDP")],
)
async def test_what_a_killed_process_left_is_ended_by_the_next(
    tmp_path: Path, behaviour: str, loop: str, transport: Literal["UDP", "TCP"]
) -> None:
    """SIGKILL while it rings, and in a call: the next process sends CANCEL, or BYE, and may call again at once."""
    async with DemoLine(choose=lambda _: behaviour) as line:
        process = await started(tmp_path, line, loop, transport)
        await until_open(line, 1, up=behaviour == "menu")
        process.send_signal(signal.SIGKILL)
        await process.wait()
        register, over = Register(tmp_path, Random(1)), trunk(line.port, transport=transport)
        with pytest.raises(Refusal):
            await register.admit("demo", Limits(at_once=1, interval=0.0), NUMBER, 60.0)
        async with Reaper(register, Random(2), [over]) as reaper:
            assert reaper.leaked == 0
        assert (line.counts.open, line.counts.invited, reaper.leaked, reaper.under_way) == (0, 1, 0, 0)
        assert line.counts.cancelled + line.counts.ended_by_caller == 1
        await register.settle(await register.admit("demo", over.limits, NUMBER, 60.0), 0.0, None, None)
        assert await register.orphans() == []


async def test_sigterm_ends_the_call_before_the_process_ends(tmp_path: Path) -> None:
    """The journal is empty then: the process ended its call itself."""
    async with DemoLine(choose=lambda _: "menu") as line:
        process = await started(tmp_path, line, "uvloop", "UDP")
        await until_open(line, 1, up=True)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert (line.counts.open, line.counts.ended_by_caller) == (0, 1)
        assert await Register(tmp_path, Random(1)).orphans() == []


@pytest.mark.parametrize("behaviour", ["menu", "no-answer", "cancel-race", "forked"])
async def test_a_cancelled_task_leaves_its_call_to_the_reaper(tmp_path: Path, behaviour: str) -> None:
    """The task ends at once; the call when the far end has confirmed it, however it was answered meanwhile."""
    async with DemoLine(choose=lambda _: behaviour) as line:
        async with Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
            task = asyncio.create_task(
                call(CallOrder(to=NUMBER, trunk=trunk(line.port), script=SCRIPT), reaper, Random(3))
            )
            await until_open(line, 1, up=behaviour in ("menu", "forked"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert reaper.under_way == 1
        assert (line.counts.open, line.counts.unacknowledged, reaper.leaked) == (0, 0, 0)
        assert line.counts.cancelled + line.counts.ended_by_caller >= 1


async def until_invited(line: DemoLine) -> None:
    before = line.counts.invited
    async with asyncio.timeout(60):
        while line.counts.invited == before:  # noqa: ASYNC110 - the line tells nobody
            await asyncio.sleep(0.001)


async def test_a_task_cancelled_at_any_moment_leaves_nothing_up(tmp_path: Path) -> None:
    """Before the INVITE, before the answer, after it: the far end ends with no call up, and no slot is taken."""
    chance = Random(5)
    async with DemoLine(choose=lambda _: chance.choice(["menu", "at-once", "unallocated", "cancel-race"])) as line:
        async with Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
            for round_ in range(20):
                order = CallOrder(to=f"+319900000{round_:02}", trunk=trunk(line.port), script=SCRIPT)
                task = asyncio.create_task(call(order, reaper, Random(round_)))
                if round_ % 2:
                    await until_invited(line)
                await asyncio.sleep(chance.choice([0.0, 0.002, 0.01, 0.05]))
                task.cancel()
                await asyncio.wait([task])
        assert (line.counts.open, reaper.leaked, reaper.under_way) == (0, 0, 0)
        assert line.counts.invited >= 10
    assert await Register(tmp_path, Random(1)).orphans() == []


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def left_up(folder: Path, line: DemoLine, *ways: Trunk) -> None:
    """Have a call up on each of the trunks, as a killed process leaves it: in the journal, and with nobody."""
    reaper = Reaper(Register(folder, Random(1)), Random(2))
    orders = [CallOrder(to=f"+3199000000{index}", trunk=over, script=SCRIPT) for index, over in enumerate(ways)]
    tasks = [asyncio.create_task(call(order, reaper, Random(index))) for index, order in enumerate(orders)]
    await until_open(line, len(ways), up=True)
    while reaper._tasks:  # what is being written to the disk has the lock, too
        await asyncio.wait(reaper._tasks)
    for conversation in reaper._conversations:
        conversation.abandon()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_process_that_ends_at_once_ends_what_it_found_before(tmp_path: Path) -> None:
    """One orphan can be reached at once, the other needs a handshake first: neither is forgotten meanwhile."""
    authority = trustme.CA()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)
    async with DemoLine(choose=lambda _: "menu", tls=served) as line:
        assert line.tls_port is not None
        ways = [trunk(line.port), trunk(line.tls_port, name="tls", transport="TLS", tls=trusting)]
        await left_up(tmp_path, line, *ways)
        async with Reaper(Register(tmp_path, Random(3)), Random(4), ways) as reaper:
            assert line.counts.up == 2
        assert (line.counts.open, line.counts.ended_by_caller, reaper.leaked) == (0, 2, 0)
    assert await Register(tmp_path, Random(1)).orphans() == []


async def test_an_orphan_counts_with_all_that_was_reserved_for_it(tmp_path: Path) -> None:
    """Nobody knows how long it was up: the budget gets nothing back."""
    async with DemoLine(choose=lambda _: "menu") as line:
        await left_up(tmp_path, line, trunk(line.port))
        register = Register(tmp_path, Random(3))
        async with Reaper(register, Random(4), [trunk(line.port)]):
            pass
        assert register.spent("demo").seconds == SCRIPT.longest


async def test_a_trunk_that_cannot_be_reached_keeps_its_orphan(tmp_path: Path) -> None:
    """The journal keeps it for a better time; no descriptor is kept."""
    async with DemoLine(choose=lambda _: "menu") as line:
        over = trunk(line.port, transport="TCP")
        await left_up(tmp_path, line, over)
    before = descriptors()
    async with Reaper(Register(tmp_path, Random(3)), Random(4), [over]) as reaper:
        pass
    assert (reaper.leaked, reaper.under_way) == (0, 0)
    assert descriptors() <= before
    assert len(await Register(tmp_path, Random(1)).orphans()) == 1


async def test_after_the_reaper_has_closed_no_call_is_made(tmp_path: Path) -> None:
    """Nobody would end it: it is skipped, its slot is free, and its socket is closed."""
    async with DemoLine(choose=lambda _: "menu") as line:
        async with Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
            pass
        before = descriptors()
        with pytest.raises(Refusal):
            await call(CallOrder(to=NUMBER, trunk=trunk(line.port, transport="TCP")), reaper, Random(3))
        await reaper.close()
        await asyncio.sleep(0.05)
        assert (line.counts.invited, reaper.under_way) == (0, 0)
        assert descriptors() <= before
    assert await Register(tmp_path, Random(1)).orphans() == []


async def test_an_end_that_is_never_confirmed_is_a_leak(tmp_path: Path) -> None:
    """The journal entry that nobody can read counts as well: whatever it was may be up."""
    (tmp_path / "demo.0.call").write_text('{"trunk":"demo","number":"+3199","reserved":60,"call":{"nonsense":1}}\n')
    async with Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
        pass
    assert reaper.leaked == 1
    assert (tmp_path / "demo.0.call").read_bytes() == b""


class Relay:
    """Passes bytes on to a port, until its connections are cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    def cut(self) -> None:
        """Reset all connections."""
        for writer in self._writers:
            writer.transport.abort()


async def test_a_far_end_that_drops_every_connection_is_not_called_without_end(tmp_path: Path) -> None:
    """A connection is taken up again six times at most, also where each of them is taken and dropped at once."""
    async with DemoLine(choose=lambda _: "menu") as line, Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
        relay, dropped = Relay(line.port), 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal dropped
            if not line.counts.invited:
                await relay(reader, writer)
            else:
                dropped += 1
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        over = trunk(server.sockets[0].getsockname()[1], transport="TCP")
        task = asyncio.create_task(call(CallOrder(to=NUMBER, trunk=over, script=SCRIPT), reaper, Random(3)))
        await until_open(line, 1, up=True)
        relay.cut()
        async with asyncio.timeout(60):
            while dropped < 2:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)
        assert dropped <= 6
        task.cancel()
        for conversation in reaper._conversations:
            conversation.abandon()
            conversation.released.cancel()
        server.close()


async def test_a_lost_connection_is_opened_again_to_end_the_call(tmp_path: Path) -> None:
    """The TCP connection goes in the middle of a call; the BYE takes another one."""
    async with DemoLine(choose=lambda _: "menu") as line, Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
        relay = Relay(line.port)
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        over = trunk(server.sockets[0].getsockname()[1], transport="TCP")
        task = asyncio.create_task(call(CallOrder(to=NUMBER, trunk=over, script=SCRIPT), reaper, Random(3)))
        await until_open(line, 1, up=True)
        relay.cut()
        evidence = await task
        assert (evidence.missed, evidence.released) == ("queue", True)
        assert (line.counts.open, line.counts.ended_by_caller, reaper.leaked) == (0, 1, 0)
        relay.cut()
        server.close()


@pytest.mark.parametrize("to", ["112", "0900-8844", "+4930123456", "sip:112@127.0.0.1", "+31201234567"])
async def test_a_number_that_may_not_be_called_meets_no_packet(tmp_path: Path, to: str) -> None:
    """A socket in the trunk's place receives nothing; neither slot nor budget is touched."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        over = Trunk(
            name="t", host="127.0.0.1", port=listening.getsockname()[1], allowed=("+3199*", "112", "0*", "+4*")
        )
        over_list = CallOrder(to=to, trunk=over, script=Script(answer_within=1.0))
        async with Reaper(Register(tmp_path / "calls", Random(1)), Random(2)) as reaper:
            if to == "+31201234567":
                over_list = CallOrder(
                    to=to, trunk=Trunk(name="t", host="127.0.0.1", port=over.port, allowed=("+3199*",))
                )
            with pytest.raises(Refusal) as refused:
                await call(over_list, reaper, Random(3))
            assert refused.value.reason in (Skipped.DENIED, Skipped.NOT_ALLOWED)
            await asyncio.sleep(0.05)
        with pytest.raises(BlockingIOError):
            listening.recv(1)
        assert not (tmp_path / "calls").exists()
        async with Reaper(Register(tmp_path / "calls", Random(1)), Random(2)) as reaper:  # the socket does count
            allowed = CallOrder(to="+31990000001", trunk=over, script=Script(answer_within=0.05))
            task = asyncio.create_task(call(allowed, reaper, Random(3)))
            async with asyncio.timeout(10):
                assert (await asyncio.get_running_loop().sock_recv(listening, 6)) == b"INVITE"
            task.cancel()
            for conversation in reaper._conversations:
                conversation.abandon()
                conversation.released.cancel()
