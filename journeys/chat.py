"""Talking to an agent in writing, by asking again and again: the way of those whom a WebSocket does not reach."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from journeys.core import Action, Citizen, Journey, JourneyFailed, Think, Wait, fetch_json, journey
from journeys.reasons import Reason

_POLLS, _POLL_INTERVAL = 30, 1.0
_GONE = {404: Reason.SESSION_LOST}


@journey(
    "chat",
    title="Ask an agent something in the chat",
    steps=("open-chat", "greeting", "say", "answer"),
    needs=(),
    reasons=(Reason.SESSION_LOST,),
)
def chat(citizen: Citizen) -> Journey:
    """Open a conversation, wait for the agent, ask, and read the answer to that question."""
    opened = yield from fetch_json("open-chat", "chat", "/open", data={}, keys=("chat",))
    yield from _read("greeting", opened["chat"], "Goedendag")
    yield Think(citizen.random.uniform(10, 60))
    question = f"vraag {citizen.random.randrange(10**9)}"
    yield from fetch_json("say", "chat", "/say", data={**opened, "text": question}, keys=("status",), refusals=_GONE)
    yield from _read("answer", opened["chat"], question)


def _read(step: str, key: object, wanted: str) -> Generator[Action, Any, None]:
    """Ask until a line has the text in it. Raises `JourneyFailed`."""
    for poll in range(_POLLS):
        if poll:
            yield Wait(_POLL_INTERVAL)
        answer = yield from fetch_json(step, "chat", f"/lines?chat={key}", keys=("lines",), refusals=_GONE)
        if wanted in str(answer["lines"]):
            return
    raise JourneyFailed(Reason.TIMEOUT, step, "nobody answers")
