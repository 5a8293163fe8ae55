"""Peers that several tests of the load engine talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crowd import Listener, answering, listening, say


@pytest.fixture
def website() -> Iterator[Listener]:
    """Serve a page."""
    with listening(answering(say())) as listener:
        yield listener
