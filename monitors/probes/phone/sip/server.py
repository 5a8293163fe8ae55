"""The far end's requests within one of our dialogs, answered (RFC 3261, 12.2.2, 14.2, 15.1.2; RFC 3311; RFC 6026).

INVITE with an offer      Offered; `accept`: 200, repeated until its ACK comes; `decline`: 488
INVITE without one        200 with our present description; the ACK brings the answer: Renegotiated
UPDATE with an offer      Offered; `accept` or `decline`
UPDATE, OPTIONS, INFO, NOTIFY    200
BYE                       200, and the dialog is over
CANCEL                    200, and 487 for the INVITE that it means
anything else             405
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monitors.probes.phone.sip.caller import ALLOW, SESSION, Caller
from monitors.probes.phone.sip.dialog import Dialog
from monitors.probes.phone.sip.events import Offered, Renegotiated
from monitors.probes.phone.sip.message import Headers, Request, Response, is_session
from monitors.probes.phone.sip.transaction import PATIENCE, T1, T2, earliest

MAX_REPLIES = 32
"""Answers that are kept for requests that come again."""
_PHRASES = {
    200: "OK", 405: "Method Not Allowed", 415: "Unsupported Media Type", 420: "Bad Extension",
    481: "Call/Transaction Does Not Exist", 487: "Request Terminated", 488: "Not Acceptable Here",
    500: "Server Internal Error",
}  # fmt: skip
_ANSWERED = frozenset(ALLOW.split(", ")) - {"ACK", "CANCEL"}

Fields = Iterable[tuple[str, str]]


def reply(request: Request, status: int, more: Fields = (), body: bytes = b"", to_tag: str = "") -> Response:
    """Write the answer to a request (8.2.6.2); `to_tag` is for requests outside a dialog."""
    kept = [pair for pair in request.headers if pair[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = request.headers.get("To") or ""
    if to_tag and not request.to_tag:
        to += f";tag={to_tag}"
    return Response(status, _PHRASES[status], Headers([*kept, ("To", to), *more]), body)


@dataclass(slots=True)
class _Unacknowledged:
    """A final answer to an INVITE that is repeated until its ACK comes (13.3.1.4, 17.2.1)."""

    response: Response
    due: float
    end: float
    interval: float = T1


class Server:
    """Answers within one dialog. `on_bye` is called when it is over, `on_loss` when a 200 was never acknowledged."""

    def __init__(
        self, caller: Caller, dialog: Dialog, on_bye: Callable[[Request], None], on_loss: Callable[[float], None]
    ) -> None:
        self._caller = caller
        self._dialog = dialog
        self._on_bye = on_bye
        self._on_loss = on_loss
        self._cseq = -1  # the far end's last
        self._replies: dict[tuple[str, str], Response] = {}
        self._offer: Request | None = None  # waits for `accept`
        self._unacknowledged: _Unacknowledged | None = None
        self._asked = False  # we made an offer in a 200

    @property
    def deadline(self) -> float | None:
        """When `tick` is due."""
        waiting = self._unacknowledged
        return earliest(waiting.due, waiting.end) if waiting else None

    def receive(self, request: Request, now: float, *, over: bool) -> None:
        """Take a request; `over`: the dialog has ended, and only a BYE makes sense still."""
        repeated = self._replies.get((request.branch, request.method))
        if request.method == "ACK":
            self._acknowledge(request)
        elif repeated is not None:
            self._caller.send(repeated)  # 17.2.2
        elif request.method == "CANCEL":
            self._cancel(request, now)
        elif self._offer is not None and request.branch == self._offer.branch:
            return  # the same once more, and its answer is being made
        elif (refusal := self._refusal(request, over=over)) is not None:
            self._reply(request, now, *refusal)
        else:
            self._cseq = request.cseq[0]
            self._handle(request, now)

    def _refusal(self, request: Request, *, over: bool) -> tuple[int, Fields] | None:
        """Say why a request cannot be taken: status and header fields."""
        required = request.headers.all("Require")
        if request.cseq[0] < self._cseq:
            return 500, ()  # 12.2.2
        if over and request.method != "BYE":
            return 481, ()
        if request.method not in _ANSWERED:
            return 405, [("Allow", ALLOW)]
        if required and request.method != "BYE":
            return 420, [("Unsupported", ", ".join(required))]  # 8.2.2.3
        if request.method in ("INVITE", "UPDATE"):
            if self._offer is not None:
                return 500, [("Retry-After", "1")]  # 14.2
            if request.body and not is_session(request):
                return 415, [("Accept", SESSION)]
        return None

    def _handle(self, request: Request, now: float) -> None:
        if request.method in ("INVITE", "UPDATE"):
            self._dialog.retarget(request)
            if request.body:
                self._offer = request
                self._caller.tell(Offered(request.body))
                return
        if request.method == "INVITE":
            self._asked = True  # its ACK brings the answer
            self._reply(request, now, 200, self._about_us, self._caller.description)
        elif request.method == "BYE":
            self._reply(request, now, 200)
            self._terminate(now)
            self._on_bye(request)
        else:
            self._reply(request, now, 200, self._about_us)

    @property
    def _about_us(self) -> list[tuple[str, str]]:
        return [self._caller.contact, ("Allow", ALLOW)]

    def answer(self, description: bytes | None, now: float) -> None:
        """Answer the pending offer, if there is one; None refuses it."""
        request, self._offer = self._offer, None
        if request is None:
            return
        if description is None:
            self._reply(request, now, 488)
            return
        self._caller.description = description
        self._asked = False
        self._reply(request, now, 200, self._about_us, description)

    def _reply(self, request: Request, now: float, status: int, more: Fields = (), body: bytes = b"") -> None:
        fields = [*more, *([("Content-Type", SESSION)] if body else [])]
        response = reply(request, status, fields, body)
        while len(self._replies) >= MAX_REPLIES:
            del self._replies[next(iter(self._replies))]
        self._replies[request.branch, request.method] = response
        self._caller.send(response)
        # A 2xx goes from end to end and is repeated whatever the transport is.
        if request.method == "INVITE" and (status < 300 or not self._caller.reliable):
            self._unacknowledged = _Unacknowledged(response, now + T1, now + PATIENCE)

    def _acknowledge(self, ack: Request) -> None:
        waiting = self._unacknowledged
        if waiting is None or ack.cseq[0] != waiting.response.cseq[0]:
            return
        self._unacknowledged = None
        if self._asked and is_session(ack):
            self._caller.tell(Renegotiated(ack.body))
        self._asked = False

    def _cancel(self, request: Request, now: float) -> None:
        meant = self._offer
        if meant is None or meant.method != "INVITE" or meant.branch != request.branch:
            self._reply(request, now, 200 if (request.branch, "INVITE") in self._replies else 481)  # 9.2
            return
        self._reply(request, now, 200)
        self._terminate(now)

    def _terminate(self, now: float) -> None:
        """Answer an INVITE that is still waiting for our answer (15.1.2)."""
        waiting, self._offer = self._offer, None
        if waiting is not None and waiting.method == "INVITE":
            self._reply(waiting, now, 487)

    def tick(self, now: float) -> None:
        """Do what is due."""
        waiting = self._unacknowledged
        if waiting is None:
            return
        if now >= waiting.end:
            self._unacknowledged = None
            if waiting.response.status < 300:
                self._on_loss(now)
        elif now >= waiting.due:
            self._caller.send(waiting.response)
            waiting.interval = min(2 * waiting.interval, T2)
            waiting.due = now + waiting.interval
