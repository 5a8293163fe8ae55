"""Differences between two dashboards, as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.differences import differences


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
        ({"a": 1}, {"a": 2}, ["~ a: 1 -> 2"]),
        ({"a": 1}, {"a": True}, ["~ a: 1 -> true"]),
        ({"a": None}, {}, ["- a: null"]),
        ({}, {"a": []}, ["+ a: []"]),
        ({"tags": ["x"]}, {"tags": ["x", "y"]}, ['+ tags[1]: "y"']),
        ({"tags": "x"}, {"tags": ["x"]}, ['~ tags: "x" -> ["x"]']),
        (
            {"panels": [{"title": "A", "id": 1}, {"title": "B", "id": 2}]},
            {"panels": [{"title": "B", "id": 1}]},
            ["~ panels[B].id: 2 -> 1", '- panels[A]: {"title": "A", "id": 1}'],
        ),
        (
            {"list": [{"name": "a"}, {"name": "b"}]},
            {"list": [{"name": "b"}, {"name": "a"}]},
            ['~ list order: ["a", "b"] -> ["b", "a"]'],
        ),
        ({"list": [{"name": "a"}, {"name": "a"}]}, {"list": [{"name": "a"}]}, ['- list[1]: {"name": "a"}']),
        ({"text": "x" * 300}, {}, [f'- text: "{"x" * 96}...']),
    ],
)
def test_each_difference_is_one_line(before: Any, after: Any, said: list[str]) -> None:
    """Objects of a list are told apart by what people call them, else by their place; long values are cut."""
    assert [str(each) for each in differences(before, after)] == said
