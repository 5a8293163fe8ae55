"""`piekwacht load compare`: whether a run is slower than others of the same plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_core import PydanticCustomError

from config.commands import Exit, JsonOption
from config.fields import parse_duration
from config.files import write_all
from config.source import ConfigError, Document, validate

if TYPE_CHECKING:
    from loadtests.summary import Summary
    from loadtests.verdict import Outcome

_CODES: Mapping[Outcome, Exit] = {"passed": Exit.GOOD, "failed": Exit.NO, "invalid": Exit.INVALID}

MOST_PROBLEMS = 10
"""Problems of one file that are printed; a file of another version has one for every row."""

SUMMARY = "the summary.json of a run (piekwacht load run)"


def compare_command(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="Summaries of runs, or the folders that hold them: one or more baselines, then the run to judge.",
            metavar="BASELINE... CURRENT",
        ),
    ],
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Confidence of the answer.")] = 0.95,
    slowdown: Annotated[float, typer.Option(min=0.001, max=10, help="Tolerate times longer by this share ...")] = 0.10,
    delay: Annotated[str, typer.Option(help="... or by this time, whichever is more.", metavar="DURATION")] = "5ms",
    failed_share: Annotated[
        float, typer.Option(min=0, max=1, help="Tolerate so much more of the journeys failing.")
    ] = 0.001,
    force: Annotated[
        bool, typer.Option("--force", help="Compare runs that are invalid or had other plans; warn.")
    ] = False,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Also write Markdown, for a comment of a pipeline, to this file.", metavar="FILE"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell whether a run is slower, or fails more, than one or more baseline runs of the same plan.

    \b
    Exit code:
      0 no regression
      1 a regression
      2 wrong use or unusable input: nothing was compared
      3 these runs cannot be compared

    \b
    Example: stop a pipeline when this release is slower than the last three
      piekwacht load compare runs/1.7 runs/1.8 runs/1.9 results
    """
    from rich.console import Console

    from loadtests import comparison_view
    from loadtests.compare import compare
    from loadtests.comparison import Tolerance

    tolerance = Tolerance(confidence=confidence, slowdown=slowdown, delay=_seconds(delay), failed_share=failed_share)
    *baselines, current = _load_all(runs)
    comparison = compare(baselines, current, tolerance, names=[str(path) for path in runs], force=force)
    if markdown is not None:
        _write(markdown, comparison_view.markdown(comparison))
    if as_json:
        typer.echo(comparison.model_dump_json(indent=2))
    else:
        comparison_view.show(comparison, Console())
    raise typer.Exit(_CODES[comparison.outcome])


def _load_all(paths: Sequence[Path]) -> list[Summary]:
    """Read every summary; exit with 2 and every problem if one is not usable or two are the same run."""
    if len(paths) < 2:
        _refuse(["one run is not enough: name one or more baseline runs, then the run to judge"])
    problems: list[str] = []
    summaries: list[Summary] = []
    for path in paths:
        try:
            summaries.append(_read(path / "summary.json" if path.is_dir() else path))
        except ConfigError as error:
            lines = [f"{item.file}: " + str(item).partition(": ")[2] for item in error.problems]
            problems += lines[:MOST_PROBLEMS]
            if len(lines) > MOST_PROBLEMS:
                problems.append(f"{error.problems[0].file}: and {len(lines) - MOST_PROBLEMS} more")
    _refuse(problems or list(_unusable(paths, summaries)))
    return summaries


def _read(path: Path) -> Summary:
    """Read one summary. Raises `ConfigError`."""
    import loadtests.summary as model

    document = Document(str(path), None)
    try:
        data = json.loads(path.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        raise ConfigError([document.problem((), str(error.strerror), SUMMARY)]) from None
    except (ValueError, RecursionError):
        raise ConfigError([document.problem((), "something that is not JSON", SUMMARY)]) from None
    if not isinstance(data, dict) or "schema_version" not in data:
        raise ConfigError([document.problem((), "JSON of another kind", SUMMARY)])
    if data["schema_version"] != 1:
        found = f"schema_version {json.dumps(data['schema_version'])[:20]}"
        raise ConfigError([document.problem((), found, "schema_version 1, the one that this version writes")])
    return validate(Document(str(path), data), model.Summary)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _unusable(paths: Sequence[Path], summaries: Sequence[Summary]) -> Iterator[str]:
    """Yield why these runs, each a good one, make no comparison."""
    from loadtests.compare import in_common

    first: dict[object, Path] = {}
    for path, summary in zip(paths, summaries, strict=True):
        same = first.setdefault((summary.began, summary.plan.command, summary.arrivals.digest), path)
        if same is not path:
            yield f"{path}: found the same run as in {same}, expected another one"
    if not in_common(summaries):
        found = ", ".join(str(path) for path in paths)
        yield f"{found}: found no journey that is in every run, expected at least one"


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(f"'{text}' is not {error.message()}", param_hint="--delay") from None


def _write(path: Path, text: str) -> None:
    try:
        write_all({path: text})
    except OSError as error:
        _refuse([f"cannot write {path}: {error.strerror or error}"])
    typer.echo(f"written: {path}", err=True)


def _refuse(problems: Sequence[str]) -> None:
    """Print the problems and exit with 2, if there are any."""
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(Exit.USAGE)
