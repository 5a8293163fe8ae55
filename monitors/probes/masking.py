"""What of an answer may be shown to people: everything that helps on call, and no secret.

Headers are shown by value only if they are on a list of those that carry nothing secret; of all others the name is
shown. Of a URL the query is left out, and so is every part of the path that looks like a ticket or a citizen number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from yarl import URL

MASK = "***"
MAX_HEADERS, MAX_VALUE = 40, 200
"""Headers of one answer that are kept, and characters of each."""

_SHOWN = frozenset(
    b"accept-ranges age allow alt-svc cache-control connection content-encoding content-language content-length "
    b"content-type date expires keep-alive last-modified pragma retry-after server strict-transport-security trailer "
    b"transfer-encoding upgrade vary via x-cache x-content-type-options x-frame-options x-powered-by".split()
)
_LINKS = frozenset({b"location", b"content-location"})
_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "secure", "httponly", "samesite", "partitioned"})
_TELLING = re.compile(r"(?=[^/]*\d)[^/]{16,}|[^/]*\d{8,}[^/]*")

Headers = tuple[tuple[str, str], ...]
"""Name and masked value of each header, in order."""


def mask_headers(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers of an answer as they may be shown."""
    shown = []
    for name, value in raw:
        shown.append((name.decode("latin-1")[:MAX_VALUE], _mask(name.lower(), value)[:MAX_VALUE]))
        if len(shown) == MAX_HEADERS:
            break
    return tuple(shown)


def mask_url(url: URL) -> str:
    """Return a URL without user, query and fragment, and without what looks like a ticket or a citizen number."""
    path = "/".join(MASK if _TELLING.fullmatch(part) else part for part in url.path.split("/"))
    return f"{url.origin()}{path}" if url.absolute else path


def _mask(name: bytes, value: bytes) -> str:
    if name in _SHOWN:
        return value.decode("latin-1")
    if name in _LINKS:
        return _mask_link(value)
    if name == b"set-cookie":
        return _mask_cookie(value)
    return MASK


def _mask_link(value: bytes) -> str:
    try:
        url = URL(value.decode("latin-1"))
        return mask_url(url) + ("?" + MASK if url.query_string else "")
    except ValueError:
        return MASK


def _mask_cookie(value: bytes) -> str:
    """Return the cookie's name and those of its attributes that every browser knows; without a `=` it is all value."""
    pair, *attributes = value.decode("latin-1").split(";")
    name, sign, _ = pair.partition("=")
    known = [text.strip() for text in attributes if text.partition("=")[0].strip().lower() in _ATTRIBUTES]
    return "; ".join([f"{name.strip()}={MASK}" if sign else MASK, *known])
