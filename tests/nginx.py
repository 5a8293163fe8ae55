"""A real nginx on free loopback ports: for tests that ask what it has seen, and as the estate of benchmarks."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import trustme

from tests.children import child
from tests.prometheus import free_port
from tests.waiting import LONG

# One process, so that there is one process id to end.
_CONFIG = """
master_process off; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 19000; }}
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
def running(program: str, folder: Path, servers: Sequence[str], core: int | None = None) -> Iterator[Nginx]:
    """Start nginx, on one core if asked to, with the inside of some server blocks.

    `{port}` in a block is a free port of its own. All files stay inside `folder`; it is stopped by its process id.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # which it inherits
    ports, ready = [free_port() for _ in servers], free_port()
    blocks = ["  server {" + text.replace("{port}", str(port)) + "}" for text, port in zip(servers, ports, strict=True)]
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, ready=ready, servers="\n".join(blocks)))
    log = folder / "start.log"
    with log.open("wb") as stream, child([program, "-c", str(config)], core, stdout=stream, stderr=stream) as process:
        wait_for_page(process, f"http://127.0.0.1:{ready}/", log)
        yield Nginx(folder, ports)


def wait_for_page(process: subprocess.Popen[str], url: str, log: Path) -> None:
    """Return when `url` answers. Raises `AssertionError` with the server's own words when it never does."""
    end = time.monotonic() + LONG
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(url, timeout=2):
                return
        except URLError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


# --- as the target of benchmarks

BODY = "Hello " + "x" * 194

ANSWERS: dict[str, dict[str, object]] = {
    "/waiting-room/queue": {"status": "admitted", "ticket": "web-jdhUz1Y8jTkq2A4S", "number": 1},
    "/access/login": {"request": "Jk2nV7xPq0aWb31c"},
    "/digid/app/start": {"transaction": "gT5bNq8sLw2rXz7d", "code": "4F7K"},
    "/digid/app/status": {"status": "confirmed", "artifact": "pR3vYc9mUe6hKf1o"},
    "/digid/app/confirm": {"status": "confirmed"},
    "/access/assertion": {"ticket": "bN6tRw2yKs8dLp4m"},
    "/portal/session": {"title": "Uw overzicht"},
    "/portal/return": {"return": "2022-74", "version": 3, "amounts": {"income": 48250, "wage_tax": 14410, "gifts": 0}},
    "/portal/return/sign": {"signature": "zB4tHs7jQd5gWn8x"},
    "/portal/return/submit": {"receipt": "Ontvangstbewijs 74"},
    "/portal/return/receipt": {"title": "Ontvangstbewijs 74"},
}
"""What a citizen's steps look for, as the replica writes it."""

COOKIE = "session=jdhUz1Y8jTkq2A4S; Path=/portal; HttpOnly; SameSite=Lax"

# It keeps connections for longer than a benchmark lasts.
_ESTATE = """
  listen 127.0.0.1:{port} %s backlog=4096; access_log off; keepalive_requests 100000000; keepalive_timeout 900s;
  location / { return 200 "%s"; }
  default_type application/json;
  %s
  location = /status { stub_status; }
"""


@dataclass(frozen=True)
class Estate:
    """A running estate: its base URL without and with TLS, and the PEM file of who signed its certificate."""

    url: str
    secure_url: str
    authorities: Path

    def accepted(self) -> int:
        """Return how many connections it has accepted since it started, including the one that asks this."""
        with urlopen(f"{self.url}/status") as answer:
            return int(answer.read().split(b"requests")[1].split()[0])


def program() -> str | None:
    """Return the path of nginx, which Debian keeps out of a user's PATH; None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")


@contextmanager
def estate(core: int | None = None) -> Iterator[Estate]:
    """Run nginx, on one core if asked to, as an estate. Raises `FileNotFoundError` where it is not installed.

    It answers 'Hello', and at the addresses of the replica with what lets a citizen log in and file a return: the same
    to everyone, so that the generator is the limit and not the replica.
    """
    path = program()
    if path is None:
        raise FileNotFoundError("nginx is not installed (Debian has it)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "authorities.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        said = BODY, "\n  ".join(_locations())
        certificate = f"ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;"
        blocks = [_ESTATE % ("", *said), certificate + _ESTATE % ("ssl", *said)]
        with running(path, folder, blocks, core) as server:
            plain, secure = server.ports
            yield Estate(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}", folder / "authorities.pem")


def _locations() -> Iterator[str]:
    for path, answer in ANSWERS.items():
        cookie = f'add_header Set-Cookie "{COOKIE}"; ' if path == "/portal/session" else ""
        yield f"location = {path} {{ {cookie}return 200 '{json.dumps(answer)}'; }}"
