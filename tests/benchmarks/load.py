"""What a request costs the load generator: `python -m tests.benchmarks.load`, ratios within one run.

nginx (Debian) is pinned to one core and each generator in turn to another; every one of them sends keep-alive GETs over
50 connections. The figure is requests per CPU-second of the generator, so that it does not depend on what else the
machine does. Piekwacht runs its whole bookkeeping: generator journeys, cookies, deadlines, histograms.
"""

from __future__ import annotations

import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.prometheus import free_port

HERE = Path(__file__).parent
ROUNDS = 3
SECONDS = 4
CONNECTIONS = 50
BODY = "Hello " + "x" * 194

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 10000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "{body}"; }} }}
}}
"""


def pinned(core: int, command: list[str]) -> list[str]:
    """Return the command that runs `command` on one core."""
    return ["taskset", "--cpu-list", str(core), *command]


@contextmanager
def nginx() -> Iterator[str]:
    """Run nginx on core 0 and yield its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "nginx.conf"
        config.write_text(NGINX.format(folder=name, port=port, body=BODY))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        process = subprocess.Popen(pinned(0, [program, "-c", str(config)]), stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}/"
            _wait_for(url)
            yield url
        finally:
            process.terminate()
            process.wait()


def _wait_for(url: str) -> None:
    for _ in range(100):
        try:
            with urlopen(url):
                return
        except URLError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer")


def cost(command: list[str], figures: str) -> float:
    """Run a generator on core 1 and return its requests per CPU-second.

    `figures` is a pattern for the number of requests and the CPU seconds in its output; where it has no second group,
    the CPU time of the whole process is taken.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(pinned(1, command), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.findall(figures, done.stdout)[0]
    if isinstance(found, tuple):
        return int(found[0]) / float(found[1])
    return int(found) / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def generators(url: str) -> dict[str, Callable[[], float]]:
    """Return every generator that is installed, by name."""
    ours = [sys.executable, str(HERE / "engine_gets.py"), url]
    locust = [sys.executable, "-m", "locust", "-f", str(HERE / "fasthttp_locustfile.py"), "--host", url.rstrip("/")]
    locust += ["--headless", "--only-summary", "--loglevel", "ERROR"]
    locust += ["-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{SECONDS}s"]
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url]
    found: dict[str, Callable[[], float]] = {
        "Piekwacht": lambda: cost(ours, r"(\d+) (\S+)"),
        "Locust FastHttpUser": lambda: cost(locust, r"cost (\d+) (\S+)"),
    }
    if shutil.which("wrk"):
        found["wrk"] = lambda: cost(wrk, r"(\d+) requests in")
    return found


def main() -> None:
    """Print the table."""
    with nginx() as url:
        rates: dict[str, list[float]] = {}
        for _ in range(ROUNDS):  # in turn, so that a busy minute of the machine meets everyone
            for name, measure in generators(url).items():
                rates.setdefault(name, []).append(measure())
    ours = rates["Piekwacht"]
    print(f"{'keep-alive GET of 200 bytes':<28} {'requests per CPU-second':>24} {'Piekwacht is':>14}")
    for name, values in rates.items():
        ratio = statistics.median(mine / other for mine, other in zip(ours, values, strict=True))
        print(f"{name:<28} {statistics.median(values):>24,.0f} {ratio:>12.2f} x")


if __name__ == "__main__":
    main()
