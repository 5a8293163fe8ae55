"""A caller of the demo line with no more SIP in it than a test needs: it says what it is told to, nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from staging.phone import DemoLine
from staging.phone.audio import Sound, encoded
from tests.waiting import LONG

_NUMBERS = itertools.count(1)
_LENGTH = re.compile(rb"Content-Length: (\d+)")


def _frame(sound: Sound, codec: int, position: int) -> bytes:
    frames = encoded(sound, codec)
    return frames[position % len(frames)]


class Answer:
    """One message of the line, an answer or a request."""

    def __init__(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        self.start, *self.lines = head.decode().split("\r\n")
        self.body = body.decode()
        word = self.start.split(" ")
        self.status = int(word[1]) if word[0] == "SIP/2.0" else 0
        self.method = word[0] if not self.status else self.get("CSeq").split(" ")[1]

    def get(self, name: str) -> str:
        return next(
            (line.partition(": ")[2] for line in self.lines if line.lower().startswith(name.lower() + ": ")), ""
        )

    @property
    def tag(self) -> str:
        return self.get("To").partition(";tag=")[2]


class Ear(asyncio.DatagramProtocol):
    """The caller's RTP port: keeps every packet."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.packets.append(data)


class Caller(asyncio.DatagramProtocol):
    """One call. What comes in waits in `inbox`, in order."""

    def __init__(self, line: DemoLine, number: str, transport: str) -> None:
        self.line = line
        self.number = number
        self.transport = transport
        self.inbox: asyncio.Queue[Answer] = asyncio.Queue()
        self.ear = Ear()
        self.call_id = f"call-{next(_NUMBERS)}"
        self.cseq = 1
        self.to = f"<sip:{number}@{line.address}>"
        self._send: Any = None
        self._branch = ""
        self._pressed = itertools.count(1)

    def connection_made(self, transport: Any) -> None:
        self._send = transport.sendto

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.inbox.put_nowait(Answer(data))

    async def read(self, reader: asyncio.StreamReader) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            found = _LENGTH.search(head)
            self.inbox.put_nowait(Answer(head + await reader.readexactly(int(found[1]) if found else 0)))

    def say(
        self, method: str, *, branch: str | None = None, to: str | None = None, extra: str = "", body: str = ""
    ) -> None:
        """Send one request."""
        if branch is None:
            branch = f"z9hG4bK-{self.call_id}-{next(_NUMBERS)}"
        if method == "INVITE":
            self._branch = branch
        kind = "application/sdp"
        lines = [
            f"{method} sip:{self.number}@{self.line.address} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} 127.0.0.1:9;branch={branch};rport",
            "f: <sip:probe@127.0.0.1>;tag=here",
            f"To: {to or self.to}",
            f"i: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
            "Contact: <sip:probe@127.0.0.1:9>",
            *([extra] if extra else []),
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
        ]
        self._send("\r\n".join(lines).encode() + b"\r\n\r\n" + body.encode())

    def invite(self, extra: str = "", *, again: bool = False, codecs: str = "8 0 101", host: str = "127.0.0.1") -> None:
        port = self.ear.transport.get_extra_info("sockname")[1]
        body = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {codecs}\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
        self.say("INVITE", branch=self._branch if again else None, extra=extra, body=body)

    def ack(self, answer: Answer) -> None:
        """Acknowledge a final answer: a refusal with the branch of the INVITE, a 2xx with one of its own."""
        self.say("ACK", branch=self._branch if answer.status >= 300 else None, to=answer.get("To"))

    def cancel(self) -> None:
        self.say("CANCEL", branch=self._branch)

    def bye(self, answer: Answer) -> None:
        self.cseq += 1
        self.say("BYE", to=answer.get("To"))

    def confirm(self, request: Answer, status: str = "200 OK") -> None:
        """Answer a request of the line."""
        kept = [line for line in request.lines if line.split(":")[0] in {"Via", "From", "To", "Call-ID", "CSeq"}]
        self._send("\r\n".join([f"SIP/2.0 {status}", *kept, "Content-Length: 0"]).encode() + b"\r\n\r\n")

    async def next(self) -> Answer:
        async with asyncio.timeout(LONG):
            return await self.inbox.get()

    async def final(self, method: str = "INVITE") -> Answer:
        """Return the next final answer to a method; what came before it is dropped."""
        while (answer := await self.next()).status < 200 or answer.method != method:
            pass
        return answer

    async def request(self, method: str) -> Answer:
        """Return the next request of the line of that method."""
        while (message := await self.next()).status or message.method != method:
            pass
        return message

    async def answered(self) -> Answer:
        """Call and wait for the answer; acknowledge it."""
        self.invite()
        answer = await self.final()
        assert answer.status == 200, answer.start
        self.ack(answer)
        return answer

    async def refused(self) -> Answer:
        """Call and wait for a refusal; acknowledge it."""
        self.invite()
        answer = await self.final()
        assert answer.status >= 300, answer.start
        self.ack(answer)
        return answer

    def heard(self) -> list[str]:
        """Return what was played, in order: each sound from its beginning; `?` while several begin like that."""
        names: list[str] = []
        matching: list[Sound] = []
        position = 0
        for packet in self.ear.packets:
            frame, codec = (packet[24:184] if packet[0] & 0x10 else packet[12:172]), packet[1] & 0x7F
            going_on = [sound for sound in matching if _frame(sound, codec, position) == frame]
            if not going_on:
                names.append("?")
                going_on, position = [sound for sound in Sound if _frame(sound, codec, 0) == frame], 0
            matching = going_on
            position += 1
            names[-1] = matching[0].value if len(matching) == 1 else "?"
        return names

    def press(self, answer: Answer, digit: int) -> None:
        """Send a digit (RFC 4733): its end three times, as is the rule."""
        found = re.search(r"m=audio (\d+)", answer.body)
        assert found
        stamp = next(self._pressed) * 8000
        for number in range(3):
            packet = struct.pack("!BBHIIBBH", 0x80, 101, number, stamp, 99, digit, 0x8A, 800)
            self.ear.transport.sendto(packet, ("127.0.0.1", int(found[1])))


@asynccontextmanager
async def calling(
    line: DemoLine, number: str, transport: str = "UDP", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Caller]:
    """Yield a caller who has yet to call."""
    loop = asyncio.get_running_loop()
    caller = Caller(line, number, transport)
    ear, _ = await loop.create_datagram_endpoint(lambda: caller.ear, local_addr=("127.0.0.1", 0))
    try:
        if transport == "UDP":
            way, _ = await loop.create_datagram_endpoint(lambda: caller, remote_addr=(line.host, line.port))
            yield caller
            way.close()
            return
        port = line.tls_port if transport == "TLS" else line.port
        reader, writer = await asyncio.open_connection(line.host, port, ssl=tls)
        caller._send = writer.write
        reading = asyncio.create_task(caller.read(reader))
        yield caller
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        writer.transport.abort()
    finally:
        ear.close()


def proof(challenge: str, user: str, password: str, uri: str) -> str:
    """Return the Authorization header that answers a challenge, computed here anew."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    make = hashlib.sha256 if given["algorithm"] == "SHA-256" else hashlib.md5

    def digest(text: str) -> str:
        return make(text.encode()).hexdigest()

    first = digest(f"{user}:{given['realm']}:{password}")
    response = digest(f"{first}:{given['nonce']}:00000001:abc:auth:{digest(f'INVITE:{uri}')}")
    return (
        f'Digest username="{user}", realm="{given["realm"]}", nonce="{given["nonce"]}", uri="{uri}", qop=auth, '
        f'nc=00000001, cnonce="abc", algorithm={given["algorithm"]}, response="{response}"'
    )
