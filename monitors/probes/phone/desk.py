"""Where a process makes its calls: one register of limits, one reaper, and trunks as the environment describes them.

async with Desk(folder) as desk:        ends the calls that a killed process left
    evidence = await desk.call(...)     made within the limits, or `Refusal`
                                        at its end nothing is up any more
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from random import Random, SystemRandom
from types import TracebackType
from typing import Self

from config import CallProbe, Environment
from config.phone import CallLimits
from config.secrets import read_secret
from monitors.probes.client import context_of
from monitors.probes.phone import agent, order
from monitors.probes.phone.evidence import CallEvidence, Sound
from monitors.probes.phone.safety.counts import Spent
from monitors.probes.phone.safety.limits import Limits, Register
from monitors.probes.phone.safety.reaper import Reaper
from monitors.probes.phone.sip.digest import Credentials
from monitors.probes.phone.wire.srv import Protocol

CONVERSATION = 0.6
"""Part of the time of a run that the answered call gets at most, where there is too little for all."""

_WIRES: dict[str, Protocol] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}


def folder_of(environment: Environment) -> Path:
    """Return where the register of calls is: every process of a machine has to look at the same one."""
    if environment.call_register is not None:
        return Path(environment.call_register)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "piekwacht" / "calls"


class Desk:
    """Makes calls. Raises `OSError` on entering where the register cannot be used."""

    def __init__(self, folder: Path, random: Random | None = None) -> None:
        self._random = random or SystemRandom()
        self._register = Register(folder, self._random)
        self._reaper = Reaper(self._register, self._random)

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """Return the desk of an environment; it ends what a killed process left on its trunks."""
        desk = cls(folder_of(environment))
        desk._reaper = Reaper(desk._register, desk._random, _readable_trunks(environment))
        return desk

    async def __aenter__(self) -> Self:
        await self._reaper.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._reaper.__aexit__(kind, error, traceback)

    @property
    def in_progress(self) -> int:
        """Calls that are being set up, are up, or are being ended."""
        return self._reaper.under_way

    @property
    def leaked(self) -> int:
        """Calls of this process whose end was never confirmed."""
        return self._reaper.leaked

    def spent(self, trunk: str) -> Spent:
        """Return what a trunk has used up today, of all processes."""
        return self._register.spent(trunk)

    async def call(self, number: str, trunk: order.Trunk, script: order.Script, release_within: float) -> CallEvidence:
        """Make one call. Raises `Refusal` where a limit forbids it."""
        wanted = order.CallOrder(to=number, trunk=trunk, script=script, release_within=release_within)
        return await agent.call(wanted, self._reaper, self._random)

    async def options(self, trunk: order.Trunk, patience: float) -> CallEvidence:
        """Ask a trunk's server for its OPTIONS."""
        return await agent.options(trunk, self._random, patience=patience)


def trunk_of(name: str, environment: Environment) -> order.Trunk:
    """Return a trunk of an environment with its password, read anew. Raises `OSError` or `UnicodeDecodeError`."""
    trunk = environment.trunks[name]
    credentials = None
    if trunk.user is not None and trunk.password is not None:
        credentials = Credentials(trunk.user, read_secret(environment.secrets[trunk.password]).strip())
    return order.Trunk(
        name=name,
        host=trunk.host,
        port=trunk.port,
        transport=_WIRES[trunk.transport],
        tls=context_of(environment.tls) if trunk.transport == "tls" else None,
        domain=trunk.domain or "",
        user=trunk.caller,
        credentials=credentials,
        allowed=tuple(trunk.numbers),
        limits=limits_of(trunk),
        media_ports=(trunk.media_ports[0], trunk.media_ports[1]) if trunk.media_ports else (0, 0),
    )


def limits_of(limits: CallLimits) -> Limits:
    """Return limits as the register takes them."""
    return Limits(
        at_once=limits.calls_at_once,
        per_day=limits.calls_a_day,
        minutes_per_day=limits.minutes_a_day,
        interval=limits.pause,
    )


def budget_left(limits: CallLimits, spent: Spent) -> dict[str, float]:
    """Return which part of today's budget is left, by what it counts: 1 - spent / allowed, at least 0."""
    return {
        "calls": max(0.0, 1 - spent.calls / limits.calls_a_day),
        "minutes": max(0.0, 1 - spent.seconds / (60 * limits.minutes_a_day)),
    }


def script_of(probe: CallProbe, timeout: float, *, closed: bool) -> tuple[order.Script, float]:
    """Return the script of a call, and the seconds that the far end has for confirming its end.

    Where the environment leaves less time than the probe wants, the conversation keeps most of it: cut short it would
    look like a menu that does not react. Ringing and teardown share what is left.

        call = min(hang_up_after, 0.6 timeout)    ring = min(answer_within, (timeout - call) / 2)

    When the line is closed somebody must speak, and no digit is sent.
    """
    script = probe.script
    call = min(script.hang_up_after, CONVERSATION * timeout)
    ring = min(script.answer_within, (timeout - call) / 2)
    teardown = min(timeout, probe.timeout) - call - ring
    spoken = script.prompt_within or (script.audio_within if closed else None)
    times = order.Script(
        answer_within=ring,
        audio_within=script.audio_within,
        prompt_within=spoken,
        listen=script.listen,
        press="" if closed else script.press or "",
        menu_within=script.menu_within,
        queue=() if closed else tuple(Sound(name) for name in script.queue),
        queue_within=script.queue_within,
        call_limit=call,
    )
    return times, 0.9 * teardown


def _readable_trunks(environment: Environment) -> Iterable[order.Trunk]:
    """Return the trunks whose passwords can be read now; what hangs on another trunk is ended when it can be."""
    for name in environment.trunks:
        try:
            yield trunk_of(name, environment)
        except (OSError, UnicodeDecodeError):
            continue
