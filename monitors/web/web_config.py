"""How the monitor's pages are served: TLS and passwords, from a file in the format of Prometheus' exporter-toolkit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md is the format. Relative paths count
from the folder of the file. What the format knows and this server does not do (cipher lists, HTTP/2, certificates
inside the file) is an error here, not ignored: a setting that has no effect is a hole that nobody sees.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from config.fields import FilePath, shaped
from config.source import ConfigError, Contradiction, Document, Problem, Strict, expected, read, validate

_BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")
"""A bcrypt hash; a cost above 16 takes seconds for each password."""


def _bcrypt_hash(value: Any) -> str:
    """Return a bcrypt hash. Raises a validation error that does not repeat what may be a password."""
    if not isinstance(value, str) or not _BCRYPT.fullmatch(value):
        raise expected("a bcrypt hash of cost 4 to 16, as htpasswd -nBC 10 '' prints", found="something not shown")
    return value


Hash = Annotated[str, BeforeValidator(_bcrypt_hash)]
User = Annotated[str, shaped(r"[^:\x00-\x1f\x7f]+", "a name without colon")]
HeaderValue = Annotated[str, shaped(r"[ -~]+", "printable ASCII")]
HeaderName = Literal[
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
]
Version = Literal["TLS12", "TLS13"]
ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
"""The format's two other kinds take certificates that nobody verifies."""

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_DEMANDS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


class TlsServer(Strict):
    """The certificate to show, and the one to ask for."""

    cert_file: FilePath
    key_file: FilePath
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: FilePath | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that client certificates come with their authority, and an authority with a demand."""
        if (self.client_auth_type == "NoClientCert") != (self.client_ca_file is None):
            if self.client_ca_file is None:
                yield Contradiction(("client_ca_file",), f"the authority for {self.client_auth_type}", found="nothing")
            else:
                yield Contradiction(("client_auth_type",), "another type than NoClientCert beside a client_ca_file")
        if self.min_version > self.max_version:
            yield Contradiction(("min_version",), f"at most the max_version, {self.max_version}")


class HttpServer(Strict):
    """Headers that every answer carries. This server speaks HTTP/1.1 whatever `http2` allows."""

    http2: bool = True
    headers: dict[HeaderName, HeaderValue] = Field(default={})


class WebConfigFile(Strict):
    """A `web.config.yml`."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[User, Hash] = Field(default={})


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The file, ready for use; the default serves plain HTTP to everybody.

    `users`: name to bcrypt hash. `authenticates`: whoever gets an answer is known, by password or by certificate.
    """

    tls: ssl.SSLContext | None = None
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    authenticates: bool = False


def read_web_config(path: Path | None) -> WebConfig:
    """Return what the file says (None: the default). Raises `ConfigError` that names file and line."""
    if path is None:
        return WebConfig()
    document = read(path)
    content = validate(document, WebConfigFile, {"root": path.parent})
    tls = content.tls_server_config
    demanding = tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"
    return WebConfig(
        tls=_context(tls, document) if tls else None,
        users=content.basic_auth_users,
        headers=dict[str, str](content.http_server_config.headers.items()),
        authenticates=demanding or bool(content.basic_auth_users),
    )


def _context(tls: TlsServer, document: Document) -> ssl.SSLContext:
    """Return the server's context. Raises `ConfigError` at the file that is not usable."""
    problems = [
        problem
        for name in ("cert_file", "key_file", "client_ca_file")
        if (problem := _unreadable(document, name, getattr(tls, name)))
    ]
    if problems:
        raise ConfigError(problems)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    try:
        # The password is never asked for: there is nobody at the terminal of a monitor.
        context.load_cert_chain(tls.cert_file, tls.key_file, password=lambda: b"")
    except ssl.SSLError as error:
        mine = "-----BEGIN CERTIFICATE-----" in Path(tls.cert_file).read_text(errors="replace")
        wanted = "the PEM private key of the certificate, not encrypted" if mine else "a PEM certificate"
        raise ConfigError([_unusable(document, "key_file" if mine else "cert_file", error, wanted)]) from None
    if tls.client_ca_file is not None:
        try:
            context.load_verify_locations(tls.client_ca_file)
        except ssl.SSLError as error:
            raise ConfigError([_unusable(document, "client_ca_file", error, "PEM certificates")]) from None
    context.verify_mode = _DEMANDS[tls.client_auth_type]
    return context


def _unreadable(document: Document, name: str, path: str | None) -> Problem | None:
    try:
        if path is not None:
            Path(path).read_bytes()
    except OSError as error:
        return document.problem(("tls_server_config", name), f"{path}: {error.strerror}", "a readable file")
    return None


def _unusable(document: Document, name: str, error: ssl.SSLError, wanted: str) -> Problem:
    return document.problem(("tls_server_config", name), f"no usable PEM file ({error.reason or 'SSL error'})", wanted)
