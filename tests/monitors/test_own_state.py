"""The monitor's own trouble, and a real network that is cut off."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from config.environment import Environment
from config.source import ConfigError, read, validate
from monitors import own_state
from monitors.instruments import LoopLag
from monitors.own_state import OwnState, References, open_descriptors
from monitors.verdict import Cause
from tests.conftest import ROOT
from tests.monitors.listeners import closed_port
from tests.waiting import LONG, until

CUT_OFF = ("unshare", "--map-root-user", "--net", sys.executable, "-m", "tests.monitors.cut_off")


class Reference:
    """A reference target that counts its visitors."""

    def __init__(self) -> None:
        self.visits = 0
        self.address = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.visits += 1
            writer.close()

        server = await asyncio.start_server(count, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()


def silent() -> str:
    return f"127.0.0.1:{closed_port()}"


async def test_one_that_answers_is_enough() -> None:
    """The network is only down when every reference target is silent; who answered is known of each."""
    reference, dead = Reference(), silent()
    async with reference.listening():
        references = References([dead, reference.address])
        assert not await references.all_silent(time.monotonic())
    assert references.answering == {dead: False, reference.address: True}


async def test_a_failure_is_judged_by_a_look_that_began_after_it() -> None:
    """That they answered a moment ago does not count: the network may have gone down in between."""
    reference = Reference()
    async with reference.listening():
        references = References([reference.address])
        assert not await references.all_silent(time.monotonic())
    asked_at = time.monotonic()
    assert await references.all_silent(asked_at)
    assert await references.all_silent(asked_at), "no newer look is needed"


async def test_many_failures_at_once_are_judged_by_one_look() -> None:
    """An outage of a hundred probes does not become a burst of connections to other people's machines."""
    reference = Reference()
    async with reference.listening():
        references = References([reference.address])
        moment = time.monotonic()
        assert not any(await asyncio.gather(*(references.all_silent(moment) for _ in range(100))))
        await until(lambda: reference.visits > 0)
        assert reference.visits == 1


async def test_without_references_the_rule_does_not_apply() -> None:
    """Nobody is silent where nobody was named."""
    assert not await References([]).all_silent(time.monotonic())
    assert await OwnState(LoopLag(), References([])).trouble() is None


async def test_references_can_change() -> None:
    """A reload brings other ones; what is known of those that stay is kept."""
    dead, other = silent(), silent()
    references = References([dead])
    assert await references.all_silent(time.monotonic())
    references.retarget([dead, other])
    assert references.answering == {dead: False, other: True}
    assert await references.all_silent(time.monotonic())


async def test_who_has_no_descriptors_left_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the limit sockets cannot be opened, so a failure says nothing; with room it does."""
    state = OwnState(LoopLag(), References([]))
    used = open_descriptors()
    monkeypatch.setattr(own_state, "descriptor_limit", lambda: used)
    trouble = await state.trouble()
    assert trouble is not None
    assert trouble.cause is Cause.OVERLOADED
    monkeypatch.setattr(own_state, "descriptor_limit", lambda: 2 * used)
    assert await state.trouble() is None


def test_descriptors_are_counted(tmp_path: Path) -> None:
    """Ten more open files are ten more descriptors."""
    before = open_descriptors()
    files = [(tmp_path / str(number)).open("w") for number in range(10)]
    assert open_descriptors() == before + 10
    for file in files:
        file.close()


@pytest.mark.parametrize(
    "wrong", ["192.0.2.1", "192.0.2.1:0", "http://a:80", "2001:db8::1:80", "a:70000", ":80", "[a]:1"]
)
def test_a_reference_is_a_host_and_a_port(tmp_path: Path, wrong: str) -> None:
    """Anything else is refused with an example of what is right."""
    path = tmp_path / "environment.yaml"
    text = "title: t\nendpoints: {website: 'http://a'}\nallow: [a]\n"
    text += "references: ['192.0.2.1:53', '[2001:db8::1]:443', '%s']\n"
    path.write_text(text % "gateway.example:22")
    assert validate(read(path), Environment, {}).references[2] == "gateway.example:22"
    path.write_text(text % wrong)
    with pytest.raises(ConfigError, match=r"references\[2\].*a host and its port"):
        validate(read(path), Environment, {})


def namespaces() -> str:
    """Return why networks cannot be cut off here, or nothing."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return "unshare or ip is not installed (Debian: util-linux, iproute2)"
    link = "ip link add near type veth peer name far"
    tried = subprocess.run(["unshare", "--map-root-user", "--net", "sh", "-c", link], capture_output=True, check=False)
    return tried.stderr.decode().strip()


@pytest.mark.slow
def test_with_its_network_cut_off_a_monitor_reports_nobody_down(tmp_path: Path) -> None:
    """Whether packets vanish or the device is down: only unknown. A dead target is down while the reference answers."""
    if why_not := namespaces():
        pytest.skip(f"no network of its own: {why_not}")
    done = subprocess.run(
        [*CUT_OFF, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=3 * LONG, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [counts["website"]["bad"] for counts in found.values()] == [0, 0, 0, 0, 0], done.stderr
    website, dying = ({name: counts[which] for name, counts in found.items()} for which in ("website", "dying"))
    assert dying["alive"]["good"] > 0
    assert dying["alive"]["bad"] == dying["alive"]["unknown"] == 0
    assert dying["dead"]["bad"] > 0
    assert website["dead"]["good"] > website["alive"]["good"]
    assert dying["silent"]["unknown"] > 0
    assert website["silent"]["unknown"] > 0
    assert dying["down"]["bad"] == dying["silent"]["bad"]
    assert dying["down"]["unknown"] > dying["silent"]["unknown"]
    assert dying["back"]["bad"] > dying["down"]["bad"]
    assert website["back"]["good"] > website["down"]["good"]
