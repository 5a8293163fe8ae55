"""The scripts of the two incidents: what they name exists, and their course is in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import ConfigError, Configuration
from config.source import read, validate
from demo.incidents.script import FOLDER, PEOPLE, Script, names, script
from staging.faults import DEFINITIONS, Fault


@pytest.mark.parametrize("name", names())
def test_everything_that_a_script_names_exists(name: str, configuration: Configuration) -> None:
    """Probes, systems, faults and the parameters of faults; and each fault ends before the script does."""
    found = script(name)
    assert found.problems(configuration, list(Fault), name) == []
    for event in found.course:
        if event.on:
            DEFINITIONS[Fault(event.on)].parameters.model_validate(event.parameters)
    assert {event.on for event in found.course if event.on} == {event.off for event in found.course if event.off}
    if found.load:
        assert found.load.campaign in configuration.campaigns


def test_an_unknown_name_is_told() -> None:
    """Before anything starts."""
    one = script("march-2023").model_copy(update={"untouched": ["no-such-probe"]})
    found = {problem.found for problem in one.problems(_NOTHING, list(Fault), "march.yaml")}
    assert {"'no-such-probe'", "'website'", "'march-2023-rehearsal'"} <= found


_NOTHING = Configuration(Path(), {}, {}, {}, {})


def test_a_course_out_of_order_is_refused(tmp_path: Path) -> None:
    """With the line on which it stands."""
    text = (FOLDER / "march-2023.yaml").read_text()
    path = tmp_path / "script.yaml"
    path.write_text(
        text.replace("2023-03-01T12:00:00", "2023-03-01T08:00:00").replace("after: app-unguarded", "after: banner")
    )
    with pytest.raises(ConfigError) as raised:
        validate(read(path), Script)
    said = [str(problem) for problem in raised.value.problems]
    assert any("course" in line and "a moment from 2023-03-01T09:00:00+01:00" in line for line in said)
    assert any("a fault of the course: app-unguarded, connection-limit, number-cancelled" in line for line in said)


@pytest.mark.parametrize("name", names())
def test_scripts_give_every_probe_time(name: str) -> None:
    """However short the replay: each fault lasts until the probes that must see it have run as often as they may."""
    one = script(name)
    every = {each.probe: 20.0 for each in one.expect}
    times = one.timetable(every, 1.0)
    for each in one.expect:
        began = next(event.at for event in one.course if event.on == each.after)
        ended = next(event.at for event in one.course if event.off == each.after and event.at > began)
        assert times.second(ended) - times.second(began) >= each.seconds(20.0)


def test_people_come_while_the_script_lasts(tmp_path: Path) -> None:
    """A day outside it is refused, with its line."""
    path = tmp_path / "script.yaml"
    path.write_text((FOLDER / "march-2023.yaml").read_text().replace("[2023-03-01, 2023-03-02]", "[2023-03-03]"))
    with pytest.raises(ConfigError, match="a day whose hours lie between"):
        validate(read(path), Script)


def test_people_come_long_enough_to_be_measured() -> None:
    """However short the replay: a load test of no time would be refused, or say nothing."""
    one = script("march-2023")
    assert one.load is not None
    times = one.timetable({each.probe: 1.0 for each in one.expect}, 1.0)
    assert all(times.second(last) - times.second(first) >= PEOPLE for first, last in one.load.spans())
