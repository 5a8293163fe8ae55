"""The scripts of the two incidents: what they name exists, and their course is in order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config import ConfigError, Configuration
from config.source import read, validate
from demo.incidents.script import FOLDER, Script, names, script
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


def test_moments_are_spread_over_the_length() -> None:
    """The beginning is 0, the end is the length, and the middle lies between."""
    one = script("march-2023")
    middle = one.start + (one.end - one.start) / 2
    assert [one.seconds(at, 480) for at in (one.start, middle, one.end)] == [0, 240, 480]


def test_an_unknown_name_is_told() -> None:
    """Before anything starts."""
    one = script("march-2023").model_copy(update={"untouched": ["no-such-probe"]})
    [problem] = one.problems(_NOTHING, list(Fault), "march.yaml")[-1:]
    assert problem.found == "'no-such-probe'"


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


def test_scripts_last_as_long_as_their_calls_need() -> None:
    """Each fault of a telephone line lasts for two calls at least, or nobody could notice it in time."""
    for name in names():
        one = script(name)
        for event in (
            each for each in one.course if each.on in ("number-cancelled", "platform-down", "forwarding-broken")
        ):
            end = next(other.at for other in one.course if other.off == event.on)
            assert one.seconds(one.start + (end - event.at), one.length) > timedelta(seconds=30).total_seconds()
