"""The alarm rings once for each instant, never early, and at once for one that has passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from loadtests.alarm import Alarm


class Bell:
    """An alarm on a loop of its own; keeps the instants at which it rang."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self.alarm = Alarm(self.loop, self._ring)
        self.rang: list[float] = []

    def _ring(self) -> None:
        self.rang.append(time.monotonic())

    def listen(self, seconds: float = 0.02) -> None:
        """Let the loop run."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def wait(self, times: int = 1) -> None:
        """Let the loop run until it has rung so often."""
        end = time.monotonic() + 10
        while len(self.rang) < times:
            assert time.monotonic() < end, f"rang {len(self.rang)} times"
            self.listen(0.001)


@pytest.fixture
def bell() -> Iterator[Bell]:
    it = Bell()
    yield it
    it.alarm.close()
    it.loop.close()


def test_it_does_not_ring_unless_it_is_set(bell):
    """A new alarm has no instant."""
    bell.listen()
    assert bell.rang == []


def test_it_rings_once_and_never_early(bell):
    """Not before its instant, however fine that is, and then not again."""
    instants = []
    for number in range(50):
        instants.append(time.monotonic() + 0.0012345678)
        bell.alarm.set(instants[-1])
        bell.wait(number + 1)
    bell.listen()
    assert len(bell.rang) == 50
    assert all(rang >= instant for rang, instant in zip(bell.rang, instants, strict=True))


@pytest.mark.parametrize("ago", [0.0, 1e-9, 1.0, 1e9])
def test_an_instant_that_has_passed_rings_at_once(bell, ago):
    """Even one before the machine was started."""
    bell.alarm.set(time.monotonic() - ago)
    bell.wait()
    bell.listen()
    assert len(bell.rang) == 1


def test_setting_it_again_moves_it(bell):
    """Forward or back: only the last instant counts."""
    bell.alarm.set(time.monotonic() + 3600)
    bell.alarm.set(time.monotonic())
    bell.wait()
    bell.alarm.set(time.monotonic())
    bell.alarm.set(time.monotonic() + 3600)
    bell.listen()
    assert len(bell.rang) == 1


def test_an_alarm_that_is_set_when_it_rings_goes_on(bell):
    """As the engine does for its next arrival."""
    bell.alarm._ring = lambda: (bell._ring(), bell.alarm.set(time.monotonic() + 0.001))
    bell.alarm.set(time.monotonic())
    bell.wait(20)


def test_it_gives_its_descriptor_back():
    """A thousand alarms leave nothing."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    loop = uvloop.new_event_loop()
    for _ in range(1000):
        alarm = Alarm(loop, lambda: None)
        alarm.set(time.monotonic())
        alarm.close()
    loop.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
