"""The unit tests of an estate's rules: every case, in one file for promtool. Pure."""

from __future__ import annotations

from typing import Any

from config import Configuration
from monitors.rules import burn_cases, other_cases
from monitors.rules.rule_tests import file_of


def build(configuration: Configuration, rules_file: str) -> dict[str, Any]:
    """Return the test file as plain data; `rules_file` is the path from the test file to the rules."""
    return file_of([*burn_cases.cases(configuration), *other_cases.cases(configuration)], rules_file)
