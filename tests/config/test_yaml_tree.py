"""Text that is not the YAML we want: one clear line for each mistake, at the right place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.yaml_tree import MAX_DEPTH, MAX_VALUES, parse

TWICE = ("the same key a second time", "each key once")
LOOP = ("an alias of a value inside itself", "a value that ends")
NO_NAME = ("a key that is not plain text", "a name as key")
TAB = ("a tab", "spaces")


def tag(name):
    return (f"the tag '{name}'", "plain YAML without tags")


def broken(words):
    return (f"broken YAML ({words})", "valid YAML")


def misfit(kind):
    return ("a value that does not fit its type", f"a valid {kind}")


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("", "1", ("an empty file", "a mapping")),
        ("# only a comment\n", "1", ("an empty file", "a mapping")),
        ("a:\n\tb: 1\n", "2", TAB),
        ("a:\n  b: x\n\tc: 2\n", "3", TAB),
        ("a:\t1\n", "1", TAB),
        ("a: 1\nb: 2\na: 3\n", "3: a", TWICE),
        ("a:\n  - {b: 1, b: 2}\n", "2: a[0].b", TWICE),
        ("a: &x [*x]\n", "1: a[0]", LOOP),
        ("a: &x\n  b:\n    c: *x\n", "1: a.b.c", LOOP),
        ("a: *x\n", "1", broken("found undefined alias 'x'")),
        ("a: [1, 2\nb: 3\n", "2", broken("while parsing a flow sequence: expected ',' or ']', but got ':'")),
        ("a: 1\n---\nb: 2\n", "2", broken("expected a single document in the stream: but found another document")),
        ("a: !!python/object:os.x {}\n", "1: a", tag("tag:yaml.org,2002:python/object:os.x")),
        ("a: !own 1\n", "1: a", tag("!own")),
        ("a: !!set {b, c}\n", "1: a", tag("tag:yaml.org,2002:set")),
        ("a: !!int abc\n", "1: a", misfit("int")),
        ("a: !!bool maybe\n", "1: a", misfit("bool")),
        ('a: !!float ""\n', "1: a", misfit("float")),
        (f"a: {'9' * 5000}\n", "1: a", misfit("int")),
        ("? [a, b]\n: 1\n", "1", NO_NAME),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "3: c", NO_NAME),
        ('"\\udfff": 1\n', "1", NO_NAME),
        ('a: 1\nb: "\\ud800"\n', "2: b", ("half of a surrogate pair", "whole characters")),
        ("a: 1\nb: \x00\n", "2", ("the character U+0000", "printable text")),
        ("a: 1\r\nb: \x07\r\n", "2", ("the character U+0007", "printable text")),
    ],
)
def test_each_mistake_is_told_once_in_one_line(parse_errors, text, where, words):
    """With the line of the mistake and, where there is one, the path of the value."""
    assert parse_errors(text) == [f"some.yaml:{where}: found {words[0]}, expected {words[1]}"]


def test_several_mistakes_are_told_at_once(parse_errors):
    """Whoever repairs the first knows of the others."""
    assert parse_errors("a: 1\na: 2\nb: !x 1\n") == [
        "some.yaml:2: a: found the same key a second time, expected each key once",
        "some.yaml:3: b: found the tag '!x', expected plain YAML without tags",
    ]


def test_nesting_without_end_is_an_error(parse_errors):
    """Brackets, blocks or a chain of aliases: none of them exhausts the stack."""
    depth = f"found values within values, more than {MAX_DEPTH} deep, expected a flatter file"
    assert parse_errors("a: 1\nb: " + "[" * 100_000) == [f"some.yaml:2: {depth}"]
    blocks = "\n".join(" " * level + "- " for level in range(200))
    assert parse_errors(blocks) == [f"some.yaml:{MAX_DEPTH + 1}: {depth}"]
    chain = "a0: &a0 [1]\n" + "".join(f"a{index}: &a{index} [*a{index - 1}]\n" for index in range(1, MAX_DEPTH))
    (line,) = parse_errors(chain)
    assert line.endswith(depth)


def test_aliases_that_multiply_are_an_error(parse_errors):
    """Ten lines that stand for ten billion values are refused quickly."""
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    for index in range(1, 10):
        bomb += f"a{index}: &a{index} [{', '.join([f'*a{index - 1}'] * 10)}]\n"
    (line,) = parse_errors(bomb)
    assert line.endswith(f"found more than {MAX_VALUES:,} values, expected a smaller file")


def test_values_are_plain_and_dates_stay_text():
    """Whether a moment has a time zone is for the models to see, not for the YAML library to guess."""
    tree = parse("a: 2023-03-01\nb: 2023-03-01T07:00:00\nc: [1, 2.5, yes, null, text]\n")
    assert tree.complaints == []
    assert tree.data == {"a": "2023-03-01", "b": "2023-03-01T07:00:00", "c": [1, 2.5, True, None, "text"]}


def test_every_value_knows_its_line():
    """In blocks it is the line of the key, in lists that of the entry."""
    tree = parse("# comment\na:\n  b:\n    - 1\n    - c: 2\n\nd: {e: 3,\n    f: 4}\n")
    assert tree.lines == {
        (): 2,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 0): 4,
        ("a", "b", 1): 5,
        ("a", "b", 1, "c"): 5,
        ("d",): 7,
        ("d", "e"): 7,
        ("d", "f"): 8,
    }


def test_an_alias_is_its_value():
    """A value may be written once and used twice."""
    assert parse("a: &x [1]\nb: *x\n").data == {"a": [1], "b": [1]}


yaml_like = st.text(alphabet=st.sampled_from("ab:-?!&*[]{}#|>'\"%@`,. \n\t\\<=~0189_+ux"), max_size=60)


@given(st.text(max_size=80) | yaml_like | st.lists(yaml_like, max_size=6).map("\n".join))
def test_no_text_breaks_the_parser(text):
    """It returns data or complaints, whatever it is given; lines exist."""
    tree = parse(text)
    for line, _, found, expected in tree.complaints:
        assert line >= 1
        assert found
        assert expected
        assert "\n" not in found
