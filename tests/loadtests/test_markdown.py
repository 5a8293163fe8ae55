"""A run as a comment on a merge request."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.markdown import FAILURES_SHOWN, REASONS_SHOWN, code, plain, render
from tests.loadtests.sample import check, connection_row, empty_summary, failure, limit_facts, plan_facts, summary


def test_the_text_stays_as_it_is(golden):
    """Verdict first, then thresholds, failures, the way to the report."""
    golden("summary.md", render(summary()))


@pytest.mark.parametrize(
    ("outcome", "head"), [("passed", "✅ PASSED"), ("failed", "❌ FAILED"), ("invalid", "⚠️ INVALID")]
)
def test_the_verdict_comes_first_in_words(outcome, head):
    """Not by a sign alone."""
    assert render(summary(outcome=outcome)).startswith(f"## {head}: ")


def test_a_run_without_failures_or_reasons_has_no_empty_parts():
    """Nothing to list, nothing said."""
    text = render(empty_summary())
    assert "Failures" not in text
    assert "\n\n\n" not in text


@pytest.mark.parametrize("reasons", [[], ["this looks like a limit of connections: x"]])
def test_what_failures_look_like_is_said_once(reasons):
    """Among the reasons of a failed run, or by itself."""
    row = connection_row(limit=limit_facts(sentence="this looks like a limit of connections: x"))
    assert render(summary(reasons=reasons, connections=[row])).count("looks like a limit of connections") == 1


def test_it_fits_a_comment_whatever_happened():
    """65,536 characters; what is left out is said."""
    long = "x" * 5000
    text = render(
        summary(
            reasons=[long] * 200,
            failures=[failure(step=f"step-{index}", detail=long) for index in range(300)],
            checks=[check(name=f"p95 of step {index}") for index in range(60)],
        )
    )
    assert len(text) < 65_536
    assert f"and {200 - REASONS_SHOWN} more" in text
    assert f"and {300 - FAILURES_SHOWN} more kinds of failure" in text


def cells(line: str) -> int:
    """Count the cells of a row as GitHub does: an escaped bar ends none."""
    return len(re.findall(r"(?<!\\)\|", line)) - 1


def test_what_a_server_sent_neither_breaks_the_table_nor_becomes_markup():
    """Bars, line ends, backticks, HTML, mentions and links stay inside their cell, in a code span."""
    evil = "a | b\n`c` <img src=x> @someone #1 [x](javascript:1) ``d``"
    text = render(summary(failures=[failure(detail=evil)]))
    (row,) = [line for line in text.splitlines() if "someone" in line]
    assert cells(row) == 5
    assert row.endswith("| ``` a \\| b `c` <img src=x> @someone #1 [x](javascript:1) ``d`` ``` |")


@given(st.text())
def test_a_code_span_cannot_be_left(text):
    """Its fence is longer than any run of backticks inside, and nothing in it ends the line or the cell."""
    span = code(text)
    if not span:
        return
    fence = re.match("`+", span).group()
    inner = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    assert not re.search(rf"(?<!`){fence}(?!`)", inner)
    assert span.splitlines() == [span]
    assert not re.search(r"(?<!\\)\|", span)


@given(st.text())
def test_plain_text_is_plain(text):
    """No markup character is left alone, no line ends, nobody is notified."""
    written = plain(text)
    assert len(written.splitlines()) <= 1
    assert "<" not in written
    assert not re.search(r"@[\w-]", written)
    assert not re.search(r"[*_`|\[\]#~$]|://|www\.", re.sub(r"\\.", "", written), re.IGNORECASE)


def test_titles_and_reasons_are_plain_text():
    """They come from a campaign and from figures; both may hold what looks like markup."""
    text = render(summary(plan=plan_facts(title="<b>1 * 2 * 3</b> @all"), reasons=["**x** [y](z)"]))
    assert "&lt;b>1 \\* 2 \\* 3&lt;/b>" in text
    assert "- \\*\\*x\\*\\* \\[y\\](z)" in text
    assert "@all" not in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("95.5% failed (at most 1%): see 2 - 3", "95.5% failed (at most 1%): see 2 - 3"),
        ("1. one", "1\\. one"),
        ("- one", "\\- one"),
        ("> one", "\\> one"),
        ("https://evil.example www.evil.example", "https\\://evil.example www\\.evil.example"),
        ("see #12", "see \\#12"),
    ],
)
def test_only_what_would_be_markup_is_escaped(text, written):
    """The text stays readable as it is."""
    assert plain(text) == written
