"""What the tests of `deploy/` share."""

from __future__ import annotations

import pytest

from config import Configuration
from monitors.rules.rules_commands import texts


@pytest.fixture(scope="session")
def generated(configuration: Configuration) -> dict[str, str]:
    """Return what `piekwacht rules build` writes, by path."""
    return texts(configuration)
