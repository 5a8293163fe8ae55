"""A simulated system: a queue with several servers, observed as a hold observes a real one."""

from __future__ import annotations

import heapq

import numpy as np

from loadtests.capacity import Observed
from loadtests.latencies import counted
from loadtests.second import sparse


def mmc(rate: float, *, servers: int, service: float, warm_up: int, hold: int, seed: int) -> Observed:
    """Simulate an M/M/c queue at a constant rate; its capacity is `servers` / `service`."""
    random = np.random.default_rng(seed)
    end = warm_up + hold
    arrivals = np.sort(random.uniform(0, end, random.poisson(rate * end)))
    free = [0.0] * servers
    ends = np.empty(len(arrivals))
    for index, arrival in enumerate(arrivals):
        ends[index] = max(arrival, heapq.heappop(free)) + random.exponential(service)
        heapq.heappush(free, ends[index])
    there = [np.sum(arrivals <= second) - np.sum(ends <= second) for second in range(warm_up + 1, end + 1)]
    steady = ends >= warm_up
    return Observed(
        seconds=hold,
        started=int(np.sum(arrivals >= warm_up)),
        ended=int(np.sum(steady & (ends < end))),
        completed=int(np.sum(steady)),
        failed=0,
        failures=0,
        in_flight=float(np.mean(there)),
        responses=counted(sparse((ends - arrivals)[steady])),
    )
