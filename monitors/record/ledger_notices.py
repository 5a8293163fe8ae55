"""Published messages in the ledger: added, never changed, each sealed together with all that were before it.

    digest(n) = SHA-256( digest(n - 1) + body(n) )

The body is the JSON text of a message; the first one follows an empty digest. Whoever changes, removes or reorders a
message breaks every digest after it, and `piekwacht ledger check` says where. The protocol of customs wants messages
archived for a year (2022-12-douane-communication-protocol); here they stay as long as the ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

_ADD = "INSERT INTO notices (case_id, body, digest) VALUES (?, ?, ?)"
_LAST = "SELECT digest FROM notices ORDER BY number DESC LIMIT 1"
_ALL = "SELECT number, case_id, body, digest FROM notices ORDER BY number"


class Sealed(NamedTuple):
    """A message as it stands in the ledger; `number` counts from 1, `case` names what it is about."""

    number: int
    case: str
    body: str
    digest: str


def add(writer: sqlite3.Connection, case: str, body: str) -> str:
    """Add a message and return its digest."""
    last = writer.execute(_LAST).fetchone()
    digest = seal("" if last is None else last[0], body)
    writer.execute(_ADD, (case, body, digest))
    return digest


def archive(reader: sqlite3.Connection) -> list[Sealed]:
    """Return every message in the order in which they were published."""
    return [Sealed(*row) for row in reader.execute(_ALL)]


def problems(found: Iterable[Sealed]) -> Iterator[str]:
    """Yield the messages of a whole archive that are not what was published, or are missing."""
    before, expected = "", 1
    for number, _, body, digest in found:
        if number != expected:
            yield f"notice {expected}: missing"
        if digest != seal(before, body):
            yield f"notice {number}: changed since it was published, or one before it was"
        before, expected = digest, number + 1


def seal(before: str, body: str) -> str:
    """Return the digest of a body that follows a digest."""
    return sha256((before + body).encode()).hexdigest()
