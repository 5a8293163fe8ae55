"""What is written down during a call, and the evidence that becomes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from monitors.probes.phone.evidence import CallEvidence, EndedBy, Exchanged, Sound, Stage, Trouble
from monitors.probes.phone.media.listener import Listener
from monitors.probes.phone.sip.events import (
    Answered,
    Ended,
    Event,
    Offered,
    Progress,
    Refused,
    Renegotiated,
    Replied,
    Silent,
    Trying,
)
from monitors.probes.phone.sip.message import Message, Request

LONGEST_LADDER = 400
"""Messages that are kept of one call: a far end that talks without end must not fill the memory."""

AHEAD = 0.5
"""Seconds by which the first audio may be ahead of the answer that it belongs to: they take different ways."""

_FROM_THE_TRUNK = {402: Trouble.PAYMENT, 403: Trouble.FORBIDDEN}
_CHALLENGES = {401, 407}


class Record:
    """The observer of one conversation; `changed` is called whenever there is something new.

    `on_media(description, asked)`: what the far end says of its media; `asked` where it waits for an answer to it.
    """

    def __init__(self, on_media: Callable[[bytes, bool], None], changed: Callable[[], None]) -> None:
        self.begun = time.monotonic()
        self.evidence = CallEvidence(reached={Stage.START: 0.0})
        self.answered = False
        self.refused = False
        """A final answer came that is no 2xx, or none will come."""
        self.over = False
        """The answered call was ended."""
        self.leaving = False
        """We are ending it: what comes now says nothing of the line."""
        self._on_media, self._changed = on_media, changed
        self._ladder: list[Exchanged] = []
        self._heard_sip = self._nonsense = False

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.begun

    def reach(self, stage: Stage, at: float | None = None) -> None:
        """Note a stage, the first time that it is reached; `at` in seconds from the beginning, None for now."""
        self.evidence.reached.setdefault(stage, self.elapsed if at is None else at)

    def trouble(self, trouble: Trouble) -> None:
        """Note what kept us from making the call; the first trouble counts."""
        self.refused = True
        self.evidence = replace(self.evidence, trouble=self.evidence.trouble or trouble)

    def note(self, *, missed: str | None = None, ring_limit: bool = False) -> None:
        """Note which expectation was not met; what comes from now on is the end that we wanted."""
        self.evidence = replace(self.evidence, missed=missed, ring_limit=ring_limit)

    def unanswered(self) -> None:
        """Note that patience ended before a final answer."""
        if self._heard_sip:
            self.note(missed="answer", ring_limit=True)
        else:
            self.note(missed="answer")
            self.trouble(Trouble.BROKEN if self._nonsense else Trouble.SILENT)

    # What the conversation tells (`safety.conversation.Observer`)

    def exchanged(self, message: Message, *, sent: bool) -> None:
        """Put a message into the ladder: its method, or its status, without numbers and phrases."""
        self._heard_sip |= not sent
        what = message.method if isinstance(message, Request) else f"{message.status} {message.cseq[1]}"
        if len(self._ladder) < LONGEST_LADDER:
            self._ladder.append(Exchanged(self.elapsed, sent, f"{what} (SDP)" if message.body else what))

    def nonsense(self) -> None:
        """Note that something came in that is no SIP."""
        self._nonsense = True

    def lost(self, error: OSError | None) -> None:  # noqa: ARG002 - refused and reset are the same to us
        """Note that the port refuses or the connection is gone: the trunk's trouble unless the call was answered."""
        if self.leaving or self.over:
            return
        if self.answered:
            self._ended(Ended(by_far_end=True))
        else:
            self.trouble(Trouble.BROKEN if self._nonsense and not self._heard_sip else Trouble.REFUSED)
        self._changed()

    def event(self, event: Event) -> None:
        """Write it down."""
        if isinstance(event, Offered):
            self._on_media(event.offer, True)
        elif not self.leaving:
            self._happened(event)
        self._changed()

    def _happened(self, event: Event) -> None:
        match event:
            case Trying():
                self.reach(Stage.TRYING)
            case Progress(status=status, answer=answer):
                if 180 <= status <= 189:  # 199 says that one of several far ends has given up (RFC 6228)
                    self.reach(Stage.PROGRESS)
                self._media(answer)
            case Answered(answer=answer, status=status):
                self.reach(Stage.ANSWER)
                self.evidence = replace(self.evidence, status=status)
                self.answered = True
                self._media(answer)
            case Renegotiated(answer=answer):
                self._media(answer)
            case Ended():
                self._ended(event)
            case Refused() | Replied():
                self._refused(event)
            case Silent():
                self.trouble(Trouble.BROKEN if self._nonsense else Trouble.SILENT)

    def _media(self, description: bytes | None) -> None:
        if description:
            self._on_media(description, False)

    def _ended(self, event: Ended) -> None:
        self.over = True
        by = EndedBy.FAR_END if event.by_far_end else EndedBy.US
        self.evidence = replace(self.evidence, ended_by=by, cause=event.cause)

    def _refused(self, event: Refused | Replied) -> None:
        self.refused = True
        cause = event.cause if isinstance(event, Refused) else None
        self.evidence = replace(self.evidence, status=event.status, cause=cause, retry_after=event.retry_after)
        if event.status in _CHALLENGES:
            self.trouble(Trouble.CREDENTIALS)
        elif event.status in _FROM_THE_TRUNK and not self.evidence.progressed:
            self.trouble(_FROM_THE_TRUNK[event.status])

    # What is made of it

    def finished(self, *, released: bool) -> CallEvidence:
        """Return the evidence."""
        if self.answered and self.evidence.ended_by is EndedBy.NOBODY:
            self.evidence = replace(self.evidence, ended_by=EndedBy.US)
        return replace(self.evidence, released=released, ladder=tuple(self._ladder))

    def hear(self, listener: Listener, first_rtp: float | None) -> None:
        """Note what was heard until now. `first_rtp`: when RTP came in after the answer, in monotonic seconds."""
        reached = self.evidence.reached
        heard = listener.heard(time.monotonic())
        if first_rtp is not None:
            self.reach(Stage.FIRST_RTP, first_rtp - self.begun)
            invited, answered = reached[Stage.INVITE], reached[Stage.ANSWER]
            earliest = reached[Stage.FIRST_RTP]  # audio that was ahead of the answer counts from then on
            since_answer = [each for each in heard if not each.early]
            first = listener.first_audio
            if first is not None and invited + first >= answered - AHEAD:
                self.reach(Stage.FIRST_AUDIO, max(earliest, invited + first))
            for each in since_answer:
                at = max(earliest, invited + each.start)
                if each.sound not in (Sound.NOTHING, Sound.SILENCE):
                    self.reach(Stage.FIRST_AUDIO, at)
                if each.sound is Sound.ACTIVE:
                    self.reach(Stage.PROMPT, max(at, reached[Stage.FIRST_AUDIO]))  # a step begins before its audio
        self.evidence = replace(self.evidence, heard=heard, received=listener.received)
