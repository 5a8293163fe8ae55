"""One colour for one thing."""

from __future__ import annotations

from config import Configuration
from dashboards import palette
from journeys import Reason
from monitors.probes.phone.safety.numbers import Skipped
from monitors.verdict import Cause, Phases, Window


def test_every_word_of_the_closed_vocabularies_has_a_colour() -> None:
    """A new reason, cause, window or phase cannot be forgotten, nor an old one stay behind."""
    assert set(palette.REASONS) == set(Reason)
    assert set(palette.CAUSES) == set(Cause)
    assert set(palette.WINDOWS) == set(Window) - {Window.NONE}
    assert set(palette.PHASES) == set(Phases.__dataclass_fields__)
    assert set(palette.SKIPPED) == set(Skipped)


def test_no_two_things_of_one_panel_share_a_colour(configuration: Configuration) -> None:
    """Reasons, systems and probes can be told apart."""
    for colours in (palette.REASONS, palette.CAUSES, palette.systems(configuration), palette.probes(configuration)):
        assert len(set(colours.values())) == len(colours)


def test_more_things_than_hues_come_back_lighter() -> None:
    """The tenth and the nineteenth thing share a hue with the first, not its colour."""
    names = [f"s{number}" for number in range(27)]
    assert len(set(palette.spread(names).values())) == 27


def test_tint_goes_from_the_colour_to_white() -> None:
    """0 leaves it, 1 is white, in between lies in between."""
    assert [palette.tint("#204060", white) for white in (0, 0.5, 1)] == ["#204060", "#90A0B0", "#FFFFFF"]
