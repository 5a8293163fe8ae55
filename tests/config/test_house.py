"""A whole folder: every mistake of every file, each in one line that says where, what and what instead."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import ConfigError, load
from tests.config.conftest import CAMPAIGN, CAMPAIGN_FILE, ENVIRONMENT_FILE, ESTATE, ESTATE_FILE, FILES, JOURNEYS

DURATION = "a duration with its unit, such as 500ms, 15s, 2m, 1h or 30d"
MISTAKES = yaml.safe_load(Path(__file__).with_name("mistakes.yaml").read_text(encoding="utf-8"))


def test_the_small_configuration_is_valid(house):
    """What the other tests break is whole at first."""
    configuration = house.load()
    assert list(configuration.systems) == ["website"]
    assert configuration.owner_of["website"].name == "Tax office"
    assert [(system, name, probe.kind) for system, name, probe in configuration.probes()] == [
        ("website", "home-page", "http"),
        ("website", "visit", "journey"),
    ]
    assert configuration.campaigns["day"].default_day == "first-day"
    assert configuration.environments["local"].allows("http://127.0.0.1:1/x")
    assert configuration.calendars == []


def test_the_shipped_configuration_is_valid(configuration):
    """Every system of this project has a probe, and an endpoint in every environment unless it is a telephone line."""
    reached = {name for name, system in configuration.systems.items() if not system.is_line}
    for environment in configuration.environments.values():
        assert environment.endpoints.keys() == reached
    assert {system for system, _, _ in configuration.probes()} == set(configuration.systems)


def test_calendars_are_found(house):
    """In the order of their names."""
    house.write("maintenance/b.ics", "")
    house.write("maintenance/a.ics", "")
    assert [path.name for path in house.load().calendars] == ["a.ics", "b.ics"]


@pytest.mark.parametrize(
    ("file", "mistake"),
    [
        pytest.param(file, mistake, id=f"{file}: {mistake['to'] or 'no ' + mistake['change']}")
        for file, mistakes in MISTAKES.items()
        for mistake in mistakes
    ],
)
def test_each_mistake_is_told_exactly(house, file, mistake):
    """One line for each mistake and no other, with the line on which it stands."""
    house.change(file, mistake["change"], mistake["to"])
    assert house.problems() == [f"{file}:{line}" for line in mistake["says"]]


def test_mistakes_in_several_files_are_told_at_once(house):
    """Sorted by file and line; what only follows from another mistake is not told."""
    house.change(ESTATE_FILE, "target: 99.9", "target: 0")
    house.change(ESTATE_FILE, "limit: 2s", "limit: 2")
    house.change(CAMPAIGN_FILE, "visits: 1000", "visits: -1")
    house.change(CAMPAIGN_FILE, "p95: 2s", "p95: soon")
    house.change(ENVIRONMENT_FILE, "[127.0.0.1]", "[localhost]")
    house.write("campaigns/another.yaml", "")
    house.write("campaigns/third.yml", CAMPAIGN)
    house.write("environments/tab.yaml", "title:\tx\n")
    assert house.problems() == [
        "campaigns/another.yaml:1: found an empty file, expected a mapping",
        "campaigns/day.yaml:10: days.first-day.totals.visits: found -1, expected a number of at least 0",
        f'campaigns/day.yaml:23: thresholds.p95: found "soon", expected {DURATION}',
        "campaigns/third.yml:1: found the ending .yml, expected the ending .yaml",
        "environments/local.yaml:3: endpoints.website: found the host '127.0.0.1', expected a host of allow: localhost",
        "environments/tab.yaml:1: found a tab, expected spaces",
        "estate/tax.yaml:10: systems.website.objective.target: found 0, expected a number above 0",
        f"estate/tax.yaml:18: systems.website.probes.home-page.limit: found 2, expected {DURATION}",
    ]


def test_both_contradictions_of_a_probe_are_told(house):
    """Interval and limit, each at its own line."""
    house.change(ESTATE_FILE, "timeout: 10s\n        limit: 5s", "timeout: 20s\n        limit: 21s")
    assert house.problems() == [
        'estate/tax.yaml:22: systems.website.probes.visit.interval: found "15s", expected at least the timeout, 20s',
        'estate/tax.yaml:24: systems.website.probes.visit.limit: found "21s", expected at most the timeout, 20s',
    ]


def test_names_are_unique_in_the_whole_estate(house):
    """Systems and probes are labels of metrics."""
    house.write("estate/zoo.yaml", ESTATE.replace("home-page", "front-page"))
    first = f"it only in {house.root}/estate/tax.yaml"
    assert house.problems() == [
        f"estate/zoo.yaml:4: systems.website: found the system 'website' a second time, expected {first}",
        f"estate/zoo.yaml:19: systems.website.probes.visit: found the probe 'visit' a second time, expected {first}",
    ]


def test_an_endpoint_for_every_system(house):
    """A system without an endpoint could neither be probed nor loaded."""
    other = ESTATE.replace("website:", "portal:").replace("home-page", "portal-page").replace("visit:", "visit-portal:")
    house.write("estate/portal.yaml", other)
    assert house.problems() == ["environments/local.yaml:2: endpoints: found nothing, expected an endpoint for portal"]


def test_an_empty_folder_is_an_error(tmp_path):
    """Also one that does not exist."""
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError) as caught:
            load(root)
        assert [str(problem) for problem in caught.value.problems] == [
            f"{root}/{folder}:1: found no *.yaml file, expected at least one"
            for folder in ("campaigns", "environments", "estate")
        ]


def test_unreadable_files_are_errors(house):
    """A folder in place of a file, a link to nowhere, bytes of another encoding."""
    (house.root / "campaigns/folder.yaml").mkdir()
    (house.root / "campaigns/link.yaml").symlink_to("nowhere")
    house.write("environments/latin.yaml", "title: caf\xe9\n".encode("latin-1"))
    assert house.problems() == [
        "campaigns/folder.yaml:1: found Is a directory, expected a readable file",
        "campaigns/link.yaml:1: found No such file or directory, expected a readable file",
        "environments/latin.yaml:1: found bytes that are not UTF-8, expected YAML in UTF-8",
    ]


def test_journeys_are_checked_only_if_they_are_known(house):
    """The replica reads the configuration without knowing any journey."""
    house.change(CAMPAIGN_FILE, "- journey: visit-website\n        share", "- journey: open\n        share")
    assert load(house.root).campaigns["day"].streams["visits"].split[0].journey == "open"
    with pytest.raises(ConfigError):
        load(house.root, JOURNEYS)


@given(
    st.sampled_from(sorted(FILES.items())),
    st.data(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)
def test_no_edit_breaks_loading(house, chosen, data):
    """Whatever is cut out of a valid file or put into it, there is a configuration or a list of problems."""
    file, text = chosen
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 30)))
    house.write(file, text[:begin] + data.draw(st.text(max_size=8)) + text[end:])
    try:
        house.load()
    except ConfigError as error:
        problems = error.problems
    else:
        problems = []
    house.write(file, text)
    assert all(problem.line >= 1 and str(problem).isprintable() for problem in problems)
