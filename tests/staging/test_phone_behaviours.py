"""The table of numbers: what each leads to."""

from __future__ import annotations

import asyncio
import struct

import pytest

from staging.layout import LINES
from staging.phone import BEHAVIOURS, DemoLine, Pace, number_of
from staging.phone.behaviours import CAUSES, PREFIX
from tests.staging.caller import calling
from tests.waiting import until

QUICK = Pace(ringing=0, late=0.2, gives_up=0.05, tone=0.8, shortly=0.02, ringback=0.7)
TONES = {
    "busy-tone": "busy",
    "fast-busy": "congestion",
    "information-tone": "special-information",
    "ringback": "ringback",
    "music": "music",
    "silence": "silence",
    "citizen": "prompt",
    "menu-dead": "prompt",
}


async def refusal(line: DemoLine, number: str) -> tuple[list[int], int, str]:
    """Call; return what came before the final answer, its status and its Reason."""
    async with calling(line, number) as caller:
        caller.invite()
        before = []
        while (answer := await caller.next()).status < 200:
            before.append(answer.status)
        caller.ack(answer)
        return before, answer.status, answer.get("Reason")


async def test_each_final_answer_has_its_numbers() -> None:
    """At once, after ringing, and with the cause that belongs to it."""
    async with DemoLine(pace=QUICK) as line:
        for status in (302, *CAUSES):
            assert await refusal(line, f"{PREFIX}0{status}") == ([], status, "")
            assert await refusal(line, f"{PREFIX}1{status}") == ([100, 180], status, "")
        for status, cause in CAUSES.items():
            assert await refusal(line, f"{PREFIX}4{status}") == ([], status, f"Q.850;cause={cause}")
        assert line.counts.refused == line.counts.invited == 2 + 3 * len(CAUSES)


@pytest.mark.parametrize("cause", [1, 17, 127])
async def test_each_cause_has_its_number(cause: int) -> None:
    """The cause comes with an answer that says little itself."""
    async with DemoLine(pace=QUICK) as line:
        assert await refusal(line, f"{PREFIX}2{cause:03}") == ([], 480, f"Q.850;cause={cause}")


@pytest.mark.parametrize(
    "number", ["+31201234567", "112", "", "+31990000099", "+31990002000", "+31990000700", "x", "२०१७"]
)
async def test_any_other_number_does_not_exist(number: str) -> None:
    """404 with cause 1."""
    async with DemoLine(pace=QUICK) as line:
        assert await refusal(line, number) == ([], 404, "Q.850;cause=1")


async def test_networks_that_reach_nobody() -> None:
    """100 and later 480; 503 with when to come again; only 100."""
    async with DemoLine(pace=QUICK) as line:
        assert await refusal(line, number_of("no-progress")) == ([100], 480, "")
        assert await refusal(line, number_of("unallocated")) == ([], 404, "Q.850;cause=1")
        assert await refusal(line, number_of("platform-down")) == ([], 500, "Q.850;cause=41")
        async with calling(line, number_of("full")) as caller:
            assert (await caller.refused()).get("Retry-After") == "5"
        async with calling(line, number_of("only-trying")) as caller:
            caller.invite()
            assert (await caller.next()).status == 100
            caller.cancel()
            caller.ack(await caller.final())
        async with calling(line, number_of("never-let-in")) as caller:
            assert (await caller.refused()).status == 401


async def test_a_dead_line_ignores_the_call() -> None:
    """Not even 100 comes back, however often the INVITE does; the caller owes it nothing, as it may not cancel."""
    async with DemoLine(pace=Pace(longest=0.2)) as line, calling(line, number_of("dead")) as caller:
        caller.invite()
        caller.invite(again=True)
        await until(lambda: line.counts.ignored == 1)
        await asyncio.sleep(0.4)
        assert caller.inbox.empty()
        assert (line.counts.invited, line.counts.open, line.counts.never_hung_up) == (1, 0, 0)


async def test_garbage_is_no_sip() -> None:
    """Something comes back, and not from a telephone."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("garbage")) as caller:
        caller.invite()
        assert (await caller.next()).start.startswith("HTTP/1.1")


@pytest.mark.parametrize("name", TONES)
async def test_what_is_heard_after_the_answer(name: str) -> None:
    """Each of these numbers plays one thing for good."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of(name)) as caller:
        answer = await caller.answered()
        caller.press(answer, 1)
        await until(lambda: caller.heard() == [TONES[name]])


@pytest.mark.parametrize(
    ("name", "sound"),
    [("early-information", "special-information"), ("early-busy", "busy"), ("early-congestion", "congestion")],
)
async def test_what_is_heard_before_the_answer(name: str, sound: str) -> None:
    """183 with media, the tone, then an answer that does not say why."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of(name)) as caller:
        caller.invite()
        assert [(await caller.next()).status for _ in range(2)] == [100, 183]
        await until(lambda: caller.heard() == [sound])
        final = await caller.final()
        caller.ack(final)
        assert (final.status, final.get("Reason")) == (480, "")


async def test_ringback_may_be_early_media() -> None:
    """183, ringback, then the answer and the prompt."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("early-ringback")) as caller:
        await caller.answered()
        await until(lambda: caller.heard() == ["ringback", "prompt"])


async def test_ringing_late_and_not_at_all() -> None:
    """100 alone for a while, then 180; and 200 without either."""
    async with DemoLine(pace=QUICK) as line:
        async with calling(line, number_of("late-ringing")) as caller:
            caller.invite()
            assert (await caller.next()).status == 100
            await asyncio.sleep(0.05)
            assert [(await caller.next()).status for _ in range(2)] == [180, 200]
        async with calling(line, number_of("at-once")) as caller:
            caller.invite()
            assert (await caller.next()).status == 200


async def test_no_rtp_is_none() -> None:
    """The answer describes media, and none comes."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("no-rtp")) as caller:
        assert "m=audio" in (await caller.answered()).body
        await asyncio.sleep(0.2)
        assert not caller.ear.packets


async def test_a_digit_that_leads_nowhere() -> None:
    """The prompt, and after the digit nothing more, or ringback for good."""
    for name, heard in (("menu-silent", "silence"), ("queue-missed", "ringback")):
        async with DemoLine(pace=QUICK) as line, calling(line, number_of(name)) as caller:
            answer = await caller.answered()
            await until(lambda: caller.heard() == ["prompt"])
            caller.press(answer, 1)
            await until(lambda: caller.heard() == ["prompt", heard])  # noqa: B023


async def test_lost_packets_leave_gaps() -> None:
    """About a fifth of the sequence numbers is missing, and time goes on with them."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("lossy")) as caller:
        await caller.answered()
        await until(lambda: len(caller.ear.packets) >= 50)
        heads = [struct.unpack("!BBHII", packet[:12]) for packet in caller.ear.packets]
        span = (heads[-1][2] - heads[0][2]) & 0xFFFF
        assert 0.05 < 1 - (len(heads) - 1) / span < 0.4
        assert (heads[-1][3] - heads[0][3]) & 0xFFFFFFFF == 160 * span


async def test_odd_packets_are_rtp_nevertheless() -> None:
    """Padding, extension and one contributing source, as their bits say; the sound is as ever."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("odd-rtp")) as caller:
        await caller.answered()
        await until(lambda: len(caller.ear.packets) > 10)
        first = caller.ear.packets[0]
        assert (first[0], len(first), first[-1]) == (0x80 | 0x20 | 0x10 | 1, 12 + 4 + 8 + 160 + 4, 4)
        assert caller.heard() == ["prompt"]


@pytest.mark.parametrize(("codecs", "chosen"), [("8 0 101", 8), ("0 8 101", 0), ("18 0", 0)])
async def test_the_first_codec_that_both_have_is_used(codecs: str, chosen: int) -> None:
    """A-law, mu-law, or mu-law after one that the line has not."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("menu")) as caller:
        caller.invite(codecs=codecs)
        caller.ack(await caller.final())
        await until(lambda: bool(caller.ear.packets))
        assert caller.ear.packets[0][1] & 0x7F == chosen


@pytest.mark.parametrize(("codecs", "host"), [("18 101", "127.0.0.1"), ("8", "192.0.2.1"), ("8", "somewhere")])
async def test_an_offer_that_the_line_cannot_play_to_is_refused(codecs: str, host: str) -> None:
    """488: without a codec that both have, and for sound that would leave this machine."""
    async with DemoLine(pace=QUICK) as line, calling(line, number_of("menu")) as caller:
        caller.invite(codecs=codecs, host=host)
        final = await caller.final()
        caller.ack(final)
        assert final.status == 488


def test_each_behaviour_has_a_number_and_a_name_of_its_own() -> None:
    """And none is without words."""
    assert len({behaviour.suffix for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)
    assert len({behaviour.name for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)
    assert all(behaviour.title and behaviour.suffix.startswith("9") for behaviour in BEHAVIOURS)


def test_the_lines_of_the_estate_have_numbers_that_nobody_has() -> None:
    """All begin like the numbers of the table."""
    assert all(line.number.startswith(PREFIX) and len(line.number) == 12 for line in LINES.values())
    assert len({line.number for line in LINES.values()}) == len(LINES)
