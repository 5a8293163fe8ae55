"""`docs/campaigns.md` shows the campaigns as they are."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree as ET

from config import Configuration
from tests.campaign_page import files
from tests.conftest import ROOT


def test_the_page_and_its_pictures_are_up_to_date(
    configuration: Configuration, golden: Callable[[str, str], None]
) -> None:
    """Every campaign that has a curve, each of its days and seasons; and no picture of one that is gone."""
    made = files(configuration)
    for path, text in made.items():
        golden(f"../../../docs/{path}", text)
    kept = {f"pictures/{path.name}" for path in (ROOT / "docs" / "pictures").glob("campaign-*.svg")}
    assert kept == set(made) - {"campaigns.md"}


def test_a_picture_is_a_whole_drawing(configuration: Configuration) -> None:
    """Well-formed, with its own style, a title for those who do not see it, and no line out of the frame."""
    for path, text in files(configuration).items():
        if path.endswith(".svg"):
            drawing = ET.fromstring(text)
            names = {element.tag.rpartition("}")[2] for element in drawing.iter()}
            assert {"style", "title", "desc", "path", "text"} <= names, path
            assert "NaN" not in text
            assert "nan" not in text
