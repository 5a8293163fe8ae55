"""The caller's side of one call.

    idle
     | start: INVITE
     v
    calling <-----------------+-- 401, 407 with credentials: ACK, INVITE again
     | 1xx                    |
     v                        |
    proceeding ---------------+
     |                |
     | hang_up:       | 2xx: ACK
     | CANCEL         v
     v               up
    cancelling        |
     |         |      | hang_up: BYE
     |         |      v
     |         +--> ending     from cancelling by a 2xx that was quicker: ACK, BYE
     |                |
     | 487: ACK       | 2xx or 481; or nothing for 64*T1
     v                v
    over <-----------------    from calling and proceeding by 300-699: ACK; from up by the far end's BYE: 200

A 2xx answers a calling INVITE as well. `hang_up` while calling is only noted: a CANCEL may not be sent before something
came back (9.1). The INVITE goes on being repeated, its first 1xx is followed by the CANCEL, a 2xx by ACK and BYE. When
nothing came back for 64*T1, the CANCEL is sent all the same, and blindly: nobody may be there, or it rings and all that
said so was lost, and nothing will say so again. A cancelled INVITE that has no final answer after 64*T1 is given up. A
resumed call does not repeat its INVITE: it is cancelled after T4 even if nothing came back.

A proxy may fork: each To tag is a `Leg` of its own, and the state is that of the liveliest. The first 2xx is the call;
each one of another tag, whenever it comes, is acknowledged and ended at once. After `over` the call stays for as long
as finals may be repeated, or something late may come (`done` says when it may be forgotten).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from random import Random
from typing import Literal, Self, cast, get_args

from monitors.probes.phone.sip.caller import Caller, Dial, Transport, follow_up
from monitors.probes.phone.sip.dialog import Dialog
from monitors.probes.phone.sip.digest import Credentials, Tried
from monitors.probes.phone.sip.events import (
    Answered,
    Ended,
    Event,
    Progress,
    Refused,
    Released,
    Silent,
    Trying,
    Unreleased,
)
from monitors.probes.phone.sip.leg import Leg
from monitors.probes.phone.sip.message import Malformed, Message, Request, Response, is_session, q850_cause, retry_after
from monitors.probes.phone.sip.server import reply
from monitors.probes.phone.sip.transaction import PATIENCE, T2, T4, InviteTransaction, Transaction, earliest

__all__ = ["Call", "Dial", "State", "Transport"]

MAX_RINGING = 32
"""Far ends of one call that are kept while they ring; who answers is always kept."""

State = Literal["idle", "calling", "proceeding", "cancelling", "up", "ending", "over"]


class Call:
    """One call. Times are monotonic seconds; give it every message that has its Call-ID, and nothing else.

    After each of the methods that take a time: send and heed what `take` returns, and mind `deadline`.
    """

    def __init__(self, dial: Dial, random: Random) -> None:
        self._caller = Caller(dial, random)
        self._cseq = 1
        self._branch = self._caller.new_branch()
        self._invite: InviteTransaction | None = None
        self._refused: list[InviteTransaction] = []  # INVITEs that were challenged
        self._cancel: Transaction | None = None
        self._legs: dict[str, Leg] = {}  # by the far end's tag
        self._main: Leg | None = None
        self._tried: Tried = set()
        self._answers: list[tuple[str, str]] = []  # to challenges
        self._heard = False  # something came back
        self._mute = False  # nothing came back of the last INVITE, in 64*T1
        self._trying = False
        self._leaving = False  # hang_up was called, or nothing is wanted any more
        self._owed = True  # Released or Unreleased
        self._reported: set[str] = set()  # tags of the legs that the last of them was about
        self._resumed = False
        self._blind: float | None = None  # then the CANCEL is sent although nothing came back
        self._linger: float | None = None  # until then something late is waited for

    @property
    def call_id(self) -> str:
        """The Call-ID: by it the call's messages are told from those of others."""
        return self._caller.call_id

    @property
    def state(self) -> State:
        """Where it is in the drawing above."""
        legs = {leg.state for leg in self._legs.values()}
        if "up" in legs:
            return "up"
        if "ending" in legs:
            return "ending"
        if self._invite is not None and self._invite.open:
            return "cancelling" if self._cancel else "proceeding" if self._invite.state == "proceeding" else "calling"
        return "over" if self._invite is not None or self._leaving else "idle"

    @property
    def deadline(self) -> float | None:
        """When `tick` must be called at the latest; None: nothing is pending."""
        return earliest(self._linger, self._blind, *(each.deadline for each in self._clocks()))

    @property
    def done(self) -> bool:
        """Whether nothing is left to do, also no repeated final to acknowledge: the call may be forgotten."""
        return self.state == "over" and self.deadline is None

    def _clocks(self) -> Iterator[InviteTransaction | Transaction | Leg]:
        yield from self._refused
        yield from (each for each in (self._invite, self._cancel) if each is not None)
        yield from self._legs.values()

    def take(self) -> list[Message | Event]:
        """Return what is to be sent and what has happened since the last time, in order."""
        out, self._caller.out = self._caller.out, []
        return out

    # What the agent wants

    def start(self, now: float) -> None:
        """Send the INVITE."""
        if self.state == "idle":
            self._send_invite(now)

    def hang_up(self, now: float) -> None:
        """End the call, whatever its state; a second time it does nothing."""
        if self._leaving:
            return
        self._leave(now)
        if self._invite is not None and self._invite.state == "proceeding":
            self._send_cancel(now)
        elif self._resumed and self._invite is not None and self._invite.open:
            self._blind = now + T4  # the INVITE repeats itself no more; by then it has arrived or is lost
        self._settle()

    def accept(self, answer: bytes, now: float) -> None:
        """Answer the pending offer (after `Offered`) with this session description."""
        for leg in self._legs.values():
            leg.accept(answer, now)

    def decline(self, now: float) -> None:
        """Refuse the pending offer (488); the call stays as it was."""
        for leg in self._legs.values():
            leg.accept(None, now)

    def tick(self, now: float) -> None:
        """Do what is due."""
        for each in list(self._clocks()):
            each.tick(now)
        if self._invite is not None and self._invite.silent:
            self._given_up(self._invite, now)
        if self._blind is not None and now >= self._blind:
            self._blind = None
            if self._invite is not None and self._invite.state == "calling":
                self._send_cancel(now)
        if self._linger is not None and now >= self._linger:
            self._linger = None
        self._settle()

    # What the far end says

    def receive(self, message: Message, now: float) -> None:
        """Take a message. One that is not of this call, or makes no sense, is ignored or refused; nothing is raised."""
        try:
            if message.call_id != self.call_id:
                return
            if isinstance(message, Request):
                self._request(message, now)
            elif message.from_tag == self._caller.tag:
                self._response(message, now)
        except Malformed:
            return
        self._settle()

    def _request(self, request: Request, now: float) -> None:
        leg = self._legs.get(request.from_tag) if request.to_tag == self._caller.tag else None
        if leg is not None:
            leg.request(request, now)
        elif request.method != "ACK":
            self._caller.send(reply(request, 481, to_tag=self._caller.tag))  # 12.2.2

    def _response(self, response: Response, now: float) -> None:
        method = response.cseq[1]
        if method == "CANCEL" and self._cancel is not None and self._cancel.matches(response):
            if self._cancel.receive(response) and self._resumed and self._legs and self._invite is not None:
                self._invite.expire(now + T2)
        elif method == "BYE":
            for leg in self._legs.values():
                leg.receive(response, now)
        elif method == "INVITE":
            for each in (*self._refused, self._invite):
                if each is not None and each.request.branch == response.branch and each.receive(response, now):
                    self._invite_answered(each, response, now)

    def _invite_answered(self, invite: InviteTransaction, response: Response, now: float) -> None:
        self._heard, self._mute = True, False
        if response.status == 100:
            if not self._trying and not self._leaving:
                self._trying = True
                self._caller.tell(Trying())
        elif response.status < 200:
            self._progress(invite, response)
        elif response.status < 300:
            self._answered(invite, response, now)
        else:
            self._final(response, now)
        if self._leaving and self._cancel is None and invite.state == "proceeding":
            self._send_cancel(now)

    def _progress(self, invite: InviteTransaction, response: Response) -> None:
        if response.to_tag and (response.to_tag in self._legs or len(self._legs) < MAX_RINGING):
            self._leg(invite, response).progress(response)
        if not self._leaving:
            self._caller.tell(Progress(response.status, response.body if is_session(response) else None))

    def _answered(self, invite: InviteTransaction, response: Response, now: float) -> None:
        leg = self._leg(invite, response)
        if not leg.answer(invite.request, response):
            return
        self._cancel = None
        self._reported.discard(response.to_tag)
        if self._main is None and self._owed:
            self._main = leg
            answer = response.body if is_session(response) else leg.early_answer
            self._caller.tell(Answered(answer, response.status))
        self._owed = True
        if self._leaving or leg is not self._main:
            leg.hang_up(now)

    def _leg(self, invite: InviteTransaction, response: Response) -> Leg:
        tag = response.to_tag
        if tag not in self._legs:
            self._legs[tag] = Leg(self._caller, Dialog.of(invite.request, response), partial(self._leg_ends, tag))
        return self._legs[tag]

    def _leg_ends(self, tag: str, bye: Request | None) -> None:
        if self._main is not None and self._legs.get(tag) is self._main:
            self._leaving = True
            self._caller.tell(Ended(bye is not None, q850_cause(bye) if bye else None))

    def _final(self, response: Response, now: float) -> None:
        challenged = response.status in (401, 407)
        retried = self._caller.authenticator.used
        if challenged and not self._leaving and self._caller.authenticator.accepts(response, self._tried):
            self._again(now)
            return
        asked_for = self._leaving and (challenged or response.status == 487)
        if not asked_for:
            self._caller.tell(Refused(response.status, q850_cause(response), retry_after(response), retried))
        self._cancel = None
        self._leave(now)

    # What we do about it

    def _leave(self, now: float) -> None:
        """Want nothing more of the call; end what is up (also what an INVITE began that was challenged elsewhere)."""
        self._leaving = True
        for leg in self._legs.values():
            if leg.state == "up":
                leg.hang_up(now)

    def _send_invite(self, now: float) -> None:
        caller = self._caller
        request = caller.outside_dialog("INVITE", self._cseq, self._branch, self._answers)
        self._invite = InviteTransaction(request, caller.reliable, caller.send)
        self._invite.start(now)

    def _again(self, now: float) -> None:
        """Send the INVITE with the answer to its challenge (22.2): a new request of the same call."""
        if self._invite is not None:
            self._refused.append(self._invite)
        self._legs.clear()
        self._cseq += 1
        self._branch = self._caller.new_branch()
        self._answers = self._caller.authenticator.headers("INVITE", self._caller.dial.to)
        self._send_invite(now)

    def _send_cancel(self, now: float) -> None:
        invite = self._invite
        if invite is not None:
            cancel = follow_up(invite.request, "CANCEL", invite.request.headers.get("To") or "")
            self._cancel = Transaction(cancel, self._caller.reliable, self._caller.send, now)
            invite.expire(now + PATIENCE)
            self._owed = True

    def _given_up(self, invite: InviteTransaction, now: float) -> None:
        """Nothing final came; what still comes late is cancelled, or acknowledged and ended.

        After a restart the answer may have been lost with the process before: a BYE ends early legs, too (15.1).
        """
        invite.silent = False
        self._leave(now)
        if self._cancel is None:  # timer B
            silence = Refused(408, challenged=self._caller.authenticator.used) if self._heard else Silent()  # 8.1.3.1
            self._caller.tell(silence)
            self._mute = True
            invite.proceed()
            self._send_cancel(now)
            return
        self._linger = now + PATIENCE
        if self._resumed:
            for leg in self._legs.values():
                leg.hang_up(now)

    def _settle(self) -> None:
        """Tell once that nothing is up any more, and once more for what came in later."""
        if self.state != "over" or not self._owed:
            return
        ended = {tag for tag, leg in self._legs.items() if leg.released is not None}
        news = ended - self._reported
        if news or self._cancel is None:
            confirmed = all(self._legs[tag].released for tag in news)
        else:
            final = self._cancel.final
            confirmed = self._mute if final is None else final.status < 300 or final.status == 481
        self._owed, self._reported, self._cancel = False, ended, None  # whoever still rings is cancelled anew
        self._caller.tell(Released() if confirmed else Unreleased())

    # The journal

    def entry(self) -> dict[str, object]:
        """Return what another process needs to end this call, JSON-able. It is complete before `start`.

        Write it before the INVITE is sent, and before anything is sent after it has changed: with every answer to a
        challenge, with the first 18x or 2xx of a far end, with a BYE.
        """
        dial = self._caller.dial
        return {
            "call_id": self.call_id,
            "tag": self._caller.tag,
            "to": dial.to,
            "from": dial.from_,
            "contact": dial.contact,
            "via": dial.via,
            "transport": dial.transport,
            "route": list(dial.route),
            "branch": self._branch,
            "cseq": self._cseq,
            "state": self.state,
            "legs": [leg.entry() for leg in self._legs.values()],
        }

    @classmethod
    def resume(cls, entry: Mapping[str, object], credentials: Credentials | None, random: Random) -> Self:
        """Build a call from its entry, only to end it: call `hang_up` next, not `start`.

        Use the same local address and port as before where possible (`via`), so that answers still arrive. Raises
        ValueError where the entry is none.
        """
        match entry:
            case {
                "call_id": str(call_id), "tag": str(tag), "to": str(to), "from": str(from_), "contact": str(contact),
                "via": str(via), "transport": str(transport), "route": list(route), "branch": str(branch),
                "cseq": int(cseq), "legs": list(legs),
            } if transport in get_args(Transport):  # fmt: skip
                pass
            case _:
                raise ValueError("the entry of a call lacks something, or has it in another shape")
        dial = Dial(to, from_, contact, via, cast("Transport", transport), b"", credentials, tuple(map(str, route)))
        call = cls(dial, random)
        call._caller.call_id, call._caller.tag = call_id, tag
        call._branch, call._cseq, call._resumed = branch, cseq, True
        for each in legs:
            remote = Dialog.from_entry(each).remote_tag
            call._legs[remote] = Leg.from_entry(call._caller, each, partial(call._leg_ends, remote))
        request = call._caller.outside_dialog("INVITE", cseq, branch)
        call._invite = InviteTransaction(request, call._caller.reliable, call._caller.send)
        state = entry.get("state")
        if state in ("up", "ending", "over"):
            call._invite.state = "accepted"
        elif state not in ("idle", "calling"):
            call._invite.proceed()
        return call
