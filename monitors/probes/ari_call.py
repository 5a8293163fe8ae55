"""Kind `ari_call`: one real telephone call that an Asterisk makes; what became of it is one of `phone.classes`.

Nothing is heard of such a call: it passes when the line answers and stays up for `hold`. Limits are those of `call`,
in the same register.
"""

from __future__ import annotations

import time
from contextlib import suppress
from random import SystemRandom

from config import AriCallProbe, Asterisk, Environment, Probe
from config.secrets import read_secret
from journeys import Reason
from monitors.probes.call import FAILURES, judge, skipped
from monitors.probes.client import context_of
from monitors.probes.errors import own_trouble
from monitors.probes.outcome import Target, Track, Undecided
from monitors.probes.phone import ari
from monitors.probes.phone.ari import AriOrder
from monitors.probes.phone.classes import Circumstances, class_of
from monitors.probes.phone.desk import folder_of, limits_of
from monitors.probes.phone.evidence import CallEvidence, Stage
from monitors.probes.phone.safety.limits import Register
from monitors.probes.phone.safety.numbers import Refusal, Skipped, admitted
from monitors.verdict import Cause

REASONS = (Reason.TIMEOUT, Reason.TOO_SLOW, *FAILURES)

_HEARD = {Stage.FIRST_RTP, Stage.FIRST_AUDIO, Stage.PROMPT, Stage.MENU, Stage.QUEUE}


def steps(probe: Probe) -> tuple[str, ...]:  # noqa: ARG001 - the same for each probe of this kind
    """Return the steps at which a run can fail: the last stage that was reached, but for those of the audio."""
    return tuple(stage.value for stage in Stage if stage not in _HEARD)


async def run(target: Target, track: Track, number: int) -> None:  # noqa: ARG001 - who calls is Asterisk's
    """Return when the line answered and stayed up. Raises `JourneyFailed` and `Undecided`."""
    probe = target.probe
    assert isinstance(probe, AriCallProbe)
    closed = target.closed(time.time())
    track.at(Stage.START.value)
    with track.exchange("CALL", probe.asterisk) as noted:
        wanted = order_of(probe.asterisk, target.environment, ring=probe.answer_within, hold=probe.hold)
        try:
            evidence = await call_within_limits(probe.number, probe.asterisk, target.environment, wanted)
        except Refusal as refusal:
            raise skipped(refusal, track) from None
        judge(evidence, class_of(evidence, Circumstances(closed=closed, listening=False)), target, track, noted)


def order_of(name: str, environment: Environment, *, ring: float, hold: float) -> AriOrder:
    """Return how an Asterisk of the environment is asked, its password read anew, still without whom to call.

    Raises `Undecided`, which does not repeat what may be a secret.
    """
    asterisk = environment.asterisks[name]
    try:
        return AriOrder(
            base=asterisk.url,
            user=asterisk.user,
            password=read_secret(environment.secrets[asterisk.password]).strip(),
            caller_id=asterisk.caller,
            ring=ring,
            hold=hold,
            tls=context_of(environment.tls) if asterisk.url.startswith("https:") else None,
        )
    except (OSError, UnicodeDecodeError) as error:
        own = own_trouble(error) if isinstance(error, OSError) else None
        raise Undecided(own or Cause.BROKEN_PROBE, f"asterisk {name}: {type(error).__name__}") from None


async def call_within_limits(number: str, name: str, environment: Environment, order: AriOrder) -> CallEvidence:
    """Have an Asterisk of the environment call a number. Raises `Refusal` where a limit forbids it, before a packet."""
    asterisk: Asterisk = environment.asterisks[name]
    allowed = admitted(number, asterisk.numbers, "")
    register = Register(folder_of(environment), SystemRandom())
    try:
        admission = await register.admit(f"asterisk {name}", limits_of(asterisk), allowed, order.ring + order.hold)
    except OSError as error:
        raise Refusal(Skipped.REGISTER, error.strerror or type(error).__name__) from error
    begun, status = time.monotonic(), None
    try:
        evidence = await ari.call(order, asterisk.dial.replace("{number}", allowed))
        status = evidence.status
    finally:
        with suppress(OSError, Refusal):  # the call counts in full then
            await register.settle(admission, time.monotonic() - begun, status, None)
    return evidence
