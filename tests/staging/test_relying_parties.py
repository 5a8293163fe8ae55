"""`docs/relying-parties.md`: the crowd of one provider and the logins of another."""

from __future__ import annotations

import pytest

from tests.benchmarks.relying_parties import LIMIT, OTHERS, Outcome, measure, table
from tests.conftest import ROOT


async def test_a_crowd_that_has_every_connection_shuts_the_others_out() -> None:
    """Up to the limit all get in; at it nobody does, though their own provider is empty."""
    assert (await measure(LIMIT - OTHERS, "none")).inside == OTHERS
    assert await measure(LIMIT, "none") == Outcome(inside=0, refused=OTHERS, gave_up=0, waited=0)


async def test_a_room_for_each_provider_keeps_the_others_apart() -> None:
    """The same crowd that makes them wait in a room for all is not noticed from a room of their own."""
    crowd = 2 * LIMIT
    alone, each, shared = await measure(0, "each"), await measure(crowd, "each"), await measure(crowd, "shared")
    assert alone == each
    assert alone.inside == OTHERS
    assert shared.refused == 0
    assert shared.waited > each.waited


@pytest.mark.slow
async def test_the_table_is_what_comes_out() -> None:
    """Counts, not times: the same on any machine."""
    assert await table() in (ROOT / "docs" / "relying-parties.md").read_text(encoding="utf-8")
