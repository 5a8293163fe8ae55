"""What the ledger of one vantage point makes of its sightings: incidents, and what is said of each probe now."""

from __future__ import annotations

from collections.abc import Mapping

from config import System
from monitors.incidents import Incident, incidents
from monitors.record.ledger import Ledger
from monitors.record.totals import Probe
from monitors.sightings import Sighting, faded


def incidents_of(
    ledger: Ledger, systems: Mapping[str, System], since: float, now: float
) -> tuple[list[Incident], dict[Probe, Sighting]]:
    """Return the incidents since a moment, and the latest sighting of each probe. Raises `LedgerError`."""
    sightings = ledger.sightings(since)
    heard = {(ledger.vantage, *probe): state.last_run for probe, state in ledger.states().items()}
    sightings += faded(sightings, heard, ledger.intervals(), now)
    return incidents(sightings, systems), {(each.system, each.probe): each for each in sightings}
