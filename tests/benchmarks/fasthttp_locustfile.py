"""The reference: Locust's fastest user, sending GETs without waiting."""

from __future__ import annotations

import time

from locust import FastHttpUser, events, task
from locust.env import Environment

begun = [0.0]


@events.test_start.add_listener
def begin(**_: object) -> None:
    """Leave out what starting Locust costs."""
    begun[0] = time.process_time()


@events.quitting.add_listener
def end(environment: Environment, **_: object) -> None:
    """Print requests and CPU seconds."""
    print("cost", environment.stats.num_requests, time.process_time() - begun[0])


class Getter(FastHttpUser):
    """One connection, one GET after the other."""

    @task
    def get(self) -> None:
        """Send one."""
        self.client.get("/")
