"""What is written down of a call: stages in the order in which a caller would meet them."""

from __future__ import annotations

import time

import pytest

from monitors.probes.phone.evidence import Stage
from monitors.probes.phone.media.listener import Listener
from monitors.probes.phone.record import AHEAD, Record
from monitors.probes.phone.sip.events import Progress
from tests.monitors.probes.phone.media_sounds import packets, speech


def record() -> Record:
    """Return the record of a call that was invited five seconds ago."""
    new = Record(lambda _description, _asked: None, lambda: None)
    new.begun = time.monotonic() - 5.0
    new.reach(Stage.INVITE, 0.0)
    return new


@pytest.mark.parametrize("ahead", [0.0, 0.1, AHEAD - 0.05, 2.0])
def test_audio_never_comes_before_its_packets(ahead: float) -> None:
    """Audio overtakes the answer that it belongs to, by a little or by much: RTP, audio and prompt keep their order."""
    call = record()
    call.reach(Stage.ANSWER, 2.0)
    listener = Listener(call.begun)
    begun = call.begun + 2.0 - ahead
    arrivals = [begun + 0.02 * index for index in range(140)]
    listener.answered(call.begun + 2.0)
    for at, datagram in zip(arrivals, packets(speech(2.8)), strict=False):
        listener.feed(datagram, at)
    call.hear(listener, next(at for at in arrivals if at >= call.begun + 2.0))
    stages = [Stage.ANSWER, Stage.FIRST_RTP, Stage.FIRST_AUDIO, Stage.PROMPT]
    reached = [call.evidence.reached[stage] for stage in stages]
    assert reached == sorted(reached)
    assert all(seconds >= 0 for seconds in call.evidence.stages.values())


@pytest.mark.parametrize(("status", "counts"), [(180, True), (181, True), (183, True), (199, False), (101, False)])
def test_only_an_18x_is_progress(status: int, counts: bool) -> None:
    """199 says that one of several far ends has given up (RFC 6228), which no caller hears."""
    call = record()
    call.event(Progress(status))
    assert call.evidence.progressed is counts
