"""The class table against what Debian's SIPp does here: no row is without a call."""

from __future__ import annotations

from journeys import Reason
from monitors.probes.phone.classes import table
from monitors.verdict import Cause
from tests.peers.phone.test_refusals import TABLE
from tests.peers.phone.test_sounds import LINES

APART = {
    Cause.TRUNK_DOWN: "test_refusals.test_a_closed_port_is_a_trunk_that_is_down_at_once",
    Reason.NOT_RELEASED: "test_sounds.test_a_bye_that_is_never_confirmed",
}
"""Classes that have a test of their own."""


def test_every_class_is_met():
    """A class that is added to the table needs a far end that leads to it."""
    met = {row.expected for row in TABLE} | {line.expected for line in LINES.values()} | APART.keys()
    assert met == table().classes.keys()
