"""Panels drawn by Grafana's own components, as far as npm has them; text and state timelines by the preview's hand."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dashboards.grafana import JsonObject
from dashboards.preview.asking import Answer, name
from dashboards.preview.page import Hand
from dashboards.preview.panels import body
from dashboards.preview.plots import Canvas
from dashboards.preview.prometheus import Series

FOLDER = Path(__file__).parent

BUNDLE = "grafana-ui"
"""Name of the script and of the style sheet with the components, without suffix; they stand beside the pages."""

_KINDS = frozenset({"bargauge", "stat", "table", "timeseries"})
"""Types of panels that src/index.jsx draws."""


def bundle(folder: Path) -> None:
    """Install the locked packages and write the BUNDLE into a folder. Raises `subprocess.CalledProcessError`."""
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(["npm", "ci", *quiet], cwd=FOLDER, check=True)
    target = f"--outfile={folder.resolve() / BUNDLE}.js"
    subprocess.run(["npm", "run", "--silent", "bundle", "--", target], cwd=FOLDER, check=True)


def _body(panel: JsonObject, answers: Sequence[Answer], canvas: Canvas) -> Markup:
    """Leave settings and answers of a panel on the page for the components."""
    if panel["type"] not in _KINDS or not any(answer.series for answer in answers):
        return body(panel, answers, canvas)
    data = {
        "panel": panel,
        "answers": [_told(answer) for answer in answers],
        "width": canvas.width,
        "height": canvas.height,
        "start": canvas.start,
        "end": canvas.end,
        "timeZone": str(canvas.zone),
        "regions": [{"start": one.start, "end": one.end, "colour": one.colour} for one in canvas.regions],
    }
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return Markup('<div class="grafana"><script type="application/json">{}</script></div>').format(Markup(text))


def _told(answer: Answer) -> dict[str, Any]:
    target = answer.target
    return {
        "refId": target["refId"],
        "table": target["format"] == "table",
        "step": answer.step,
        "series": [_series(series, target["legendFormat"]) for series in answer.series],
    }


def _series(series: Series, legend: str) -> dict[str, Any]:
    points = [(at, value if math.isfinite(value) else None) for at, value in series.points]
    return {"name": name(series, legend), "labels": dict(series.labels), "points": points}


HAND = Hand(
    "drawn with Grafana's components",
    _body,
    f'<link rel="stylesheet" href="{BUNDLE}.css">\n<script src="{BUNDLE}.js"></script>',
)
