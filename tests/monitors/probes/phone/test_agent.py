"""One call from the trunk's name to the confirmed end, against the demo line: what it showed."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trustme
import uvloop

from monitors.probes.phone.agent import CallOrder, Reaper, Refusal, Script, Skipped, Trunk, call, options
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Sound, Stage, Trouble
from monitors.probes.phone.order import LONGEST_CALL, LONGEST_RING
from monitors.probes.phone.safety.limits import Limits, Register
from monitors.probes.phone.sip.digest import Credentials
from staging.phone import digest
from staging.phone.behaviours import number_of
from staging.phone.calls import Pace
from staging.phone.line import DemoLine
from tests.monitors.probes.phone.caller import trunk

Run = Callable[[Coroutine[Any, Any, None]], None]
MENU = Script(answer_within=1.5, audio_within=2.0, press="1", menu_within=8.0, queue=(Sound.RINGBACK, Sound.MUSIC))
LISTEN = Script(answer_within=1.5, audio_within=2.0)
DEAF = Script(answer_within=1.5, audio_within=2.0, listen=1.0, press="1", menu_within=2.0)
RIGHT = Credentials(digest.Login().user, digest.Login().password)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine under one of the event loops."""

    def run(work: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(work, 100))

    return run


def steps(evidence: CallEvidence) -> list[str]:
    """Return the ladder without what came more than once in a row."""
    ladder = [f"{'>' if each.sent else '<'} {each.what}" for each in evidence.ladder]
    return [step for index, step in enumerate(ladder) if ladder[index - 1 : index] != [step]]


def sounds(evidence: CallEvidence) -> set[Sound]:
    return {each.sound for each in evidence.heard}


async def made(over: Trunk, folder: Path, **scripts: tuple[str, Script]) -> dict[str, CallEvidence]:
    """Make calls at the same time, each to the number of a behaviour; everything is released at the end."""
    async with Reaper(Register(folder, Random(1)), Random(2)) as reaper:

        async def one(number: str, script: Script) -> CallEvidence:
            return await call(
                CallOrder(to=number, trunk=over, script=script, release_within=1.0), reaper, Random(number)
            )

        tasks = [one(number_of(name), script) for name, script in scripts.values()]
        return dict(zip(scripts, await asyncio.gather(*tasks), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("run", ["uvloop"], indirect=True)
def test_what_calls_show(run: Run, tmp_path: Path) -> None:
    """Each behaviour leaves its own picture: last stage, status, cause, sound, who ended it and what was missed."""

    async def check() -> None:
        pace = Pace(ringing=0.1, cut_off=1.0)
        async with DemoLine(pace=pace) as line:
            found = await made(
                trunk(line.port, credentials=RIGHT), tmp_path,
                menu=("menu", MENU), ringing=("no-answer", LISTEN), trying=("only-trying", LISTEN),
                gone=("unallocated", LISTEN), down=("platform-down", LISTEN), tone=("busy-tone", MENU),
                silence=("silence", LISTEN), nothing=("no-rtp", LISTEN), cut=("cut-off", MENU),
                challenge=("challenge-proxy", LISTEN), kept_out=("never-let-in", LISTEN), race=("cancel-race", LISTEN),
                forked=("forked", LISTEN), offer=("re-invite", LISTEN), questions=("questions", LISTEN),
                full=("full", LISTEN), dead_menu=("menu-dead", DEAF),
            )  # fmt: skip
            assert (line.counts.up, line.counts.unacknowledged, line.counts.never_hung_up) == (0, 0, 0)

        assert {name: (each.stage, each.status, each.missed) for name, each in found.items()} == {
            "menu": (Stage.QUEUE, 200, None),
            "ringing": (Stage.PROGRESS, None, "answer"),
            "trying": (Stage.TRYING, None, "answer"),
            "gone": (Stage.INVITE, 404, None),
            "down": (Stage.INVITE, 500, None),
            "tone": (Stage.FIRST_AUDIO, 200, "menu"),
            "silence": (Stage.FIRST_RTP, 200, "audio"),
            "nothing": (Stage.ANSWER, 200, "audio"),
            "cut": (Stage.PROMPT, 200, "menu"),
            "challenge": (Stage.PROMPT, 200, None),
            "kept_out": (Stage.INVITE, 401, None),
            "race": (Stage.PROGRESS, None, "answer"),
            "forked": (Stage.PROMPT, 200, None),
            "offer": (Stage.PROMPT, 200, None),
            "questions": (Stage.PROMPT, 200, None),
            "full": (Stage.INVITE, 503, None),
            "dead_menu": (Stage.PROMPT, 200, "menu"),
        }
        assert {name for name, each in found.items() if each.ring_limit} == {"ringing", "trying", "race"}
        assert {name: each.trouble for name, each in found.items() if each.trouble} == {
            "kept_out": Trouble.CREDENTIALS,
        }
        assert {name: each.cause for name, each in found.items() if each.cause} == {"gone": 1, "down": 41, "cut": 16}
        assert {name for name, each in found.items() if each.ended_by is EndedBy.FAR_END} == {"cut"}
        assert found["full"].retry_after == 5
        assert all(each.released for each in found.values())
        assert {Sound.ACTIVE, Sound.RINGBACK} <= sounds(found["menu"])
        assert Sound.BUSY in sounds(found["tone"])
        assert sounds(found["silence"]) == {Sound.SILENCE}
        assert found["nothing"].heard == ()
        assert found["nothing"].received.packets == 0
        assert found["menu"].received.sources == 1

        up = ["> INVITE (SDP)", "< 100 INVITE", "< 180 INVITE", "< 200 INVITE (SDP)", "> ACK"]
        assert steps(found["menu"]) == [*up, "> BYE", "< 200 BYE"]
        assert steps(found["cut"]) == [*up, "< BYE", "> 200 BYE"]
        assert steps(found["gone"])[-2:] == ["< 404 INVITE", "> ACK"]
        assert steps(found["ringing"])[-4:] == ["> CANCEL", "< 200 CANCEL", "< 487 INVITE", "> ACK"]
        reached = list(found["menu"].reached)
        assert sorted(reached, key=list(Stage).index) == list(Stage)
        order = [found["menu"].reached[stage] for stage in (Stage.INVITE, Stage.PROGRESS, Stage.ANSWER, Stage.MENU)]
        assert order == sorted(order)

    run(check())


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
def test_calls_over_streams_and_ipv6(run: Run, tmp_path: Path, transport: str) -> None:
    """TCP over IPv6, TLS over IPv4: the same call, and the same challenge."""
    authority = trustme.CA()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", "::1").configure_cert(served)
    authority.configure_trust(trusting)

    async def check() -> None:
        host = "::1" if transport == "TCP" else "127.0.0.1"
        async with DemoLine(host, tls=served, pace=Pace(ringing=0.05)) as line:
            port = line.port if transport == "TCP" else line.tls_port
            assert port is not None
            over = trunk(port, host=host, transport=transport, tls=trusting, credentials=RIGHT)
            brief = Script(answer_within=10.0, listen=0.0)
            found = await made(over, tmp_path, one=("challenge-sha-256", brief), two=("no-answer", LISTEN))
            asked = await options(over, Random(1))
            assert (line.counts.open, line.counts.ended_by_caller, line.counts.cancelled) == (0, 1, 1)
        assert (found["one"].status, found["one"].missed, found["one"].released) == (200, None, True)
        assert found["one"].received.packets > 0
        assert (asked.status, asked.stage, asked.trouble) == (200, Stage.ANSWER, None)

    run(check())


def test_troubles_of_the_own_side(run: Run, tmp_path: Path) -> None:
    """A name that is none, a closed port, a wrong certificate, no port for media: not one of them is the line's."""
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(served)

    async def check() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, socket.socket() as silent:
            taken.bind(("127.0.0.1", 0))
            silent.bind(("127.0.0.1", 0))
            port, dead = taken.getsockname()[1], silent.getsockname()[1]
            even = port - port % 2
            async with DemoLine(tls=served) as line:
                trunks = {
                    Trouble.NAME_NOT_RESOLVED: trunk(5060, host="a..b"),
                    Trouble.REFUSED: trunk(dead),
                    Trouble.TLS: trunk(line.tls_port or 0, transport="TLS", tls=ssl.create_default_context()),
                    Trouble.NO_MEDIA_PORT: trunk(line.port, media_ports=(even + 1, even + 1)),
                    Trouble.SILENT: trunk(port),
                    Trouble.BROKEN: trunk(line.port),
                }
                for trouble, over in trunks.items():
                    order = CallOrder(to=number_of("garbage"), trunk=over, script=Script(answer_within=0.5))
                    reaper = Reaper(Register(tmp_path / trouble, Random(1)), Random(2))
                    evidence = await call(order, reaper, Random(3))
                    assert (evidence.trouble, evidence.status, evidence.released) == (trouble, None, True)
                    asked = await options(over, Random(1), patience=0.5)
                    fine = (
                        Trouble.NO_MEDIA_PORT,
                        Trouble.BROKEN,
                    )  # for OPTIONS: the line answers, and no RTP is needed
                    assert asked.trouble == (None if trouble in fine else trouble)
                    if trouble in (Trouble.SILENT, Trouble.BROKEN):
                        assert reaper.under_way == 1, "an answer may still come"
                        with suppress(TimeoutError):  # nobody waits for it here
                            await asyncio.wait_for(reaper.close(), 0.05)
                    else:
                        await reaper.close()
                        assert reaper.register.spent("demo").seconds < 1
                assert line.counts.invited == 1

    run(check())


async def test_a_call_that_is_not_made_is_skipped(tmp_path: Path) -> None:
    """A limit, and a register that cannot be written, are raised as a refusal: nothing is said of the line."""
    async with DemoLine() as line, Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
        none = trunk(line.port, limits=Limits(per_day=0))
        with pytest.raises(Refusal) as refused:
            await call(CallOrder(to="+31990000001", trunk=none), reaper, Random(3))
        assert refused.value.reason is Skipped.CALLS_PER_DAY
        (tmp_path / "counts.json").mkdir()
        with pytest.raises(Refusal) as refused:
            await call(CallOrder(to="+31990000001", trunk=trunk(line.port)), reaper, Random(3))
        assert refused.value.reason is Skipped.REGISTER
        assert line.counts.invited == 0


async def test_the_far_ends_wishes_are_heeded(tmp_path: Path) -> None:
    """After 603 the number is not called again, after 503 with Retry-After the trunk is left alone."""
    async with DemoLine() as line, Reaper(Register(tmp_path, Random(1)), Random(2)) as reaper:
        over = trunk(line.port)
        for number, status, reason in (
            ("+31990000603", 603, Skipped.REJECTED),
            (number_of("full"), 503, Skipped.RETRY_AFTER),
        ):
            order = CallOrder(to=number, trunk=over)
            assert (await call(order, reaper, Random(status))).status == status
            with pytest.raises(Refusal) as refused:
                await call(order, reaper, Random(3))
            assert refused.value.reason is reason
        assert line.counts.invited == 2


@pytest.mark.parametrize(
    "times", [{"answer_within": LONGEST_RING + 1}, {"call_limit": LONGEST_CALL + 1}, {"call_limit": 0}]
)
def test_a_script_that_rings_or_stays_too_long_is_refused(times: dict[str, float]) -> None:
    """The limits of ring and call hold whatever a configuration says."""
    with pytest.raises(ValueError, match="at most"):
        Script(**times)  # type: ignore[arg-type]


async def test_a_call_ends_at_its_limit(tmp_path: Path) -> None:
    """The menu would wait for a digit; whatever the script still expects, the call is ended."""
    script = Script(answer_within=5.0, call_limit=2.0, listen=30.0, press="1")
    async with DemoLine(pace=Pace(ringing=0.05)) as line:
        found = (await made(trunk(line.port), tmp_path, menu=("menu", script)))["menu"]
        assert (found.missed, found.ended_by, found.released) == ("menu", EndedBy.US, True)
        assert (line.counts.open, line.counts.ended_by_caller) == (0, 1)
