"""A real nginx on free loopback ports, for tests that ask what it has seen."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.prometheus import free_port

_CONFIG = """
worker_processes 1; worker_rlimit_nofile 10000; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  log_format seen '$server_port $remote_addr $connection $request_method $uri $status';
  access_log {folder}/access.log seen;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{ listen 127.0.0.1:{ready}; location / {{ access_log off; return 200 ready; }} }}
{servers}
}}
"""


@dataclass(frozen=True)
class Seen:
    """One request as nginx logged it; `connection` is its serial number."""

    port: int
    address: str
    connection: int
    method: str
    path: str
    status: int


class Nginx:
    """A running nginx."""

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self._log = folder / "access.log"
        self._read = 0
        self.ports = ports

    def seen(self) -> list[Seen]:
        """Return the requests since the last call."""
        lines = self._log.read_text().splitlines()
        self._read, new = len(lines), lines[self._read :]
        return [_parsed(*line.split()) for line in new]


def _parsed(port: str, address: str, connection: str, method: str, path: str, status: str) -> Seen:
    return Seen(int(port), address, int(connection), method, path, int(status))


@contextmanager
def running(program: str, folder: Path, servers: Sequence[str]) -> Iterator[Nginx]:
    """Start nginx with the inside of some server blocks, in which `{port}` is a free port of its own.

    Its files stay inside `folder`; it is stopped by its process id at the end.
    """
    ports, ready = [free_port() for _ in servers], free_port()
    blocks = ["  server {" + text.replace("{port}", str(port)) + "}" for text, port in zip(servers, ports, strict=True)]
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, ready=ready, servers="\n".join(blocks)))
    log = folder / "start.log"
    with log.open("wb") as stream:
        process = subprocess.Popen([program, "-c", str(config)], stdout=stream, stderr=stream)
        try:
            wait_for_page(process, f"http://127.0.0.1:{ready}/", log)
            yield Nginx(folder, ports)
        finally:
            process.terminate()
            process.wait(timeout=20)


def wait_for_page(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return when `url` answers. Raises `AssertionError` with the server's own words when it never does."""
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(url, timeout=2):
                return
        except URLError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")
