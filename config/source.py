"""Configuration files with line numbers, and every error of a file at once.

`read` turns a file into plain data and knows on which line each value stands; pydantic knows what is wrong with the
data. `validate` joins the two: it turns pydantic's errors into `Problem`s that name file, line, path, what was found
and what was expected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from config.yaml_tree import DataPath, parse

ModelT = TypeVar("ModelT", bound="Strict")


class Contradiction(NamedTuple):
    """A value at `path` (from the model) that does not fit the others; `found` may say it in words."""

    path: DataPath
    expected: str
    found: str = ""


class Strict(BaseModel):
    """Base of every model: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def contradictions(self) -> Iterable[Contradiction]:
        """Return which fields, each valid by itself, do not fit together. Models with such rules override it."""
        return ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = list(self.contradictions())
        if found:
            text = "; ".join(f"{dotted(item.path)}: {item.expected}" for item in found)
            raise PydanticCustomError("contradictions", "expected {text}", {"text": text, "contradictions": found})
        return self


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
    """The configuration is invalid; `problems` holds every error found, once, in order of file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
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


def expected(text: str, found: str = "") -> PydanticCustomError:
    """Make the error that a validator raises; `text` says what would be right.

    `found` stands in the message instead of the value, where that must not be shown.
    """
    return PydanticCustomError("expected", "{expected}", {"expected": text, "found": found})


def dotted(path: DataPath) -> str:
    """Write a path as people do: `systems.website.probes[0].interval`; unusual keys in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[\w-]+", part) else _show(part)
            text += f".{name}" if text else name
    return text


def read(path: Path) -> Document:
    """Read one YAML file. Raises `ConfigError` if it cannot be read, is not YAML, or names a key twice."""
    return _parsed(str(path), read_text(path, "YAML"))


def read_documents(path: Path) -> list[Document]:
    """Read a YAML file of any number of documents, which lines of --- divide. Raises `ConfigError` as `read` does."""
    text = read_text(path, "YAML")
    begins = [0, *(match.start() for match in _DIVIDER.finditer(text)), len(text)]
    # Empty lines in place of what stands before a document keep its line numbers.
    parts = ["\n" * text.count("\n", 0, start) + text[start:end] for start, end in pairwise(begins)]
    whole = [part for part in parts if _CONTENT.search(part)]
    found, problems = [], []
    for part in whole or [text]:
        try:
            found.append(_parsed(str(path), part))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


_DIVIDER = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_CONTENT = re.compile(r"^(?!---(\s|$))[ \t]*[^\s#]|^---[ \t]+[^\s#]", re.MULTILINE)


def read_text(path: Path, kind: str) -> str:
    """Return the text of a file of a `kind`, such as YAML. Raises `ConfigError` if it cannot be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Problem(str(path), 1, "", str(error.strerror), "a readable file")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([undecodable(str(path), error, kind)]) from None


def undecodable(file: str, error: UnicodeDecodeError, kind: str) -> Problem:
    """Make the `Problem` of a file that is not UTF-8, on the line of its first wrong byte.

    The `error` is that of decoding the whole file at once: of one read in pieces it knows the last piece only.
    """
    line = error.object.count(b"\n", 0, error.start) + 1
    return Problem(file, line, "", "bytes that are not UTF-8", f"{kind} in UTF-8")


def _parsed(name: str, text: str) -> Document:
    tree = parse(text)
    if tree.complaints:
        raise ConfigError(Problem(name, line, dotted(at), *words) for line, at, *words in tree.complaints)
    return Document(name, tree.data, tree.lines)


def validate(document: Document, model: type[ModelT], context: Mapping[str, Any] | None = None) -> ModelT:
    """Validate a document against its model. Raises `ConfigError` with every error."""
    try:
        return model.model_validate(document.data, context=dict(context or {}))
    except ValidationError as error:
        schema = model.model_json_schema()
        errors = error.errors(include_url=False)
        raise ConfigError(problem for item in errors for problem in _explain(document, schema, item)) from None


def _explain(document: Document, schema: dict[str, Any], error: ErrorDetails) -> Iterator[Problem]:
    kind, context = error["type"], error.get("ctx", {})
    path, here = _follow(document.data, schema, error["loc"])
    if kind == "missing":
        yield document.problem(path, "nothing", f"the key '{error['loc'][-1]}'")
    elif kind == "extra_forbidden":
        _, owner = _follow(document.data, schema, error["loc"][:-1])
        keys = sorted(owner.get("properties", {}))
        yield document.problem(path, f"the unknown key {_show(path[-1])}", f"one of: {', '.join(keys)}")
    elif kind == "union_tag_not_found":
        yield document.problem(path, "nothing", f"the key {context['discriminator']}")
    elif kind == "union_tag_invalid":
        key = context["discriminator"].strip("'")
        yield document.problem((*path, key), _show(context["tag"]), f"one of: {context['expected_tags']}")
    elif kind == "contradictions":
        for item in context["contradictions"]:
            found = item.found or _found_at(error["input"], here, item.path)
            yield document.problem((*path, *item.path), found, item.expected)
    else:
        wanted = _PHRASES.get(kind, "{msg}").format(msg=error["msg"], **context)
        yield document.problem(path, context.get("found") or _show(error["input"]), wanted)


_WHOLE, _NUMBER, _MAPPING = "a whole number", "a number", "a mapping"

# pydantic's wording, turned into the end of the sentence "found ..., expected ...".
_PHRASES = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "text of at least {min_length} characters",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "too_short": "at least {min_length} entries, not {actual_length}",
    "too_long": "at most {max_length} entries, not {actual_length}",
    "literal_error": "one of: {expected}",
    "enum": "one of: {expected}",
}


def _follow(data: Any, schema: dict[str, Any], loc: tuple[str | int, ...]) -> tuple[DataPath, dict[str, Any]]:
    """Follow pydantic's location through data and JSON schema; return the path in the data and the last schema.

    The location also names members of unions, missing keys and marks such as "[key]", which the data does not have.
    """
    path: list[str | int] = []
    here = _resolve(schema, schema)
    for part in loc:
        members = here.get("discriminator", {}).get("mapping", {})
        if part in members:
            here = _resolve(schema, {"$ref": members[part]})
        elif isinstance(data, dict) and part in data:
            data = data[str(part)]
            path.append(part)
            here = _resolve(schema, here.get("properties", {}).get(part, here.get("additionalProperties", here)))
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
            path.append(part)
            here = _resolve(schema, here.get("items", here))
    return tuple(path), here


def _resolve(schema: dict[str, Any], here: Any) -> dict[str, Any]:
    """Return what a part of a JSON schema stands for: the target of a reference, the type of an optional value."""
    if not isinstance(here, dict):  # additionalProperties: false
        return {}
    options = [option for option in here.get("anyOf", []) if option.get("type") != "null"]
    part: dict[str, Any] = options[0] if len(options) == 1 else here
    return schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _found_at(data: Any, schema: dict[str, Any], path: DataPath) -> str:
    """Show the value at `path` of a model's data, or the default that holds where there is none."""
    for part in path:
        if isinstance(data, dict) and part not in data:
            default = schema.get("properties", {}).get(part, {}).get("default")
            return f"the default {_show(default)}"
        data = data[part]
    return _show(data)


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return _MAPPING
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
    return text if len(text) <= 60 else text[:57] + "..."
