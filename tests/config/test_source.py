"""Errors of files and values: file, line, path, what was found and what was expected, all at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from config.campaign import Campaign
from config.environment import Environment
from config.estate import EstateFile
from config.source import ConfigError, Contradiction, Document, Problem, Strict, dotted, read, read_documents, validate
from config.yaml_tree import parse


class Inner(Strict):
    low: float = 1.0
    high: float = Field(gt=0)

    def contradictions(self):
        if self.low > self.high:
            yield Contradiction(("low",), f"at most high, {self.high:g}")


class Outer(Strict):
    name: str
    flag: bool = False
    size: Annotated[int, Field(ge=2, le=9)] = 5
    inner: Inner | None = None
    many: list[Inner] = Field(default=[])
    by_name: dict[str, Inner] = Field(default={})


KEYS = "by_name, flag, inner, many, name, size"


def complaints(text: str, model: type[Strict] = Outer) -> list[str]:
    """Return what `validate` says about a text."""
    tree = parse(text)
    assert tree.complaints == []
    with pytest.raises(ConfigError) as caught:
        validate(Document("f", tree.data, tree.lines), model)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nome: x\nname: y", f'f:1: nome: found the unknown key "nome", expected one of: {KEYS}'),
        ("size: 3", "f:1: found nothing, expected the key 'name'"),
        ("name: 3", "f:1: name: found 3, expected text"),
        ("name: x\nflag: 2", "f:2: flag: found 2, expected true or false"),
        ("name: x\nsize: big", 'f:2: size: found "big", expected a whole number'),
        ("name: x\nsize: 2.5", "f:2: size: found 2.5, expected a whole number"),
        ("name: x\nsize: 1", "f:2: size: found 1, expected a number of at least 2"),
        ("name: x\nsize: 10", "f:2: size: found 10, expected a number of at most 9"),
        ("name: x\nmany: {}", "f:2: many: found a mapping, expected a list"),
        ("name: x\nby_name: []", "f:2: by_name: found an empty list, expected a mapping"),
        ("name: x\ninner: text", 'f:2: inner: found "text", expected a mapping'),
        ("name: x\ninner:\n  high: 0", "f:3: inner.high: found 0, expected a number above 0"),
        ("name: x\ninner:\n  low: 3", "f:2: inner: found nothing, expected the key 'high'"),
        ("name: x\ninner:\n  high: 1\n  l: 3", 'f:4: inner.l: found the unknown key "l", expected one of: high, low'),
        ("name: x\ninner:\n  high: 1\n  low: 3", "f:4: inner.low: found 3, expected at most high, 1"),
        ("name: x\ninner:\n  high: 0.5", "f:2: inner.low: found the default 1.0, expected at most high, 0.5"),
        ("name: x\nmany:\n- high: 1\n- high: 1\n  low: 2", "f:5: many[1].low: found 2, expected at most high, 1"),
        ("name: x\nmany: [{high: 1, x: 2}]", 'f:2: many[0].x: found the unknown key "x", expected one of: high, low'),
        ("name: x\nby_name:\n  a b:\n    high: z", 'f:4: by_name."a b".high: found "z", expected a number'),
        ("[1, 2]", "f:1: found a list, expected a mapping"),
        ("text", 'f:1: found "text", expected a mapping'),
        ('name: x\n"a\\nb": 1', f'f:2: "a\\nb": found the unknown key "a\\nb", expected one of: {KEYS}'),
        ('name: x\nsize: "\\x9b31m\\u2028"', 'f:2: size: found "\\u009b31m\\u2028", expected a whole number'),
        (f"name: x\nsize: {'y' * 100}", f'f:2: size: found "{"y" * 56}..., expected a whole number'),
    ],
)  # fmt: skip
def test_each_error_is_one_line(text, message):
    """File, line, path, what was found, what was expected."""
    assert complaints(text) == [message]


def test_all_errors_of_a_file_are_told_at_once():
    """In order of their lines."""
    assert complaints("size: 1\nflag: 7\nmany:\n- high: -1\n- low: 1\n") == [
        "f:1: found nothing, expected the key 'name'",
        "f:1: size: found 1, expected a number of at least 2",
        "f:2: flag: found 7, expected true or false",
        "f:4: many[0].high: found -1, expected a number above 0",
        "f:5: many[1]: found nothing, expected the key 'high'",
    ]


def test_contradictions_are_errors_outside_of_files_too():
    """A model made by code is as strict as one from a file."""
    with pytest.raises(ValidationError, match="expected low: at most high, 1"):
        Inner(low=2.0, high=1.0)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    """Missing, or a folder."""
    for path, words in ((tmp_path / "no.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            read(path)
        assert str(caught.value) == f"{path}:1: found {words}, expected a readable file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error(tmp_path):
    """The operating system's reason is passed on."""
    path = tmp_path / "secret.yaml"
    path.write_text("a: 1")
    path.chmod(0)
    with pytest.raises(ConfigError, match="found Permission denied, expected a readable file"):
        read(path)


def test_bytes_that_are_not_utf_8_are_an_error(parse_errors):
    """With the line on which they stand; a byte order mark is no error."""
    assert parse_errors(b"a: 1\nb: caf\xe9\n") == [
        "some.yaml:2: found bytes that are not UTF-8, expected YAML in UTF-8"
    ]
    assert parse_errors(b"# many\n" * 100_000 + b"b: caf\xe9\n") == [
        "some.yaml:100001: found bytes that are not UTF-8, expected YAML in UTF-8"
    ]
    assert parse_errors("a: 1\n".encode("utf-16")) == [
        "some.yaml:1: found bytes that are not UTF-8, expected YAML in UTF-8"
    ]
    assert parse_errors(b"\xef\xbb\xbfa: caf\xc3\xa9\n") == []


def test_problems_are_sorted_and_none_is_told_twice():
    """By file, then by line."""
    one, two, three = Problem("a", 2, "x", "1", "2"), Problem("a", 10, "", "1", "2"), Problem("b", 1, "", "1", "2")
    assert ConfigError([three, two, one, two]).problems == [one, two, three]
    assert str(ConfigError([two, one])) == f"{one}\n{two}"


def test_a_problem_of_a_missing_value_points_to_what_encloses_it():
    """There is no line for what is not there."""
    document = Document("f", {}, {(): 1, ("a",): 3})
    assert document.line(("a", "b", 0)) == 3
    assert document.line(("c",)) == 1
    assert Document("f", {}).line(("c",)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("systems", "website", "probes", 0, "interval"), "systems.website.probes[0].interval"),
        ((0, "a"), "[0].a"),
        (("a.b", ""), '"a.b".""'),
    ],
)
def test_paths_are_written_as_people_do(path, text):
    """Dots and brackets; quotes around keys that would be mistaken."""
    assert dotted(path) == text


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
WORDS = """
owner systems id name website probes kind http journey interval timeout objective measured_by title days totals start
streams split share hourly_profile endpoints allow secrets thresholds p95 [key] text 2023-03-01T00:00:00+01:00 15s
http://a file:x
"""
names = st.sampled_from(WORDS.split())
trees = st.recursive(
    scalars | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)


@given(trees, st.sampled_from([EstateFile, Campaign, Environment, Outer]))
def test_no_data_breaks_the_explanation_of_its_errors(data, model):
    """Whatever stands in a file, `validate` returns a model or raises `ConfigError` with lines for people."""
    for problem in problems_of(lambda: validate(Document("f", data), model, {"journeys": ["visit-website"]})):
        assert str(problem).isprintable()
        assert problem.found
        assert problem.expected


def problems_of(action):
    """Return the problems that an action raises; any other exception is the test's failure."""
    try:
        action()
    except ConfigError as error:
        return error.problems
    return []


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
def test_no_file_breaks_reading(tmp_path_factory, content):
    """Any bytes give a document or a `ConfigError`."""
    path = Path(tmp_path_factory.getbasetemp() / "any.yaml")
    path.write_bytes(content)
    assert all(problem.file == str(path) for problem in problems_of(lambda: validate(read(path), Outer)))


def test_a_file_of_several_documents_keeps_its_lines(tmp_path):
    """Comments and empty documents are none; a line of --- divides, also with a comment behind it."""
    path = tmp_path / "many.yaml"
    path.write_text("# nothing\n---\na: 1\n--- # next\n\nb: |\n  - x\n---\n# end\n")
    first, second = read_documents(path)
    assert (first.data, first.line(("a",))) == ({"a": 1}, 3)
    assert (second.data, second.line(("b",))) == ({"b": "- x\n"}, 6)


def test_what_is_wrong_with_each_of_several_documents_is_told(tmp_path):
    """At its line; a file without any document is an error, too."""
    path = tmp_path / "many.yaml"
    path.write_text("a: [\n---\nb: 1\nb: 2\n")
    with pytest.raises(ConfigError) as caught:
        read_documents(path)
    assert [problem.line for problem in caught.value.problems] == [2, 4]
    path.write_text("# nothing\n")
    with pytest.raises(ConfigError, match="found an empty file, expected a mapping"):
        read_documents(path)
