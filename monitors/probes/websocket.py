"""Kind `websocket`: a conversation in which somebody must answer.

A front end that takes the connection is not enough: an agent greets, and answers what this run has written. Redirects
are not followed: a WebSocket is where it is said to be.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from contextlib import aclosing

from yarl import URL

from config import Probe, WebsocketProbe
from config.probes import REFERENCE
from journeys import JourneyFailed, Reason
from journeys.core import MOST_MESSAGES
from monitors.probes.client import session_of
from monitors.probes.conversation import Conversation, connect
from monitors.probes.lookup import is_of, only
from monitors.probes.masking import mask_url
from monitors.probes.outcome import Target, Track
from monitors.probes.reasons import CONNECTION

CONNECT, GREETING, ANSWER = "connect", "greeting", "answer"
REASONS = (
    *CONNECTION,
    Reason.BROKEN_RESPONSE,
    Reason.UNEXPECTED_STATUS,
    Reason.UNEXPECTED_REDIRECT,
    Reason.CONTENT_MISSING,
)


def steps(probe: Probe) -> tuple[str, ...]:
    """Return the steps at which a run can fail."""
    assert isinstance(probe, WebsocketProbe)
    return (CONNECT, GREETING, ANSWER) if probe.greeting else (CONNECT, ANSWER)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - a conversation has its own number
    """Return when the answer came. Raises `JourneyFailed` and `Undecided`."""
    probe = target.probe
    assert isinstance(probe, WebsocketProbe)
    reference = f"PW{secrets.token_hex(9).upper()}"
    url = URL(target.environment.endpoints[target.system] + probe.path)
    if not target.environment.allows(str(url)):
        raise ValueError(f"the host {url.host!r} is not allowed in this environment")
    family = only(probe.families)
    track.at(CONNECT)
    if not is_of(url.host or "", family):
        raise JourneyFailed(Reason.NAME_NOT_RESOLVED, CONNECT, f"{url.host} is of another address family")
    async with session_of(target.environment.tls, family, track) as session:
        conversation = await connect(session, url, track)
        async with aclosing(conversation):
            if probe.greeting:
                track.at(GREETING)
                await _hear(conversation, probe.greeting, GREETING)
            track.at(ANSWER)
            with track.exchange("SAY", mask_url(url)) as noted:
                await conversation.say(probe.say.replace(REFERENCE, reference))
                await _hear(conversation, [text.replace(REFERENCE, reference) for text in probe.contains], ANSWER)
                noted.result = "answered"


async def _hear(conversation: Conversation, wanted: Collection[str], step: str) -> None:
    """Listen until one message has every text in it; what else is said is passed over. Raises `JourneyFailed`."""
    for _ in range(MOST_MESSAGES):
        message = await conversation.hear()
        if all(text in message for text in wanted):
            return
    raise JourneyFailed(Reason.CONTENT_MISSING, step, f"not in {MOST_MESSAGES} messages")
