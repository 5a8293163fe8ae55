"""YAML with line numbers, and every error of a file at once.

PyYAML's node tree knows where each value stands; pydantic knows what is wrong with it. This module joins the two:
`read` turns a file into plain data plus a map from path to line, and `validate` turns pydantic's errors into
`Problem`s that name file, line, path, what was found and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

DataPath = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound="Strict")


class Strict(BaseModel):
    """Base of every model: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a configuration file. `line` counts from 1."""

    file: str
    line: int
    path: str
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " + (f"{self.path}: " if self.path else "")
        return f"{where}found {self.found}, expected {self.expected}"


class ConfigError(Exception):
    """The configuration is invalid; `problems` holds every error found, in order of file and line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one file, and the line on which each value stands."""

    file: str
    data: Any
    lines: Mapping[DataPath, int] = field(default_factory=dict)

    def line(self, path: DataPath) -> int:
        """Return the line of `path`, or of the nearest enclosing value that is present."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: DataPath, found: str, expected: str) -> Problem:
        """Make a `Problem` at `path` of this document."""
        return Problem(self.file, self.line(path), dotted(path), found, expected)


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps: dates stay text, so that the models decide about time zones."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def expected(text: str) -> PydanticCustomError:
    """Return the error that a validator raises with `raise expected("a duration such as 15s")`."""
    return PydanticCustomError("expected", "{expected}", {"expected": text})


def dotted(path: DataPath) -> str:
    """Write a path as people do: `systems.website.probes[0].interval`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read(path: Path) -> Document:
    """Read one YAML file. Raises `ConfigError` if it cannot be read, is not YAML, or names a key twice."""
    name = str(path)
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError([Problem(name, line, "", *_explain_syntax(error))]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem(name, 1, "", f"unreadable text ({error})", "YAML in UTF-8")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(name, 1, "", "bytes that are not UTF-8", "YAML in UTF-8")]) from None
    except OSError as error:
        raise ConfigError([Problem(name, 1, "", str(error.strerror), "a readable file")]) from None
    if node is None:
        raise ConfigError([Problem(name, 1, "", "an empty file", "a mapping")])
    builder = _Builder(loader, name)
    data = builder.build(node, ())
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(name, data, builder.lines)


def validate(document: Document, model: type[ModelT], context: Mapping[str, Any] | None = None) -> ModelT:
    """Validate a document against its model. Raises `ConfigError` with every error."""
    try:
        return model.model_validate(document.data, context=dict(context or {}))
    except ValidationError as error:
        schema = model.model_json_schema()
        raise ConfigError([_explain(document, schema, item) for item in error.errors(include_url=False)]) from None


class _Builder:
    """Builds plain data from a node tree and remembers lines."""

    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self._loader = loader
        self._file = file
        self.lines: dict[DataPath, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: DataPath, inside: frozenset[int] = frozenset()) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in inside:
            self._complain(node, path, "an alias of a value inside itself", "a value that ends")
            return None
        inside |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, index), inside) for index, child in enumerate(node.value)]
        try:
            return self._loader.construct_object(node, deep=True)  # type: ignore[no-untyped-call]
        except (yaml.YAMLError, ValueError):
            self._complain(node, path, f"the tag {node.tag!r}", "plain YAML without tags")
            return None

    def _mapping(self, node: yaml.MappingNode, path: DataPath, inside: frozenset[int]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in data:
                self._complain(key_node, (*path, key), "the same key a second time", "each key once")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            data[key] = self.build(value_node, (*path, key), inside)
        return data

    def _complain(self, node: yaml.Node, path: DataPath, found: str, wanted: str) -> None:
        self.problems.append(Problem(self._file, node.start_mark.line + 1, dotted(path), found, wanted))


def _explain_syntax(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    problem = error.problem or "a syntax error"
    if "'\\t'" in problem:
        return "a tab", "spaces for indentation"
    return f"broken YAML ({problem})", "valid YAML"


def _explain(document: Document, schema: dict[str, Any], error: ErrorDetails) -> Problem:
    path, missing = _locate(document.data, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "missing":
        return document.problem(path, "nothing", f"the key '{missing}'")
    if kind == "extra_forbidden":
        keys = ", ".join(_known_keys(schema, error["loc"][:-1]))
        return document.problem(path, f"the unknown key '{path[-1]}'", f"one of: {keys}")
    if kind == "union_tag_not_found":
        return document.problem(path, "nothing", f"the key {context['discriminator']}")
    if kind == "union_tag_invalid":
        return document.problem(path, repr(context["tag"]), f"one of: {context['expected_tags']}")
    return document.problem(
        path, _show(error["input"]), _PHRASES.get(kind, "{msg}").format(msg=error["msg"], **context)
    )


# pydantic's wording, turned into the end of the sentence "found ..., expected ...".
_PHRASES = {
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "too_short": "at least {min_length} entries, not {actual_length}",
    "too_long": "at most {max_length} entries, not {actual_length}",
    "enum": "one of: {expected}",
    "literal_error": "one of: {expected}",
    "timezone_aware": "a time with its offset, such as 2023-03-01T07:00:00+01:00",
    "datetime_parsing": "a time with its offset, such as 2023-03-01T07:00:00+01:00",
    "datetime_from_date_parsing": "a time with its offset, such as 2023-03-01T07:00:00+01:00",
    "datetime_type": "a time with its offset, such as 2023-03-01T07:00:00+01:00",
}


def _locate(data: Any, loc: tuple[str | int, ...]) -> tuple[DataPath, str]:
    """Follow pydantic's location through the data; it also names union members, which the data does not have."""
    path: list[str | int] = []
    for part in loc:
        if isinstance(data, dict) and part in data:
            data = data[str(part)]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            continue
        path.append(part)
    return tuple(path), str(loc[-1]) if loc else ""


def _known_keys(schema: dict[str, Any], loc: tuple[str | int, ...]) -> list[str]:
    """Return the keys that the JSON schema allows at `loc`."""
    here = schema
    for part in loc:
        here = _dereference(schema, here)
        if isinstance(part, int):
            here = here.get("items", {})
        elif part in here.get("properties", {}):
            here = here["properties"][part]
        elif part in here.get("discriminator", {}).get("mapping", {}):
            here = {"$ref": here["discriminator"]["mapping"][part]}
        else:
            here = here.get("additionalProperties", here)
    return sorted(_dereference(schema, here).get("properties", {}))


def _dereference(schema: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in here.get("anyOf", []) if option.get("type") != "null"]
    here = options[0] if len(options) == 1 else here
    if "$ref" in here:
        target: dict[str, Any] = schema["$defs"][here["$ref"].rsplit("/", 1)[1]]
        return target
    return here


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
