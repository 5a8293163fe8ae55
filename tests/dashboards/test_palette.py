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


def test_more_things_than_hues_come_back_in_other_shades() -> None:
    """The eighth and the fifteenth thing share a hue with the first, not its colour."""
    names = [f"s{number}" for number in range(70)]
    assert len(set(palette.spread(names).values())) == 70


def test_nothing_vanishes_on_a_light_or_a_dark_page(configuration: Configuration) -> None:
    """However many systems and probes there are, every line can be seen beside white and beside Grafana's dark."""
    many = palette.spread(f"s{number}" for number in range(70))
    relatives = palette.shades("#332288", (f"p{number}" for number in range(20)))
    for colours in (many, relatives, palette.systems(configuration), palette.probes(configuration), palette.REASONS):
        for name, colour in colours.items():
            assert contrast(colour, "#FFFFFF") >= 2, name
            assert contrast(colour, "#181B1F") >= 2.5, name


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: from 1, the same, to 21, black on white."""
    dark, bright = sorted(palette.luminance(colour) + 0.05 for colour in (one, other))
    return bright / dark


def test_luminance_goes_from_black_to_white() -> None:
    """The eye takes green for brighter than red, and red for brighter than blue."""
    assert (palette.luminance("#000000"), round(palette.luminance("#FFFFFF"), 9)) == (0, 1)
    assert [round(palette.luminance(colour), 4) for colour in ("#FF0000", "#00FF00", "#0000FF")] == [
        0.2126,
        0.7152,
        0.0722,
    ]


def test_a_shade_keeps_the_hue_and_turns_from_bright_to_dark() -> None:
    """No turn leaves a colour that can be seen; half a turn and another half lead back to as bright as it was."""
    assert palette.shade("#4477AA", 0) == "#4477AA"
    there = palette.shade("#4477AA", 0.5)
    back = palette.shade(there, 0.5)
    assert abs(palette.luminance(back) - palette.luminance("#4477AA")) < 0.01
    red, green, blue = (int(there[i : i + 2], 16) for i in (1, 3, 5))
    assert red < green < blue
