"""Certificates for mutual TLS: an authority of this start alone vouches for customs' gateway and for one client.

The program `openssl` (3.0 or later) makes them, so that no library is needed for the few who ask for it. The
authority's own key is not kept: nobody can have another certificate of it.
"""

from __future__ import annotations

import ssl
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

DAYS = 30
"""That the certificates are valid: the replica is for a test, and made anew at each start."""
_LOOPBACK = "DNS:localhost,IP:127.0.0.1,IP:::1"
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


class CannotCertify(OSError):  # noqa: N818 - a sentence for whoever starts the replica
    """The certificates could not be made."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files in `folder`: what a client trusts and shows, and what the gateway shows."""

    folder: Path

    @property
    def authorities(self) -> Path:
        """The authority that vouches for both sides."""
        return self.folder / "authorities.pem"

    @property
    def client(self) -> tuple[Path, Path]:
        """A client's certificate and its key."""
        return self.folder / "client.pem", self.folder / "client.key"

    @property
    def gateway(self) -> tuple[Path, Path]:
        """The gateway's certificate and its key."""
        return self.folder / "gateway.pem", self.folder / "gateway.key"

    def context(self) -> ssl.SSLContext:
        """Return how the gateway listens: it demands a certificate of the authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authorities))
        context.load_cert_chain(*self.gateway)
        context.verify_mode = ssl.CERT_REQUIRED
        context.sslobject_class = _Outspoken
        return context


class _Outspoken(ssl.SSLObject):
    """TLS that lets a client know why its certificate is refused.

    OpenSSL has the alert ready when it gives up; asyncio and uvloop close the connection without sending it, unless
    more seems to be awaited. So it is: the client reads the alert and leaves, or the handshake's time runs out.
    """

    _failed = False

    def do_handshake(self) -> None:
        """Shake hands. Raises `SSLWantReadError` for ever once it has failed."""
        if not self._failed:
            try:
                super().do_handshake()
            except ssl.SSLWantReadError:
                raise
            except ssl.SSLError:
                self._failed = True
        if self._failed:
            raise ssl.SSLWantReadError


def certify(folder: Path, host: str) -> Certificates:
    """Make an authority, and by it certificates of a gateway on `host` and of a client. Raises `CannotCertify`.

    What stands in `folder` under the same names is replaced. Keys are readable by their owner alone.
    """
    made = Certificates(folder)
    key = folder / "authority.key"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (key, made.client[1], made.gateway[1]):
            path.unlink(missing_ok=True)  # what is there may be readable by others, and would stay so
        _request("/CN=Piekwacht replica", key, made.authorities, "-addext", "keyUsage=critical,keyCertSign")
        vouched = ("-CA", str(made.authorities), "-CAkey", str(key), "-addext", "basicConstraints=critical,CA:FALSE")
        for (certificate, own), name, usage in (
            (made.gateway, f"{_LOOPBACK},{_name(host)}", "serverAuth"),
            (made.client, "DNS:declarant.example", "clientAuth"),
        ):
            extensions = ("-addext", f"subjectAltName={name}", "-addext", f"extendedKeyUsage={usage}")
            _request(f"/CN=Piekwacht {certificate.stem}", own, certificate, *vouched, *extensions)
    except OSError as error:
        raise CannotCertify(f"no certificates in {folder}: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            key.unlink()
    return made


def _name(host: str) -> str:
    try:
        return f"IP:{ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"


def _request(subject: str, key: Path, certificate: Path, *more: str) -> None:
    """Make a key and its certificate. Raises `OSError`."""
    command = ["openssl", "req", "-x509", *_KEY, "-keyout", str(key), "-out", str(certificate)]
    command += ["-subj", subject, "-days", str(DAYS), *more]
    try:
        done = subprocess.run(command, capture_output=True, text=True, umask=0o077, check=False, timeout=30)  # noqa: S603
    except FileNotFoundError:
        raise OSError("the program openssl is not installed") from None
    except subprocess.TimeoutExpired:
        raise OSError("openssl does not come to an end") from None
    if done.returncode:
        raise OSError(f"openssl says: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'nothing'}")
