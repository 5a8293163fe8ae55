"""`make up` notices what has died."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo.running
from demo.processes import Child, ChildFailedError
from demo.running import replay_a_day
from demo.stage import Stage
from tests.conftest import ROOT
from tests.waiting import LONG


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Stage]:
    """Stage a replica alone, where no load arrives."""
    (tmp_path / "logs").mkdir()
    with Child("replica", ["staging", "run", "--port", "0"], tmp_path / "logs") as replica:
        url = replica.says(r"(http://127\.0\.0\.1:\d+)", within=LONG)
        yield Stage(tmp_path, ROOT / "config", url, "", 5.0, (replica,))


def test_a_dead_replica_ends_the_day(scene: Stage) -> None:
    """The error names the process and holds its last lines."""
    scene.check()
    scene.children[0].stop()
    with pytest.raises(ChildFailedError, match=r"replica ended with -?\d+:\n(.*\n)*.*http://127"):
        replay_a_day(scene)


def test_a_load_that_ends_at_once_is_not_started_again(scene: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its metrics port is taken: the error holds its exit code and its own words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(demo.running, "LOAD_METRICS", f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ChildFailedError, match=r"load ended with 2:\n(.*\n)*.*cannot listen on"):
            replay_a_day(scene)
