"""Answers to challenges: digest authentication (RFC 3261, 22; RFC 7616; RFC 8760).

    response = H( H(A1) : nonce : nc : cnonce : qop : H(A2) )     A1 = user : realm : password
    response = H( H(A1) : nonce : H(A2) )   without qop           A2 = method : uri

For the algorithms that end in -sess, A1 = H(user : realm : password) : nonce : cnonce.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from random import Random

from monitors.probes.phone.sip.message import Response

_ANSWERED_BY = {"WWW-Authenticate": "Authorization", "Proxy-Authenticate": "Proxy-Authorization"}
_HASHES = {"MD5": "md5", "SHA-256": "sha256"}
# Possessive throughout: a challenge of 60 KB is refused as quickly as it is read.
_PARAMETER = re.compile(r'[ \t]*+([A-Za-z0-9_-]++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s",]*+))[ \t]*+(?:,|$)')

Tried = set[tuple[str, str, bool]]
"""What one request has answered so far: header field, realm, and whether only because of a stale nonce."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a trunk knows us by."""

    user: str
    password: str = field(repr=False)


@dataclass(slots=True)
class _Challenge:
    """One challenge that can be answered; `count`: how often its nonce was used."""

    realm: str
    nonce: str
    algorithm: str | None
    qop: bool
    opaque: str | None
    stale: bool
    count: int = 0


class Authenticator:
    """Answers the challenges of one call, for its INVITE and for what follows.

    Of several challenges of one realm the first that is known is answered (RFC 8760, 2.4); a nonce is used again, with
    the next count, without waiting for another challenge.
    """

    def __init__(self, credentials: Credentials | None, random: Random) -> None:
        self._credentials = credentials
        self._random = random
        self._challenges: dict[tuple[str, str], _Challenge] = {}  # by header field and realm

    @property
    def used(self) -> bool:
        """Whether credentials were, or will be, sent."""
        return bool(self._challenges)

    def accepts(self, response: Response, tried: Tried) -> bool:
        """Tell whether the request may be sent again with `headers`, and note in `tried` what will be answered.

        A challenge is answered once, and once more if its nonce was only stale (22.2).
        """
        if self._credentials is None:
            return False
        new = False
        for name in _ANSWERED_BY:
            for challenge in _first_of_each_realm(response.headers.all(name)):
                stale = challenge.stale and (name, challenge.realm, False) in tried
                if (name, challenge.realm, stale) in tried:
                    return False
                tried.add((name, challenge.realm, stale))
                self._challenges[name, challenge.realm] = challenge
                new = True
        return new

    def headers(self, method: str, uri: str) -> list[tuple[str, str]]:
        """Return the header fields that answer every challenge known so far."""
        return [(_ANSWERED_BY[name], self._answer(each, method, uri)) for (name, _), each in self._challenges.items()]

    def _answer(self, challenge: _Challenge, method: str, uri: str) -> str:
        assert self._credentials is not None
        challenge.count += 1
        cnonce, count = f"{self._random.getrandbits(64):016x}", f"{challenge.count:08x}"
        response = digest(self._credentials, challenge, method, uri, cnonce, count)
        parts = {"username": self._credentials.user, "realm": challenge.realm, "nonce": challenge.nonce, "uri": uri,
                 "response": response}  # fmt: skip
        if challenge.opaque is not None:
            parts["opaque"] = challenge.opaque
        if challenge.qop or _is_session(challenge):
            parts["cnonce"] = cnonce
        values = [f'{name}="{_escaped(value)}"' for name, value in parts.items()]
        if challenge.qop:
            values += ["qop=auth", f"nc={count}"]
        if challenge.algorithm is not None:
            values.append(f"algorithm={challenge.algorithm}")
        return "Digest " + ", ".join(values)


def digest(credentials: Credentials, challenge: _Challenge, method: str, uri: str, cnonce: str, count: str) -> str:
    """Return the response of the formula above (RFC 7616, 3.4.1)."""
    algorithm = _HASHES[_hash_name(challenge)]

    def hashed(*parts: str) -> str:
        text = ":".join(parts).encode("utf-8", "surrogateescape")
        return hashlib.new(algorithm, text, usedforsecurity=False).hexdigest()

    first = hashed(credentials.user, challenge.realm, credentials.password)
    if _is_session(challenge):
        first = hashed(first, challenge.nonce, cnonce)
    between = (challenge.nonce, count, cnonce, "auth") if challenge.qop else (challenge.nonce,)
    return hashed(first, *between, hashed(method, uri))


def _first_of_each_realm(values: list[str]) -> list[_Challenge]:
    found: dict[str, _Challenge] = {}
    for value in values:
        challenge = _parse(value)
        if challenge is not None:
            found.setdefault(challenge.realm, challenge)
    return list(found.values())


def _parse(value: str) -> _Challenge | None:
    """Return a challenge; None where it is no digest, or needs an algorithm or protection that is not known."""
    scheme, _, rest = value.strip().partition(" ")
    given = _parameters(rest)
    if scheme.lower() != "digest" or given is None or "realm" not in given or "nonce" not in given:
        return None
    offered = [each.strip().lower() for each in given.get("qop", "").split(",") if each.strip()]
    stale = given.get("stale", "").lower() == "true"
    challenge = _Challenge(
        given["realm"], given["nonce"], given.get("algorithm"), "auth" in offered, given.get("opaque"), stale
    )
    known = _hash_name(challenge) in _HASHES and (challenge.qop or not offered)
    return challenge if known else None


def _parameters(text: str) -> dict[str, str] | None:
    """Return name="value" pairs with their quoting taken off; None where the text is something else."""
    given: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            return None
        quoted, plain = found[2], found[3]
        given[found[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        at = found.end()
    return given


def _hash_name(challenge: _Challenge) -> str:
    return (challenge.algorithm or "MD5").upper().removesuffix("-SESS")


def _is_session(challenge: _Challenge) -> bool:
    return (challenge.algorithm or "").upper().endswith("-SESS")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
