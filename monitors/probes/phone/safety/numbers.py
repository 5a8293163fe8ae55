"""What may be called at all: what is on the list and is not dangerous or dear. Decided before any packet is sent.

A list entry cannot allow what is always refused: emergency and help lines, premium numbers, other countries, service
codes (*21*...) and anything that this module cannot read with certainty. Numbers are compared in one form, so that
0800-0543, +31 800 0543 and sip:08000543@trunk are one number.

Dutch number plan (Nummerplan telefoon- en ISDN-diensten), behind the 0: 90x premium; 67x, 84, 87 dear by the minute;
800 free; others ordinary. Without a 0: 112, 113, 116xxx, 144 help; 18xx dear information; 14xxx a municipality.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import unquote

COUNTRY = "31"

_DEAR = ("90", "67", "84", "87")
_SHORT_HELP_OR_DEAR = ("112", "113", "116", "144", "18", "90", "911", "999")
_LONGEST_EXTENSION = 6
_SCHEME = re.compile(r"(?i:sips?|tel):")
_SEPARATORS = re.compile(r"[-. ()]")  # RFC 3966, 3: visual separators
_DIGITS = re.compile(r"\+?[0-9]{1,15}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")


class Skipped(StrEnum):
    """Why a call was not made: the run is skipped, the line is not down."""

    DENIED = "denied"  # emergency, premium, international, or not readable
    NOT_ALLOWED = "not_allowed"  # not on the trunk's list
    CALLS_AT_ONCE = "calls_at_once"
    NUMBER_IN_USE = "number_in_use"
    TOO_SOON = "too_soon"  # the minimum interval
    CALLS_PER_DAY = "calls_per_day"
    MINUTES_PER_DAY = "minutes_per_day"
    RETRY_AFTER = "retry_after"  # the far end asked for patience
    REJECTED = "rejected"  # 403, 603 or 607: it does not want to be called
    REGISTER = "register"  # what was called cannot be read or written


class Refusal(Exception):  # noqa: N818 - a decision, not an error of the program
    """The call is not made, and no packet was sent."""

    def __init__(self, reason: Skipped, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else str(reason))


def admitted(target: str, allowed: Sequence[str], domain: str) -> str:
    """Return the one form of a number or SIP URI that may be called. Raises `Refusal`.

    `allowed`: numbers and URIs. A `*` stands for any end of a number or name (+3199*), alone only for any name at a
    host that is given (sip:*@HOST). `domain`: the trunk's, which need not be named.
    """
    form = canonical(target, domain)
    if any(_covers(entry, form, domain) for entry in allowed):
        return form
    raise Refusal(Skipped.NOT_ALLOWED, "not on the list of this trunk")


def _covers(entry: str, form: str, domain: str) -> bool:
    """Tell whether an entry of the list allows a form; one that cannot be read allows nothing."""
    before, star, after = entry.partition("*")
    try:
        if not star:
            return form == _read(entry, domain)
        if _SCHEME.fullmatch(before) and after.startswith("@"):
            name, _, host = form.partition("@")
            return not _is_number(name) and (host or domain).lower() == after[1:].lower()
        wanted, _, place = _read(before + after, domain).partition("@")
        user, _, host = form.partition("@")
        return user.startswith(wanted) and host == place
    except Refusal:
        return False


def canonical(target: str, domain: str) -> str:
    """Return `+31...`, an extension or a name, with `@host` where it is not the trunk's. Raises `Refusal` (denied)."""
    form = _read(target, domain)
    user = form.partition("@")[0]
    if user.startswith("+"):
        _deny_number(user[1:])
    elif user.isdigit():
        _deny_extension(user)
    return form


def dialled(target: str, domain: str) -> str:
    """Return the request URI for a number, or for a SIP URI that says itself where it is. Raises `Refusal`."""
    user, host = _parts(target)
    if _is_number(user):
        number = _SEPARATORS.sub("", user)
        user = _number(number) if number.startswith("+") else number
    return f"sip:{user}@{host or domain}"


def _read(target: str, domain: str) -> str:
    """Return the one form of whatever can be read."""
    user, host = _parts(target)
    user = _number(_SEPARATORS.sub("", user)) if _is_number(user) else user.lower()
    return user if host.lower() in ("", domain.lower()) else f"{user}@{host.lower()}"


def _parts(target: str) -> tuple[str, str]:
    text = target.strip()
    scheme = _SCHEME.match(text)
    user, at, host = text[scheme.end() if scheme else 0 :].partition("@")
    user, host = unquote(user.partition(";")[0]), host.partition(";")[0]
    if at and not _HOST.fullmatch(host):
        raise Refusal(Skipped.DENIED, "no host behind the @")
    if not _is_number(user) and not (user.isascii() and _NAME.fullmatch(user)):
        raise Refusal(Skipped.DENIED, "neither a number nor a name")
    return user, host


def _is_number(user: str) -> bool:
    return user.isascii() and _DIGITS.fullmatch(_SEPARATORS.sub("", user)) is not None


def _number(number: str) -> str:
    """Return digits as `+...`, or as they are where neither country nor area is in front."""
    if number.startswith("00"):
        number = f"+{number[2:]}"
    elif number.startswith("0"):
        number = f"+{COUNTRY}{number[1:]}"
    if number.startswith(f"+{COUNTRY}"):  # +31 (0)800 ...
        return f"+{COUNTRY}{number[len(COUNTRY) + 1 :].lstrip('0')}"
    return number


def _deny_number(number: str) -> None:
    if not number.startswith(COUNTRY):
        raise Refusal(Skipped.DENIED, "another country")
    national = number.removeprefix(COUNTRY)
    if national.startswith(_DEAR):
        raise Refusal(Skipped.DENIED, "a dear number")
    # 113 to 118 are also the beginnings of area codes, with nine digits in all; 112 is none.
    if national.startswith("112") or (len(national) < 7 and national.startswith(_SHORT_HELP_OR_DEAR)):
        raise Refusal(Skipped.DENIED, "a help line")


def _deny_extension(number: str) -> None:
    if number.startswith(_SHORT_HELP_OR_DEAR) or number.endswith("112"):  # a 9 in front may lead outside
        raise Refusal(Skipped.DENIED, "a help line or a dear number")
    if len(number) > _LONGEST_EXTENSION:
        raise Refusal(Skipped.DENIED, "neither an extension nor a number with a 0 in front")
