"""Everything that is received on a call, put together: when, how well, and what it sounded like.

Audio is kept for two seconds at most, until it is judged; what stays are a few numbers per frame, and the labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from monitors.probes.phone.evidence import Heard, Received, Sound
from monitors.probes.phone.media import activity, g711, tones
from monitors.probes.phone.media.rtp import MalformedRtp, Statistics, parse
from monitors.probes.phone.media.spectra import BLOCK, FLOOR, FRAMES, STEP, Frames, Spectrometer
from monitors.probes.phone.media.timeline import Timeline

WINDOW = 4  # steps: activity is judged over 2 s around each step
UNSETTLED = 8  # steps whose label may still change: 2 s make a tone, of 2 s around a step its activity is judged
CONTEXT = 20  # steps that are looked at to label those
LONGEST = 600  # steps, five minutes: what comes later is counted, not heard

_STEP_SECONDS = STEP / FRAMES


class Listener:
    """Hears one call. Times in are monotonic seconds, times out are seconds from `begun`, the INVITE.

    `payloads`: which payload type is which law (`sdp.Remote.payloads`, or what was offered: both static types). It may
    be set anew when an answer says so.
    """

    def __init__(self, begun: float, payloads: Mapping[int, g711.Law] = g711.STATIC) -> None:
        self.payloads = payloads
        self.first_rtp: float | None = None  # seconds from `begun`
        self.first_audio: float | None = None  # more than silence; known up to 0.7 s later
        self.malformed = 0  # datagrams that are no RTP
        self._begun = begun
        self._answered: float | None = None
        self._statistics = Statistics()
        self._timeline: Timeline | None = None  # from the first packet on
        self._spectrometer = Spectrometer()
        self._frames = Frames.empty()
        self._labels: list[Sound] = []  # one for each step

    def feed(self, datagram: bytes, at: float) -> None:
        """Take what came in at `at`, never earlier than the datagram before. What is no RTP is only counted."""
        try:
            packet = parse(datagram)
        except MalformedRtp:
            self.malformed += 1
            return
        if not self._statistics.add(packet, at):
            return
        if self._timeline is None:
            self.first_rtp = at - self._begun
            self._timeline = Timeline(at)
        self._advance(at)
        law = self.payloads.get(packet.payload_type)
        if law is not None:
            self._timeline.put(packet, g711.decode(law, packet.payload), at)

    def answered(self, at: float) -> None:
        """Say when the call was answered: what came before is early audio. Without it all of it is."""
        self._answered = at - self._begun

    def heard(self, now: float) -> tuple[Heard, ...]:
        """Return what was heard from the first packet to `now`, in order and without gaps, in steps of 0.5 s.

        () before there is a whole step. The last four seconds may be judged anew when more is known: a ringback is one
        only after its pause.
        """
        self._advance(now)
        merged: list[Heard] = []
        for index, sound in enumerate(self._labels):
            start = (self.first_rtp or 0.0) + index * _STEP_SECONDS
            end = start + _STEP_SECONDS
            early = self._answered is None or start + _STEP_SECONDS / 2 < self._answered
            if merged and (merged[-1].sound, merged[-1].early) == (sound, early):
                start = merged.pop().start
            merged.append(Heard(sound, start, end, early))
        return tuple(merged)

    def current(self, now: float) -> Sound:
        """Return what is heard now, in the last whole step; `NOTHING` where no RTP comes in. Cheap: ask at will.

        Music, as against speech, is said after two steps of it. A sound that may become a tone counts as silence until
        it is one or cannot be one any more.
        """
        self._advance(now)
        return self._labels[-1] if self._labels else Sound.NOTHING

    @property
    def received(self) -> Received:
        """How the packets came in."""
        return self._statistics.received

    def _advance(self, now: float) -> None:
        """Judge the steps that are complete by `now`."""
        timeline = self._timeline
        while timeline is not None and len(self._labels) < LONGEST and (step := timeline.take(now)) is not None:
            frames = self._spectrometer.step(*step)
            self._note_first_audio(frames)
            self._frames = self._frames.followed_by(frames, CONTEXT * STEP)
            settled = max(0, len(self._labels) + 1 - UNSETTLED)
            labels = _label(self._frames, len(self._labels) + 1 - settled)
            self._labels[settled:] = _smoothed(labels, self._labels[:settled])

    def _note_first_audio(self, frames: Frames) -> None:
        """Two frames in a row are audio, one may be a click."""
        if self.first_audio is None and self.first_rtp is not None:
            loud = np.flatnonzero(frames.power > FLOOR)
            twice = loud[:-1][np.diff(loud) == 1]
            if len(twice):
                seconds = len(self._labels) * _STEP_SECONDS + float(twice[0]) / FRAMES
                self.first_audio = self.first_rtp + seconds


def _label(frames: Frames, count: int) -> list[Sound]:
    """Return what the last `count` steps of these frames sounded like."""
    found = tones.find(frames)
    plain = ~found.undecided
    for stretch in found.stretches:
        plain[stretch.start : stretch.end] = False
    steps = len(frames) // STEP
    return [_tone(found, step) or _activity(frames, plain, step) for step in range(steps - count, steps)]


def _tone(found: tones.Found, step: int) -> Sound | None:
    """Return the tone that fills at least half of a step."""
    start, end = step * STEP, (step + 1) * STEP
    for stretch in found.stretches:
        if min(stretch.end, end) - max(stretch.start, start) > STEP / 2:
            return stretch.sound
    return None


def _activity(frames: Frames, plain: NDArray[np.bool_], step: int) -> Sound:
    """Judge the window around a step; at either end of all frames it is moved inside."""
    if not frames.known[step * STEP : (step + 1) * STEP].any():
        return Sound.NOTHING
    middle = step * STEP + STEP // 2 // BLOCK * BLOCK
    start = max(0, min(middle - WINDOW * STEP // 2, len(frames) - WINDOW * STEP))
    window = slice(start, min(start + WINDOW * STEP, len(frames)))
    return activity.judge(frames.part(window), plain[window])


def _smoothed(labels: list[Sound], settled: list[Sound]) -> list[Sound]:
    """Return the labels after the settled ones, without single steps of music in speech or of speech in music.

    Such a step is like the one before; after something else, a tone say, it is like the one that follows.
    """
    either = {Sound.ACTIVE, Sound.MUSIC}
    smoothed: list[Sound] = []
    before = settled[-1] if settled else None
    for here, after in zip(labels, (*labels[1:], None), strict=True):
        kept = here
        if here in either and after is not here:
            if before in either:
                kept = before
            elif after in either:
                kept = after
        smoothed.append(kept)
        before = kept
    return smoothed
