"""The replica's own pauses: they would be taken for those of the system under test."""

from __future__ import annotations

from staging.server import keep_pauses_short
from tests.collector import collections


def test_the_replica_leaves_alone_what_has_lived_for_a_while():
    """Everyone's session and draft are no garbage; looking through those of 70,000 people would take a second."""
    with collections() as noted:
        keep_pauses_short()
        del noted[:]  # its own collection, before it serves anyone
        kept = [[number] for number in range(100_000)]
    assert len(kept) == 100_000
    assert {generation for generation, _ in noted} == {0, 1}
