"""Evidence in the ledger: what the newest failures of each probe looked like, and a few of its other runs."""

from __future__ import annotations

import json
import sqlite3

FAILURES_KEPT, OTHERS_KEPT = 20, 5
"""Runs of each probe that are kept."""

_ADD = "INSERT INTO evidence (probe, started, failed, verdict) VALUES (?, ?, ?, ?)"
_DROP = """
DELETE FROM evidence WHERE probe = :probe AND failed = :failed AND number <=
    (SELECT number FROM evidence WHERE probe = :probe AND failed = :failed ORDER BY number DESC LIMIT 1 OFFSET :kept)
"""
_NEWEST = "SELECT started, verdict FROM evidence WHERE probe = ? ORDER BY number DESC"


def keep(writer: sqlite3.Connection, number: int, started: float, verdict_json: str) -> None:
    """Add a run of probe `number` and drop what is too old: failures and others have their own places."""
    failed = json.loads(verdict_json)["verdict"] == "fail"
    writer.execute(_ADD, (number, started, failed, verdict_json))
    writer.execute(_DROP, {"probe": number, "failed": failed, "kept": FAILURES_KEPT if failed else OTHERS_KEPT})


def newest(reader: sqlite3.Connection, number: int | None) -> list[tuple[float, str]]:
    """Return (started, JSON) of what is kept of a probe, newest first."""
    return reader.execute(_NEWEST, (number,)).fetchall()
