"""YAML text as plain data, with the line of every value, and what is wrong with the text in words.

PyYAML's node tree knows where each value stands. It is walked here instead of PyYAML's own construction, which forgets
the lines, overwrites keys given twice, and follows aliases without end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

DataPath = tuple[str | int, ...]
"""Keys and indexes that lead to a value."""

MAX_DEPTH = 50
"""Values within values; more is a mistake, and would exhaust Python's stack."""

MAX_VALUES = 100_000
"""Values of one file, counted each time an alias repeats them: a few lines of aliases can stand for billions."""


class Complaint(NamedTuple):
    """One thing that is wrong with a text. `line` counts from 1."""

    line: int
    path: DataPath
    found: str
    expected: str


@dataclass(slots=True)
class Tree:
    """The data of a text and the line on which each value stands; a text with `complaints` has no usable data."""

    data: Any = None
    lines: dict[DataPath, int] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)


def parse(text: str) -> Tree:
    """Return the tree of a text; everything that is wrong with it stands in its complaints."""
    tree = Tree()
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        tree.complaints.append(
            Complaint(line, (), f"the character U+{ord(text[error.position]):04X}", "printable text")
        )
    except yaml.MarkedYAMLError as error:
        tree.complaints.append(_explain(error))
    else:
        if node is None:
            tree.complaints.append(Complaint(1, (), "an empty file", "a mapping"))
        else:
            tree.data = _Builder(loader, tree).build(node, ())
    return tree


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps, so that the models decide about time zones, and with a limit to nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one value; raises `MarkedYAMLError` where it lies too deep."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_TOO_DEEP = f"values within values, more than {MAX_DEPTH} deep"

_PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map")}
_MERGE = "tag:yaml.org,2002:merge"
_HALF = re.compile("[\ud800-\udfff]")


class _Builder:
    """Builds plain data from a node tree, and notes lines and complaints in `tree`."""

    def __init__(self, loader: _Loader, tree: Tree) -> None:
        self._loader = loader
        self._tree = tree
        self._values = 0

    def build(self, node: yaml.Node, path: DataPath, inside: frozenset[int] = frozenset()) -> Any:
        """Return the data of a node; `inside` are the nodes that it is a part of."""
        self._tree.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if not self._acceptable(node, path, inside):
            return None
        inside |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index), inside) for index, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _acceptable(self, node: yaml.Node, path: DataPath, inside: frozenset[int]) -> bool:
        if self._values > MAX_VALUES:
            if self._values == MAX_VALUES + 1:
                self._complain(node, (), f"more than {MAX_VALUES:,} values", "a smaller file")
        elif id(node) in inside:
            self._complain(node, path, "an alias of a value inside itself", "a value that ends")
        elif len(path) > MAX_DEPTH:
            self._complain(node, path, _TOO_DEEP, "a flatter file")
        elif node.tag not in _PLAIN_TAGS:
            self._complain(node, path, f"the tag {node.tag!r}", "plain YAML without tags")
        elif isinstance(node, yaml.ScalarNode) and _HALF.search(node.value):
            self._complain(node, path, "half of a surrogate pair", "whole characters")
        else:
            return True
        return False

    def _mapping(self, node: yaml.MappingNode, path: DataPath, inside: frozenset[int]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _MERGE or _HALF.search(key_node.value):
                self._complain(key_node, path, "a key that is not plain text", "a name as key")
                continue
            key = str(key_node.value)
            if key in data:
                self._complain(key_node, (*path, key), "the same key a second time", "each key once")
            self._tree.lines.setdefault((*path, key), key_node.start_mark.line + 1)
            data[key] = self.build(value_node, (*path, key), inside)
        return data

    def _scalar(self, node: yaml.Node, path: DataPath) -> Any:
        try:
            return self._loader.construct_object(node, deep=True)
        except (ValueError, LookupError):  # such as !!int abc, or a number of five thousand digits
            self._complain(node, path, "a value that does not fit its type", f"a valid {node.tag.rpartition(':')[2]}")
            return None

    def _complain(self, node: yaml.Node, path: DataPath, found: str, wanted: str) -> None:
        self._tree.complaints.append(Complaint(node.start_mark.line + 1, path, found, wanted))


def _explain(error: yaml.MarkedYAMLError) -> Complaint:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    problem = error.problem or "a syntax error"
    if problem == _TOO_DEEP:
        return Complaint(line, (), _TOO_DEEP, "a flatter file")
    if "'\\t'" in problem:
        return Complaint(line, (), "a tab", "spaces")
    context = f"{error.context}: " if error.context else ""
    return Complaint(line, (), f"broken YAML ({context}{problem})", "valid YAML")
