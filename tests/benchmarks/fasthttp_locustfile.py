"""The reference: Locust's fastest user, written as its documentation does. Name the user on the command line."""

from __future__ import annotations

import time

from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests.health import memory_in_use
from tests.benchmarks.errands import VISITS

begun = [0.0, 0, 0]


@events.init.add_listener
def attach(environment: Environment, **_: object) -> None:
    """Leave out what starting Locust costs, and for the `Getter`, whose requests alone count, what its users cost."""

    def begin(**_: object) -> None:
        begun[:] = time.process_time(), memory_in_use(), environment.stats.num_requests

    environment.events.test_start.add_listener(begin)
    if Getter in environment.user_classes:
        environment.events.spawning_complete.add_listener(begin)


@events.test_stopping.add_listener
def end(environment: Environment, **_: object) -> None:
    """Print requests, CPU seconds and bytes of memory, with every user still there."""
    cpu, memory, requests = begun
    done = environment.stats.num_requests - requests
    print("cost", done, time.process_time() - cpu, memory_in_use() - memory)


class Getter(FastHttpUser):
    """One connection, one GET after the other."""

    @task
    def get(self) -> None:
        """Send one."""
        self.client.get("/")


class Stayer(FastHttpUser):
    """One GET on a connection of one's own, which then stays open."""

    def wait_time(self) -> float:
        """Wait for longer than the run lasts."""
        return 3600.0

    @task
    def get(self) -> None:
        """Send the one."""
        self.client.get("/")


class Visitor(FastHttpUser):
    """A GET every second, and then no more."""

    def on_start(self) -> None:
        """Begin to count."""
        self.visits = 0

    def wait_time(self) -> float:
        """Wait for the next visit."""
        return 1.0

    @task
    def get(self) -> None:
        """Send one."""
        if self.visits == VISITS:
            raise StopUser
        self.visits += 1
        self.client.get("/")
