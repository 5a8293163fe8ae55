"""Kind `message`: submit, then wait for the return message.

A system that accepts and never answers is down (2022-12-douane-communication-protocol: unavailable is when the trade
cannot submit declarations *or* cannot receive the return messages). So a run passes when the return message to its
own submission is there. Those that have not come are remembered: each later run asks for the oldest of them first, so
that the age of the oldest unanswered message is known. Messages that are delivered are looked for in the mailbox.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Generator
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

from config import MessageProbe, Probe
from config.probes import ADDRESS, REFERENCE
from journeys import Journey, JourneyFailed, Reason, Request, Response, Wait, check
from journeys.core import Action
from monitors.probes.client import walk
from monitors.probes.lookup import only
from monitors.probes.mailbox import Mailbox, opened
from monitors.probes.outcome import Memory, Target, Track
from monitors.probes.reasons import PAGE

SUBMIT, RETURN = "submit", "return"
REASONS = (*PAGE, Reason.CLIENT_CERTIFICATE_REFUSED, Reason.RETURN_MESSAGE_MISSING)

PATIENCE = 0.9
"""Part of the timeout that is waited at most, so that a missing return message is reported as one."""
SETTLED_AT_ONCE = 20
"""Earlier messages that one run asks for at most; it stops at the first that is still unanswered."""
FORGET_AFTER = 86_400.0
"""Seconds after which an unanswered message is given up for lost and does not count any more."""


def steps(probe: Probe) -> tuple[str, ...]:  # noqa: ARG001 - the same for each probe of this kind
    """Return the steps at which a run can fail."""
    return (SUBMIT, RETURN)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - a message has a number of its own
    """Return when the return message is there. Raises `JourneyFailed` and `Undecided`."""
    assert isinstance(target.probe, MessageProbe)
    reference = f"PW{secrets.token_hex(9).upper()}"
    async with AsyncExitStack() as stack:
        port = target.environment.deliveries.port
        mailbox = await stack.enter_async_context(opened(port)) if target.probe.push else None
        exchange = _Exchange(target, target.probe, track, reference, mailbox)
        await walk(exchange.journey(), target.environment, track, family=only(target.probe.families))


class _Exchange:
    """One submission and its return; `reference` is its number, which no other message ever had."""

    def __init__(
        self, target: Target, probe: MessageProbe, track: Track, reference: str, mailbox: Mailbox | None
    ) -> None:
        self._system = target.system
        self._probe = probe
        self._track = track
        self._reference = reference
        self._memory: Memory = target.memory
        self._mailbox = mailbox
        self._address = (target.environment.deliveries.address or mailbox.address) if mailbox else ""
        self._pending = probe.pending if mailbox is None else [HTTPStatus.NO_CONTENT]
        self._within = min(probe.answer_within, PATIENCE * target.timeout)

    def journey(self) -> Journey:
        """Ask for what is overdue, submit, and wait for the return."""
        yield from self._settle()
        submitted, since = time.time(), self._track.elapsed
        probe = self._probe
        body = self._filled(probe.body).encode()
        response: Response = yield Request(SUBMIT, self._system, probe.submit, "POST", body, probe.content_type)
        check(response, SUBMIT, statuses=probe.accepted)
        for text in probe.acknowledged:
            check(response, SUBMIT, statuses=probe.accepted, contains=self._filled(text))
        self._memory.unanswered[self._reference] = submitted
        try:
            yield from self._wait(since)
        finally:
            self._settle_delivered()
        self._memory.unanswered.pop(self._reference, None)

    def _filled(self, text: str) -> str:
        return text.replace(REFERENCE, self._reference).replace(ADDRESS, self._address)

    def _wait(self, since: float) -> Generator[Action, Any, None]:
        """Ask until the return is there; it must be the right one. Raises `JourneyFailed`."""
        while True:
            response = yield from self._ask(self._reference)
            if response.status not in self._pending:
                break
            left = self._within - (self._track.elapsed - since)
            if left <= 0:
                raise JourneyFailed(Reason.RETURN_MESSAGE_MISSING, RETURN, f"none within {self._within:g} s")
            yield Wait(min(self._probe.poll, left))
        self._check(response)

    def _check(self, response: Response) -> None:
        check(response, RETURN)
        for text in self._probe.contains:
            check(response, RETURN, contains=self._filled(text))

    def _settle(self) -> Generator[Action, Any, None]:
        """Ask for the messages that earlier runs were left waiting for, the oldest first; what fails is asked again."""
        unanswered = self._memory.unanswered
        for reference, submitted in list(unanswered.items())[:SETTLED_AT_ONCE]:
            if time.time() - submitted > FORGET_AFTER:
                del unanswered[reference]
                continue
            try:
                response = yield from self._ask(reference)
            except JourneyFailed:
                return
            if response.status != 200:
                return
            del unanswered[reference]

    def _settle_delivered(self) -> None:
        """Strike off every message that was delivered while this run listened, also those of earlier runs."""
        if self._mailbox is not None:
            for reference in list(self._memory.unanswered):
                if self._mailbox.find(reference).status == HTTPStatus.OK:
                    del self._memory.unanswered[reference]

    def _ask(self, reference: str) -> Generator[Action, Any, Response]:
        if self._mailbox is not None:
            self._track.at(RETURN)
            return self._mailbox.find(reference)
        assert self._probe.answer is not None
        response: Response = yield Request(RETURN, self._system, self._probe.answer.replace(REFERENCE, reference))
        return response
