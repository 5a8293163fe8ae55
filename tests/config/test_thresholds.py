"""What a campaign may ask of a system and of the generator."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from config import ConfigError, Thresholds
from config.source import Document, validate
from journeys import definitions

EVERYTHING = """
failed_share: 0.01
p95: 2s
p99: 5s
warm_up: 10s
amplification: 1.5
steps:
  join-queue: {p95: 500ms, p99: 1s}
  file-return/submit: {p95: 3s}
generator: {started_share: 0.99, lateness_p99: 50ms, cpu: 0.9, loop_lag: 200ms}
doses: {web: 60, app: 15}
abort: {failed_share: 0.4, over: 20s}
"""


def read(text: str, journeys: object = None) -> Thresholds:
    document = Document("campaign.yaml", yaml.safe_load(text))
    return validate(document, Thresholds, {"journeys": journeys})


def test_everything_can_be_said_and_survives_json():
    """A plan is sent to workers as JSON: what comes back is the same, durations in seconds."""
    thresholds = read(EVERYTHING, definitions())
    assert thresholds.steps["join-queue"].p95 == 0.5
    assert thresholds.steps["file-return/submit"].p99 is None
    assert (thresholds.warm_up, thresholds.generator.lateness_p99) == (10.0, 0.05)
    assert thresholds.abort is not None
    assert thresholds.abort.over == 20
    assert Thresholds.model_validate_json(thresholds.model_dump_json()) == thresholds


def test_what_is_not_said_is_as_it_was():
    """No warm-up, the generator's usual limits, no doses, and a run that goes on whatever happens."""
    thresholds = Thresholds()
    assert (thresholds.failed_share, thresholds.p95, thresholds.warm_up) == (0.01, 2.0, 0.0)
    assert (thresholds.generator.started_share, thresholds.generator.lateness_p99) == (0.999, 0.1)
    assert (thresholds.steps, thresholds.doses, thresholds.abort) == ({}, {}, None)
    assert Thresholds.model_validate_json(thresholds.model_dump_json()) == thresholds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("steps: {sumbit: {p95: 1s}}", 'found "sumbit", expected a step of a journey: '),
        (
            "steps: {file-return/home: {p95: 1s}}",
            'found "file-return/home", expected a step of file-return: join-queue',
        ),
        ("steps: {file-retrun/submit: {p95: 1s}}", "expected a step, or journey/step with a journey that exists: "),
        ("steps: {Submit: {p95: 1s}}", "expected a step such as submit, or file-return/submit"),
        ("steps: {submit: {}}", "found none, expected a limit: p50, p95 or p99"),
        ("steps: {submit: {p90: 1s}}", 'found the unknown key "p90", expected one of: p50, p95, p99'),
        ("warm_up: 10", "expected a duration with its unit"),
        ("amplification: 0.9", "expected a number of at least 1"),
        ("doses: {phone: 1}", "expected one of: 'web' or 'app'"),
        ("doses: {web: -1}", "expected a number of at least 0"),
        ("generator: {cpu: 0}", "expected a number above 0"),
        ("abort: {failed_share: 1}", "expected a number below 1"),
        ("{failed_share: 0.6, abort: {}}", "expected at least the failed_share allowed, 0.6"),
    ],
)
def test_mistakes_are_explained(text, says):
    """What was found and what was expected."""
    with pytest.raises(ConfigError) as caught:
        read(text, definitions())
    assert says in str(caught.value)


def test_steps_are_not_checked_where_journeys_are_unknown():
    """The replica reads the configuration without knowing any journey; names alone have no steps."""
    for journeys in (None, ["file-return"]):
        assert list(read("steps: {nonsense: {p95: 1s}}", journeys).steps) == ["nonsense"]


def test_validate_names_file_and_line(tmp_path: Path):
    """`piekwacht validate` finds a step that no journey has."""
    from config import load
    from tests.conftest import ROOT

    for part in ("estate", "environments"):
        (tmp_path / part).symlink_to(ROOT / "config" / part)
    (tmp_path / "campaigns").mkdir()
    smoke = (ROOT / "config/campaigns/smoke.yaml").read_text()
    last = smoke[smoke.index("thresholds:") :]
    changed = smoke.replace(last, "thresholds:\n  steps:\n    sumbit: {p95: 1s}\n")
    (tmp_path / "campaigns/smoke.yaml").write_text(changed)
    line = changed.count("\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, definitions())
    assert f'smoke.yaml:{line}: thresholds.steps.sumbit: found "sumbit"' in str(caught.value)
