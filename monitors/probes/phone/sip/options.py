"""One OPTIONS: does the far end's border answer at all (RFC 3261, 11)."""

from __future__ import annotations

from random import Random

from monitors.probes.phone.sip.caller import Caller, Dial
from monitors.probes.phone.sip.digest import Tried
from monitors.probes.phone.sip.events import Event, Replied, Silent
from monitors.probes.phone.sip.message import Malformed, Message, Response, retry_after
from monitors.probes.phone.sip.transaction import Transaction

ACCEPT = ("Accept", "application/sdp")  # 11.1


class Options:
    """One question; used as a `Call` is. It ends with `Replied` or `Silent`. The dial's `offer` is not used."""

    def __init__(self, dial: Dial, random: Random) -> None:
        self._caller = Caller(dial, random)
        self._transaction: Transaction | None = None
        self._tried: Tried = set()
        self._cseq = 0
        self._told = False

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self._caller.call_id

    @property
    def deadline(self) -> float | None:
        """When `tick` must be called at the latest; None: nothing is pending."""
        return self._transaction.deadline if self._transaction else None

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._told

    def take(self) -> list[Message | Event]:
        """Return what is to be sent and what has happened since the last time, in order."""
        out, self._caller.out = self._caller.out, []
        return out

    def start(self, now: float) -> None:
        """Send it."""
        caller = self._caller
        self._cseq += 1
        more = [ACCEPT, *caller.authenticator.headers("OPTIONS", caller.dial.to)]
        request = caller.outside_dialog("OPTIONS", self._cseq, caller.new_branch(), more)
        self._transaction = Transaction(request, caller.reliable, caller.send, now)

    def receive(self, message: Message, now: float) -> None:
        """Take a message; one that is no answer to this is ignored."""
        try:
            if isinstance(message, Response) and message.call_id == self.call_id:
                self._answer(message, now)
        except Malformed:
            return

    def _answer(self, response: Response, now: float) -> None:
        transaction, authenticator = self._transaction, self._caller.authenticator
        if transaction is None or not transaction.matches(response) or not transaction.receive(response):
            return
        retried = authenticator.used
        if response.status in (401, 407) and authenticator.accepts(response, self._tried):
            self.start(now)
            return
        self._told = True
        self._caller.tell(Replied(response.status, retry_after(response), retried))

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._transaction is None or self._told:
            return
        self._transaction.tick(now)
        if self._transaction.silent:
            self._told = True
            self._caller.tell(Silent())
