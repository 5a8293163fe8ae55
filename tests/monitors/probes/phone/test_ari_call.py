"""Probes of kind ari_call: what Asterisk tells becomes a verdict, within the limits of every call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from config import AriCallProbe
from journeys import Reason
from monitors.probes import Target, measure, steps_of
from monitors.verdict import Called, Cause, Fail, Pass, Unknown
from tests.monitors.listeners import aim, closed_port, environment, probe_of
from tests.monitors.probes.phone.asterisk import ANSWERS, PASSWORD, RINGS, USER, Asterisk, Happening, listening

NUMBER = "+31990000001"


def target_at(base: str, folder: Path, *, number: str = NUMBER, **limits: Any) -> Target:
    """Return a probe of a line by an Asterisk whose password stands in a file."""
    password = folder / "password"
    password.write_text(f"{PASSWORD}\n", encoding="utf-8")
    asterisk = {"url": base, "user": USER, "password": "ari", "dial": "PJSIP/{number}@carrier", "pause": "1ms"}
    place = environment(
        "http://127.0.0.1:1",
        asterisks={"pbx": asterisk | limits},
        secrets={"ari": f"file:{password}"},
        call_register=str(folder / "register"),
    )
    return aim(probe_of(AriCallProbe, asterisk="pbx", number=number, hold="50ms"), place)


async def test_a_line_that_answers_and_stays_up_passes(tmp_path: Path) -> None:
    """The trace has the ladder, without number and password; the last call is remembered for its metrics."""
    asterisk = Asterisk()
    async with listening(asterisk) as base:
        target = target_at(base, tmp_path)
        outcome = await measure(target, 0)
    assert outcome.verdict == Pass()
    assert outcome.called == Called(result="answered")
    assert target.memory.call is not None
    assert target.memory.call.post_dial_delay is not None
    assert asterisk.asked[0]["endpoint"] == f"PJSIP/{NUMBER}@carrier"
    (exchange,) = outcome.trace
    assert [what for _, what in exchange.headers if what == "DELETE channel"]
    assert not any(secret in str(outcome) for secret in (NUMBER, PASSWORD))


@pytest.mark.parametrize(
    ("happenings", "reason", "step"),
    [
        ((*RINGS[:1], ("destroyed", (1, 404))), Reason.NUMBER_UNALLOCATED, "trying"),
        ((*RINGS, ("destroyed", (17, None))), Reason.LINE_BUSY, "progress"),
        ((*RINGS[:1], ("destroyed", (0, 503))), Reason.CONGESTION, "trying"),
        ((*RINGS[:1], ("destroyed", (0, None))), Reason.NO_PROGRESS, "trying"),
        ((*RINGS, ("destroyed", (19, None))), Reason.NO_ANSWER, "progress"),
        ((*ANSWERS, ("destroyed", (16, None))), Reason.CUT_OFF, "answer"),
    ],
)
async def test_what_asterisk_tells_is_a_class(
    tmp_path: Path, happenings: tuple[Happening, ...], reason: Reason, step: str
) -> None:
    """The Q.850 cause goes before the SIP status; the step is the last stage that was reached."""
    async with listening(Asterisk(happenings)) as base:
        target = target_at(base, tmp_path)
        outcome = await measure(target, 0)
    assert isinstance(outcome.verdict, Fail)
    assert (outcome.verdict.reason, outcome.verdict.step) == (reason, step)
    assert step in steps_of(target.probe)


async def test_an_asterisk_that_is_away_is_no_failure_of_the_line(tmp_path: Path) -> None:
    """Unknown, like a trunk that is down."""
    outcome = await measure(target_at(f"http://127.0.0.1:{closed_port()}/ari", tmp_path), 0)
    assert isinstance(outcome.verdict, Unknown)
    assert outcome.verdict.cause is Cause.TRUNK_DOWN


async def test_a_password_that_cannot_be_read_is_no_failure_of_the_line(tmp_path: Path) -> None:
    """It is not shown where it should have stood."""
    asterisk = Asterisk()
    async with listening(asterisk) as base:
        target = target_at(base, tmp_path)
        (tmp_path / "password").unlink()
        outcome = await measure(target, 0)
    assert outcome.verdict == Unknown(Cause.BROKEN_PROBE, "asterisk pbx: FileNotFoundError")
    assert asterisk.paths == []


@pytest.mark.parametrize("number", ["+31900123456", "+4915112345678", "+31201234567"])
async def test_what_may_not_be_called_is_skipped(tmp_path: Path, number: str) -> None:
    """Before Asterisk hears of it."""
    asterisk = Asterisk()
    async with listening(asterisk) as base:
        outcome = await measure(target_at(base, tmp_path, number=number), 0)
    assert isinstance(outcome.verdict, Unknown)
    assert outcome.verdict.cause is Cause.CALL_SKIPPED
    assert outcome.called is not None
    assert outcome.called.skipped in {"denied", "not_allowed"}
    assert asterisk.paths == []


async def test_calls_at_once_are_limited(tmp_path: Path) -> None:
    """Two runs of one line at the same time are one call; the day's budget ends them all."""
    asterisk = Asterisk((("wait", 0.3), *ANSWERS))
    async with listening(asterisk) as base:
        target = target_at(base, tmp_path, calls_a_day=2)
        both = await asyncio.gather(measure(target, 0), measure(target, 1))
        later = [await measure(target, number) for number in (2, 3)]
    assert sorted(outcome.called.skipped for outcome in both if outcome.called) == ["", "number_in_use"]
    assert [outcome.called.skipped for outcome in later if outcome.called] == ["", "calls_per_day"]
    assert len(asterisk.asked) == 2
    assert asterisk.most_channels == 1
