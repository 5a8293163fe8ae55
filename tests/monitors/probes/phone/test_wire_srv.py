"""Where a trunk is: SRV and addresses, asked of name servers of the tests' own."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.phone.wire import dns
from monitors.probes.phone.wire.dns import (
    Kind,
    MalformedDns,
    NameNotResolved,
    Service,
    answer,
    ask,
    name_servers,
    query,
)
from monitors.probes.phone.wire.srv import MAX_HOPS, Hop, in_order, resolve

Zone = dict[tuple[str, int], list[bytes]]


def encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def srv(priority: int, weight: int, port: int, target: str) -> bytes:
    return struct.pack("!3H", priority, weight, port) + encoded(target)


def address(text: str) -> bytes:
    return ip_address(text).packed


def reply(question: bytes, records: list[tuple[str, int, bytes]], flags: int = 0x8180) -> bytes:
    header = question[:2] + struct.pack("!5H", flags, 1, len(records), 0, 0)
    body = b"".join(encoded(name) + struct.pack("!HHIH", kind, 1, 60, len(data)) + data for name, kind, data in records)
    return header + question[12:] + body


class Zones(asyncio.DatagramProtocol):
    """A name server; it notes what it was asked."""

    def __init__(self, zone: Zone, spoil: Callable[[bytes], bytes | None] = lambda data: data) -> None:
        self.zone, self.spoil = zone, spoil
        self.asked: list[tuple[str, int]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        made = self.spoil(self.answer(data))
        if made is not None:
            self.transport.sendto(made, addr)

    def answer(self, data: bytes) -> bytes:
        name, position = dns._name(data, 12)
        (kind,) = struct.unpack_from("!H", data, position)
        self.asked.append((name, kind))
        return reply(data, [(name, kind, record) for record in self.zone.get((name, kind), [])])


@asynccontextmanager
async def serving(zones: Zones) -> AsyncIterator[tuple[str, int]]:
    """Serve by datagram, and by stream on the same port."""

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        made = zones.answer(await reader.readexactly(length))
        writer.write(struct.pack("!H", len(made)) + made)
        writer.close()

    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(stream, "127.0.0.1", 0)
    where = server.sockets[0].getsockname()
    transport, _ = await loop.create_datagram_endpoint(lambda: zones, local_addr=where)
    try:
        yield where
    finally:
        transport.close()
        server.close()


ZONE: Zone = {
    ("_sip._udp.trunk.example", Kind.SRV): [srv(20, 0, 5070, "b.example"), srv(10, 0, 5060, "a.example")],
    ("_sips._tcp.trunk.example", Kind.SRV): [srv(1, 0, 5071, "a.example")],
    ("_sip._tcp.closed.example", Kind.SRV): [srv(0, 0, 0, ".")],
    ("a.example", Kind.A): [address("192.0.2.1")],
    ("a.example", Kind.AAAA): [address("2001:db8::1")],
    ("b.example", Kind.A): [address("192.0.2.2")],
    ("plain.example", Kind.A): [address("192.0.2.3")],
}


async def test_service_records_decide_by_priority_and_each_target_has_all_its_addresses() -> None:
    """The lower priority stands in front; both families count; TLS has a service of its own."""
    async with serving(Zones(ZONE)) as server:
        found = await resolve("trunk.example", None, "UDP", Random(1), servers=[server])
        secure = await resolve("trunk.example", None, "TLS", Random(1), servers=[server])
    assert found == [Hop("2001:db8::1", 5060), Hop("192.0.2.1", 5060), Hop("192.0.2.2", 5070)]
    assert secure == [Hop("2001:db8::1", 5071), Hop("192.0.2.1", 5071)]


async def test_a_name_without_service_records_has_the_default_port_and_a_port_needs_none() -> None:
    """RFC 3263, 4.2: with a port in the configuration nobody is asked for SRV."""
    async with serving(zones := Zones(ZONE)) as server:
        assert await resolve("plain.example", None, "TLS", Random(1), servers=[server]) == [Hop("192.0.2.3", 5061)]
        zones.asked.clear()
        assert await resolve("plain.example", 7000, "UDP", Random(1), servers=[server]) == [Hop("192.0.2.3", 7000)]
    assert {kind for _, kind in zones.asked} == {Kind.A, Kind.AAAA}


async def test_an_address_is_asked_of_nobody() -> None:
    """Neither family is looked up, with brackets or without."""
    assert await resolve("192.0.2.9", None, "UDP", Random(1), servers=[]) == [Hop("192.0.2.9", 5060)]
    assert await resolve("[2001:db8::9]", 5099, "TCP", Random(1), servers=[]) == [Hop("2001:db8::9", 5099)]


async def test_localhost_is_resolved_without_a_name_server() -> None:
    """The hosts file of the machine is enough, and nothing leaves it."""
    assert Hop("127.0.0.1", 5060) in await resolve("localhost", None, "UDP", Random(1))


async def test_a_domain_that_does_not_offer_a_transport_and_an_unknown_one_are_not_resolved() -> None:
    """A target of `.` says decidedly not (RFC 2782)."""
    async with serving(Zones(ZONE)) as server:
        for name in ("closed.example", "unknown.example"):
            with pytest.raises(NameNotResolved):
                await resolve(name, None, "TCP", Random(1), servers=[server])


async def test_an_answer_that_was_cut_off_is_asked_for_by_stream() -> None:
    """The truncated datagram has no records; the stream has them."""
    zones = Zones(ZONE, lambda data: data[:2] + b"\x83\x80" + data[4:])
    async with serving(zones) as server:
        assert await ask("b.example", Kind.A, [server], Random(1)) == ["192.0.2.2"]
    assert len(zones.asked) == 2


async def test_a_broken_server_is_passed_over() -> None:
    """One that refuses and one that answers another question cost no more than a try."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        closed = nobody.getsockname()
    other = Zones(ZONE, lambda data: reply(data[:12] + query("other.example", Kind.A, 0)[12:], []))
    async with serving(other) as wrong, serving(Zones(ZONE)) as right:
        assert await ask("b.example", Kind.A, [closed, wrong, right], Random(1)) == ["192.0.2.2"]
    assert other.asked
    with pytest.raises(NameNotResolved):
        await ask("b.example", Kind.A, [closed], Random(1))


def test_equal_priorities_are_drawn_by_weight() -> None:
    """Of 3 to 1 the heavier one is in front in three of four draws, each of them is in every order, seeds decide."""
    records = [Service(1, 30, 1, "heavy"), Service(1, 10, 2, "light"), Service(0, 0, 3, "first")]
    chance = Random(4)
    orders = [[each.target for each in in_order(records, chance)] for _ in range(4000)]
    assert all(order[0] == "first" and len(order) == 3 for order in orders)
    assert Counter(order[1] for order in orders)["heavy"] == pytest.approx(3000, abs=150)
    assert in_order(records, Random(7)) == in_order(records, Random(7))


def test_aliases_are_followed_and_loops_end() -> None:
    """A CNAME leads to the address inside the answer; one that leads to itself leads nowhere."""
    question = query("www.example", Kind.A, 7)
    chain = [("www.example", 5, encoded("b.example")), ("b.example", 1, address("192.0.2.2"))]
    assert answer(reply(question, chain), question) == ["192.0.2.2"]
    assert answer(reply(question, [("www.example", 5, encoded("www.example"))]), question) == []


def test_a_pointer_to_itself_is_malformed() -> None:
    """RFC 1035, 4.1.4 allows pointers; this one would go round for ever."""
    question = query("a.example", Kind.A, 7)
    with pytest.raises(MalformedDns):
        answer(question[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + b"\xc0\x0c" + question[-4:], question)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_whatever_comes_back_is_an_answer_or_malformed(noise: bytes, kept: int) -> None:
    """No other exception leaves the parser, however the answer begins."""
    question = query("a.example", Kind.SRV, 7)
    good = reply(question, [("a.example", Kind.SRV, srv(1, 1, 1, "b.example"))])
    with suppress(MalformedDns):
        answer(good[:kept] + noise, question)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["abcdefgh"] * 40)])
async def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    """The question could not be written."""
    with pytest.raises(NameNotResolved):
        await ask(name, Kind.A, [("127.0.0.1", 9)], Random(1))


async def test_many_addresses_are_cut_off() -> None:
    """A trunk of hundreds of addresses would keep one call busy for ever."""
    zone = {("many.example", int(Kind.A)): [address(f"192.0.2.{number}") for number in range(20)]}
    async with serving(Zones(zone)) as server:
        assert len(await resolve("many.example", 5060, "UDP", Random(1), servers=[server])) == MAX_HOPS


def test_the_name_servers_of_the_machine(tmp_path: Path) -> None:
    """Three at most, as the resolver has it; without a file the machine itself."""
    file = tmp_path / "resolv.conf"
    assert name_servers(file) == (("127.0.0.1", 53),)
    file.write_text("# none\nsearch example\n" + "".join(f"nameserver 192.0.2.{n}\n" for n in range(5)))
    assert name_servers(file) == (("192.0.2.0", 53), ("192.0.2.1", 53), ("192.0.2.2", 53))
