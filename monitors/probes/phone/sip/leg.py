"""One answer to our INVITE: a dialog, what ends it, and whether that was confirmed.

                 18x                    a 2xx: ACK; every further one: ACK again
    (nothing) --------> early ------------------------------> up
                          |                                    |
                          | hang_up, after a restart only      | hang_up, or our 200 was never acknowledged
                          |                                    |
                          +-------------> ending <-------------+
                                BYE sent,   |                  | BYE received: 200
                                repeated    | its answer, or   |
                                            | nothing for      |
                                            | 64*T1            |
                                            +----> over <------+

`released` says how it ended: True with a 2xx or 481 to our BYE, or with the far end's BYE; False with anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Self, cast, get_args

from monitors.probes.phone.sip.caller import CREDENTIALS, Caller
from monitors.probes.phone.sip.dialog import Dialog
from monitors.probes.phone.sip.digest import Tried
from monitors.probes.phone.sip.message import Request, Response, is_session
from monitors.probes.phone.sip.server import Server
from monitors.probes.phone.sip.transaction import Transaction, earliest

LegState = Literal["early", "up", "ending", "over"]


class Leg:
    """One dialog of a call. `on_end` is called when it begins to end: with the far end's BYE, or None for ours."""

    def __init__(
        self, caller: Caller, dialog: Dialog, on_end: Callable[[Request | None], None], state: LegState = "early"
    ) -> None:
        self.dialog = dialog
        self.state = state
        self.released: bool | None = None
        self.early_answer = b""
        self._caller = caller
        self._on_end = on_end
        self._server = Server(caller, dialog, self._bye_received, self.hang_up)
        self._confirmed = state != "early"  # a 2xx was seen
        self._ack: Request | None = None
        self._bye: Transaction | None = None
        self._tried: Tried = set()

    @classmethod
    def from_entry(cls, caller: Caller, entry: Mapping[str, object], on_end: Callable[[Request | None], None]) -> Self:
        """Build it from its entry; one that was being ended is up again, to be ended again. Raises ValueError."""
        state = entry.get("state")
        if state not in get_args(LegState):
            raise ValueError("a leg has a state")
        state = "up" if state == "ending" else cast("LegState", state)
        return cls(caller, Dialog.from_entry(entry), on_end, state)

    def entry(self) -> dict[str, object]:
        """Return what another process needs to end it, JSON-able."""
        return {**self.dialog.entry(), "state": self.state}

    @property
    def open(self) -> bool:
        """Whether it was answered and has not ended."""
        return self.state in ("up", "ending")

    @property
    def deadline(self) -> float | None:
        """When `tick` is due."""
        return earliest(self._bye.deadline if self._bye else None, self._server.deadline)

    def progress(self, response: Response) -> None:
        """Take an 18x of this far end."""
        self.dialog.retarget(response)
        if is_session(response):
            self.early_answer = response.body

    def answer(self, invite: Request, response: Response) -> bool:
        """Take a 2xx and acknowledge it; return whether it was the first (13.2.2.4)."""
        first = not self._confirmed
        if first:
            fresh = Dialog.of(invite, response)  # the route set of the 2xx is the one that counts
            self.dialog.routes, self.dialog.target, self.dialog.remote = fresh.routes, fresh.target, fresh.remote
            self.dialog.cseq = max(self.dialog.cseq, fresh.cseq)
            self._confirmed, self.state, self.released, self._bye = True, "up", None, None
        if self._ack is None:
            # 22.1: the ACK has the credentials of its INVITE
            answers = [pair for pair in invite.headers if pair[0] in CREDENTIALS]
            self._ack = self.dialog.request(self._caller, "ACK", cseq=invite.cseq[0], more=answers)
        self._caller.send(self._ack)
        return first

    def hang_up(self, now: float) -> None:
        """Send the BYE, unless one was sent or received already."""
        if self.state in ("early", "up"):
            self.state = "ending"
            self._on_end(None)
            self._send_bye(now)

    def _send_bye(self, now: float) -> None:
        answers = self._caller.authenticator.headers("BYE", self.dialog.way[0])
        bye = self.dialog.request(self._caller, "BYE", more=answers)
        self._bye = Transaction(bye, self._caller.reliable, self._caller.send, now)

    def receive(self, response: Response, now: float) -> None:
        """Take an answer to our BYE."""
        bye = self._bye
        if bye is None or not bye.matches(response) or not bye.receive(response):
            return
        if response.status in (401, 407) and self._caller.authenticator.accepts(response, self._tried):
            self._send_bye(now)
        else:
            self._over(released=response.status < 300 or response.status == 481)  # 15.1.1

    def request(self, request: Request, now: float) -> None:
        """Take a request of the far end."""
        self._server.receive(request, now, over=self.state in ("ending", "over"))

    def accept(self, description: bytes | None, now: float) -> None:
        """Answer the pending offer, if there is one; None refuses it."""
        self._server.answer(description, now)

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._server.tick(now)
        if self._bye is not None:
            self._bye.tick(now)
            if self._bye.silent and self.state == "ending":
                self._over(released=False)

    def _bye_received(self, bye: Request) -> None:
        if self.state == "early":
            return
        if self.state == "up":
            self._on_end(bye)
        self._over(released=True)

    def _over(self, *, released: bool) -> None:
        self.state, self.released = "over", released
        self._bye = None
