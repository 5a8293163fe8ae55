"""A small valid configuration that tests break in one place at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from config import ConfigError, Configuration, load

ESTATE = """\
owner: {id: tax, name: Tax office}

systems:
  website:
    name: Website
    name_nl: Website
    purpose: People read here.
    production_hosts: [www.tax.example]
    objective:
      target: 99.9
      measured_by: [home-page]
    probes:
      home-page:
        kind: http
        path: /
        interval: 15s
        timeout: 10s
        limit: 2s
      visit:
        kind: journey
        journey: visit-website
        interval: 15s
        timeout: 10s
        limit: 5s
"""

CAMPAIGN = """\
title: A day
sources: [a letter]
assumptions: []
timezone: Europe/Amsterdam
days:
  first-day:
    start: 2023-03-01T00:00:00+01:00
    source: a letter
    totals:
      visits: 1000
hourly_profile: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
streams:
  visits:
    title: Visits
    split:
      - journey: visit-website
        share: 0.75
      - journey: visit-website
        channel: app
        share: 0.25
thresholds:
  failed_share: 0.01
  p95: 2s
"""

ENVIRONMENT = """\
title: The replica
endpoints:
  website: http://127.0.0.1:8600/website
allow: [127.0.0.1]
secrets:
  token: env:TOKEN
"""

ESTATE_FILE, CAMPAIGN_FILE, ENVIRONMENT_FILE = "estate/tax.yaml", "campaigns/day.yaml", "environments/local.yaml"
FILES = {ESTATE_FILE: ESTATE, CAMPAIGN_FILE: CAMPAIGN, ENVIRONMENT_FILE: ENVIRONMENT}

JOURNEYS = ("log-in", "visit-website")


class House:
    """A folder with the small configuration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, content: str | bytes) -> None:
        """Write one file, as text or as bytes."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a text of one file; it must stand there exactly once."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def load(self) -> Configuration:
        """Load it as every command does."""
        return load(self.root, JOURNEYS)

    def problems(self) -> list[str]:
        """Return the lines that a person gets to see, with paths from the folder."""
        with pytest.raises(ConfigError) as caught:
            self.load()
        return [str(problem).removeprefix(f"{self.root}/") for problem in caught.value.problems]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def parse_errors(tmp_path: Path) -> Callable[[str | bytes], list[str]]:
    """Return what `read` finds wrong with the bytes of one file."""
    from config.source import read

    def errors(content: str | bytes) -> list[str]:
        path = tmp_path / "some.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            read(path)
        except ConfigError as error:
            return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.problems]
        return []

    return errors
