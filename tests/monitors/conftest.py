"""Fixtures for what the monitor shows."""

from __future__ import annotations

import pytest

from config import Configuration
from monitors.web.exposition import Snapshot
from tests.monitors.snapshots import unused


@pytest.fixture
def snapshot(configuration: Configuration) -> Snapshot:
    """Make a monitor of two systems that has not run yet, in planned maintenance of the website."""
    return unused(configuration)
