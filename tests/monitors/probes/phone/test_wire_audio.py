"""The RTP socket of a call: what it sends where, and when it falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest
import uvloop

from monitors.probes.phone.media import sdp
from monitors.probes.phone.wire.audio import open_audio

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine under one of the event loops; what their callbacks raise fails the test."""

    def run(work: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        raised: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: raised.append(context))
            runner.run(asyncio.wait_for(work, 20))
        assert raised == []

    return run


def description(address: str, port: int) -> sdp.Remote:
    """Return a far end that listens there."""
    return sdp.parse_answer(sdp.offer(address, port, 1))


class Heard(asyncio.DatagramProtocol):
    """Keeps what comes in."""

    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.datagrams.put_nowait(data)


async def listening() -> tuple[asyncio.DatagramTransport, Heard, int]:
    """Return a socket that hears RTP, and its port."""
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Heard, local_addr=("127.0.0.1", 0))
    return transport, heard, int(transport.get_extra_info("sockname")[1])


@pytest.mark.parametrize("elsewhere", ["::1", "fe80::1%1"])
def test_an_address_that_cannot_be_sent_to_is_no_error_of_ours(run: Run, elsewhere: str) -> None:
    """A far end that names an address of another family hears nothing, until it names one that can be reached."""

    async def check() -> None:
        transport, heard, port = await listening()
        audio = await open_audio("127.0.0.1", (0, 0), Random(1))
        audio.connect(description(elsewhere, port))
        await asyncio.sleep(0.05)
        assert heard.datagrams.empty()
        audio.connect(description("127.0.0.1", port))
        assert len(await heard.datagrams.get()) == 172
        audio.close()
        transport.close()

    run(check())


def test_after_its_end_it_says_nothing_more(run: Run) -> None:
    """An answer that comes after the end of the call starts no stream."""

    async def check() -> None:
        transport, heard, port = await listening()
        audio = await open_audio("127.0.0.1", (0, 0), Random(1))
        audio.close()
        audio.connect(description("127.0.0.1", port))
        assert not audio.press("1"), "there is nobody who would send it"
        await asyncio.sleep(0.05)
        assert heard.datagrams.empty()
        transport.close()

    run(check())
