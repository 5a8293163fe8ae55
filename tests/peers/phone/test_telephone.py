"""Calls to Debian's baresip, a telephone by other people: what it says is heard, and it hears the digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from monitors.probes.phone.evidence import Sound, Stage
from monitors.probes.phone.order import Script
from tests.peers.phone import baresip
from tests.peers.phone.prober import probe
from tests.waiting import eventually

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("codec", ["PCMA/8000/1", "PCMU/8000/1"])
async def test_a_telephone_hears_the_digits(peer: Callable[..., str], tmp_path: Path, codec: str):
    """Each digit once, in order (RFC 4733), also two equal ones; speech is heard meanwhile, and BYE ends the call."""
    script = Script(answer_within=5.0, audio_within=5.0, prompt_within=5.0, listen=0.3, press="2055#", menu_within=1.5)
    with baresip.running(peer("baresip"), tmp_path, codec=codec) as telephone:
        evidence = await probe(tmp_path, telephone.port, script, "line", {"allowed": ("line",)})
        assert eventually(lambda: "terminated" in telephone.said())
        assert telephone.digits() == "2055#"
    assert {Stage.ANSWER, Stage.FIRST_RTP, Stage.PROMPT} <= set(evidence.reached)
    assert Sound.ACTIVE in {heard.sound for heard in evidence.heard}
    assert evidence.received.packets > 50
    assert evidence.received.lost == 0
    assert evidence.missed == "menu"  # it goes on talking
    assert evidence.released
