"""`piekwacht load compare`: what it reads, says and returns."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from loadtests.commands import app
from loadtests.comparison import Comparison
from tests.conftest import ROOT
from tests.loadtests import compared, pairs
from tests.loadtests.sample import summary


def written(folder: Path, name: str, seed: int, factor: float = 1.0, **changes: Any) -> Path:
    """Write the summary of a simulated run to a folder of its own, and return the folder."""
    simulated = compared.summary(seed, factor=factor)
    whole = summary()
    journey, step = whole.journeys[0], whole.steps[0]
    journeys = [journey.model_copy(update=dict(row)) for row in simulated.journeys]
    steps = [step.model_copy(update=dict(row)) for row in simulated.steps]
    parts = {"outcome": "passed", "reasons": [], "began": whole.began + timedelta(hours=seed)}
    run = whole.model_copy(update=parts | {"journeys": journeys, "steps": steps} | changes)
    (folder / name).mkdir()
    (folder / name / "summary.json").write_text(run.model_dump_json())
    return folder / name


def called(*arguments: str | Path) -> tuple[int, str, str]:
    """Return exit code, output and errors."""
    done = CliRunner().invoke(app, ["compare", *map(str, arguments)], env={"COLUMNS": "120"})
    return done.exit_code, done.stdout, done.stderr


def test_equal_runs_pass_and_a_slower_one_fails(tmp_path):
    """Exit codes 0 and 1; folders and files are taken alike; several baselines come first."""
    first, second = written(tmp_path, "first", 1), written(tmp_path, "second", 2)
    slower = written(tmp_path, "slower", 3, factor=1.3)
    assert called(first, second)[0] == 0
    code, output, _ = called(first / "summary.json", second, slower)
    assert code == 1
    assert "✘ REGRESSION" in output


def test_json_and_markdown_say_the_same(tmp_path):
    """The JSON is a `Comparison`; the Markdown goes to its file, and the output is JSON alone."""
    first, slower = written(tmp_path, "first", 1), written(tmp_path, "slower", 2, factor=1.3)
    code, output, errors = called(first, slower, "--json", "--markdown", tmp_path / "comment.md")
    comparison = Comparison.model_validate_json(output)
    assert (code, comparison.outcome) == (1, "failed")
    assert comparison.current == str(slower)
    assert (tmp_path / "comment.md").read_text().startswith("### ✘ Load test: regression")
    assert "written: " in errors


def test_runs_that_cannot_be_compared_end_with_3_unless_forced(tmp_path):
    """An invalid run; with --force it is a warning."""
    first = written(tmp_path, "first", 1)
    broken = written(tmp_path, "broken", 2, outcome="invalid", reasons=["a worker was lost"])
    code, output, _ = called(first, broken)
    assert code == 3
    assert "NOT COMPARABLE" in output
    assert "a worker was lost" in output
    code, output, _ = called(first, broken, "--force")
    assert code == 0
    assert "a worker was lost" in output


def test_what_is_tolerated_can_be_chosen(tmp_path):
    """30 % slower passes where 50 % are tolerated, or a second."""
    first, slower = written(tmp_path, "first", 1), written(tmp_path, "slower", 2, factor=1.3)
    assert called(first, slower, "--slowdown", "0.5")[0] == 0
    assert called(first, slower, "--delay", "1s")[0] == 0


def test_a_run_compared_with_itself_is_refused(tmp_path):
    """It would always pass: a pipeline that mixed up its files must hear of it."""
    first = written(tmp_path, "first", 1)
    code, _, errors = called(first, first / "summary.json")
    assert code == 2
    assert "found the same run" in errors


def test_runs_with_nothing_in_common_are_refused(tmp_path):
    """There is no journey to compare."""
    first, other = written(tmp_path, "first", 1), written(tmp_path, "other", 2, journeys=[], steps=[])
    code, _, errors = called(first, other)
    assert code == 2
    assert "found no journey that is in every run" in errors


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "found No such file or directory, expected the summary.json of a run"),
        (b"", "found something that is not JSON"),
        (b"\xff\xfe", "found something that is not JSON"),
        (b"[" * 100_000, "found something that is not JSON"),
        (b'{"schema_version": NaN}', "found something that is not JSON"),
        (b"[1, 2]", "found JSON of another kind, expected the summary.json of a run"),
        (b'{"files": []}', "found JSON of another kind"),
        (b'{"schema_version": 2}', "found schema_version 2, expected schema_version 1"),
        (b'{"schema_version": 1, "outcome": "passed"}', " more"),
    ],
)
def test_a_file_that_is_no_summary_is_named_with_what_was_expected(tmp_path, content, words):
    """Every bad file, in one call, without a traceback."""
    bad, missing = tmp_path / "bad.json", tmp_path / "missing.json"
    if content is not None:
        bad.write_bytes(content)
    code, output, errors = called(bad, missing)
    assert code == 2
    assert f"{bad}: " in errors
    assert words in errors
    assert f"{missing}: found No such file" in errors
    assert len(errors.splitlines()) <= 12
    assert not output


def test_a_wrong_value_within_a_summary_is_named(tmp_path):
    """By its path, with what was found and expected."""
    first, second = written(tmp_path, "first", 1), written(tmp_path, "second", 2)
    text = (second / "summary.json").read_text()
    (second / "summary.json").write_text(text.replace('"outcome":"passed"', '"outcome":"great"'))
    code, _, errors = called(first, second)
    assert code == 2
    assert errors.startswith(f'{second / "summary.json"}: outcome: found "great", expected one of: ')


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("one",), "one run is not enough"),
        ((), "Missing argument"),
        (("a", "b", "--delay", "5"), "'5' is not a duration with its unit"),
        (("a", "b", "--confidence", "1"), "--confidence"),
    ],
)
def test_wrong_use_is_explained(arguments, words):
    """Exit code 2."""
    code, _, errors = called(*arguments)
    assert code == 2
    assert words in errors


def test_markdown_that_cannot_be_written_is_wrong_use(tmp_path):
    """The folder is a file."""
    first, second = written(tmp_path, "first", 1), written(tmp_path, "second", 2)
    code, _, errors = called(first, second, "--markdown", first / "summary.json" / "comment.md")
    assert code == 2
    assert "cannot write" in errors


def comparison_of(baseline: Path, current: Path) -> dict[str, Any]:
    """Compare two runs; a tolerance of half is right on a busy machine too."""
    command = [sys.executable, "-m", "piekwacht", "load", "compare", str(baseline), str(current), "--json"]
    done = subprocess.run([*command, "--slowdown", "0.5"], cwd=ROOT, capture_output=True, text=True, check=False)
    comparison: dict[str, Any] = json.loads(done.stdout)
    return comparison


@pytest.mark.slow
def test_real_runs_against_a_real_server(tmp_path):
    """Against the same server two runs are equal; against one that takes twice as long, a run is slower."""
    asked = {"first": "plain", "second": "plain", "slower": "slow"}
    with pairs.server(slower=2.0) as url, ThreadPoolExecutor(3) as pool:
        config = pairs.configure(tmp_path / "config", url, rate=50.0)
        for _ in range(pairs.TRIES):
            runs = [
                pool.submit(pairs.run, config, environment, 20, seed, tmp_path / name)
                for seed, (name, environment) in enumerate(asked.items())
            ]
            first, second, slower = (run.result() for run in runs)
            comparisons = [comparison_of(first, second), comparison_of(first, slower)]
            if not any("not equally fit" in str(comparison["reasons"]) for comparison in comparisons):
                break  # nothing else has kept one generator from its work
    assert [comparison["outcome"] for comparison in comparisons] == ["passed", "failed"], comparisons
    medians = [row["change"] for row in comparisons[1]["changes"] if row["metric"] == "p50"]
    assert len(medians) == 3
    assert min(medians) > 0.5
