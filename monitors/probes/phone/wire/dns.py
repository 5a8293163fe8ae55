"""One question to a name server and its answer (RFC 1035), as far as a trunk needs it: A, AAAA and SRV.

`getaddrinfo` knows no SRV. What comes back is somebody else's bytes: any answer is read in one pass, or `MalformedDns`.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Literal

PORT = 53
PATIENCE = 2.0
"""Seconds that one name server gets for one datagram."""
TRIES = 2
"""Rounds through the name servers."""
MAX_RECORDS = 64
"""Records that are read of one answer."""

_RESOLV_CONF = Path("/etc/resolv.conf")
_IN = 1
_CNAME = 5
_RECURSION_DESIRED = 0x0100
_IS_ANSWER, _TRUNCATED, _CODE = 0x8000, 0x0200, 0x000F
_NXDOMAIN = 3
_MAX_JUMPS = 16
_MAX_ALIASES = 8


class MalformedDns(ValueError):  # noqa: N818 - named as the parsers of this room name theirs
    """What came back is no answer to the question."""


class NameNotResolved(OSError):  # noqa: N818 - says what there is
    """No name server gave an address, or all say that there is none."""


class Kind(IntEnum):
    """Types of records (RFC 1035, 3.2.2; RFC 3596, 2.1; RFC 2782)."""

    A = 1
    AAAA = 28
    SRV = 33


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


Server = tuple[str, int]
"""Address and port of a name server."""


def name_servers(path: Path = _RESOLV_CONF) -> tuple[Server, ...]:
    """Return the name servers of this machine; its own port 53 where none is named, as resolv.conf(5) has it."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    found = [words[1] for line in lines if len(words := line.split()) > 1 and words[0] == "nameserver"]
    return tuple((address, PORT) for address in found[:3]) or (("127.0.0.1", PORT),)


async def ask(name: str, kind: Kind, servers: Sequence[Server], random: Random) -> list[str] | list[Service]:
    """Return the records of a name, empty if it has none of this kind. Raises `NameNotResolved` if nobody answers.

    A server that fails, is silent or talks nonsense is passed over for the next one.
    """
    question = query(name, kind, random.getrandbits(16))
    for server in tuple(servers) * TRIES:
        try:
            return answer(await _exchange(question, server), question)
        except (OSError, MalformedDns):  # TimeoutError is an OSError
            continue
    raise NameNotResolved(f"no name server answers for {name}")


def query(name: str, kind: Kind, number: int) -> bytes:
    """Return the question for a name. Raises `NameNotResolved` for what is no name."""
    try:
        labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    except UnicodeError:
        labels = []
    # Service labels begin with an underscore, which IDNA leaves alone.
    if not labels or not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) > 254:
        raise NameNotResolved(f"{name!r} is no name")
    header = struct.pack("!6H", number, _RECURSION_DESIRED, 1, 0, 0, 0)
    encoded = b"".join(bytes([len(label)]) + label for label in labels)
    return header + encoded + b"\0" + struct.pack("!2H", kind, _IN)


def answer(data: bytes, question: bytes) -> list[str] | list[Service]:
    """Return the records that answer `question`. Raises `MalformedDns`, also for an answer to another question.

    Aliases are followed inside the answer, as the name server put it together.
    """
    try:
        number, flags, asked, records = struct.unpack_from("!4H", data)
        wanted, end = _name(question, 12)
        name, position = _name(data, 12)
        same = (number, asked) == (struct.unpack_from("!H", question)[0], 1) and flags & _IS_ANSWER
        if not same or name != wanted or data[position : position + 4] != question[end : end + 4]:
            raise MalformedDns("answers another question")
        if flags & _CODE == _NXDOMAIN:
            return []
        if flags & (_CODE | _TRUNCATED):
            raise MalformedDns(f"code {flags & _CODE}, truncated {bool(flags & _TRUNCATED)}")
        (kind,) = struct.unpack_from("!H", question, end)
        return _follow(wanted, kind, _records(data, position + 4, min(records, MAX_RECORDS)))
    except (struct.error, IndexError) as error:
        raise MalformedDns(str(error)) from None


def _follow(name: str, kind: int, records: list[tuple[str, int, str | Service]]) -> list[str] | list[Service]:
    for _ in range(_MAX_ALIASES):
        of_name = [(found, value) for owner, found, value in records if owner == name]
        alias = next((value for found, value in of_name if found == _CNAME), None)
        if not isinstance(alias, str):
            break
        name = alias
    if kind == Kind.SRV:
        return [value for found, value in of_name if found == kind and isinstance(value, Service)]
    return [value for found, value in of_name if found == kind and isinstance(value, str)]


def _records(data: bytes, position: int, count: int) -> list[tuple[str, int, str | Service]]:
    found: list[tuple[str, int, str | Service]] = []
    for _ in range(count):
        owner, position = _name(data, position)
        kind, _class, _life, length = struct.unpack_from("!HHIH", data, position)
        position += 10
        if position + length > len(data):
            raise MalformedDns("a record ends after the message")
        if (value := _value(data, kind, position, length)) is not None:
            found.append((owner, kind, value))
        position += length
    return found


def _value(data: bytes, kind: int, position: int, length: int) -> str | Service | None:
    if kind in (Kind.A, Kind.AAAA):
        if length != (4 if kind == Kind.A else 16):
            raise MalformedDns("an address of a wrong length")
        return str(ip_address(data[position : position + length]))
    if kind == _CNAME:
        return _name(data, position)[0]
    if kind == Kind.SRV:
        priority, weight, port = struct.unpack_from("!3H", data, position)
        return Service(priority, weight, port, _name(data, position + 6)[0])
    return None


def _name(data: bytes, position: int) -> tuple[str, int]:
    """Return the name there, in lower case, and where it ends; pointers (RFC 1035, 4.1.4) are followed for a while."""
    labels: list[bytes] = []
    end = None
    for _ in range(128 + _MAX_JUMPS):
        length = data[position]
        if length >= 0xC0:
            end = position + 2 if end is None else end
            position = (length & 0x3F) << 8 | data[position + 1]
            continue
        if length == 0:
            return b".".join(labels).decode("latin-1").lower(), position + 1 if end is None else end
        label = data[position + 1 : position + 1 + length]
        if length > 63 or len(label) < length:
            raise MalformedDns("a broken label")
        labels.append(label)
        position += 1 + length
    raise MalformedDns("an endless name")


async def _exchange(question: bytes, server: Server) -> bytes:
    """Ask by datagram, and by stream where the answer was cut off (RFC 7766). Raises `OSError`, `TimeoutError` too."""
    async with asyncio.timeout(PATIENCE):
        data = await _by("datagram", question, server)
        if len(data) > 3 and data[:2] == question[:2] and data[2] << 8 & _TRUNCATED:
            data = await _by("stream", question, server)
        return data


async def _by(way: Literal["datagram", "stream"], question: bytes, server: Server) -> bytes:
    if way == "stream":
        reader, writer = await asyncio.open_connection(*server)
        try:
            writer.write(struct.pack("!H", len(question)) + question)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise MalformedDns(str(error)) from None
        finally:
            writer.close()
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Asker(waiter, question[:2]), remote_addr=server)
    try:
        transport.sendto(question)
        return await waiter
    finally:
        transport.close()


class _Asker(asyncio.DatagramProtocol):
    def __init__(self, waiter: asyncio.Future[bytes], number: bytes) -> None:
        self._waiter, self._number = waiter, number

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:  # noqa: ARG002
        if data[:2] == self._number and not self._waiter.done():
            self._waiter.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._waiter.done():
            self._waiter.set_exception(exc)
