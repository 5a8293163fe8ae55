"""Probes of kind message against a gateway that answers, answers late, or never."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from config import MessageProbe
from journeys import Reason
from monitors.probes import Memory, Target, measure, steps_of
from monitors.probes.message import FORGET_AFTER
from monitors.verdict import Cause, Fail, Pass, Unknown, Verdict
from tests.monitors.listeners import aim, answering, closed_port, environment, probe_of


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


class Deliverer:
    """Takes messages and delivers the answer to each address `times` times; keeps every address that it was told."""

    def __init__(self, *, times: int = 1, method: str = "POST", text: str = "accepted") -> None:
        self.times, self.method, self.text = times, method, text
        self.addresses: list[str] = []
        self.submitted: list[str] = []
        self.answers: list[int] = []

    async def answer(self, request: web.Request) -> web.Response:
        order = json.loads(await request.text())
        self.addresses.append(order["to"])
        self.submitted.append(order["lrn"])
        await self.deliver(order["to"], f"{order['lrn']} {self.text}", self.times)
        return web.Response(status=202, text=f"acknowledged {order['lrn']}")

    async def deliver(self, address: str, text: str, times: int = 1) -> None:
        async with aiohttp.ClientSession() as session:
            for _ in range(times):
                async with session.request(self.method, f"{address}/inbox", data=text) as answer:
                    self.answers.append(answer.status)


def pushing(base: str, deliveries: dict[str, object] | None = None, **fields: object) -> Target:
    known: dict[str, object] = {
        "submit": "/in",
        "body": '{"lrn": "{reference}", "to": "{address}"}',
        "acknowledged": ["acknowledged {reference}"],
        "push": True,
        "contains": ["{reference} accepted"],
        "poll": "10ms",
        "answer_within": "20s",
    }
    probe = probe_of(MessageProbe, **{**known, **fields})
    return aim(probe, environment(base, deliveries=deliveries or {}))


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


async def test_a_submission_that_is_not_acknowledged_fails() -> None:
    """The status is right and the words are not: no return message is waited for."""
    deliverer = Deliverer()
    async with answering(deliverer.answer) as base:
        target = pushing(base, acknowledged=["registered {reference}"])
        assert gist((await measure(target, 0)).verdict) == (Reason.CONTENT_MISSING, "submit")
    assert target.memory.unanswered == {}


async def test_a_return_message_may_be_delivered() -> None:
    """It comes to an address of the run's own, more than once too; the next run has another, and nothing is left."""
    deliverer = Deliverer(times=2)
    async with answering(deliverer.answer) as base:
        target = pushing(base)
        assert [(await measure(target, 0)).verdict for _ in range(2)] == [Pass(), Pass()]
    assert deliverer.answers == [200] * 4
    assert all(address.startswith("http://127.0.0.1:") for address in deliverer.addresses)
    assert target.memory.unanswered == {}


@pytest.mark.parametrize(
    ("deliverer", "verdict"),
    [
        (Deliverer(times=0), MISSING),
        (Deliverer(method="GET"), MISSING),
        (Deliverer(text="rejected"), (Reason.CONTENT_MISSING, "return")),
    ],
)
async def test_a_delivery_must_be_the_right_one(deliverer: Deliverer, verdict: tuple[str, str]) -> None:
    """None, one that is no delivery, and one with another message in it."""
    async with answering(deliverer.answer) as base:
        assert gist((await measure(pushing(base, answer_within="200ms"), 0)).verdict) == verdict


async def test_a_delivery_for_another_run_is_not_this_one_s() -> None:
    """What names another message is taken, and does not count."""
    deliverer = Deliverer(times=0)

    async def answer(request: web.Request) -> web.Response:
        done = await deliverer.answer(request)
        await deliverer.deliver(deliverer.addresses[-1], "PW00 accepted")
        return done

    async with answering(answer) as base:
        assert gist((await measure(pushing(base, answer_within="200ms"), 0)).verdict) == MISSING
    assert deliverer.answers == [200]


async def test_a_late_delivery_is_struck_off() -> None:
    """The message of an earlier run comes while a later one listens: nothing is unanswered any more."""
    deliverer = Deliverer(times=0)
    async with answering(deliverer.answer) as base:
        target = pushing(base, answer_within="50ms")
        assert gist((await measure(target, 0)).verdict) == MISSING
        [late] = target.memory.unanswered

    async def answer(request: web.Request) -> web.Response:
        deliverer.times = 1
        done = await deliverer.answer(request)
        await deliverer.deliver(deliverer.addresses[-1], f"{late} accepted")
        return done

    async with answering(answer) as base:
        again = pushing(base)
        again.memory.unanswered[late] = time.time()
        assert (await measure(again, 0)).verdict == Pass()
    assert again.memory.unanswered == {}


async def test_the_gateway_is_told_the_address_of_the_proxy() -> None:
    """The listener has the port to which the proxy leads; runs at the same time share it, and give it back."""
    port = closed_port()
    deliverer = Deliverer(times=0)

    async def answer(request: web.Request) -> web.Response:
        done = await deliverer.answer(request)
        for number in deliverer.submitted:
            await deliverer.deliver(f"http://127.0.0.1:{port}", f"{number} accepted")
        return done

    async with answering(answer) as base:
        target = pushing(base, {"port": port, "address": "https://prober.example/inbox"})
        outcomes = await asyncio.gather(*(measure(target, number) for number in range(3)))
    assert [outcome.verdict for outcome in outcomes] == [Pass()] * 3
    assert set(deliverer.addresses) == {"https://prober.example/inbox"}
    socket.create_server(("127.0.0.1", port)).close()


async def test_a_prober_that_cannot_listen_says_nothing_of_the_gateway() -> None:
    """The port is somebody else's: unknown."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        verdict = (await measure(pushing("http://127.0.0.1:1", {"port": port}), 0)).verdict
    assert isinstance(verdict, Unknown)
    assert verdict.cause is Cause.BROKEN_PROBE


@pytest.mark.parametrize("fields", [{"push": False}, {"answer": "/out?lrn={reference}"}])
def test_a_return_message_is_asked_for_or_delivered(fields: dict[str, object]) -> None:
    """Neither, or both, is a mistake."""
    with pytest.raises(ValidationError):
        pushing("http://127.0.0.1:1", **fields)
