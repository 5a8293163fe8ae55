"""nginx as a target of benchmarks, on loopback, plain and with TLS; it counts its connections.

It answers 'Hello', and at the addresses of the replica with what lets a citizen log in and file a return: the same to
everyone, so that the generator is the limit and not the replica.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import trustme

from tests.children import child
from tests.prometheus import free_port

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

# One process, so that there is one process id to end; it keeps connections for longer than a benchmark lasts.
_CONFIG = """
master_process off; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 19000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 900s;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{secure} ssl backlog=4096;
    location / {{ return 200 "{body}"; }}
    default_type application/json;
    {answers}
    location = /status {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """A running server: its base URL without and with TLS, and the PEM file of who signed its certificate."""

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
def running(core: int | None = None) -> Iterator[Nginx]:
    """Run nginx, on one core if asked to. Raises `FileNotFoundError` where it is not installed."""
    path = program()
    if path is None:
        raise FileNotFoundError("nginx is not installed (Debian has it)")
    plain, secure = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "authorities.pem")
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        config = folder / "nginx.conf"
        config.write_text(
            _CONFIG.format(folder=folder, plain=plain, secure=secure, body=BODY, answers="\n    ".join(_locations()))
        )
        with child([path, "-p", name, "-c", str(config)], core, stderr=subprocess.DEVNULL) as process:
            _wait_for(process, f"http://127.0.0.1:{plain}/status")
            yield Nginx(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}", folder / "authorities.pem")


def _locations() -> Iterator[str]:
    for path, answer in ANSWERS.items():
        cookie = f'add_header Set-Cookie "{COOKIE}"; ' if path == "/portal/session" else ""
        yield f"location = {path} {{ {cookie}return 200 '{json.dumps(answer)}'; }}"


def _wait_for(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url):
                return
        except URLError:
            time.sleep(0.02)
    raise RuntimeError("nginx does not answer")
