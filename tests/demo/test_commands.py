"""`piekwacht demo`: one clear line for what it cannot do, and nothing left running."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from demo import commands as demo_commands
from piekwacht import app
from tests.conftest import ROOT
from tests.waiting import LONG, eventually, gone

DEMO = [sys.executable, "-m", "piekwacht", "demo"]


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call the command in this process, whose signals it leaves alone."""
    monkeypatch.setattr(demo_commands, "end_like_ctrl_c", lambda: None)
    monkeypatch.chdir(ROOT)
    return lambda *arguments: CliRunner().invoke(app, ["demo", *map(str, arguments)])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Copy the configuration of the project, to be changed."""
    return Path(shutil.copytree(ROOT / "config", tmp_path / "config", ignore=shutil.ignore_patterns("*.py", "__*")))


def test_a_folder_it_cannot_use_is_one_line_and_wrong_use(demo: Callable[..., Result], tmp_path: Path) -> None:
    """A file, and a folder with other files: exit code 2."""
    (tmp_path / "file").write_text("")
    for out, why in ((tmp_path / "file", "cannot be used"), (tmp_path, "not the demo's")):
        done = demo("--out", out)
        assert done.exit_code == 2
        assert why in done.stderr
        assert done.stderr.count("\n") == 1


def test_an_estate_without_the_local_environment_is_wrong_use(
    demo: Callable[..., Result], tmp_path: Path, config: Path
) -> None:
    (config / "environments" / "local.yaml").unlink()
    done = demo("--out", tmp_path / "out", "--config", config)
    assert done.exit_code == 2
    assert done.stderr == "There is no environment 'local'; there is: staging\n"
    assert not (tmp_path / "out").exists()


def test_an_estate_without_what_the_fault_hits_is_wrong_use(
    demo: Callable[..., Result], tmp_path: Path, config: Path
) -> None:
    """The story needs its probe; without it nothing is started."""
    path = config / "estate" / "belastingdienst.yaml"
    path.write_text(path.read_text().replace("[file-return]", "[another]").replace(" file-return: {", " another: {"))
    done = demo("--out", tmp_path / "out", "--config", config)
    assert done.exit_code == 2
    assert "There is no probe 'file-return'" in done.stderr


@contextmanager
def started(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run the demo until replica and monitor are there; give it and their process ids."""
    command = [*DEMO, *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            of_process = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            assert eventually(lambda: len(of_process.read_text().split()) >= 2), "no two children"
            yield process, [int(child) for child in of_process.read_text().split()]
        finally:
            process.kill()


def test_no_child_outlives_a_demo_that_is_killed(tmp_path: Path, config: Path) -> None:
    """SIGKILL leaves the demo no time for anything: the kernel ends replica and monitor. No maintenance/ is needed."""
    shutil.rmtree(config / "maintenance")
    with started("--config", config, "--out", tmp_path / "out") as (process, children):
        process.kill()
        assert eventually(lambda: all(map(gone, children)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_asked_to_end_stops_its_children(tmp_path: Path, number: signal.Signals) -> None:
    """As with Ctrl-C: everything is stopped in order, and the exit code says that nothing was measured."""
    with started("--out", tmp_path / "out") as (process, children):
        process.send_signal(number)
        output, errors = process.communicate(timeout=LONG)
        assert (process.returncode, errors) == (3, "Stopped.\n"), output
        assert eventually(lambda: all(map(gone, children)))
