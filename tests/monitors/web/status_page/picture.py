"""The status page of the sample as a picture, docs/pictures/status-page.png: `python -m` this.

Needs Debian's `chromium` and `pngquant`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from config import load
from monitors.web.status_page.render import Choice, render
from monitors.web.status_page.view import view
from tests.conftest import ROOT
from tests.monitors.web.status_page import sample
from tests.pictures import shoot

WIDTH, HEIGHT = 1280, 1600
"""Of the picture, in pixels: the head of the page and the first systems."""


def main() -> None:
    """Draw it anew."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "status.html"
        page.write_text(render(view(sample.facts(load(ROOT / "config"))), Choice("en")), encoding="utf-8")
        target = shoot(page, ROOT / "docs" / "pictures" / "status-page.png", WIDTH, HEIGHT)
    print(f"wrote {target.relative_to(ROOT)}, {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
