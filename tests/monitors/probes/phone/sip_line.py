"""One call with a clock, fed by hand."""

from __future__ import annotations

from random import Random
from typing import Any

from monitors.probes.phone.sip.call import Call
from monitors.probes.phone.sip.events import (
    Answered,
)
from monitors.probes.phone.sip.message import Headers, Request, Response, parse, serialise
from tests.monitors.probes.phone.sip_far_end import answered, dial

CHALLENGE = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')
STALE = ("WWW-Authenticate", 'Digest realm="r", nonce="m", qop="auth", stale=true')


class Line:
    """A call with a clock; each step returns what was sent and told."""

    def __init__(self, transport: str = "UDP", **changes: Any) -> None:
        self.now = 100.0
        self.call = Call(dial(transport, **changes), Random(7))
        self.call.start(self.now)
        [self.invite] = self.call.take()

    def gets(self, message: Request | Response) -> list[Any]:
        self.call.receive(parse(serialise(message)), self.now)
        return self.call.take()

    def hang_up(self) -> list[Any]:
        self.call.hang_up(self.now)
        return self.call.take()

    def waits(self, seconds: float) -> list[Any]:
        """Let time pass, with a tick whenever one is due."""
        out, end = list[Any](), self.now + seconds
        while (due := self.call.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.call.tick(self.now)
            out += self.call.take()
        self.now = end
        return out

    def up(self, tag: str = "t") -> Request:
        """Answer the call; return its ACK."""
        ack, event = self.gets(answered(self.invite, tag))
        assert isinstance(event, Answered)
        return ack

    def asks(self, method: str, cseq: int = 1, body: bytes = b"", branch: str = "", **headers: str) -> Request:
        """Return a request of the far end within the dialog."""
        fields = {
            "Via": f"SIP/2.0/UDP far;branch={branch or 'z9hG4bK' + method + str(cseq)}",
            "From": "<sip:far@example>;tag=t",
            "To": self.invite.headers.get("From"),
            "Call-ID": self.call.call_id,
            "CSeq": f"{cseq} {method}",
            **({"Content-Type": "application/sdp"} if body else {}),
            **headers,
        }
        return Request(method, "sip:probe@127.0.0.1", Headers(fields.items()), body)


def shown(out: list[Any]) -> list[Any]:
    """Shorten messages to method or status; events stay."""
    return [each.method if isinstance(each, Request) else each.status if isinstance(each, Response) else each
            for each in out]  # fmt: skip
