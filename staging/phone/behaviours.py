"""What a call meets, by the last four digits of the number that is called: the one table.

    0001-0099   the lines of the estate (`staging.layout.LINES`): the menu
    0300-0699   refused with that status, at once and without a Reason header: 0486 is busy
    1300-1699   refused with that status after it rang
    2001-2127   refused with 480 and that Q.850 cause in a Reason header (RFC 3326): 2017 is busy
    3001-3127   answered; the line hangs up with that cause
    4300-4699   refused with that status and the cause that belongs to it (RFC 3398, 7.2.4.1)
    9000-       `BEHAVIOURS`, below

Every number begins with `PREFIX`; its last four digits alone, the name of a behaviour and that of a line do as well. A
number that is not in the table does not exist: 404 with cause 1.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from staging.layout import LINES
from staging.phone import digest
from staging.phone.audio import Sound
from staging.phone.calls import Call, Headers, Script

PREFIX = "+3199000"
"""Of every number here: no Dutch number begins so."""

CAUSES = {
    401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22, 413: 127, 414: 127, 415: 79,
    416: 127, 420: 127, 421: 127, 423: 127, 480: 18, 481: 41, 482: 25, 483: 25, 484: 28, 485: 1, 486: 17, 500: 41,
    501: 79, 502: 38, 503: 41, 504: 102, 505: 127, 513: 127, 600: 17, 603: 21, 604: 1, 606: 79, 607: 21, 608: 21,
}  # fmt: skip
"""The Q.850 cause of a final answer (RFC 3398, 7.2.4.1; 606 by its nearest, 607 and 608 as rejected)."""

RETRY_AFTER = 5
"""Seconds that a caller is asked to wait when the line takes no more calls."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a call meets: last digits of its number, name, in words, and how it is done."""

    suffix: str
    name: str
    title: str
    script: Script


def reason(cause: int | None) -> Headers:
    """Return the Reason header with a Q.850 cause (RFC 3326, 2), none for None."""
    return () if cause is None else (("Reason", f"Q.850;cause={cause}"),)


def refused(status: int, cause: int | None = None, *, after_ringing: bool = False) -> Script:
    """Refuse the call."""
    headers = (("Contact", "<sip:menu@127.0.0.1>"),) if 300 <= status < 400 else ()

    async def script(call: Call) -> None:
        if after_ringing:
            await call.ring()
        await call.refuse(status, (*headers, *reason(cause)))

    return script


def early(sound: Sound) -> Script:
    """Play before the answer, then refuse without saying why."""

    async def script(call: Call) -> None:
        call.respond(100)
        await call.early(sound)
        await asyncio.sleep(call.pace.tone)
        await call.refuse(480)

    return script


def answered(sound: Sound | None) -> Script:
    """Ring, answer, and play one thing until the caller hangs up; None sends no RTP."""

    async def script(call: Call) -> None:
        await call.ring()
        await call.answer(sound=sound)

    return script


def menu(choices: str = "1") -> Script:
    """Ring, answer and prompt: one of the choices leads to the queue (ringback, then music), another digit to busy."""

    async def script(call: Call) -> None:
        await call.ring()
        await call.answer(sound=Sound.PROMPT)
        await choose(call, choices)

    return script


async def choose(call: Call, choices: str = "1") -> None:
    """Wait for a digit and do as the menu says."""
    if await call.media.digits.get() not in choices:
        call.play(Sound.BUSY)
        return
    call.play(Sound.RINGBACK)
    await asyncio.sleep(call.pace.ringback)
    call.play(Sound.MUSIC)


def after_digit(sound: Sound | None) -> Script:
    """Prompt; any digit leads to one sound for good, None to the end of the call."""

    async def script(call: Call) -> None:
        await call.ring()
        await call.answer(sound=Sound.PROMPT)
        await call.media.digits.get()
        if sound is None:
            await asyncio.sleep(call.pace.shortly)
            await call.hang_up(reason(16))
        else:
            call.play(sound)

    return script


def challenged(script: Script, algorithm: digest.Algorithm, status: int = 401, *, stale: bool = False) -> Script:
    """Ask who is calling first; `stale`: ask once more, since the first nonce has expired meanwhile."""

    async def challenging(call: Call) -> None:
        right = call.board.is_login_right(call.invite)
        expired = right and digest.nonce_of(call.invite.login).startswith(_EXPIRES)
        if right and not expired:
            await script(call)
        else:
            await challenge(call, algorithm, status, stale=expired, mark=_EXPIRES if stale and not right else "")

    return challenging


_EXPIRES = "expires-"
"""How a nonce begins that is good for nothing but to be told that it has expired."""


async def never_let_in(call: Call) -> None:
    """Challenge whatever the caller knows."""
    await challenge(call, "MD5")


async def challenge(
    call: Call, algorithm: digest.Algorithm, status: int = 401, *, stale: bool = False, mark: str = ""
) -> None:
    """Ask who is calling (RFC 3261, 22.2 and 22.3)."""
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    question = digest.challenge(call.board.new_nonce(algorithm, mark), algorithm, stale=stale)
    await call.refuse(status, ((header, question),), "challenged")


async def turned_away(call: Call) -> None:
    """Take no more calls for now."""
    await call.refuse(503, (("Retry-After", str(RETRY_AFTER)),), "turned_away")


async def announcement(call: Call) -> None:
    """Answer, say that the line is closed, hang up."""
    await call.ring()
    await call.answer(sound=Sound.PROMPT)
    await asyncio.sleep(call.pace.announcement)
    await call.hang_up(reason(16))


async def late_ringing(call: Call) -> None:
    """Let the caller wait for the first ring."""
    call.respond(100)
    await asyncio.sleep(call.pace.late)
    await menu()(call)


async def no_answer(call: Call) -> None:
    """Ring until the caller gives up."""
    call.respond(100)
    call.respond(180)


async def no_progress(call: Call) -> None:
    """Reach nobody, and say so after a while."""
    call.respond(100)
    await asyncio.sleep(call.pace.gives_up)
    await call.refuse(480)


async def only_trying(call: Call) -> None:
    """Say 100 and nothing else until the caller gives up."""
    call.respond(100)


async def dead(call: Call) -> None:
    """Say nothing at all."""
    call.ignore()


async def early_ringback(call: Call) -> None:
    """Ring by early media (183) instead of by 180."""
    call.respond(100)
    await call.early(Sound.RINGBACK)
    await asyncio.sleep(call.pace.ringback)
    await call.answer(sound=Sound.PROMPT)
    await choose(call)


async def at_once(call: Call) -> None:
    """Answer without a 100 and without ringing."""
    await call.answer(sound=Sound.PROMPT)
    await choose(call)


async def cut_off(call: Call) -> None:
    """Answer, prompt, and hang up early."""
    await call.ring()
    await call.answer(sound=Sound.PROMPT)
    await asyncio.sleep(call.pace.cut_off)
    await call.hang_up(reason(16))


async def lossy(call: Call) -> None:
    """Lose a fifth of the packets."""
    call.media.loss = 0.2
    await menu()(call)


async def odd_rtp(call: Call) -> None:
    """Send packets with a header extension, a contributing source and padding."""
    call.media.odd = True
    await menu()(call)


async def forked(call: Call) -> None:
    """Let two ends answer, each with a tag of its own."""
    await call.ring()
    await call.answer(forks=2, sound=Sound.PROMPT)
    await choose(call)


async def cancel_race(call: Call) -> None:
    """Ring; the answer crosses the caller's CANCEL."""
    call.race = True
    await no_answer(call)


async def deaf_to_bye(call: Call) -> None:
    """Answer, and never confirm a BYE."""
    call.deaf = True
    await menu()(call)


async def deaf_to_cancel(call: Call) -> None:
    """Ring, and never confirm a CANCEL."""
    call.deaf = True
    await no_answer(call)


async def re_invite(call: Call) -> None:
    """Answer, and offer the same media anew shortly after."""
    await call.ring()
    await call.answer(sound=Sound.PROMPT)
    await asyncio.sleep(call.pace.shortly)
    await call.renew_offer()
    await choose(call)


async def questions(call: Call) -> None:
    """Answer, and ask one thing after another within the call."""
    await call.ring()
    await call.answer(sound=Sound.PROMPT)
    await asyncio.sleep(call.pace.shortly)
    for method in ("OPTIONS", "INFO", "NOTIFY", "UPDATE"):
        await call.request(method)
    await choose(call)


async def garbage(call: Call) -> None:
    """Answer with something that is no SIP."""
    call.channel.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    call.ignore()


def hung_up(cause: int) -> Script:
    """Answer and hang up with a cause."""

    async def script(call: Call) -> None:
        await call.ring()
        await call.answer(sound=Sound.PROMPT)
        await asyncio.sleep(call.pace.shortly)
        await call.hang_up(reason(cause))

    return script


BEHAVIOURS = (
    Behaviour("9000", "menu", "a prompt; 1 leads to ringback and music, another digit to busy tone", menu()),
    Behaviour("9001", "announcement", "a closing announcement, then the line hangs up", announcement),
    Behaviour("9002", "citizen", "somebody at home answers and speaks", answered(Sound.PROMPT)),
    Behaviour("9003", "late-ringing", "rings late", late_ringing),
    Behaviour("9004", "no-answer", "rings and is never answered", no_answer),
    Behaviour("9005", "no-progress", "does not ring; 480 after a while", no_progress),
    Behaviour("9006", "only-trying", "100 and nothing else", only_trying),
    Behaviour("9007", "dead", "nothing at all comes back", dead),
    Behaviour("9010", "early-information", "information tone before the answer", early(Sound.SPECIAL_INFORMATION)),
    Behaviour("9011", "early-busy", "busy tone before the answer", early(Sound.BUSY)),
    Behaviour("9012", "early-congestion", "fast busy before the answer", early(Sound.CONGESTION)),
    Behaviour("9013", "early-ringback", "ringback as early media, then the menu", early_ringback),
    Behaviour("9014", "at-once", "answered without 100 and 180", at_once),
    Behaviour("9020", "no-rtp", "answered, no RTP", answered(None)),
    Behaviour("9021", "silence", "answered, RTP of silence", answered(Sound.SILENCE)),
    Behaviour("9022", "busy-tone", "busy tone after the answer", answered(Sound.BUSY)),
    Behaviour("9023", "fast-busy", "congestion tone after the answer", answered(Sound.CONGESTION)),
    Behaviour("9024", "information-tone", "information tone after the answer", answered(Sound.SPECIAL_INFORMATION)),
    Behaviour("9025", "ringback", "ringback after the answer, for good", answered(Sound.RINGBACK)),
    Behaviour("9026", "music", "music in place of the prompt", answered(Sound.MUSIC)),
    Behaviour("9027", "lossy", "a fifth of the packets is lost", lossy),
    Behaviour("9028", "odd-rtp", "RTP with extension, contributing source and padding", odd_rtp),
    Behaviour("9030", "cut-off", "hangs up 3 s after the answer", cut_off),
    Behaviour("9031", "menu-dead", "the digit changes nothing", answered(Sound.PROMPT)),
    Behaviour("9032", "menu-silent", "the digit leads to silence", after_digit(Sound.SILENCE)),
    Behaviour("9033", "queue-full", "the digit leads to the end of the call", after_digit(None)),
    Behaviour("9034", "queue-missed", "the digit leads to ringback, never to music", after_digit(Sound.RINGBACK)),
    Behaviour("9040", "forked", "two ends answer", forked),
    Behaviour("9041", "cancel-race", "the answer crosses the CANCEL", cancel_race),
    Behaviour("9042", "deaf-to-bye", "a BYE is never confirmed", deaf_to_bye),
    Behaviour("9043", "deaf-to-cancel", "a CANCEL is never confirmed", deaf_to_cancel),
    Behaviour("9044", "re-invite", "a new offer within the call", re_invite),
    Behaviour("9045", "questions", "OPTIONS, INFO, NOTIFY and UPDATE within the call", questions),
    Behaviour("9050", "challenge", "401, MD5", challenged(menu(), "MD5")),
    Behaviour("9051", "challenge-sha-256", "401, SHA-256", challenged(menu(), "SHA-256")),
    Behaviour("9052", "challenge-proxy", "407, MD5", challenged(menu(), "MD5", 407)),
    Behaviour("9053", "challenge-stale", "401, and once more for a stale nonce", challenged(menu(), "MD5", stale=True)),
    Behaviour("9054", "never-let-in", "401 whatever the caller knows", never_let_in),
    Behaviour("9060", "full", "503 with Retry-After", turned_away),
    Behaviour("9061", "garbage", "an answer that is no SIP", garbage),
    Behaviour("9062", "unallocated", "404 with cause 1: there is no such number", refused(404, 1)),
    Behaviour("9063", "platform-down", "500 with cause 41: the platform has failed", refused(500, 41)),
    Behaviour("9064", "platform-unreachable", "503 with cause 38: the platform is not reached", refused(503, 38)),
)  # fmt: skip

BY_NAME = {behaviour.name: behaviour for behaviour in BEHAVIOURS}
_BY_SUFFIX = {behaviour.suffix: behaviour.script for behaviour in BEHAVIOURS}
_BY_LINE = {called: menu(line.choices) for name, line in LINES.items() for called in (name, line.number)}


def number_of(name: str) -> str:
    """Return the number at which a behaviour is met. Raises `KeyError`."""
    return PREFIX + BY_NAME[name].suffix


def of_number(number: str) -> Script:
    """Return what a call to a number meets."""
    if number in BY_NAME:
        return BY_NAME[number].script
    suffix = number.removeprefix(PREFIX)
    return _BY_SUFFIX.get(suffix) or _BY_LINE.get(number) or _of_range(suffix) or refused(404, 1)


def _of_range(suffix: str) -> Script | None:
    if not (len(suffix) == 4 and suffix.isascii() and suffix.isdigit()):
        return None
    kind, value = suffix[0], int(suffix[1:])
    if kind in "014" and 300 <= value < 700:
        return refused(value, CAUSES.get(value) if kind == "4" else None, after_ringing=kind == "1")
    if kind in "23" and 1 <= value <= 127:
        return refused(480, value) if kind == "2" else hung_up(value)
    return None
