"""Probes of kind message against a gateway that answers, answers late, or never."""

from __future__ import annotations

import json
import time

import pytest
from aiohttp import web

from config import MessageProbe
from journeys import Reason
from monitors.probes import Memory, Target, measure, steps_of
from monitors.probes.message import FORGET_AFTER
from monitors.verdict import Fail, Pass, Verdict
from tests.monitors.listeners import aim, answering, environment, probe_of


class Gateway:
    """Takes messages and answers each at the poll with this number, counted from 1; 0: never."""

    def __init__(self, answers_at: int = 1) -> None:
        self.answers_at = answers_at
        self.status = 202
        self.text = "accepted"
        self.polls: dict[str, int] = {}
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self.polls[json.loads(await request.text())["lrn"]] = 0
            return web.Response(status=self.status)
        number = request.query["lrn"]
        self.asked.append(number)
        self.polls[number] += 1
        if self.answers_at and self.polls[number] >= self.answers_at:
            return web.Response(text=f"{number} {self.text}")
        return web.Response(status=204)


def target_at(base: str, **fields: object) -> Target:
    known: dict[str, object] = {
        "submit": "/in",
        "body": '{"lrn": "{reference}"}',
        "answer": "/out?lrn={reference}",
        "contains": ["{reference} accepted"],
        "poll": "10ms",
        "answer_within": "20s",
    }
    return aim(probe_of(MessageProbe, **{**known, **fields}), environment(base))


def gist(verdict: Verdict) -> tuple[str, str] | str:
    return (verdict.reason, verdict.step) if isinstance(verdict, Fail) else type(verdict).__name__


MISSING = (Reason.RETURN_MESSAGE_MISSING, "return")


async def test_a_run_passes_when_the_return_message_is_there() -> None:
    """Submitted once, asked for until it came; every run has a number of its own; nothing is left unanswered."""
    gateway = Gateway(answers_at=3)
    async with answering(gateway.answer) as base:
        target = target_at(base)
        outcomes = [await measure(target, 7) for _ in range(2)]
    assert [outcome.verdict for outcome in outcomes] == [Pass(), Pass()]
    assert [(each.step, each.status) for each in outcomes[0].trace] == [
        ("submit", 202),
        ("return", 204),
        ("return", 204),
        ("return", 200),
    ]
    assert len(gateway.polls) == 2
    assert target.memory.unanswered == {}
    assert steps_of(target.probe) == ("submit", "return")


@pytest.mark.parametrize("status", [400, 500, 302])
async def test_what_is_not_accepted_fails_at_the_submission(status: int) -> None:
    """No return message is expected, nor asked for."""
    gateway = Gateway()
    gateway.status = status
    async with answering(gateway.answer) as base:
        target = target_at(base)
        verdict = (await measure(target, 0)).verdict
    assert gist(verdict) == (Reason.UNEXPECTED_STATUS, "submit")
    assert not gateway.asked
    assert target.memory.unanswered == {}


async def test_an_accepted_submission_is_not_enough() -> None:
    """The gateway takes the message and nothing comes back in time: down, and remembered."""
    gateway = Gateway(answers_at=0)
    async with answering(gateway.answer) as base:
        target = target_at(base, answer_within="50ms")
        outcome = await measure(target, 0)
    assert gist(outcome.verdict) == MISSING
    assert outcome.verdict.detail == "none within 0.05 s"  # type: ignore[union-attr]
    [submitted] = target.memory.unanswered.values()
    assert target.memory.oldest_unanswered(submitted + 90.0) == 90.0


async def test_a_return_message_with_something_else_in_it_fails() -> None:
    """It came, and is not the answer to this message."""
    gateway = Gateway()
    gateway.text = "rejected"
    async with answering(gateway.answer) as base:
        verdict = (await measure(target_at(base), 0)).verdict
    assert gist(verdict) == (Reason.CONTENT_MISSING, "return")


async def test_the_oldest_unanswered_message_is_asked_for_until_it_is_answered() -> None:
    """Two runs go unanswered; each later run asks for the oldest first, and when that has come for the next."""
    gateway = Gateway(answers_at=0)
    async with answering(gateway.answer) as base:
        target = target_at(base, answer_within="30ms")
        verdicts = [gist((await measure(target, 0)).verdict) for _ in range(2)]
        first, second = target.memory.unanswered
        assert verdicts == [MISSING, MISSING]
        assert first in gateway.asked[gateway.asked.index(second) - 1 :]  # the second run asked for the first message
        gateway.answers_at = 1
        gateway.asked.clear()
        assert (await measure(target, 0)).verdict == Pass()
    assert gateway.asked[:2] == [first, second]
    assert target.memory.unanswered == {}
    assert target.memory.oldest_unanswered(0.0) == 0.0


async def test_a_message_lost_for_good_does_not_stand_in_the_way_of_new_ones() -> None:
    """The age goes on growing while new messages are answered; after a day the lost one is given up."""
    gateway = Gateway()
    async with answering(gateway.answer) as base:
        target = target_at(base)
        gateway.polls["LOST"] = -1000
        target.memory.unanswered["LOST"] = 1e9
        memory: Memory = target.memory
        assert memory.oldest_unanswered(1e9 + 5) == 5.0
        assert (await measure(target, 0)).verdict == Pass()
        assert "LOST" not in memory.unanswered  # submitted in 2001: given up without being asked for
        assert "LOST" not in gateway.asked

        memory.unanswered["LOST"] = time.time() - FORGET_AFTER / 2
        assert (await measure(target, 0)).verdict == Pass()
        assert list(memory.unanswered) == ["LOST"]
        assert gateway.asked[-2] == "LOST"


async def test_a_slow_return_is_too_slow() -> None:
    """It came before it counts as missing, and after the limit."""
    gateway = Gateway(answers_at=20)
    async with answering(gateway.answer) as base:
        verdict = (await measure(target_at(base, limit="100ms", poll="20ms"), 0)).verdict
    assert gist(verdict) == (Reason.TOO_SLOW, "return")


async def test_a_gateway_that_is_down_fails_at_the_submission() -> None:
    """Also while earlier messages are unanswered: their number is kept."""
    target = target_at("http://127.0.0.1:1")

    target.memory.unanswered["EARLIER"] = time.time()
    verdict = (await measure(target, 0)).verdict
    assert gist(verdict) == (Reason.CONNECTION_REFUSED, "submit")
    assert list(target.memory.unanswered) == ["EARLIER"]
