"""One call, from the trunk's name to the confirmed end.

    may it be called?       limits; a refusal is raised, and no packet was sent
    where is the trunk?     resolve, connect
    INVITE                  its entry is in the journal before; from here on the reaper ends the call, whatever happens
    the script              answer, audio, digits, queue
    the end                 hang up and wait until it is confirmed

Whatever goes wrong with a call is evidence, not an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from random import Random

from monitors.probes.phone.evidence import CallEvidence, Sound, Stage, Trouble
from monitors.probes.phone.media import sdp
from monitors.probes.phone.order import CallOrder, Script, Trunk
from monitors.probes.phone.question import options
from monitors.probes.phone.reach import Unreachable, dial_of, reach
from monitors.probes.phone.record import AHEAD, Record
from monitors.probes.phone.safety.limits import Admission
from monitors.probes.phone.safety.numbers import Refusal, Skipped, admitted, dialled
from monitors.probes.phone.safety.reaper import Reaper
from monitors.probes.phone.sip.call import Call
from monitors.probes.phone.wire.audio import Audio, NoMediaPortError, open_audio

__all__ = ["CallOrder", "Reaper", "Refusal", "Script", "Skipped", "Trunk", "call", "options"]

_POLL = 0.1
"""Seconds between two questions what is heard."""
_OLD = 1.0
"""Seconds after the answer in which what is heard may still be early audio."""
_ERROR_TONES = frozenset({Sound.BUSY, Sound.CONGESTION, Sound.SPECIAL_INFORMATION})
_NOBODY_THERE = frozenset({Trouble.SILENT, Trouble.BROKEN, Trouble.REFUSED})
_QUIET = frozenset({Sound.NOTHING, Sound.SILENCE})


async def call(order: CallOrder, reaper: Reaper, random: Random) -> CallEvidence:
    """Make a call. Raises `Refusal` where it is not made: it is skipped then, and says nothing of the line.

    However the task ends (cancelled, timeout, error), the reaper ends the call.
    """
    trunk = order.trunk
    number = admitted(order.to, trunk.allowed, trunk.called_domain)
    try:
        await reaper.sweep()
        admission = await reaper.register.admit(trunk.name, trunk.limits, number, order.script.longest)
    except OSError as error:
        raise Refusal(Skipped.REGISTER, error.strerror or type(error).__name__) from error
    run = _Run(order, reaper, admission, random)
    try:
        return await run.make()
    finally:
        run.leave()


class _Unmet(Exception):  # noqa: N818 - an expectation
    """The call cannot go on: an expectation was not met."""


class _Run:
    """One call under way."""

    def __init__(self, order: CallOrder, reaper: Reaper, admission: Admission, random: Random) -> None:
        self._order, self._random = order, random
        self._changed = asyncio.Event()
        self._record = Record(self._described, self._happened)
        self._conversation = reaper.adopt(admission, self._record)
        self._audio: Audio | None = None
        self._session = random.getrandbits(31)
        self._version = 0
        self._host = ""
        self._expecting: str | None = None
        self._invited = 0.0
        self._answered: float | None = None

    async def make(self) -> CallEvidence:
        """Make the call and return what it showed."""
        record, released = self._record, True
        if await self._set_up():
            try:
                await self._follow(self._order.script)
            except _Unmet as unmet:
                record.note(missed=str(unmet))
            if self._audio is not None and self._audio.listener is not None:
                record.hear(self._audio.listener, self._audio.first_since_answer)
            self._hang_up()
            if record.evidence.trouble not in _NOBODY_THERE:  # else the reaper goes on listening, we need not wait
                released = await self._released()
        return record.finished(released=released)

    def leave(self) -> None:
        """Leave the rest to the reaper."""
        self._hang_up()
        if self._audio is not None:
            self._audio.close()

    def _hang_up(self) -> None:
        self._record.leaving = True
        self._conversation.hang_up()

    async def _released(self) -> bool:
        """Wait until the far end has confirmed the end; tell whether it has."""
        try:
            async with asyncio.timeout(self._order.release_within):
                released = await asyncio.shield(self._conversation.released)
        except TimeoutError:
            return False
        if released:
            self._record.reach(Stage.TEARDOWN)
        return released

    # Up to the INVITE

    async def _set_up(self) -> bool:
        """Send the INVITE; False where something of ours is in the way."""
        record, trunk = self._record, self._order.trunk
        try:
            local = await reach(trunk, self._random, record, self._conversation.connect)
            self._audio = await open_audio(local[0], trunk.media_ports, self._random)
        except Unreachable as error:
            record.trouble(error.trouble)
            return False
        except NoMediaPortError:
            record.trouble(Trouble.NO_MEDIA_PORT)
            return False
        await self._invite(local)
        return True

    async def _invite(self, local: tuple[str, int]) -> None:
        assert self._audio is not None
        trunk, self._host = self._order.trunk, local[0]
        offer = sdp.offer(self._host, self._audio.port, self._session)
        dial = dial_of(trunk, dialled(self._order.to, trunk.called_domain), local, offer)
        try:
            await self._conversation.prepare(Call(dial, self._random))
        except OSError as error:
            raise Refusal(Skipped.REGISTER, error.strerror or type(error).__name__) from error
        self._record.reach(Stage.INVITE)
        self._invited = time.monotonic()
        self._audio.begin(self._invited)
        self._conversation.start()

    # The script

    async def _follow(self, script: Script) -> None:
        """Go through the script. Raises `_Unmet` with the expectation that was not met."""
        record, audio = self._record, self._audio
        assert audio is not None
        if not await self._until(lambda: record.answered or record.refused, script.answer_within):
            record.unanswered()
            return
        if not record.answered:
            return
        try:
            async with asyncio.timeout(script.call_limit):
                await self._listen(script, audio)
        except TimeoutError:  # the limit of the call, not of an expectation
            if self._expecting is not None:
                raise _Unmet(self._expecting) from None

    async def _listen(self, script: Script, audio: Audio) -> None:
        if script.audio_within is not None:
            await self._expect("audio", lambda: self._is_loud(audio), script.audio_within)
        if script.prompt_within is not None:
            await self._expect("prompt", lambda: self._sound() is Sound.ACTIVE, script.prompt_within)
        self._expecting = "menu" if script.press else "queue" if script.queue else None
        if script.audio_within is not None or self._expecting:
            await self._until(self._cannot_go_on, script.listen)
            if self._record.over:
                raise _Unmet(self._expecting or "hold")
        if script.press:
            await self._choose(script, audio)
        if script.queue:
            await self._expect("queue", lambda: self._sound() in script.queue, script.queue_within)
            self._record.reach(Stage.QUEUE)

    async def _choose(self, script: Script, audio: Audio) -> None:
        """Press the digits; what is heard must become something else. Silence is nothing else: a prompt has ended."""
        before = self._sound()
        if self._cannot_go_on() or not audio.press(script.press):
            raise _Unmet("menu")
        await self._expect("menu", lambda: self._sound() not in _QUIET | {before}, script.menu_within)
        self._record.reach(Stage.MENU)

    async def _expect(self, name: str, met: Callable[[], bool], within: float) -> None:
        """Wait until it is met. Raises `_Unmet` where it is not, or cannot be any more."""
        self._expecting = name
        await self._until(lambda: met() or self._cannot_go_on(), within)
        if not met():
            raise _Unmet(name)

    async def _until(self, done: Callable[[], bool], within: float) -> bool:
        """Wait until something is so; tell whether it is."""
        until = time.monotonic() + within
        while not (is_done := done()) and (left := until - time.monotonic()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(min(_POLL, left)):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return is_done

    def _cannot_go_on(self) -> bool:
        return self._record.over or self._sound() in _ERROR_TONES

    def _sound(self) -> Sound:
        assert self._audio is not None
        assert self._audio.listener is not None
        return self._audio.listener.current(time.monotonic())

    def _is_loud(self, audio: Audio) -> bool:
        """Tell whether there was more than silence after the answer."""
        if self._answered is None or audio.listener is None or audio.first_since_answer is None:
            return False
        first, now = audio.listener.first_audio, time.monotonic()
        if first is not None and self._invited + first >= self._answered - AHEAD:
            return True
        return now - self._answered > _OLD and audio.listener.current(now) not in _QUIET

    # What the record tells

    def _happened(self) -> None:
        if self._record.answered and self._answered is None and self._audio is not None:
            self._answered = time.monotonic()
            self._audio.answered(self._answered)
        self._changed.set()

    def _described(self, description: bytes, asked: bool) -> None:
        """Take what the far end says of its media; `asked`: it waits for our answer."""
        assert self._audio is not None
        try:
            remote, answer = sdp.parse_answer(description), None
            if asked:
                self._version += 1
                answer = sdp.answer_to(description, self._host, self._audio.port, self._session, self._version)
        except sdp.MalformedSdp:
            if asked:
                self._conversation.accept(None)
            return
        self._audio.connect(remote)
        if answer is not None:
            self._conversation.accept(answer)
