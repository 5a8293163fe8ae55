"""`docs/estate.md` says for every system what there is for it, and leaves nothing out."""

from __future__ import annotations

from collections.abc import Callable

from config import Configuration
from staging.faults import Fault
from tests.estate_page import COLUMNS, MISSING, ORDER, page, read_house, row


async def test_the_page_is_complete_and_up_to_date(
    configuration: Configuration, golden: Callable[[str, str], None]
) -> None:
    """A row for every system, a word in every cell; and the page that is kept is the one that comes out."""
    house = await read_house(configuration)
    systems = dict.fromkeys([*ORDER, *configuration.systems])
    empty = [(system, column) for system in systems for column, cell in row(house, system).items() if not cell]
    assert empty == []
    assert [system for system in systems if MISSING in row(house, system).values()] == []
    dashboards = [row(house, system)["Dashboards"] for system in ("digid-app", "bank-tax", "nhd-line")]
    assert dashboards == ["Login", "Portals", "Phone lines"]
    text = page(house)
    assert [fault for fault in Fault if f" {fault}" not in text] == []
    assert all(line.count(" | ") == len(COLUMNS) - 1 for line in text.splitlines() if line.startswith("| `"))
    golden("../../../docs/estate.md", text)
