"""What a page leaves for Grafana's own components, and what is pinned of them. Drawing with them needs npm."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.grafana import JsonObject
from dashboards.preview.asking import Answer
from dashboards.preview.plots import Canvas, Region
from dashboards.preview.prometheus import Series
from tests.grafana_ui.drawing import FOLDER, HAND

CANVAS = Canvas(400, 200, 0, 60, 2, ZoneInfo("Europe/Amsterdam"), [Region(10, 20, "#E69F00", "overrun")])
TARGET = {"refId": "B", "legendFormat": "{{probe}}", "format": "time_series"}


def left(panel: JsonObject, series: Sequence[Series], **target: str) -> Any:
    """Return what stands on the page for a panel and one answer."""
    html = HAND.body(panel, [Answer(TARGET | target, series, 2)], CANVAS)
    (text,) = re.findall(r'^<div class="grafana"><script type="application/json">([^<]*)</script></div>$', html)
    return json.loads(text)


@pytest.mark.parametrize("kind", ["stat", "bargauge", "table", "timeseries"])
def test_settings_answers_and_size_are_left_for_the_components(kind: str) -> None:
    """The panel as Grafana would get it, each series with its name and labels; what is no number is nothing."""
    panel = {"type": kind, "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []}}
    found = left(panel, [Series({"probe": "login"}, [(0.0, 1.5), (2.0, math.nan), (4.0, math.inf)])])
    assert found == {
        "panel": panel,
        "answers": [
            {
                "refId": "B",
                "table": False,
                "step": 2,
                "series": [{"name": "login", "labels": {"probe": "login"}, "points": [[0, 1.5], [2, None], [4, None]]}],
            }
        ],
        "width": 400,
        "height": 200,
        "start": 0,
        "end": 60,
        "timeZone": "Europe/Amsterdam",
        "regions": [{"start": 10, "end": 20, "colour": "#E69F00"}],
    }


def test_answers_for_a_table_are_said_to_be_one() -> None:
    """Grafana's data source makes one frame of them, with a column for each label."""
    (answer,) = left({"type": "table"}, [Series({"probe": "x"}, [(0.0, 1.0)])], format="table")["answers"]
    assert answer["table"] is True


def test_hostile_labels_stay_inside() -> None:
    """A label value cannot end the script element that holds it."""
    hostile = "</script><script>alert(1)</script>"
    (answer,) = left({"type": "stat"}, [Series({"probe": hostile}, [(0.0, 1.0)])])["answers"]
    assert answer["series"][0]["name"] == hostile


def test_what_npm_has_no_component_for_is_drawn_as_ever() -> None:
    """Text here; and a panel without data says so."""
    assert HAND.body({"type": "text", "options": {"content": "**word**"}}, [], CANVAS).count("<strong>word</strong>")
    empty = HAND.body({"type": "timeseries"}, [Answer(TARGET, [], 2)], CANVAS)
    assert empty == '<p class="empty">No data</p>'


def test_packages_are_pinned_by_hash_and_name_no_registry() -> None:
    """Grafana's packages have one version, the locked one."""
    asked = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    (version,) = {wanted for name, wanted in asked.items() if name.startswith("@grafana/")}
    ours = ("@grafana/data", "@grafana/schema", "@grafana/ui")
    assert {locked[f"node_modules/{name}"]["version"] for name in ours} == {version}
    assert all(package["integrity"] for path, package in locked.items() if path)
    assert not any("resolved" in package for package in locked.values())
