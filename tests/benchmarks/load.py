"""What requests, journeys and citizens cost the load generator, beside wrk, k6 and Locust: `make bench-load`.

nginx (Debian) or the replica is pinned to one core and each generator in turn to another, so that a busy minute of the
machine meets everyone. Costs are CPU-seconds of the generator's process. Piekwacht runs as `piekwacht load run` does:
under Locust, with generator journeys, cookies, deadlines, and every answer timed and counted.
"""

from __future__ import annotations

import re
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from config import Environment
from staging.layout import endpoints
from tests import nginx
from tests.benchmarks.bench import Bench, Broken, Generated, generate, printed_by, start
from tests.benchmarks.errands import MANY, VISITS
from tests.benchmarks.plans import plan, website

HERE = Path(__file__).parent
CONNECTIONS = 50
"""Of every generator that is compared; also people who file a return at the same time."""
FEW = 20
"""People who file at the same time where that is told, too."""
AT_ONCE = 20.0
"""So much faster than in a second come those who then stay: within 50 ms, as the connections of wrk do."""
MORE_THAN_A_CORE = 10
"""So many times the leisurely rate is more than a core can serve: whoever leaves is followed at once."""

K6_SCRIPT = """
import http from 'k6/http';
import { check } from 'k6';
export const options = { vus: %d, duration: '%ds', insecureSkipTLSVerify: true };
export default function () {
  check(http.get('%s/'), { hello: (answer) => answer.status === 200 && answer.body.includes('Hello') });
}
"""


class Sizes:
    """How much of everything; `scale` 1 takes some minutes."""

    def __init__(self, scale: float) -> None:
        self.seconds = max(2, round(3 * scale))
        self.rounds = 7 if scale >= 1 else 1  # one program's figures differ by a quarter from start to start
        self.getters = max(4, round(CONNECTIONS * scale))
        self.filers_per_second = max(5.0, 600 * scale)
        self.holders = max(40, round(2000 * scale))
        self.stayers = max(5, round(100 * scale))


def main(
    scale: Annotated[float, typer.Option(min=0.01, max=10, help="Multiply sizes and times.")] = 1.0,
    only: Annotated[str, typer.Option(help="One part: get, journey, tls or keep-alive.")] = "",
) -> None:
    """Measure what the generator costs, as ratios within one run; needs nginx, and takes wrk and k6 where they are."""
    parts = {"get": gets, "journey": journeys, "tls": tls, "keep-alive": keep_alive}
    if only and only not in parts:
        raise typer.BadParameter(f"'{only}' is not one of {', '.join(parts)}", param_hint="--only")
    bench = Bench("load")
    for name, part in parts.items():
        if only in ("", name):
            with bench.part(name):
                part(bench, Sizes(scale))
    bench.finish()


# --- GETs on connections that stay open


def gets(bench: Bench, sizes: Sizes) -> None:
    """Compare requests per CPU-second, without and with TLS, and find what statistics cost."""
    with nginx.estate(0) as server:
        for label, url in (("HTTP", server.url), ("HTTPS", server.secure_url)):
            rates: dict[str, list[float]] = {}
            generators = _getters(bench, sizes, url, website(url, server.authorities), secure=label == "HTTPS")
            for _ in range(sizes.rounds):
                for name, rate in generators.items():
                    rates.setdefault(name, []).append(rate())
            _compare(bench, label, rates)


def _compare(bench: Bench, label: str, rates: dict[str, list[float]]) -> None:
    ours = rates["Piekwacht"]
    for name, values in rates.items():
        bench.tell(f"{label} keep-alive GET: {name}", statistics.median(values), "per CPU-second")

    def ratio(name: str) -> float:
        return statistics.median(mine / other for mine, other in zip(ours, rates[name], strict=True))

    bench.at_least(f"{label} keep-alive GET: Piekwacht / FastHttpUser", ratio("FastHttpUser"), 10)
    for name, bar in (("k6", 4.0), ("wrk", 0.35)):
        what = f"{label} keep-alive GET: Piekwacht / {name}"
        if name in rates:
            bench.at_least(what, ratio(name), bar)
        else:
            bench.skip(what, f"{name} is not installed")
    if "wrk" in rates:
        bench.at_least(f"{label} keep-alive GET: Piekwacht / wrk, the goal", ratio("wrk"), 0.5)
    silent = rates["Piekwacht without statistics"]
    cost = statistics.median(1e6 / mine - 1e6 / bare for mine, bare in zip(ours, silent, strict=True))
    bench.tell(f"{label} keep-alive GET: what statistics cost", cost, "us per request", 1)


def _getters(
    bench: Bench, sizes: Sizes, url: str, environment: Environment, *, secure: bool
) -> dict[str, Callable[[], float]]:
    """Return every generator that is installed: a function that gives its requests per CPU-second."""
    the_plan = plan("get-many", environment, [sizes.getters], spacing="even", drain=300.0, compress=AT_ONCE)

    def ours(*options: str) -> float:
        done = generate(the_plan, *options)
        bench.check("GETs", done.summary)
        return sizes.getters * MANY / done.cpu

    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{sizes.seconds}s", f"{url}/"]
    beginning = 6 if secure else 0  # seconds in which each FastHttpUser makes its own TLS context
    locust = _locust("fasthttp_locustfile.py", "Getter", url, CONNECTIONS, sizes.seconds + beginning)
    found: dict[str, Callable[[], float]] = {
        "Piekwacht": ours,
        "Piekwacht without statistics": lambda: ours("--no-statistics"),
        "FastHttpUser": lambda: _locust_rate(locust),
    }
    if shutil.which("wrk"):
        found["wrk"] = lambda: _rate(wrk, r"(\d+) requests in")
    if shutil.which("k6"):
        found["k6"] = lambda: _k6_rate(sizes, url)
    return found


def _rate(command: list[str], requests: str) -> float:
    """Return requests per CPU-second of a program whose output holds the number of requests."""
    out, cpu = printed_by(command)
    return int(re.findall(requests, out)[0]) / cpu


def _k6_rate(sizes: Sizes, url: str) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".js") as script:
        script.write(K6_SCRIPT % (CONNECTIONS, sizes.seconds, url))
        script.flush()
        return _rate(["k6", "run", "--quiet", script.name], r"http_reqs\D*(\d+)")


def _locust(locustfile: str, user: str, url: str, users: int, seconds: int) -> list[str]:
    command = [sys.executable, "-m", "locust", "-f", str(HERE / locustfile), user, "--host", url, "--headless"]
    command += ["--only-summary", "--loglevel", "ERROR", "--exit-code-on-error", "0"]
    return [*command, "-u", str(users), "-r", str(users), "-t", f"{seconds}s"]


def _locust_cost(command: list[str]) -> list[float]:
    """Return what our locustfiles print: a count, CPU seconds, and one figure more."""
    out, _ = printed_by(command)
    found = re.findall(r"^cost (\S+) (\S+) (\S+)$", out, re.MULTILINE)
    if not found or float(found[0][0]) == 0:
        raise Broken(f"FastHttpUser did nothing: {out.strip()[-300:]}")
    return [float(figure) for figure in found[0]]


def _locust_rate(command: list[str]) -> float:
    requests, cpu, _ = _locust_cost(command)
    return requests / cpu


# --- a whole journey


def journeys(bench: Bench, sizes: Sizes) -> None:
    """Compare the CPU of logging in and filing a return: fifty people at a time, each core full; connections are kept.

    nginx plays the estate: the replica would be the limit. FastHttpUsers begin anew without a pause. Of ours more come
    than a core can serve, and who finds all places taken is turned away, which counts as part of the cost. What one
    costs where few are there, or where they come at a leisurely rate, mostly alone, is told beside it.
    """
    what, seconds = "log in and file a return", 2 * sizes.seconds
    with nginx.estate(0) as server:
        environment = Environment(title="nginx", endpoints=endpoints(server.url), allow=["127.0.0.1"])

        def filing(rate: float, **options: object) -> float:
            """Return the CPU milliseconds of one return."""
            the_plan = plan("file-return", environment, [rate] * seconds, think=0.0, pooled=True, **options)
            done = generate(the_plan)
            if failed := done.summary.arrivals.failed:
                bench.skip("journey: Piekwacht", f"{failed} journeys failed")
            return 1000 * done.cpu / max(1, done.summary.arrivals.completed)

        leisurely = sizes.filers_per_second
        bench.tell(f"{what}: Piekwacht, {leisurely:,.0f} a second", filing(leisurely), "ms CPU", 2)

        def compared(people: int, rounds: int) -> float:
            """Tell what one return costs each side, and return the ratio."""
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(filing(MORE_THAN_A_CORE * leisurely, max_in_flight=people))
                filed, cpu, failed = _locust_cost(_locust("fasthttp_journey.py", "Filer", server.url, people, seconds))
                theirs.append(1000 * cpu / filed)
                if failed:
                    bench.skip("journey: FastHttpUser", f"{failed:.0f} requests failed")
            for name, costs in (("Piekwacht", ours), ("FastHttpUser", theirs)):
                bench.tell(f"{what}, {people} at a time: {name}", statistics.median(costs), "ms CPU", 2)
            return statistics.median(other / mine for mine, other in zip(ours, theirs, strict=True))

        few = compared(FEW, max(1, sizes.rounds // 2))
        bench.tell(f"{what}, {FEW} at a time: FastHttpUser / Piekwacht", few, "x", 2)
        many = compared(CONNECTIONS, sizes.rounds)
        bench.at_least(f"{what}, {CONNECTIONS} at a time: FastHttpUser / Piekwacht", many, 8)


# --- HTTPS citizens


def tls(bench: Bench, sizes: Sizes) -> None:
    """Measure what a fresh citizen with one HTTPS connection costs: CPU to begin, memory to stay.

    Two thirds of a core serve them; FastHttpUser, beside it, begins with all of a core. What one costs where half as
    many come is told, too: a core that sleeps between them wakes with cold caches.
    """
    with nginx.estate(0) as server:
        environment = website(server.secure_url, server.authorities)
        per_second = [sizes.holders / 4] * 8  # shorter than their stay: all of them are connected at the end
        done = generate(plan("get-and-stay", environment, per_second, spacing="even"))
        bench.check("HTTPS citizens", done.summary)
        held, memory = _growth(done)
        bench.tell("HTTPS citizens connected at the same time", held, "")
        bench.at_most("HTTPS citizen: CPU", _cost_of_one(done), 2, "ms")
        leisurely = generate(plan("get-and-stay", environment, [rate / 2 for rate in per_second], spacing="even"))
        bench.tell("HTTPS citizen: CPU, where half as many come", _cost_of_one(leisurely), "ms", 2)
        bench.at_most("HTTPS citizen: memory while connected", memory / 1024, 50, "KiB", 1)
        command = _locust("fasthttp_locustfile.py", "Stayer", server.secure_url, sizes.stayers, 4 * sizes.seconds)
        users, cpu, grown = _locust_cost(command)
        bench.tell("HTTPS FastHttpUser: CPU", 1000 * cpu / users, "ms", 1)
        bench.tell("HTTPS FastHttpUser: memory while connected", grown / users / 1024, "KiB")


def _cost_of_one(done: Generated) -> float:
    """Return the CPU milliseconds of one citizen."""
    return 1000 * done.cpu / done.summary.arrivals.started


def _growth(done: Generated) -> tuple[int, float]:
    """Return the most open connections, and the bytes for each that came after the first second."""
    rows = done.summary.timeline
    peak = max(range(len(rows)), key=lambda index: rows[index].open_connections)
    more = rows[peak].open_connections - rows[0].open_connections
    if more <= 0:
        raise Broken("no connections stayed open")
    return rows[peak].open_connections, (done.memory[peak] - done.memory[0]) / more


# --- more connections than select() can watch


def keep_alive(bench: Bench, sizes: Sizes) -> None:
    """Count on the server how many connections citizens open who come back to theirs every second."""
    with nginx.estate(0) as server:
        before = server.accepted()
        done = generate(plan("get-again", website(server.url), [float(sizes.holders)], spacing="even"))
        bench.check("keep-alive", done.summary)
        opened = server.accepted() - before - 1  # that one asked
        what = f"{sizes.holders:,} citizens x {VISITS} requests"
        bench.equal(f"{what}: requests", done.summary.requests, VISITS * sizes.holders)
        bench.equal(f"{what}: connections seen by nginx", opened, sizes.holders)
        before = server.accepted()
        command = _locust("fasthttp_locustfile.py", "Visitor", server.url, sizes.holders, VISITS + 8)
        users = _locust_cost(command)[0] / VISITS
        bench.tell(f"{users:,.0f} FastHttpUsers x {VISITS} requests: connections", server.accepted() - before - 1, "")


if __name__ == "__main__":
    start(main)
