"""Who may call: the challenge and the check of its answer (RFC 8760, and RFC 7616 for the sums)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

Algorithm = Literal["MD5", "SHA-256"]

REALM = "demo-line"


@dataclass(frozen=True, slots=True)
class Login:
    """Who may call, and with which password."""

    user: str = "probe"
    password: str = "only-for-the-demo-line"  # noqa: S105 - it opens nothing but the demo line
    algorithm: Algorithm = "MD5"


def challenge(nonce: str, algorithm: Algorithm, *, stale: bool = False) -> str:
    """Return the value of WWW-Authenticate or Proxy-Authenticate."""
    text = f'Digest realm="{REALM}", nonce="{nonce}", algorithm={algorithm}, qop="auth"'
    return text + ", stale=true" if stale else text


def fields(header: str) -> dict[str, str]:
    """Return the parameters of an answer to a challenge."""
    found = re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))', header)
    return {name.lower(): quoted or bare for name, quoted, bare in found}


def nonce_of(header: str) -> str:
    """Return the nonce that an answer is about."""
    return fields(header).get("nonce", "")


def is_right(header: str, method: str, login: Login, algorithm: Algorithm) -> bool:
    """Tell whether an answer to a challenge for an algorithm proves that the caller knows the password.

    response = H(H(user:realm:password) : nonce : nc : cnonce : qop : H(method:uri)), without nc, cnonce and qop
    where the answer has no qop (RFC 7616, 3.4.1).
    """
    given = fields(header)

    def digest(text: str) -> str:
        return hashlib.new("sha256" if algorithm == "SHA-256" else "md5", text.encode()).hexdigest()

    secret = digest(f"{login.user}:{REALM}:{login.password}")
    parts = ("nonce", "nc", "cnonce", "qop") if "qop" in given else ("nonce",)
    right = digest(
        ":".join([secret, *(given.get(part, "") for part in parts), digest(f"{method}:{given.get('uri', '')}")])
    )
    answered = (given.get("algorithm", "MD5").upper(), given.get("username"), given.get("response"))
    return answered == (algorithm, login.user, right)
