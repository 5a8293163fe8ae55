"""Every class of the table, produced by the demo line over UDP, TCP and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import trustme

from journeys import Reason
from monitors.probes.phone.agent import CallOrder, Reaper, Script, Trunk, call
from monitors.probes.phone.classes import USUAL, Circumstances, Class, Passed, class_of, table
from monitors.probes.phone.evidence import CallEvidence, Sound
from monitors.probes.phone.safety.limits import Limits, Register
from monitors.verdict import Cause
from staging.phone import DemoLine, Pace, number_of
from staging.phone.audio import Sound as Played
from staging.phone.audio import encoded
from staging.phone.behaviours import BY_NAME, PREFIX
from tests.monitors.probes.phone.caller import trunk
from tests.peers.phone.sipp import free_udp_port

TRANSPORTS = ("UDP", "TCP", "TLS")
AT_ONCE = 9
"""Calls: both ends of each are in this process."""
PACE = Pace(ringing=0.05, cut_off=0.3)
QUICK = Script(answer_within=5.0, audio_within=None, listen=0.0)
"""Hangs up as soon as somebody answers."""
IMPATIENT = Script(answer_within=2.0)
PROMPT = Script(answer_within=5.0, prompt_within=4.0, listen=0.3)
LISTEN = Script(answer_within=5.0, audio_within=3.0, listen=8.0)
"""Until a tone is heard."""


class Case(NamedTuple):
    """What is called, by behaviour or last digits, how, and what makes the evidence mean what it does."""

    called: str
    script: Script = QUICK
    around: Circumstances = USUAL
    release_within: float = 20.0


CASES: Mapping[Class, Case] = {
    Passed.ANSWERED: Case("citizen", PROMPT),
    Passed.CLOSED: Case("announcement", PROMPT, Circumstances(closed=True)),
    Cause.TRUNK_ERROR: Case("never-let-in"),
    Cause.TRUNK_DOWN: Case("0000"),  # no matter: its trunk is a port at which nobody listens
    Reason.NUMBER_UNALLOCATED: Case("unallocated"),
    Reason.NUMBER_CHANGED: Case("0410"),
    Reason.NUMBER_INVALID: Case("4484"),
    Reason.NO_ROUTE: Case("2003"),
    Reason.LINE_BUSY: Case("0486"),
    Reason.NO_ANSWER: Case("no-answer", IMPATIENT),
    Reason.NO_PROGRESS: Case("only-trying", IMPATIENT),
    Reason.LINE_UNREACHABLE: Case("0502"),
    Reason.CALL_REJECTED: Case("0603"),
    Reason.CONGESTION: Case("2034"),
    Reason.PLATFORM_ERROR: Case("platform-down"),
    Reason.MEDIA_REFUSED: Case("0488"),
    Reason.NO_MEDIA: Case("no-rtp", Script(answer_within=5.0, audio_within=0.5)),
    Reason.SILENT_LINE: Case("silence", Script(answer_within=5.0, audio_within=1.0)),
    Reason.ERROR_TONE: Case("information-tone", LISTEN),
    Reason.CUT_OFF: Case("cut-off", LISTEN),
    Reason.WRONG_PROMPT: Case("ringback", Script(answer_within=5.0, prompt_within=0.5)),
    Reason.MENU_DEAD: Case("menu-dead", Script(answer_within=5.0, listen=0.3, press="1", menu_within=1.0)),
    Reason.QUEUE_MISSED: Case(
        "queue-missed",
        Script(answer_within=5.0, listen=0.3, press="1", menu_within=8.0, queue=(Sound.MUSIC,), queue_within=0.5),
    ),
    Reason.NOT_RELEASED: Case("deaf-to-bye", release_within=0.3),
}


def test_no_class_is_left_out() -> None:
    """A class that is added to the table has to be met by a call."""
    assert CASES.keys() == table().classes.keys()


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, Class], CallEvidence]:
    """Make every call over every transport, and return what each showed."""
    return asyncio.run(_make_all(tmp_path_factory.mktemp("register")))


async def _make_all(folder: Path) -> dict[tuple[str, Class], CallEvidence]:
    authority = trustme.CA()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(served)
    authority.configure_trust(trusting)
    for sound in Played:
        encoded(sound, 8)  # computed once, which takes a while
    async with DemoLine(tls=served, pace=PACE, most_calls=200) as line:
        reaper = Reaper(Register(folder, Random(1)), Random(2))
        trunks = {name: _trunk(line, name, trusting) for name in TRANSPORTS}
        calls = [(transport, found) for found in CASES for transport in TRANSPORTS]
        room = asyncio.Semaphore(AT_ONCE)

        async def make(transport: str, found: Class) -> CallEvidence:
            async with room:
                return await _make(trunks[transport], found, reaper)

        evidence = await asyncio.gather(*(make(*each) for each in calls))
        with suppress(TimeoutError):  # nobody waits for those that confirm no BYE
            await asyncio.wait_for(reaper.close(), 0.1)
        assert (line.counts.up, line.counts.never_hung_up, line.counts.unacknowledged) == (0, 0, 0)
    return dict(zip(calls, evidence, strict=True))


def _trunk(line: DemoLine, transport: str, trusting: ssl.SSLContext) -> Trunk:
    port = line.tls_port if transport == "TLS" else line.port
    limits = Limits(at_once=64, per_day=1000, minutes_per_day=1000.0, interval=0.0)
    more: dict[str, Any] = {"name": transport, "transport": transport, "tls": trusting, "limits": limits}
    return trunk(port or 0, **more, allowed=(f"sip:+3199*@{transport.lower()}.example",))


async def _make(over: Trunk, found: Class, reaper: Reaper) -> CallEvidence:
    """Call by an address of the transport's own: one number takes one call at a time."""
    case = CASES[found]
    number = number_of(case.called) if case.called in BY_NAME else PREFIX + case.called
    if found is Cause.TRUNK_DOWN:
        over = replace(over, name=f"{over.name}-down", port=free_udp_port())
    order = CallOrder(
        to=f"sip:{number}@{over.transport.lower()}.example",
        trunk=over,
        script=case.script,
        release_within=case.release_within,
    )
    return await call(order, reaper, Random(f"{over.name} {found}"))


@pytest.mark.slow
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("found", CASES)
def test_every_class_is_met_over_every_transport(
    met: dict[tuple[str, Class], CallEvidence], found: Class, transport: str
) -> None:
    """The table as it is on the wire; whatever confirms the end of a call has ended it."""
    evidence = met[transport, found]
    assert class_of(evidence, CASES[found].around) is found, evidence
    assert evidence.released is (found is not Reason.NOT_RELEASED)
