"""A UDP relay that loses what a seeded source of chance says, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random


class Relay:
    """A running relay: `passed` and `lost` datagrams. Each caller has a way of its own to the far end."""

    def __init__(self, far: int, loss: float, random: Random) -> None:
        self._far, self._loss, self._random = far, loss, random
        self._ways: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._waiting: dict[tuple[str, int], list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._near: asyncio.DatagramTransport | None = None
        self.passed = self.lost = 0

    @property
    def port(self) -> int:
        assert self._near is not None
        return int(self._near.get_extra_info("sockname")[1])

    async def open(self) -> None:
        self._near = await _socket(self._from_near, ("127.0.0.1", 0), None)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for way in (*self._ways.values(), self._near):
            if way is not None:
                way.close()

    def _passes(self) -> bool:
        passes = self._random.random() >= self._loss
        self.passed, self.lost = self.passed + passes, self.lost + (not passes)
        return passes

    def _from_near(self, data: bytes, address: tuple[str, int]) -> None:
        if not self._passes():
            return
        if way := self._ways.get(address):
            way.sendto(data)
            return
        self._waiting.setdefault(address, []).append(data)
        if len(self._waiting[address]) == 1:
            task = asyncio.get_running_loop().create_task(self._way(address))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _way(self, address: tuple[str, int]) -> None:
        def back(data: bytes, _far: tuple[str, int]) -> None:
            if self._near is not None and self._passes():
                self._near.sendto(data, address)

        way = await _socket(back, None, ("127.0.0.1", self._far))
        self._ways[address] = way
        for data in self._waiting.pop(address):
            way.sendto(data)


async def _socket(
    received: Callable[[bytes, tuple[str, int]], None], local: tuple[str, int] | None, far: tuple[str, int] | None
) -> asyncio.DatagramTransport:
    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            received(data, addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=local, remote_addr=far)
    return transport


@asynccontextmanager
async def lossy(far: int, loss: float, seed: int) -> AsyncIterator[Relay]:
    """Relay to a loopback port and lose this share of the datagrams, each way."""
    relay = Relay(far, loss, Random(seed))
    await relay.open()
    try:
        yield relay
    finally:
        relay.close()
