"""README.md and docs/: every link leads somewhere, and every command, target, module and file in them exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from piekwacht import app
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "config").rglob("*.md"))]
ROOMS = ("config", "dashboards", "demo", "deploy", "docs", "journeys", "loadtests", "monitors", "staging", "tests")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = typer.main.get_command(app)
USAGE: Any = typer.BadParameter.__base__
"""What a parser raises; where it is defined is typer's own affair."""


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def shell(page: Path) -> Iterator[str]:
    """Yield every line of the page's shell blocks, continuations joined, and every piece of code inside its prose."""
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            yield from block.replace("\\\n", " ").splitlines()
    yield from INLINE.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead nowhere; those to other sites are not followed."""
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def wrong(words: list[str]) -> str:
    """Return what is wrong with the words after 'piekwacht', or nothing: a command or an option that there is not.

    Values are not looked at, and neither is whether all that a command needs is given: prose names commands alone.
    """
    command: Any = COMMAND
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, *words = words
        if name not in command.commands:
            return f"no command '{name}'"
        command = command.commands[name]
    parser = command.make_parser(command.context_class(command))
    try:
        _, left, _ = parser.parse_args(words)
    except USAGE as error:
        return str(error.format_message())
    return f"too much: {' '.join(left)}" if left else ""


def commands(page: Path) -> Iterator[str]:
    for line in shell(page):
        for part in re.split(r"\s(?:&&|[|>])\s|; ", line):
            if re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?piekwacht [a-z-]", part.strip()):
                yield part.strip()


def test_every_link_leads_somewhere(page: Path) -> None:
    """A file of the project, and where there is an anchor a heading in it."""
    assert list(dead(page)) == []


def test_every_page_can_be_found() -> None:
    """From the README, in one step."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT) for page in sorted((ROOT / "docs").glob("*.md"))]
    assert [page for page in pages if f"]({page})" not in readme and f"]({page}#" not in readme] == []


def test_every_command_can_be_given(page: Path) -> None:
    """Its name and its options exist; a renamed option breaks the page that shows it."""
    found = {}
    for line in commands(page):
        words = shlex.split(line.replace("...", ""), comments=True)
        found[line] = wrong(words[next(i for i, word in enumerate(words) if word.endswith("piekwacht")) + 1 :])
    assert {line: said for line, said in found.items() if said} == {}


def test_exit_code_2_is_told_in_the_words_of_the_help(page: Path) -> None:
    """Else a pipeline that reads the page takes a broken file for something else than 2."""
    assert re.findall(r"wrong use(?! or unusable\s+input).*", prose(page)) == []


def test_every_target_module_and_file_exists(page: Path) -> None:
    """`make TARGET`, `python -m MODULE`, and whatever looks like a path into a room of the house.

    But for what the reader makes: names in capitals, and optional folders of the configuration.
    """
    targets = re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    missing = []
    for line in shell(page):
        missing += [line for name in re.findall(r"^make ([a-z][\w-]*)", line) if name not in targets]
        missing += [line for name in re.findall(r"\bpython3? -m ([\w.]+)", line) if not find_spec(name)]
    for path in INLINE.findall(prose(page)):
        ours = re.fullmatch(
            rf"(?!config/(?:journeys|openslo|shapes)\b)(?:{'|'.join(ROOMS)})/(?!.*[A-Z]{{3}})[\w./*-]+", path
        )
        if ours and not list(ROOT.glob(path.rstrip("/"))):
            missing.append(path)
    assert missing == []


def test_mistakes_are_noticed(tmp_path: Path) -> None:
    """A link, an anchor, a command, an option: each of these tests can fail."""
    page = tmp_path / "page.md"
    page.write_text(
        "# One, two\n[a](#one-two) [b](#three) [c](nowhere.md) [d](https://example.nl/)\n`piekwacht no such`\n"
    )
    assert list(dead(page)) == ["#three", "nowhere.md"]
    assert [wrong(line.split()[1:]) for line in commands(page)] == ["no command 'no'"]
    assert "--colour" in wrong(["notice", "due", "--colour"])
    assert wrong(["notice", "due", "all"]) == "too much: all"
    assert wrong(["notice", "publish", "FILE", "--dry-run"]) == ""
