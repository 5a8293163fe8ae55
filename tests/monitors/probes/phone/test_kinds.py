"""The kinds `call` and `sip_options`: whole runs against a line that answers as it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from config import CallProbe, Environment, Probe, Script, SipOptionsProbe, Trunk
from journeys import Identities, Reason
from monitors.evidence import outcome_data
from monitors.probes import KINDS, Outcome, Target, measure, steps_of
from monitors.probes.call import FAILURES
from monitors.probes.phone.classes import Class, Passed
from monitors.probes.phone.desk import Desk, budget_left, folder_of, script_of
from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.safety.counts import Spent
from monitors.verdict import Called, Cause, Fail, Pass, Unknown
from staging.phone import DemoLine, number_of
from tests.waiting import until

IDENTITIES = Identities(1, reserved=True)
MENU = Script(prompt_within="5s", press="1", queue=["ringback", "music"], answer_within="3s", hang_up_after="25s")  # type: ignore[arg-type]
SHORT = Script(answer_within="1s", audio_within="2s", listen="500ms", hang_up_after="9s")  # type: ignore[arg-type]


def place_of(folder: Path, trunks: Mapping[str, dict[str, Any]], **more: Any) -> Environment:
    """Return an environment with these trunks."""
    usual = {"pause": "1ms", "calls_at_once": 20}
    data: dict[str, Any] = {
        "title": "A line",
        "endpoints": {"website": "http://127.0.0.1:1"},
        "allow": ["127.0.0.1"],
        "trunks": {name: usual | trunk for name, trunk in trunks.items()},
    }
    return Environment.model_validate(data | more, context={"root": folder}).model_copy(
        update={"call_register": str(folder / "calls")}
    )


def aim(probe: Probe, place: Environment, desk: Desk | None, *, closed: bool = False, timeout: float = 30.0) -> Target:
    """Return a target for one probe."""
    return Target(
        system="line",
        name="line-public",
        probe=probe,
        environment=place,
        interval=60.0,
        timeout=timeout,
        limit=timeout,
        identities=IDENTITIES,
        closed=lambda _: closed,
        desk=desk,
    )


def call_to(behaviour: str, script: Script = MENU, trunk: str = "carrier") -> CallProbe:
    """Return a probe that calls the number at which a behaviour is met."""
    number = behaviour if behaviour.startswith("+") else number_of(behaviour)
    return CallProbe(kind="call", trunk=trunk, number=number, script=script)


@asynccontextmanager
async def line(folder: Path, **trunk: Any) -> AsyncIterator[tuple[DemoLine, Environment, Desk]]:
    """Have a line, an environment with two trunks to it, and a desk; afterwards nothing is up at either end."""
    async with DemoLine() as answering:
        here = {"server": answering.address} | trunk
        place = place_of(folder, {"carrier": here, "platform": here | {"own": False}})
        async with Desk(folder_of(place), Random(1)) as desk:
            yield answering, place, desk
        assert desk.in_progress == 0
        assert answering.counts.open == 0


@pytest.mark.slow
async def test_each_end_of_a_call_is_told_as_what_it_is(tmp_path: Path) -> None:
    """All at once over one trunk: what passes, fails with its reason, and what is our own trouble."""
    expected: dict[str, Class] = {
        "menu": Passed.ANSWERED,
        "+31990000486": Reason.LINE_BUSY,
        "unallocated": Reason.NUMBER_UNALLOCATED,
        "cut-off": Reason.CUT_OFF,
        "menu-silent": Reason.MENU_DEAD,
        "never-let-in": Cause.TRUNK_ERROR,
    }
    scripts = {
        "cut-off": Script(prompt_within="6s", listen="8s"),  # type: ignore[arg-type]  # while it is only listened to
        "menu-silent": MENU.model_copy(update={"menu_within": 2.0}),
    }
    async with line(tmp_path) as (answering, place, desk):
        targets = {name: aim(call_to(name, scripts.get(name, MENU)), place, desk) for name in expected}
        outcomes = dict(
            zip(targets, await asyncio.gather(*(measure(each, 0) for each in targets.values())), strict=True)
        )
        assert {name: outcome.called for name, outcome in outcomes.items()} == {
            name: Called(result=found.value) for name, found in expected.items()
        }
        kinds = {Passed: Pass, Cause: Unknown, Reason: Fail}
        for name, outcome in outcomes.items():
            assert isinstance(outcome.verdict, kinds[type(expected[name])]), name
        assert desk.leaked == answering.counts.never_hung_up == 0
        assert desk.spent("carrier").calls == len(expected)
    unallocated = outcomes["unallocated"].verdict
    assert isinstance(unallocated, Fail)
    assert unallocated.detail.endswith("; SIP 404; Q.850 1")
    last = targets["menu"].memory.call
    assert last is not None
    assert last.post_dial_delay is not None
    assert Sound.ACTIVE in last.audio


async def test_a_call_leaves_its_ladder_and_no_number(tmp_path: Path) -> None:
    """Whoever asks sees every message; the number and the Call-ID are nowhere."""
    async with line(tmp_path) as (_, place, desk):
        outcome = await measure(aim(call_to("+31990000486"), place, desk), 0)
    [exchange] = outcome.trace
    assert (exchange.method, exchange.url, exchange.status) == ("CALL", "carrier", 486)
    assert exchange.result == "line_busy"
    assert isinstance(outcome.verdict, Fail)
    assert outcome.verdict.detail.endswith("; SIP 486")
    said = [what for _, what in exchange.headers]
    assert said[0].startswith("INVITE")
    assert any("486" in what for what in said)
    assert said[-1].startswith("ACK")
    assert "990000" not in str(outcome_data(outcome))


async def test_outside_service_hours_no_digit_is_sent(tmp_path: Path) -> None:
    """The announcement is heard, the line hangs up or we do: a pass of its own."""
    async with line(tmp_path) as (_, place, desk):
        outcome = await measure(aim(call_to("announcement"), place, desk, closed=True), 0)
    assert outcome.verdict == Pass()
    assert outcome.called == Called(result="closed")


async def test_a_limit_skips_a_call_and_blames_nobody(tmp_path: Path) -> None:
    """The budget of a day, and a number that is on no list: before any packet is sent."""
    async with line(tmp_path, calls_a_day=1) as (answering, place, desk):
        first, second = [await measure(aim(call_to("+31990000404", SHORT), place, desk), 0) for _ in range(2)]
        assert isinstance(first.verdict, Fail)
        assert isinstance(second.verdict, Unknown)
        assert second.verdict.cause is Cause.CALL_SKIPPED
        assert second.called == Called(skipped="calls_per_day")
        denied = await measure(aim(call_to("+31201234567", SHORT, "platform"), place, desk), 0)
        assert denied.called == Called(skipped="not_allowed")
        assert answering.counts.invited == 1
        assert budget_left(place.trunks["carrier"], desk.spent("carrier"))["calls"] == 0.0


async def test_whose_trunk_it_is_decides_what_its_silence_says(tmp_path: Path) -> None:
    """A port that refuses is the prober's trouble on its own trunk, and news on the platform's."""
    here = {"server": "127.0.0.1:9"}  # discard: nobody listens
    place = place_of(tmp_path, {"carrier": here, "platform": here | {"own": False}})
    async with Desk(folder_of(place), Random(1)) as desk:
        own, far = [
            (await measure(aim(call_to(name, trunk=trunk), place, desk), 0)).verdict
            for name, trunk in (("menu", "carrier"), ("at-once", "platform"))
        ]
        options = [
            (await measure(aim(SipOptionsProbe(kind="sip_options", trunk=trunk), place, desk, timeout=5.0), 0)).verdict
            for trunk in place.trunks
        ]
    assert isinstance(own, Unknown)
    assert own.cause is Cause.TRUNK_DOWN
    assert isinstance(far, Fail)
    assert far.reason is Reason.LINE_UNREACHABLE
    assert [type(each) for each in options] == [Unknown, Fail]


async def test_the_border_answers_options(tmp_path: Path) -> None:
    """One of the expected statuses passes, another is told."""
    async with line(tmp_path) as (answering, place, desk):
        usual = SipOptionsProbe(kind="sip_options", trunk="platform")
        assert (await measure(aim(usual, place, desk, timeout=5.0), 0)).verdict == Pass()
        picky = usual.model_copy(update={"statuses": [405]})
        refused = (await measure(aim(picky, place, desk, timeout=5.0), 0)).verdict
        assert isinstance(refused, Fail)
        assert (refused.reason, refused.step) == (Reason.UNEXPECTED_STATUS, "answer")
        assert answering.counts.invited == 0


async def test_a_password_that_cannot_be_read_is_the_probers_trouble(tmp_path: Path) -> None:
    """Nothing is called, and the place of the secret is not told."""
    secret = {"secrets": {"word": f"file:{tmp_path}/nothing-here"}}
    trunk = {"server": "127.0.0.1:9", "user": "me", "password": "word"}
    place = place_of(tmp_path, {"carrier": trunk}, **secret)
    async with Desk(folder_of(place), Random(1)) as desk:
        outcome = await measure(aim(call_to("menu"), place, desk), 0)
    assert outcome.verdict == Unknown(Cause.BROKEN_PROBE, "trunk carrier: FileNotFoundError")


def fitted(timeout: float, *, closed: bool = False) -> Any:
    probe = CallProbe(
        kind="call", trunk="carrier", number="+31990000001", script=MENU.model_copy(update={"queue": ["music"]})
    )
    return script_of(probe, timeout, closed=closed)


def test_a_call_fits_into_the_time_that_the_environment_leaves() -> None:
    """The conversation keeps most of it; within the probe's own time nothing shrinks."""
    script, release = fitted(90.0)
    assert (script.answer_within, script.call_limit, script.press, script.queue) == (3.0, 25.0, "1", (Sound.MUSIC,))
    assert 60.0 / 2 < release < 90.0 - 3.0 - 25.0
    scarce, soon = fitted(10.0)
    assert (scarce.answer_within, scarce.call_limit) == (2.0, 6.0)
    assert 0 < soon < 10.0 - 2.0 - 6.0
    closed, _ = fitted(90.0, closed=True)
    assert (closed.press, closed.queue, closed.prompt_within) == ("", (), 5.0)


def test_the_budget_is_what_is_left_and_never_less_than_nothing() -> None:
    """By calls and by minutes."""
    trunk = Trunk(calls_a_day=10, minutes_a_day=2)
    assert budget_left(trunk, Spent(4, 30.0)) == {"calls": 0.6, "minutes": 0.75}
    assert budget_left(trunk, Spent(12, 999.0)) == {"calls": 0.0, "minutes": 0.0}


def test_every_failure_of_a_call_is_counted_from_the_start() -> None:
    """A reason or step that no series has would lose its first event."""
    probe = call_to("menu")
    assert set(FAILURES) <= set(KINDS["call"].REASONS)
    assert {"start", "trying", "queue", "teardown"} <= set(steps_of(probe))


def test_the_register_of_calls_is_shared_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process of a user looks at the same one, unless the environment names another."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = place_of(tmp_path, {})
    assert folder_of(place) == tmp_path / "calls"
    assert folder_of(place.model_copy(update={"call_register": None})) == tmp_path / "state" / "piekwacht" / "calls"


async def test_a_timeout_ends_the_call_too(tmp_path: Path) -> None:
    """A run that is cut off leaves nothing up; the fixture looks at both ends."""
    async with line(tmp_path) as (_, place, desk):
        target = replace(aim(call_to("menu"), place, desk), timeout=30.0)
        running = asyncio.create_task(measure(target, 0))
        await until(lambda: desk.in_progress > 0)
        running.cancel()
        outcome: Outcome = await running
    assert outcome.verdict == Unknown(Cause.CANCELLED)
