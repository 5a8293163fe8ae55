"""What one call showed: facts in the order in which they happened, without a judgement.

The agent collects it, the classes judge it (`monitors.probes.phone.classes`). Numbers, Call-IDs and phrases of servers
are not in it, so all of it may be shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """How far a call can come, in order; a failure names the last stage that was reached."""

    START = "start"
    RESOLVE = "resolve"  # the trunk's address is known
    CONNECT = "connect"  # the transport is open, TLS included
    INVITE = "invite"  # the INVITE is on its way
    TRYING = "trying"  # 100: the next hop has it
    PROGRESS = "progress"  # 18x: the far end is being alerted, or plays early audio
    ANSWER = "answer"  # 2xx
    FIRST_RTP = "first_rtp"
    FIRST_AUDIO = "first_audio"  # more than silence
    PROMPT = "prompt"  # somebody speaks
    MENU = "menu"  # the digit was sent and the audio changed
    QUEUE = "queue"  # ringback or music
    TEARDOWN = "teardown"  # BYE or CANCEL was confirmed


class Sound(StrEnum):
    """What one window of audio is."""

    NOTHING = "nothing"  # no RTP at all
    SILENCE = "silence"
    ACTIVE = "active"  # speech or something like it
    MUSIC = "music"
    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SPECIAL_INFORMATION = "special_information"


class Trouble(StrEnum):
    """What kept the prober's own side from making the call: it says nothing of the line."""

    NAME_NOT_RESOLVED = "name_not_resolved"  # of the own trunk
    TLS = "tls"
    REFUSED = "refused"  # the trunk's port refuses
    SILENT = "silent"  # nothing at all came back
    CREDENTIALS = "credentials"  # 401 or 407 although credentials were sent, or there are none
    FORBIDDEN = "forbidden"  # 403 by the trunk
    PAYMENT = "payment"  # 402
    BROKEN = "broken"  # what came back is no SIP
    NO_MEDIA_PORT = "no_media_port"  # no port of the own range is free


class EndedBy(StrEnum):
    """Who ended an answered call."""

    US = "us"
    FAR_END = "far_end"
    NOBODY = "nobody"  # it was never answered, or nothing is known of its end


@dataclass(frozen=True, slots=True)
class Heard:
    """One stretch of audio of one kind, in seconds from the INVITE; `early`: before the answer."""

    sound: Sound
    start: float
    end: float
    early: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """RTP as it came in: packets, lost ones (RFC 3550, A.3), interarrival jitter in seconds (6.4.1), sources (SSRC)."""

    packets: int = 0
    lost: int = 0
    jitter: float = 0.0
    sources: int = 0

    @property
    def loss(self) -> float:
        """The part of the expected packets that did not come; duplicates can make up for it, but never below 0."""
        expected = self.packets + self.lost
        return max(0.0, self.lost / expected) if expected > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvidence:
    """What one call showed. Times are seconds from its beginning.

    `reached`: when each stage was reached for the first time. `status` is the final answer to the INVITE, `cause` the
    Q.850 cause that came with it or with the far end's BYE. `missed` names the expectation of the script that was not
    met (`answer`, `audio`, `prompt`, `menu`, `queue`; `hold`, to stay up, where nothing is heard); `ring_limit`: the
    trunk had it, and patience ended. `released`: the far end confirmed the end of the call, or there was none to end.
    """

    reached: dict[Stage, float] = field(default_factory=dict)
    trouble: Trouble | None = None
    status: int | None = None
    cause: int | None = None
    retry_after: float | None = None
    ring_limit: bool = False
    heard: tuple[Heard, ...] = ()
    received: Received = Received()
    ended_by: EndedBy = EndedBy.NOBODY
    missed: str | None = None
    released: bool = True
    ladder: tuple[Exchanged, ...] = ()

    @property
    def stage(self) -> Stage:
        """The last stage that was reached, in the order of `Stage`; teardown is no progress of the call."""
        order = list(Stage)
        reached = [stage for stage in self.reached if stage is not Stage.TEARDOWN]
        return max(reached, key=order.index, default=Stage.START)

    @property
    def progressed(self) -> bool:
        """Whether there was an 18x; 100 is not progress."""
        return Stage.PROGRESS in self.reached

    @property
    def post_dial_delay(self) -> float | None:
        """Seconds from the INVITE to the first 18x or 2xx; None where neither came."""
        begun = self.reached.get(Stage.INVITE, 0.0)
        found = [self.reached[stage] for stage in (Stage.PROGRESS, Stage.ANSWER) if stage in self.reached]
        return min(found) - begun if found else None

    @property
    def answer_delay(self) -> float | None:
        """Seconds from the INVITE to the 2xx; None where it was not answered."""
        answered = self.reached.get(Stage.ANSWER)
        return None if answered is None else answered - self.reached.get(Stage.INVITE, 0.0)

    @property
    def stages(self) -> dict[Stage, float]:
        """Seconds that the call took to each stage that it reached, from the one reached before."""
        in_order = sorted(self.reached.items(), key=lambda each: each[1])
        moments = [0.0, *(at for _, at in in_order)]
        return {stage: at - before for (stage, at), before in zip(in_order, moments, strict=False)}

    @property
    def audio(self) -> dict[Sound, float]:
        """Which part of the time in which audio was judged had which sound, early audio included."""
        seconds = dict.fromkeys((each.sound for each in self.heard), 0.0)
        for each in self.heard:
            seconds[each.sound] += each.end - each.start
        whole = sum(seconds.values())
        return {sound: part / whole for sound, part in seconds.items()} if whole > 0 else {}


@dataclass(frozen=True, slots=True)
class Exchanged:
    """One message of the ladder: seconds from the beginning, who sent it, and its first line without the number."""

    at: float
    sent: bool
    what: str
