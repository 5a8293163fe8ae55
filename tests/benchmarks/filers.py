"""70,000 people filing at the same time from one process: `make bench-filers`, about eight minutes.

Each is half-way through a return of his own: his cookies, his state, his connections, minutes to read and think. The
replica runs on the other core. Arrivals are so many that, with the thinking times of the journey, the number on their
way is reached when the last one comes: of T seconds of thinking, and arrivals for D seconds,

    on their way at D = rate x E[min(T, D)]        so        rate = filers / E[min(T, D)]
"""

from __future__ import annotations

from typing import Annotated

import typer

from config import Environment
from journeys import Citizen, Identities, Request, Response, Think, definitions
from loadtests.health import local_ports
from staging.layout import endpoints
from tests.benchmarks.bench import Bench, Generated, generate, replica, start
from tests.benchmarks.plans import plan

SOURCES = [f"127.0.0.{last}" for last in range(2, 10)]
"""Each has its own 28,000 ports for the replica."""

DESCRIPTORS = 12_000
"""Of the generator: the replica is one process too, with 20,000, and is not what is to be measured here."""

MARGIN = 1.01
"""Thinking times are drawn: one in a hundred more makes sure that the number is reached."""

# One answer that has everything any step looks for.
_ANSWER = Response(
    200,
    (),
    b'{"status": "admitted", "number": 1, "ticket": "t", "request": "r", "transaction": "t", "code": "c",'
    b' "artifact": "a", "return": "k", "amounts": {}, "version": 1, "signature": "s", "receipt": "Uw overzicht"}',
)


def main(
    filers: Annotated[int, typer.Option(min=10, help="How many are to be on their way at the same time.")] = 70_000,
    seconds: Annotated[int, typer.Option(min=2, help="How long people come.")] = 420,
    think: Annotated[float, typer.Option(min=0.001, help="Multiply the thinking times of the journey.")] = 1.5,
    drain: Annotated[float, typer.Option(min=0, help="Seconds that are watched after the last one came.")] = 60.0,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes, each with descriptors of its own.")] = 1,
) -> None:
    """Have so many people on their way through a whole return at the same time, and say what each of them costs."""
    bench = Bench("filers")
    rate = MARGIN * filers / expected_stay(seconds, think)
    print(f"  {rate:,.0f} arrivals/s for {seconds} s, thinking times x {think:g}", flush=True)
    options = [
        "--progress",
        "--descriptors",
        str(DESCRIPTORS),
        *(["--processes", str(processes)] if processes > 1 else []),
    ]
    with replica() as url:
        environment = Environment(
            title="Replica", endpoints=endpoints(url), allow=["127.0.0.1"], source_addresses=SOURCES
        )
        done = generate(
            plan("file-return", environment, [rate] * seconds, spacing="even", think=think, drain=drain), *options
        )
    report(bench, done, filers, seconds)
    bench.finish()


def expected_stay(seconds: float, think: float, sample: int = 2000) -> float:
    """Return E[min(T, seconds)] of the thinking time T of a whole return, from so many citizens."""
    identities = Identities()
    citizens = (Citizen(number, identities.account(number), "web") for number in range(sample))
    return sum(min(think * _thinking(citizen), seconds) for citizen in citizens) / sample


def _thinking(citizen: Citizen) -> float:
    """Walk a return without any system and add up the thinking."""
    walking = definitions()["file-return"].start(citizen)
    total, answer = 0.0, None
    try:
        while True:
            action = walking.send(answer)
            answer = _ANSWER if isinstance(action, Request) else None
            total += action.seconds if isinstance(action, Think) else 0.0
    except StopIteration:
        return total


def report(bench: Bench, done: Generated, filers: int, seconds: int) -> None:
    """Print what was reached, and what it took."""
    summary, rows = done.summary, done.summary.timeline
    arrivals, generator = summary.arrivals, summary.generator
    peak = max(range(len(rows)), key=lambda index: rows[index].in_flight)
    growth = (done.memory[peak] - done.memory[0]) / max(1, rows[peak].in_flight - rows[0].in_flight)
    bench.at_least("filing at the same time", rows[peak].in_flight, filers, "citizens", 0)
    bench.tell("spawn rate", arrivals.started / seconds, "per second")
    bench.equal("lost by the generator: dropped, aborted", arrivals.dropped + arrivals.aborted, 0)
    bench.tell("memory per citizen", growth / 1024, "KiB", 1)
    bench.tell("memory of the generator at the peak", done.memory[peak] / 2**20, "MiB")
    bench.tell("start lateness p50", 1000 * summary.lateness.p50, "ms", 3)
    bench.at_most("start lateness p99", 1000 * summary.lateness.p99, 2, "ms", 3)
    bench.tell("start lateness max", 1000 * summary.lateness.max, "ms", 1)
    for name, count in (("filed", arrivals.completed), ("still thinking at the end", arrivals.unfinished)):
        bench.tell(f"citizens: {name}", count, "")
    bench.tell("citizens: failed", arrivals.failed, "")
    for row in summary.failures:
        bench.tell(f"  failed: {row.reason} at {row.step}, {row.detail}", row.count, "")
    bench.tell("requests", summary.requests, "")
    bench.tell("response p50", 1000 * summary.response.p50, "ms", 1)
    bench.tell("response p99", 1000 * summary.response.p99, "ms", 1)
    bench.tell("connections: opened", generator.connections, "")
    bench.tell("connections: most open at the same time", generator.connections_open_max, "")
    bench.tell("connections: closed early for want of descriptors", generator.closed_early, "")
    bench.tell("connections: found closed by the server", generator.stale_connections, "")
    bench.tell("sockets of the machine, those waiting out their end included", generator.sockets_max, "")
    bench.tell("ports of all source addresses", local_ports() * len(SOURCES), "")
    bench.tell("cores taken by the busiest process: mean", generator.cpu_mean, "", 2)
    bench.details["timeline"] = [
        {"second": row.second, "in_flight": row.in_flight, "open_connections": row.open_connections, "memory": memory}
        for row, memory in zip(rows, done.memory, strict=False)
    ]


if __name__ == "__main__":
    start(main)
