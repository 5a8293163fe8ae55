"""A far end without I/O, written apart from the code under test, and a bad network between both in virtual time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from monitors.probes.phone.sip.call import Call, Dial
from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.sip.message import Headers, Message, Request, Response, parse, serialise

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"
ANSWER = b"v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\n"


def dial(transport: str = "UDP", **changes: object) -> Dial:
    """Return a dial to the far end."""
    values: dict[str, object] = {
        "to": "sip:+31990000001@127.0.0.1:5060",
        "from_": "sip:probe@127.0.0.1",
        "contact": "sip:probe@127.0.0.1:4000",
        "via": "127.0.0.1:4000",
        "transport": transport,
        "offer": OFFER,
    }
    return Dial(**(values | changes))  # type: ignore[arg-type]


def response(
    request: Request, status: int, tag: str = "", more: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> Response:
    """Answer a request as a far end does: Via, From, Call-ID, CSeq and Record-Route as they came."""
    kept = [pair for pair in request.headers if pair[0] in ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
    to = (request.headers.get("To") or "") + (f";tag={tag}" if tag and not request.to_tag else "")
    kind = [("Content-Type", "application/sdp")] if body else []
    return Response(status, "x", Headers([*kept, ("To", to), *more, *kind]), body)


def answered(request: Request, tag: str, contact: str = "sip:far@127.0.0.1:5070") -> Response:
    """Answer an INVITE by 200."""
    return response(request, 200, tag, (("Contact", f"<{contact}>"),), ANSWER)


@dataclass
class Plan:
    """What the far end does with a call. Seconds; None: never."""

    trying: float | None = 0.0
    ringing: float | None = 0.1
    final: float | None = 2.0
    status: int = 200
    forks: int = 1
    hangs_up: float | None = None
    offers: float | None = None
    challenge: bool = False


@dataclass
class _Ringing:
    invite: Request
    tag: str
    state: str = "ringing"  # ringing, up, over
    final: Response | None = None
    acknowledged: bool = False
    cseq: int = 1


@dataclass
class FarEnd:
    """A user agent server behind a forking proxy: `up` are the calls that it thinks there are.

    `gave_up` are those it ended itself, because the 200 was never acknowledged or its BYE never answered.
    """

    plan: Plan
    send: Callable[[Message], None]
    later: Callable[[float, Callable[[], None]], None]
    legs: dict[tuple[str, str], _Ringing] = field(default_factory=dict)  # by branch of the INVITE and tag
    provisional: dict[str, list[Response]] = field(default_factory=dict)
    gave_up: list[str] = field(default_factory=list)
    answered_byes: set[str] = field(default_factory=set)
    replies: dict[tuple[str, str], Response] = field(default_factory=dict)

    @property
    def up(self) -> list[str]:
        return [leg.tag for leg in self.legs.values() if leg.state != "over"]

    @property
    def unacknowledged(self) -> list[str]:
        """Refusals that nobody ever acknowledged; beside a 2xx a proxy keeps them to itself (RFC 3261, 16.7)."""
        finals = [(branch, leg) for (branch, _), leg in self.legs.items() if leg.final is not None]
        taken = {branch for branch, leg in finals if leg.final and leg.final.status < 300}
        return [leg.tag for branch, leg in finals if branch not in taken and not leg.acknowledged]

    def receive(self, message: Message) -> None:
        if isinstance(message, Response):
            if message.cseq[1] == "BYE":
                self.answered_byes.add(message.from_tag)
            elif message.cseq[1] == "INVITE":
                leg = next(each for each in self.legs.values() if each.tag == message.from_tag)
                self.send(self._own(leg, "ACK", message.cseq[0]))
            return
        known = self.replies.get((message.branch, message.method))
        if known is not None:
            self.send(known)
        else:
            getattr(self, f"_{message.method.lower()}")(message)

    def _invite(self, invite: Request) -> None:
        branch, plan = invite.branch, self.plan
        if branch in self.provisional:
            for each in self.provisional[branch][-1:]:
                self.send(each)
            return
        self.provisional[branch] = []
        if plan.challenge and invite.headers.get("Authorization") is None:
            refusal = response(invite, 401, "c", (("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"'),))
            leg = self.legs[branch, "c"] = _Ringing(invite, "c", "over", refusal)
            self._repeat_final(leg, 0.5, 0.0)
            return
        if plan.trying is not None:
            self.later(plan.trying, lambda: self._provisional(branch, response(invite, 100)))
        for number in range(plan.forks):
            leg = self.legs[branch, f"t{number}"] = _Ringing(invite, f"t{number}")
            self._ring(leg, number)

    def _ring(self, leg: _Ringing, number: int) -> None:
        plan = self.plan
        if plan.ringing is not None:
            self.later(plan.ringing, lambda: self._alert(leg))
        if plan.final is not None:
            self.later(plan.final + number / 10, lambda: self._finish(leg, plan.status))

    def _alert(self, leg: _Ringing) -> None:
        if leg.state == "ringing":
            self._provisional(
                leg.invite.branch, response(leg.invite, 180, leg.tag, (("Contact", "<sip:f@127.0.0.1>"),))
            )
            self.later(60, lambda: self._alert(leg))  # 13.3.1.1

    def _provisional(self, branch: str, message: Response) -> None:
        self.provisional[branch].append(message)
        self.send(message)

    def _finish(self, leg: _Ringing, status: int) -> None:
        if leg.state != "ringing":
            return
        if status < 300:
            leg.state, leg.final = "up", answered(leg.invite, leg.tag)
            if self.plan.hangs_up is not None:
                self.later(self.plan.hangs_up, lambda: self._hang_up(leg))
            if self.plan.offers is not None:
                self.later(self.plan.offers, lambda: self._offer(leg))
        else:
            leg.state, leg.final = "over", response(leg.invite, status, leg.tag)
        self._repeat_final(leg, 0.5, 0.0)

    def _repeat_final(self, leg: _Ringing, interval: float, waited: float) -> None:
        if leg.acknowledged or (leg.state == "over" and leg.final and leg.final.status < 300):
            return
        if waited >= 32:
            if leg.state == "up":
                self.gave_up.append(leg.tag)
                leg.state = "over"
            return
        assert leg.final is not None
        self.send(leg.final)
        self.later(interval, lambda: self._repeat_final(leg, min(2 * interval, 4.0), waited + interval))

    def _ack(self, ack: Request) -> None:
        """Take an ACK: of a refusal by its branch, whoever refused behind the proxy; of a 2xx by tag and number."""
        for (branch, tag), leg in self.legs.items():
            if leg.final is None:
                continue
            refused = leg.final.status >= 300 and ack.branch == branch
            taken = leg.final.status < 300 and (ack.to_tag, ack.cseq[0]) == (tag, leg.invite.cseq[0])
            leg.acknowledged |= refused or taken

    def _cancel(self, cancel: Request) -> None:
        meant = [leg for (branch, _), leg in self.legs.items() if branch == cancel.branch]
        self._reply(cancel, 200 if meant else 481)
        for leg in meant:
            if leg.state == "ringing":
                leg.state, leg.final = "over", response(leg.invite, 487, leg.tag)
                self._repeat_final(leg, 0.5, 0.0)

    def _bye(self, bye: Request) -> None:
        legs = [leg for leg in self.legs.values() if leg.tag == bye.to_tag and leg.state == "up"]
        self._reply(bye, 200 if legs else 481)
        for leg in legs:
            leg.state = "over"

    def _reply(self, request: Request, status: int) -> None:
        self.replies[request.branch, request.method] = reply = response(request, status)
        self.send(reply)

    def _own(self, leg: _Ringing, method: str, cseq: int, body: bytes = b"") -> Request:
        headers = [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-{leg.tag}-{method}-{cseq}"),
            ("From", f"{leg.invite.headers.get('To')};tag={leg.tag}"),
            ("To", leg.invite.headers.get("From") or ""),
            ("Call-ID", leg.invite.call_id),
            ("CSeq", f"{cseq} {method}"),
            *([("Content-Type", "application/sdp"), ("Contact", "<sip:f@127.0.0.1>")] if body else []),
        ]
        return Request(method, "sip:probe@127.0.0.1:4000", Headers(headers), body)

    def _offer(self, leg: _Ringing) -> None:
        if leg.state == "up":
            leg.cseq += 1
            self.send(self._own(leg, "INVITE", leg.cseq, OFFER))

    def _hang_up(self, leg: _Ringing) -> None:
        if leg.state == "up" and leg.acknowledged:
            leg.state = "over"
            leg.cseq += 1
            self._repeat_bye(leg, self._own(leg, "BYE", leg.cseq), 0.5, 0.0)

    def _repeat_bye(self, leg: _Ringing, bye: Request, interval: float, waited: float) -> None:
        if leg.tag not in self.answered_byes and waited < 32:
            self.send(bye)
            self.later(interval, lambda: self._repeat_bye(leg, bye, min(2 * interval, 4.0), waited + interval))


@dataclass
class Network:
    """Loss, duplication, delay and so reordering; of one kind of message at most `in_a_row` get lost in a row."""

    loss: float = 0.0
    twice: float = 0.0
    delay: float = 0.01
    in_a_row: int = 2
    dead_from: float = float("inf")


class Simulation:
    """One call through a network, in virtual time; what the call tells is in `told`, with its time."""

    def __init__(self, plan: Plan, network: Network, seed: int, transport: str = "UDP") -> None:
        self.random = Random(seed)
        self.network = network
        self.now = 0.0
        self.told: list[tuple[float, object]] = []
        self.sent: list[Message] = []
        self._credentials = Credentials("u", "p")
        self.call = Call(dial(transport, credentials=self._credentials), Random(seed + 1))
        self.journal = self.call.entry()
        self.far_end = FarEnd(plan, lambda message: self._carry(message, self._arrive), self.later)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._lost: dict[tuple[object, ...], int] = {}

    def later(self, after: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + after, next(self._numbers), what))

    def _carry(self, message: Message, arrive: Callable[[Message], None]) -> None:
        data = serialise(message)
        if self.now >= self.network.dead_from:
            return
        status = message.status // 100 if isinstance(message, Response) else 0
        kind = (arrive.__name__, status, message.cseq[1], message.to_tag if status != 1 else "")
        for _ in range(2 if self.random.random() < self.network.twice else 1):
            if self.random.random() < self.network.loss and self._lost.get(kind, 0) < self.network.in_a_row:
                self._lost[kind] = self._lost.get(kind, 0) + 1
                continue
            self._lost[kind] = 0
            self.later(self.random.uniform(0.001, self.network.delay), lambda: arrive(parse(data)))

    def _arrive(self, message: Message) -> None:
        self.call.receive(message, self.now)
        self._flush()

    def _flush(self) -> None:
        self.journal = self.call.entry()
        for each in self.call.take():
            if isinstance(each, Request | Response):
                self.sent.append(each)
                self._carry(each, self.far_end.receive)
            else:
                self.told.append((self.now, each))
                if type(each).__name__ == "Offered":
                    self.call.accept(ANSWER, self.now)
                    self._flush()

    def start(self) -> None:
        self.call.start(self.now)
        self._flush()

    def hang_up(self) -> None:
        self.call.hang_up(self.now)
        self._flush()

    def kill(self) -> None:
        """End the process and all it knew; another one ends the call by the journal."""
        self.call = Call.resume(self.journal, self._credentials, Random(self.random.random()))
        self.hang_up()

    def run(self, until: float = 300.0) -> None:
        """Run until nothing is left to happen, or the time is over."""
        while True:
            deadline = self.call.deadline
            due = self._queue[0][0] if self._queue else float("inf")
            if min(due, until if deadline is None else deadline) >= until:
                return
            if deadline is not None and deadline <= due:
                self.now = max(self.now, deadline)
                self.call.tick(self.now)
                self._flush()
            else:
                self.now, _, what = heapq.heappop(self._queue)
                what()

    def names(self) -> list[str]:
        return [type(event).__name__ for _, event in self.told]
