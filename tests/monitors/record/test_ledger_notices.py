"""The archive of published messages: added, never changed, and every change shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitors.record.ledger import Ledger, LedgerError, upgrade
from monitors.record.ledger_notices import seal
from tests.monitors.records import sql

BODIES = ['{"text": "eerste"}', '{"text": "tweede"}', '{"text": "derde"}']


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path) as ledger:
        for body in BODIES:
            ledger.add_notice("website-20260302T0900Z", body)
    return path


def problems(path: Path) -> list[str]:
    with Ledger.open(path, read_only=True) as ledger:
        return ledger.problems()


def test_messages_come_back_as_they_were_sealed(filled: Path) -> None:
    """In order, byte for byte, each with the digest of itself and of everything before it."""
    with Ledger.open(filled, read_only=True) as ledger:
        found = ledger.notices()
    assert [(each.number, each.body) for each in found] == list(enumerate(BODIES, 1))
    assert found[2].digest == seal(seal(seal("", BODIES[0]), BODIES[1]), BODIES[2])
    assert problems(filled) == []


@pytest.mark.parametrize(
    ("crime", "said"),
    [
        ("UPDATE notices SET body = replace(body, 'tweede', 'Tweede')", ["notice 2: changed since it was published"]),
        ("DELETE FROM notices WHERE number = 2", ["notice 2: missing", "notice 3: changed since it was published"]),
        ("DELETE FROM notices WHERE number = 1", ["notice 1: missing", "notice 2: changed since it was published"]),
        ("UPDATE notices SET digest = '' WHERE number = 2", ["notice 2: changed", "notice 3: changed"]),
    ],
)
def test_whoever_changes_the_archive_is_found_out(filled: Path, crime: str, said: list[str]) -> None:
    """`ledger check` names the message; those before it still hold."""
    sql(filled, crime)
    found = problems(filled)
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))


def test_messages_are_archived_beside_a_running_monitor(filled: Path) -> None:
    """The one who publishes is another process than the one who measures; a reader cannot publish."""
    with Ledger.open(filled) as monitor, Ledger.open_to_correct(filled) as person:
        digest = person.add_notice("website-20260302T0900Z", "{}")
        assert monitor.notices()[-1].digest == digest
    with Ledger.open(filled, read_only=True) as reader, pytest.raises(LedgerError, match="opened for reading only"):
        reader.add_notice("website-20260302T0900Z", "{}")


def test_a_ledger_of_version_2_gets_an_archive(filled: Path) -> None:
    """Nothing else is touched."""
    before = sql(filled, "SELECT sql FROM sqlite_schema WHERE name <> 'notices' ORDER BY name")
    sql(filled, "DROP TABLE notices")
    sql(filled, "PRAGMA user_version = 2")
    assert upgrade(filled) == (2, 3)
    assert problems(filled) == []
    assert sql(filled, "SELECT sql FROM sqlite_schema WHERE name <> 'notices' ORDER BY name") == before
