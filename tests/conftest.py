"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from config import Configuration, load

ROOT = Path(__file__).resolve().parent.parent

# Started in the background, this process may be deaf to a terminal that hangs up, and so would be all it starts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What a developer's shell says about files of its own is not for the tests.
for variable in ("PIEKWACHT_CONFIG", "PIEKWACHT_LEDGER"):
    os.environ.pop(variable, None)

# Properties are about results, not about time: a busy machine must not fail them.
settings.register_profile("piekwacht", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("piekwacht")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Accept the present output as the golden files.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files with slow tests begin: what is left at the end, when workers run out of files, is quick."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/<room>/golden/NAME; `--update-golden` writes it instead."""
    folder = Path(request.path).parent / "golden"

    def compare(name: str, text: str) -> None:
        path = (folder / name).resolve()  # also from a room without goldens to docs
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"no golden file {path}; make one with: pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def peer() -> Callable[..., str]:
    """Return the path of a real server's program, or skip; with PIEKWACHT_REQUIRE_PEERS=1 fail instead.

    A `module` must be one that the program, Debian's Python, can import.
    """

    def find(program: str, module: str = "") -> str:
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if path and module:
            program = module
            found = subprocess.run([path, "-c", f"import {module}"], capture_output=True, check=False)
            path = None if found.returncode else path
        if path is None and os.environ.get("PIEKWACHT_REQUIRE_PEERS") == "1":
            pytest.fail(f"{program} is required and not installed")
        if path is None:
            pytest.skip(f"{program} is not installed (Debian has it)")
        return path

    return find


@pytest.fixture(scope="session")
def configuration() -> Configuration:
    """Load the configuration that the project ships."""
    return load(ROOT / "config")
