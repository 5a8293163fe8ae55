"""What differs between two dashboards, in the words of those who read them: panels by title, variables by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 100
"""Characters of a value that are shown."""

_LABELS = ("title", "name", "refId", "id")
"""What tells the objects of a list apart; the first that all of them have, each its own."""


class _Missing:
    """A value that is not there; null is one that is."""


MISSING = _Missing()


@dataclass(frozen=True)
class Difference:
    """One place that differs; `before` or `after` is `MISSING` where there is nothing."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """Say it in one line."""
        if self.before is MISSING:
            return f"+ {self.path}: {_short(self.after)}"
        if self.after is MISSING:
            return f"- {self.path}: {_short(self.before)}"
        return f"~ {self.path}: {_short(self.before)} -> {_short(self.after)}"

    def as_data(self) -> dict[str, Any]:
        """Return it for a machine; a side that is missing is absent."""
        sides = {"before": self.before, "after": self.after}
        return {"path": self.path} | {name: value for name, value in sides.items() if value is not MISSING}


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """Yield what differs between two pieces of JSON, in the order of the later one."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*after, *before]):
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), f"{path}.{key}".lstrip("."))
    elif isinstance(before, Sequence) and isinstance(after, Sequence) and not isinstance(before, str):
        yield from _in_lists(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def _in_lists(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[Difference]:
    label = _label(before, after)
    old, new = _by_key(before, label), _by_key(after, label)
    for key in dict.fromkeys([*new, *old]):
        yield from differences(old.get(key, MISSING), new.get(key, MISSING), f"{path}[{key}]")
    if old.keys() == new.keys() and list(old) != list(new):
        yield Difference(f"{path} order", list(old), list(new))


def _label(*lists: Sequence[Any]) -> str:
    """Return what tells the objects of the lists apart; empty where only their place does."""
    for label in _LABELS:
        if all(isinstance(one, Mapping) and label in one for items in lists for one in items) and all(
            len({str(one[label]) for one in items}) == len(items) for items in lists
        ):
            return label
    return ""


def _by_key(items: Sequence[Any], label: str) -> dict[str, Any]:
    return {str(one[label]) if label else str(index): one for index, one in enumerate(items)}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."
