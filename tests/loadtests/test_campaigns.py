"""The campaigns that are shipped: their figures follow from published ones, and the replica can walk them all."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from config import Configuration
from journeys import definitions
from loadtests.plan import make_plan
from tests.conftest import ROOT
from tests.replica import RunningReplica, running_replica
from tests.waiting import LONG

CAMPAIGNS = sorted(path.stem for path in (ROOT / "config" / "campaigns").glob("*.yaml"))
CHOSEN = {"smoke", "retry-storm"}
"""Campaigns whose rates are chosen, and say so."""

SOURCE = r"20\d\d-\d\d-[a-z]+-[a-z-]+"
LONGEST = 4 * LONG

ARRIVALS = 40
"""Of a short run; three seconds of the day, scaled to that."""


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_a_campaign_says_where_its_figures_come_from(name: str, configuration: Configuration) -> None:
    """Sources name published documents, or say that there is no figure; what is assumed is said as well."""
    campaign = configuration.campaigns[name]
    assert campaign.assumptions
    for source in campaign.sources:
        assert re.match("No published figure: " if name in CHOSEN else SOURCE, source), source


def test_every_journey_is_in_a_campaign_with_figures(configuration: Configuration) -> None:
    """Beside the smoke test: how often people do it is derived or assumed somewhere. But for the waiting room's own."""
    replayed = {
        part.journey
        for name, campaign in configuration.campaigns.items()
        if name not in CHOSEN
        for stream in campaign.streams.values()
        for part in stream.split
    }
    shipped = {name for name, known in definitions().items() if known.start.__module__.startswith("journeys.")}
    assert shipped - replayed == {"enter-waiting-room"}


@pytest.mark.parametrize(
    ("campaign", "season", "stream", "published"),
    [
        ("vat-quarter-end", "first-quarter-2027", "vat-returns", 9e6 / 4),
        ("vat-quarter-end", "first-quarter-2027", "payments", 9e6 / 4 / 5),
        ("vat-quarter-end", "first-quarter-2027", "website", 100e6 * 30 / 365),
        ("allowances-deadline", "august-2027", "allowances", 2 * 8.5e6 * 32 / 365),
        ("allowances-deadline", "august-2027", "website", 100e6 * 32 / 365),
        ("income-tax-season", "filing-2027", "returns", 0.9 * 10e6),
        ("income-tax-season", "filing-2027", "payments", 0.09 * 10e6),
        ("income-tax-season", "filing-2027", "allowances", 8.5e6 * 62 / 365),
        ("income-tax-season", "filing-2027", "website", 100e6 * 62 / 365),
    ],
)
def test_totals_of_a_season_follow_from_published_ones(
    configuration: Configuration, campaign: str, season: str, stream: str, published: float
) -> None:
    """As the assumptions of the file say, to within half a per cent."""
    assert configuration.campaigns[campaign].seasons[season].totals[stream] == pytest.approx(published, rel=0.005)


def test_the_first_of_march_has_the_logins_of_2023(configuration: Configuration) -> None:
    """5.0 million with those of the returns, of which a quarter has two; and 87,774 activations."""
    season = configuration.campaigns["income-tax-season"].seasons["filing-2027"]
    first = {stream: season.total(stream, date(2027, 3, 1)) for stream in season.totals}
    assert first["logins"] + 1.25 * first["returns"] == pytest.approx(5.0e6, rel=0.005)
    assert first["activations"] == pytest.approx(87_774, rel=0.005)


@pytest.mark.parametrize(
    ("stream", "a_year"), [("returns", 10e6), ("companies", 9e6), ("allowances", 8.5e6), ("website", 100e6)]
)
def test_an_average_day_is_one_part_in_365(configuration: Configuration, stream: str, a_year: float) -> None:
    """Of the year's figures; on both of its days."""
    for day in configuration.campaigns["ordinary-day"].days.values():
        assert day.totals[stream] == pytest.approx(a_year / 365, rel=0.005)


def test_the_night_of_the_deadline_is_its_busiest_hour(configuration: Configuration) -> None:
    """More returns are filed between 23:00 and midnight than in any other hour of that day."""
    plan = make_plan(configuration, "income-tax-season", "local", day="deadline-night")
    returns = [shape for kind, shape in zip(plan.kinds, plan.shapes, strict=True) if kind.stream == "returns"]
    hours = [sum(shape.window(3600 * hour, 3600 * (hour + 1)).total for shape in returns) for hour in range(24)]
    assert max(hours) == hours[23] > 1.5 * hours[19]


def house_of(replica: RunningReplica, folder: Path) -> Path:
    """Return a copy of the configuration whose `local` is this replica."""
    for part in ("estate", "campaigns", "environments"):
        shutil.copytree(ROOT / "config" / part, folder / part)
    path = folder / "environments" / "local.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "endpoints": replica.endpoints}))
    return folder


async def summary_of(config: Path, out: Path, *command: str) -> dict[str, Any]:
    """Run a command of `piekwacht load`; whatever a busy machine does to its verdict, return its summary."""
    arguments = [
        sys.executable,
        "-m",
        "piekwacht",
        "load",
        *command,
        "--config",
        str(config),
        "--out",
        str(out),
        "--json",
    ]
    done = await asyncio.to_thread(
        subprocess.run, arguments, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert done.returncode in {0, 1, 3}, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@pytest.mark.slow
@pytest.mark.timeout(3 * LONGEST)
@pytest.mark.parametrize("name", CAMPAIGNS)
async def test_the_replica_can_walk_a_campaign(name: str, configuration: Configuration, tmp_path: Path) -> None:
    """Some people of every campaign, for a moment of each of its days' noons: all of them reach their goal."""
    moment = {"start": "12:00", "end": "12:00:03"}
    scale = ARRIVALS / make_plan(configuration, name, "local", **moment).shape.total
    async with running_replica(dose_web=1000, dose_app=1000) as replica:
        asked = ("--from", moment["start"], "--to", moment["end"], "--think", "0", "--scale", f"{min(scale, 1000)}")
        summary = await summary_of(house_of(replica, tmp_path / "config"), tmp_path / "out", "run", name, *asked)
    arrivals = summary["arrivals"]
    assert arrivals["completed"] == arrivals["started"] > 0, summary["failures"]


@pytest.mark.slow
@pytest.mark.timeout(3 * LONGEST)
async def test_the_smoke_test_walks_every_journey_to_its_end(tmp_path: Path) -> None:
    """Also those in which people read for minutes; and nothing fails on a replica that is well."""
    async with running_replica(dose_web=1000, dose_app=1000) as replica:
        config = house_of(replica, tmp_path / "config")
        summary = await summary_of(config, tmp_path / "out", "smoke", "--seconds", "15")
    walked = {row["journey"]: row for row in summary["journeys"]}
    shipped = {name for name, known in definitions().items() if known.start.__module__.startswith("journeys.")}
    assert set(walked) == shipped
    assert {name for name, row in walked.items() if row["failed"] or not row["completed"]} == set()
