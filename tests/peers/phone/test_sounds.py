"""What is heard of Debian's SIPp, which plays real RTP: each sound leads to its class, and every call is hung up.

All these calls take place at the same time, one SIPp each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from journeys import Reason
from monitors.probes.phone.classes import USUAL, Circumstances, Class, Passed, class_of
from monitors.probes.phone.evidence import CallEvidence, Sound
from monitors.probes.phone.order import Script
from tests.peers.phone import sounds
from tests.peers.phone.parts import (
    accept,
    ack,
    cancelled,
    hung_up,
    invite,
    pause,
    play,
    progress,
    receive,
    refuse,
    request,
    response,
    scenario,
    sdp,
    trying,
)
from tests.peers.phone.prober import probe_all, probe_the_deaf
from tests.peers.phone.sipp import Sipp, far_end, far_ends

pytestmark = pytest.mark.peer

LISTEN = Script(answer_within=4.0, audio_within=2.5, listen=4.0, call_limit=12.0)
PROMPT = Script(answer_within=4.0, audio_within=2.5, prompt_within=3.0, listen=0.5, call_limit=12.0)
MENU = Script(answer_within=4.0, audio_within=2.5, prompt_within=3.0, listen=0.5, press="1", menu_within=2.0)
QUEUE = Script(answer_within=4.0, prompt_within=3.0, listen=0.5, queue=(Sound.RINGBACK, Sound.MUSIC), queue_within=1.5)
EARLY = Script(answer_within=6.0)


class Line(NamedTuple):
    """A far end, what is expected of it, and the class that it is."""

    parts: Callable[[dict[str, Path]], list[str]]
    script: Script
    expected: Class
    heard: Sound | None = None
    around: Circumstances = USUAL


def _answered(name: str | None, codec: str = "PCMA") -> Callable[[dict[str, Path]], list[str]]:
    def parts(files: dict[str, Path]) -> list[str]:
        played = [play(files[name if codec == "PCMA" else f"{name}-{codec}"], codec)] if name else []
        return [invite(), trying(), progress(), accept(sdp(codec=codec)), ack(), *played, hung_up()]

    return parts


def _early(name: str, status: int) -> Callable[[dict[str, Path]], list[str]]:
    """Return a far end that plays a tone before it refuses, as a network does without charge."""

    def parts(files: dict[str, Path]) -> list[str]:
        return [invite(), trying(), progress(183, sdp()), play(files[name]), pause(4.5), refuse(status)]

    return parts


def _early_without_end(files: dict[str, Path]) -> list[str]:
    return [invite(), trying(), progress(183, sdp()), play(files["ringback"]), cancelled()]


def _cut_off(files: dict[str, Path]) -> list[str]:
    ended = [pause(3.0), request("BYE", 102), response(200)]
    return [invite(), trying(), progress(), accept(), ack(), play(files["speech"]), *ended]


LINES = {
    "speech": Line(_answered("speech"), PROMPT, Passed.ANSWERED, Sound.ACTIVE),
    "speech-mu-law": Line(_answered("speech", "PCMU"), PROMPT, Passed.ANSWERED, Sound.ACTIVE),
    "no-rtp": Line(_answered(None), LISTEN, Reason.NO_MEDIA),
    "silence": Line(_answered("silence"), LISTEN, Reason.SILENT_LINE, Sound.SILENCE),
    "busy-tone": Line(_answered("busy"), LISTEN, Reason.LINE_BUSY, Sound.BUSY),
    "fast-busy-tone": Line(_answered("congestion"), LISTEN, Reason.CONGESTION, Sound.CONGESTION),
    "error-tone": Line(_answered("special_information"), LISTEN, Reason.ERROR_TONE, Sound.SPECIAL_INFORMATION),
    "early-error-tone": Line(
        _early("special_information", 480), EARLY, Reason.NUMBER_UNALLOCATED, Sound.SPECIAL_INFORMATION
    ),
    "early-busy-tone": Line(_early("busy", 480), EARLY, Reason.LINE_BUSY, Sound.BUSY),
    "early-fast-busy-tone": Line(_early("congestion", 500), EARLY, Reason.CONGESTION, Sound.CONGESTION),
    "rings-for-ever": Line(_early_without_end, EARLY, Reason.NO_ANSWER, Sound.RINGBACK),
    "no-prompt": Line(_answered("ringback"), PROMPT, Reason.WRONG_PROMPT, Sound.RINGBACK),
    "menu-dead": Line(_answered("speech"), MENU, Reason.MENU_DEAD, Sound.ACTIVE),
    "no-queue": Line(_answered("speech"), QUEUE, Reason.QUEUE_MISSED, Sound.ACTIVE),
    "queue": Line(_answered("ringback"), replace(QUEUE, prompt_within=None, queue_within=4.0), Passed.ANSWERED),
    "closed": Line(_answered("speech"), PROMPT, Passed.CLOSED, Sound.ACTIVE, Circumstances(closed=True)),
    "cut-off": Line(_cut_off, Script(prompt_within=3.0, queue=(Sound.RINGBACK,)), Reason.CUT_OFF, Sound.ACTIVE),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return sounds.write(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="module")
def calls(
    peer: Callable[..., str], tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]
) -> Iterator[dict[str, tuple[CallEvidence, Sipp]]]:
    """Make all calls at once, and return what each showed with its far end."""
    folder = tmp_path_factory.mktemp("lines")
    with far_ends(peer("sipp"), folder, {name: scenario(*line.parts(files)) for name, line in LINES.items()}) as far:
        evidence = asyncio.run(
            probe_all(folder, [(far[name].port, line.script) for name, line in LINES.items()], len(LINES))
        )
        yield {name: (each, far[name]) for name, each in zip(LINES, evidence, strict=True)}


@pytest.mark.parametrize("name", LINES)
def test_what_is_heard_decides(calls: dict[str, tuple[CallEvidence, Sipp]], name: str):
    """The class follows from the audio, and SIPp got its BYE, CANCEL or ACK."""
    evidence, far = calls[name]
    assert far.satisfied()
    assert class_of(evidence, LINES[name].around) is LINES[name].expected, evidence
    sound = LINES[name].heard
    assert sound is None or sound in {heard.sound for heard in evidence.heard}, evidence.heard
    assert evidence.released


async def test_a_bye_that_is_never_confirmed(peer: Callable[..., str], tmp_path: Path, files: dict[str, Path]):
    """Everything went well, and then the far end says nothing: SIPp has got the BYE, and we cannot know it."""
    deaf = (invite(), trying(), progress(), accept(), ack(), play(files["speech"]), receive("BYE"))
    with far_end(peer("sipp"), tmp_path, scenario(*deaf)) as far:
        evidence = await probe_the_deaf(tmp_path, far.port, PROMPT)
        assert far.satisfied()
    assert class_of(evidence) is Reason.NOT_RELEASED
    assert not evidence.released
