"""The Containerfile, as far as it can be tried without a container engine: paths, commands, the wheel it builds."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.test_systemd import options

CONTAINERFILE = ROOT / "deploy" / "Containerfile"
KNOWN = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


def instructions() -> list[tuple[str, str]]:
    """Return (instruction, the rest), lines joined and comments gone."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def copied() -> list[str]:
    """Return what comes from the project."""
    lines = [rest for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    return [source for line in lines for source in line.split()[:-1]]


def test_every_instruction_is_one() -> None:
    """Of the format; the base is pinned by its version."""
    assert {word for word, _ in instructions()} <= KNOWN
    assert re.search(r"python:3\.\d+\.\d+-", dict(instructions())["ARG"])


def test_everything_that_is_copied_exists_and_reaches_the_build() -> None:
    """The ignore file beside it lets it through, and nothing else."""
    for source in copied():
        assert (ROOT / source).exists(), source
    ignored = (ROOT / "deploy" / "Containerfile.dockerignore").read_text().split()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == set(copied())


def test_every_program_is_in_its_base() -> None:
    """Python's own, and those of Debian's essential packages."""
    for _, rest in (each for each in instructions() if each[0] == "RUN"):
        for command in rest.split("&&"):
            program = shlex.split(command)[0]
            assert program in {"python", "/opt/piekwacht/bin/python", "groupadd", "useradd", "install"}


def test_it_runs_as_nobody_special_and_listens_for_nobody() -> None:
    """A user by number, and no address of other machines unless whoever starts it gives one."""
    found = dict(instructions())
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", found["USER"])
    command = json.loads(found["CMD"])
    assert json.loads(found["ENTRYPOINT"]) == ["piekwacht"]
    assert command[:2] == ["monitor", "run"]
    assert {word for word in command if word.startswith("--")} <= options(["monitor", "run"])
    assert "--listen" not in command


def test_a_command_inside_means_the_files_of_the_monitor() -> None:
    """Where compose and the manifests mount the configuration and keep the ledger."""
    variables = dict(word.split("=", 1) for name, rest in instructions() if name == "ENV" for word in rest.split())
    for manifest in ("compose.yaml", "kubernetes/monitor.yaml"):
        text = (ROOT / "deploy" / manifest).read_text(encoding="utf-8")
        assert f"--config={variables['PIEKWACHT_CONFIG']}\n" in text
        assert f"--ledger={variables['PIEKWACHT_LEDGER']}\n" in text


@pytest.mark.slow
def test_the_wheel_that_it_builds_installs_and_works(tmp_path: Path) -> None:
    """Built from nothing but what is copied, by the same commands; then it builds rules, with no project beside it."""
    source, wheels, target = tmp_path / "src", tmp_path / "wheels", tmp_path / "installed"
    source.mkdir()
    for name in copied():
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    offline = ["--no-cache-dir", "--no-index", "--no-deps"]
    built = next(rest for word, rest in instructions() if word == "RUN" and "--no-build-isolation" in rest)
    assert all(option in built for option in offline)
    run([*pip, "wheel", *offline, "--no-build-isolation", "-w", str(wheels), "."], source)
    wheel = next(wheels.glob("piekwacht-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"monitors/rules/burn_rates.yaml", "piekwacht.py"} <= names
    run([*pip, "install", *offline, "--target", str(target), str(wheel)], tmp_path)
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import piekwacht as p; print(p.__file__); p.app()"
    out = tmp_path / "out"
    words = ["rules", "build", "--out", str(out), "--config", str(target / "config")]
    printed = run([sys.executable, "-c", code, *words], tmp_path)
    assert printed.startswith(str(target))
    assert (out / "rules" / "piekwacht.rules.yml").is_file()


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
