"""One call made by an Asterisk on the prober's behalf, over its REST interface (ARI): for who has no trunk to call by.

    us                             Asterisk                      line
     |  GET /events (WebSocket)       |                            |
     |  POST /channels/ID             |  INVITE                    |
     |  <- Dial, ChannelStateChange   |  <- 180, 183: Ringing      |
     |  <- StasisStart                |  <- 200: Up                |
     |  DELETE /channels/ID           |  BYE or CANCEL             |

Asterisk tells what becomes of the channel, with the Q.850 cause at its end and, in newer versions, the SIP status of a
call that failed (`tech_cause`). It does not pass the audio on: nothing is heard here, and no digit is sent.

The channel has an id of our own and is deleted however the task ends, also where the answer to the POST was never read.
What outlives even a killed process: Asterisk gives up ringing by `timeout`, and ends the call by `TIMEOUT(absolute)`.
Every call is an application of its own, because Asterisk gives the events of one application to one WebSocket only.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import aiohttp

from journeys import Reason
from monitors.probes.errors import explain
from monitors.probes.phone.evidence import CallEvidence, EndedBy, Exchanged, Stage, Trouble

ANSWER_WITHIN = 5.0
"""Seconds in which Asterisk itself answers a request; it sits beside the prober."""
END_WITHIN = 5.0
"""Seconds after which a channel counts as not released."""
_ASK_AGAIN = 0.1
_SETTLED = 1.0
"""Seconds for which a channel is looked for whose POST was sent and never answered."""
_SPARE = 5
"""Seconds that Asterisk's own limits lie beyond ours, so that they act only where we cannot."""
_EVENT_BYTES = 1 << 18

_TROUBLES = {
    Reason.NAME_NOT_RESOLVED: Trouble.NAME_NOT_RESOLVED,
    Reason.TLS_FAILED: Trouble.TLS,
    Reason.CLIENT_CERTIFICATE_REFUSED: Trouble.TLS,
    Reason.CONNECTION_REFUSED: Trouble.REFUSED,
    Reason.TIMEOUT: Trouble.SILENT,
}
_STATUSES = {401: Trouble.CREDENTIALS, 403: Trouble.FORBIDDEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class AriOrder:
    """By which Asterisk to call and how. `base` is its interface, as http://127.0.0.1:8088/ari; times are in seconds.

    `ring`: how long it may ring; `hold`: how long the answered call must stay up before we end it.
    """

    base: str
    user: str
    password: str = field(repr=False)
    caller_id: str = field(default="", repr=False)
    ring: float = 25.0
    hold: float = 3.0
    tls: ssl.SSLContext | None = None


async def call(order: AriOrder, endpoint: str) -> CallEvidence:
    """Make one call and return what Asterisk told of it, without audio. No channel is left when it returns or raises.

    `endpoint` is what Asterisk dials, such as PJSIP/+31990000000@carrier. Where the end of the channel could not be
    confirmed within `END_WITHIN`, the evidence says `released=False`.
    """
    story = _Story()
    connector = aiohttp.TCPConnector(ssl=order.tls or True, force_close=True, use_dns_cache=False)
    auth = aiohttp.BasicAuth(order.user, order.password, "utf-8")
    async with aiohttp.ClientSession(connector=connector, auth=auth, trust_env=False) as session:
        try:
            await _Caller(order, endpoint, session, story).run()
        except (aiohttp.ClientError, OSError) as error:
            story.trouble = _trouble_of(error)
    return story.evidence()


def _trouble_of(error: Exception) -> Trouble:
    """Say what is wrong between us and Asterisk; it is never the line's fault."""
    if isinstance(error, aiohttp.ClientResponseError) and error.status in _STATUSES:
        return _STATUSES[error.status]
    if isinstance(error, TimeoutError):
        return Trouble.SILENT
    found = explain(error)
    return _TROUBLES.get(found, Trouble.BROKEN) if isinstance(found, Reason) else Trouble.BROKEN


class _Story:
    """What is known of the call so far; events go in, in the order in which Asterisk sent them. No I/O."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._reached: dict[Stage, float] = {}
        self._ladder: list[Exchanged] = []
        self.trouble: Trouble | None = None
        self.ring_limit = False
        self.released = True
        self.over = False
        self._status: int | None = None
        self._cause: int | None = None
        self._ended_by = EndedBy.NOBODY

    @property
    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._since

    @property
    def answered_at(self) -> float | None:
        """When it was answered, in seconds since the beginning."""
        return self._reached.get(Stage.ANSWER)

    def reach(self, *stages: Stage) -> None:
        """Note stages that are reached now, unless they were before."""
        for stage in stages:
            self._reached.setdefault(stage, self.now)

    def note(self, what: str, *, sent: bool) -> None:
        """Add a message to the ladder."""
        self._ladder.append(Exchanged(self.now, sent, what))

    def take(self, event: Mapping[str, Any]) -> None:
        """Take an event about our channel."""
        kind, state = event.get("type", ""), event.get("channel", {}).get("state", "")
        match kind, event.get("dialstatus", state):
            case ("Dial", "RINGING" | "PROGRESS" | "PROCEEDING") | ("ChannelStateChange", "Ring" | "Ringing"):
                self.reach(Stage.PROGRESS)
            case ("Dial", "ANSWER") | ("ChannelStateChange", "Up") | ("StasisStart", _):
                self.reach(Stage.ANSWER)
            case (("ChannelHangupRequest" | "ChannelDestroyed"), _):
                self._end(event)
            case _:
                pass
        told = event.get("dialstatus") or (state if kind == "ChannelStateChange" else "")
        self.note(" ".join(text for text in (kind, told, _cause_in_words(event)) if text), sent=False)

    def hang_up(self) -> None:
        """Note that it is we who end the call, if it is up."""
        if self.answered_at is not None and self._ended_by is EndedBy.NOBODY:
            self._ended_by = EndedBy.US

    def _end(self, event: Mapping[str, Any]) -> None:
        self._cause = _number(event.get("cause")) or self._cause  # 0: not defined
        if self.answered_at is None:
            self._status = _number(event.get("tech_cause")) or self._status
        else:
            self._ended_by = EndedBy.FAR_END
        self.over = event.get("type") == "ChannelDestroyed"

    @property
    def _missed(self) -> str | None:
        """What was expected and did not come: `answer`, or `hold` for a call that did not stay up."""
        if self.answered_at is None:
            return "answer" if self.over or self.ring_limit else None
        return "hold" if self._ended_by is EndedBy.FAR_END else None

    def evidence(self) -> CallEvidence:
        """Return it all."""
        return CallEvidence(
            reached=dict(self._reached),
            trouble=self.trouble,
            status=200 if self.answered_at is not None else self._status,
            cause=self._cause,
            ring_limit=self.ring_limit,
            missed=self._missed,
            ended_by=self._ended_by,
            released=self.released,
            ladder=tuple(self._ladder),
        )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _cause_in_words(event: Mapping[str, Any]) -> str:
    """Asterisk's own text (`cause_txt`) is left out: it may quote a server."""
    return f"(cause {event['cause']})" if _number(event.get("cause")) else ""


class _Caller:
    """Makes the requests of one call and reads its events."""

    def __init__(self, order: AriOrder, endpoint: str, session: aiohttp.ClientSession, story: _Story) -> None:
        self._order, self._endpoint, self._session, self._story = order, endpoint, session, story
        self._name = f"piekwacht-{secrets.token_hex(8)}"
        self._channel = f"{order.base.rstrip('/')}/channels/{self._name}"
        self._settled = False

    async def run(self) -> None:
        """Call, follow the call, end it. Raises aiohttp's errors and `OSError` where Asterisk cannot be talked to."""
        story = self._story
        story.note("GET events (WebSocket)", sent=True)
        async with asyncio.timeout(ANSWER_WITHIN):
            events = await self._session.ws_connect(
                f"{self._order.base.rstrip('/')}/events", params={"app": self._name}, max_msg_size=_EVENT_BYTES
            )
        async with events:
            story.reach(Stage.RESOLVE, Stage.CONNECT)
            story.note("101", sent=False)
            try:
                await self._originate()
                await self._follow(events)
            finally:
                story.hang_up()
                await _to_the_end(self._delete)

    async def _originate(self) -> None:
        """Ask for the call. All is in the body: the number would stand in the logs of Asterisk's HTTP server."""
        order, story = self._order, self._story
        asked = {
            "endpoint": self._endpoint,
            "app": self._name,
            "callerId": order.caller_id,
            "timeout": ceil(order.ring) + _SPARE,
            "variables": {"TIMEOUT(absolute)": str(ceil(order.ring + order.hold) + 2 * _SPARE)},
        }
        story.note("POST channel", sent=True)
        story.reach(Stage.INVITE)
        async with asyncio.timeout(ANSWER_WITHIN), self._session.post(self._channel, json=asked) as answer:
            self._settled = True
            story.note(str(answer.status), sent=False)
            answer.raise_for_status()
        story.reach(Stage.TRYING)

    async def _follow(self, events: aiohttp.ClientWebSocketResponse) -> None:
        """Read events until the call is over, has rung too long, or was up long enough."""
        story, order = self._story, self._order
        begun = story.now
        while not story.over:
            answered = story.answered_at
            until = begun + order.ring if answered is None else answered + order.hold
            try:
                async with asyncio.timeout(until - story.now):
                    event = await _next(events)
            except TimeoutError:
                story.ring_limit = answered is None
                return
            if self._is_ours(event):
                story.take(event)

    def _is_ours(self, event: Mapping[str, Any]) -> bool:
        about = event.get("peer") if event.get("type") == "Dial" else event.get("channel")
        return isinstance(about, dict) and about.get("id") == self._name

    async def _delete(self) -> None:
        """Delete the channel until Asterisk knows it no more (404): a 204 says only that it was asked to hang up."""
        story = self._story
        story.released = False
        begun = story.now
        seen = ""
        while story.now < begun + END_WITHIN:
            try:
                async with asyncio.timeout(ANSWER_WITHIN), self._session.delete(self._channel) as answer:
                    found = str(answer.status)
            except (aiohttp.ClientError, OSError) as error:
                found = type(error).__name__
            if found != seen:
                story.note("DELETE channel", sent=True)
                story.note(found, sent=False)
                seen = found
            if found == "404" and (self._settled or story.now >= begun + _SETTLED):
                story.released = True
                story.reach(Stage.TEARDOWN)
                return
            await asyncio.sleep(_ASK_AGAIN)


async def _next(events: aiohttp.ClientWebSocketResponse) -> Mapping[str, Any]:
    """Return the next event. Raises `ClientPayloadError` where what comes is none, or nothing comes any more."""
    message = await events.receive()
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise aiohttp.ClientPayloadError("the stream of events ended")
    try:
        event = json.loads(message.data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise aiohttp.ClientPayloadError("no event")
    return event


async def _to_the_end(work: Callable[[], Awaitable[None]]) -> None:
    """Do it, although this task is cancelled meanwhile; then raise that.

    A loop that shuts down cancels all tasks, that of the work too: then it is done once more.
    """
    cancelled: asyncio.CancelledError | None = None
    for _ in range(2):
        task = asyncio.ensure_future(work())
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
        if not task.cancelled():
            task.result()
            break
    if cancelled is not None:
        raise cancelled
