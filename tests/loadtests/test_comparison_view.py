"""A comparison as people read it."""

from __future__ import annotations

import pytest

from loadtests import comparison_view
from loadtests.comparison import Change, Comparison, Tolerance, Untested, explain
from tests.loadtests.test_terminal import printed


def row(subject="file-return: submit (POST)", metric="p95", judgement="regression", **changes):
    facts = {"baseline": 0.12, "current": 0.145, "change": 0.208, "low": 0.17, "high": 0.24, "p": 0.0001}
    facts |= {"between_runs": 0.05, "pairs": 30, "block_seconds": 2.0, "autocorrelation": 0.1}
    return Change(subject=subject, metric=metric, judgement=judgement, **facts | changes)


FAILED = {"baseline": 0.001, "current": 0.021, "change": 0.02, "low": 0.012, "high": 0.03, "burst": 1.0}


def comparison(**changes):
    tolerance = Tolerance()
    facts = {
        "outcome": "failed",
        "reasons": ["file-return: submit (POST): p95 20.8 % slower: 145 ms, 120 ms before"],
        "warnings": ["the environment is not the same: local (before), staging (after)"],
        "method": explain(tolerance, 6, 1),
        "tolerance": tolerance,
        "baselines": ["before"],
        "current": "after",
        "changes": [
            row(),
            row("all journeys", "failed_share", **FAILED),
            row("visit-website: home", "p50", "improvement", current=0.08, change=-0.33, low=-0.4, high=-0.25),
            row("log-in-with-app: poll", "p95", "undecided", change=0.04, low=-0.1, high=0.2, p=1.0),
            row("log-in-with-app", "p50", "unchanged", change=0.003, low=-0.01, high=0.02, p=1.0),
        ],
        "untested": [Untested(subject="activate-app", metric="p95", why="40 measured; about 240 needed in each run")],
    }
    return Comparison.model_validate(facts | changes)


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_answer_evidence_warnings_and_method(golden, width):
    """In this order, within a usual terminal."""
    text = printed(lambda console: comparison_view.show(comparison(), console), width)
    assert max(map(len, text.splitlines())) <= width
    golden(f"comparison-{width}.txt", text + "\n")


def test_the_markdown_shows_what_changed_and_folds_the_rest(golden):
    """For a comment of a pipeline."""
    golden("comparison.md", comparison_view.markdown(comparison()))


@pytest.mark.parametrize(
    ("outcome", "sign"), [("passed", "✔ NO REGRESSION"), ("failed", "✘ REGRESSION"), ("invalid", "! NOT COMPARABLE")]
)
def test_the_answer_is_a_word_and_a_sign(outcome, sign):
    """Colour alone tells nothing to some, and nothing in a log file."""
    found = comparison(outcome=outcome, reasons=["the scale is not the same"])
    assert sign in printed(lambda console: comparison_view.show(found, console))
    assert sign.lower() in comparison_view.markdown(found).lower().replace("load test: ", "")


def test_every_regression_is_shown_and_other_tables_are_cut():
    """Nothing that fails the pipeline may hide."""
    many = [row(f"step-{index:02d}") for index in range(14)]
    many += [row(f"quiet-{index:02d}", judgement="unchanged") for index in range(14)]
    text = printed(lambda console: comparison_view.show(comparison(changes=many), console))
    assert all(f"step-{index:02d}" in text for index in range(14))
    assert text.count("quiet-") == 10
    assert "and 4 more" in text


def test_names_from_a_file_are_not_taken_for_markup():
    """Neither by the terminal nor by Markdown."""
    odd = comparison(changes=[row("[red]a|b[/x] <script>")], warnings=["*_`x`_*"])
    assert "[red]a|b[/x] <script>" in printed(lambda console: comparison_view.show(odd, console), 120)
    text = comparison_view.markdown(odd)
    assert r"\[red\]a\|b\[/x\] \<script\>" in text
    assert r"\*\_\`x\`\_\*" in text
