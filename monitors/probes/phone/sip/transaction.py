"""Client transactions: one request, its repetitions and its answers (RFC 3261, 17.1; RFC 6026).

Both kinds are alike: `deadline` is when `tick` must be called at the latest, None when nothing is pending any more.
Timers D, I, J and K only absorb what comes twice; whoever has no transaction ignores it just as well, so that D alone
is kept: it repeats the ACK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from monitors.probes.phone.sip.caller import follow_up
from monitors.probes.phone.sip.message import Message, Request, Response

T1 = 0.5
"""Seconds: the round trip that is expected."""
T2 = 4.0
"""Seconds: the longest pause between two repetitions."""
T4 = 5.0
"""Seconds: how long a message can be on its way."""
PATIENCE = 64 * T1
"""Seconds: timers B, D, F, H, L and M."""

Send = Callable[[Message], None]


class InviteTransaction:
    """An INVITE (17.1.1.2, with the accepted state of RFC 6026, 7.2).

    calling ---- nothing for 64*T1 (B) ------------> over, silent
     |  repeated after T1, 2*T1, 4*T1 ... (A)
     | 1xx
    proceeding -- `expire` (9.1) -------------------> over, silent
     |       |
     | 2xx   | 300-699: ACK
     |      completed ---- every repetition is ACKed, for 32 s, on a reliable transport 0 s (D) ---> over
    accepted ---- every 2xx is passed on, for 64*T1 (M) ---> over
    """

    def __init__(self, request: Request, reliable: bool, send: Send) -> None:
        self.request = request
        self.state: Literal["calling", "proceeding", "completed", "accepted", "over"] = "calling"
        self.silent = False
        self._unanswered = False  # and given up
        self._reliable = reliable
        self._send = send
        self._ack: Request | None = None
        self._interval = T1
        self._repeat: float | None = None
        self._end: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `tick` is due."""
        return earliest(self._repeat, self._end)

    @property
    def open(self) -> bool:
        """Whether the final answer is still to come."""
        return self.state in ("calling", "proceeding")

    def start(self, now: float) -> None:
        """Send the request."""
        self._send(self.request)
        self._repeat = None if self._reliable else now + self._interval
        self._end = now + PATIENCE

    def proceed(self) -> None:
        """Wait for the final answer as long as it takes: something came back."""
        self.state, self._repeat, self._end = "proceeding", None, None

    def expire(self, at: float) -> None:
        """Give up waiting for the final answer at that time."""
        self._end = at

    def receive(self, response: Response, now: float) -> bool:
        """Take an answer; return whether it is news: a provisional one, the first final one, or any 2xx."""
        if 200 <= response.status < 300:
            if self.open or self._unanswered:
                self.state, self._repeat, self._end = "accepted", None, now + PATIENCE
                self._unanswered = False
            return True
        if response.status < 200:
            if self.state == "calling" or (self.state == "over" and self._unanswered):
                self.proceed()
            return self.state == "proceeding"
        if self.open or self._unanswered:
            self._unanswered = False
            self._ack = follow_up(self.request, "ACK", response.headers.get("To") or "")
            self._send(self._ack)
            self.state, self._repeat, self._end = "completed", None, now + (0.0 if self._reliable else PATIENCE)
            return True
        if self.state == "completed" and self._ack is not None:
            self._send(self._ack)
        return False

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._end is not None and now >= self._end:
            self.silent = self._unanswered = self.open
            self.state, self._repeat, self._end = "over", None, None
        elif self._repeat is not None and now >= self._repeat:
            self._send(self.request)
            self._interval *= 2
            self._repeat = now + self._interval


class Transaction:
    """Any other request (17.1.2.2).

    pending ---- nothing final for 64*T1 (F) ----> silent
     |  repeated after T1, 2*T1, 4*T1 ... T2, T2 (E); every T2 once a 1xx came
     | 200-699
    final
    """

    def __init__(self, request: Request, reliable: bool, send: Send, now: float) -> None:
        self.request = request
        self.final: Response | None = None
        self.silent = False
        self._send = send
        self._interval = T1
        self._repeat = None if reliable else now + T1
        self._end: float | None = now + PATIENCE
        send(request)

    @property
    def deadline(self) -> float | None:
        """When `tick` is due."""
        return earliest(self._repeat, self._end)

    def matches(self, response: Response) -> bool:
        """Tell whether it answers this request (17.1.3)."""
        return response.branch == self.request.branch and response.cseq[1] == self.request.method

    def receive(self, response: Response) -> bool:
        """Take an answer; return whether it is the first final one."""
        if self._end is None:
            return False
        if response.status < 200:
            self._interval = T2
            return False
        self.final, self._repeat, self._end = response, None, None
        return True

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._end is not None and now >= self._end:
            self.silent, self._repeat, self._end = True, None, None
        elif self._repeat is not None and now >= self._repeat:
            self._send(self.request)
            self._interval = min(2 * self._interval, T2)
            self._repeat = now + self._interval


def earliest(*times: float | None) -> float | None:
    """Return the earliest of the times that are set."""
    return min((time for time in times if time is not None), default=None)
