"""The file in exporter-toolkit's format: what it means, and what is wrong with it by line."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from config import ConfigError
from monitors.web.web_config import WebConfig, read_web_config

HASH = "$2b$04$" + 53 * "a"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with server.pem, server.key, other.key, ca.pem and an encrypted key."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("server", "other"):
        made = authority.issue_cert("localhost")
        made.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        made.private_key_pem.write_to_path(folder / f"{name}.key")
    (folder / "nothing.pem").write_text("this is no certificate", encoding="utf-8")
    return folder


def read(folder: Path, text: str) -> WebConfig:
    path = folder / "web.yml"
    path.write_text(text, encoding="utf-8")
    return read_web_config(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(folder, text)
    return [str(problem).removeprefix(f"{folder}/") for problem in error.value.problems]


def test_no_file_is_plain_http_for_everybody() -> None:
    config = read_web_config(None)
    assert (config.tls, dict(config.users), dict(config.headers), config.authenticates) == (None, {}, {}, False)


def test_the_example_of_the_format(certificates: Path) -> None:
    """Certificates are found beside the file; users and headers are taken over."""
    config = read(
        certificates,
        f"""
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  min_version: TLS13
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
basic_auth_users:
  alice: {HASH}
""",
    )
    assert config.tls is not None
    assert config.tls.minimum_version is ssl.TLSVersion.TLSv1_3
    assert config.tls.verify_mode is ssl.CERT_REQUIRED
    assert config.users == {"alice": HASH}
    assert config.headers == {"X-Frame-Options": "deny"}
    assert config.authenticates
    assert HASH not in repr(config)


@pytest.mark.parametrize(
    ("kind", "mode", "authenticates"),
    [
        ("NoClientCert", ssl.CERT_NONE, False),
        ("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL, False),
        ("RequireAndVerifyClientCert", ssl.CERT_REQUIRED, True),
    ],
)
def test_only_a_certificate_that_is_required_says_who_it_is(
    certificates: Path, kind: str, mode: ssl.VerifyMode, authenticates: bool
) -> None:
    """A certificate that may be left out authenticates nobody."""
    authority = "" if kind == "NoClientCert" else "client_ca_file: ca.pem, "
    text = f"tls_server_config: {{cert_file: server.pem, key_file: server.key, {authority}client_auth_type: {kind}}}"
    config = read(certificates, text)
    assert config.tls is not None
    assert (config.tls.verify_mode, config.authenticates) == (mode, authenticates)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("basic_auth_users:\n  alice: secret", "web.yml:2: basic_auth_users.alice: found something not shown"),
        ("basic_auth_users:\n  bob: 1234", "web.yml:2: basic_auth_users.bob: found something not shown"),
        (f"basic_auth_users:\n  a: {HASH.replace('$04$', '$31$')}", "web.yml:2: basic_auth_users.a: found something"),
        (
            "tls_server_config:\n  cert_file: server.pem",
            "web.yml:1: tls_server_config: found nothing, expected the key",
        ),
        ("\ntls_config: {}", "web.yml:2: tls_config: found the unknown key"),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  cipher_suites: [A]",
            "web.yml:4: tls_server_config.cipher_suites: found the unknown key",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS10",
            'web.yml:4: tls_server_config.min_version: found "TLS10"',
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: RequireAny",
            'web.yml:4: tls_server_config.client_auth_type: found "RequireAny"',
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: ca.pem",
            "web.yml:1: tls_server_config.client_auth_type: found the default",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: nowhere.key",
            "web.yml:3: tls_server_config.key_file: found",
        ),
        (
            "tls_server_config:\n  cert_file: server.pem\n  key_file: other.key",
            "web.yml:3: tls_server_config.key_file: found no usable PEM file",
        ),
        (
            "tls_server_config:\n  cert_file: nothing.pem\n  key_file: server.key",
            "web.yml:2: tls_server_config.cert_file: found no usable PEM file",
        ),
        ("http_server_config:\n  headers:\n    X-Other: a", "web.yml:3: http_server_config.headers"),
        (
            'http_server_config:\n  headers:\n    X-Frame-Options: "a\\r\\nb: c"',
            "web.yml:3: http_server_config.headers",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(certificates: Path, text: str, expected: str) -> None:
    """File, line, path; what may be a password is not repeated."""
    found = problems(certificates, text)
    assert any(each.startswith(expected) for each in found), found
    assert not any("secret" in each or "1234" in each for each in found)


def test_a_key_with_a_password_asks_nobody(certificates: Path) -> None:
    """There is no terminal to ask at: it is an error."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((certificates / "server.key").read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    )
    (certificates / "locked.key").write_bytes(locked)
    [problem] = problems(certificates, "tls_server_config:\n  cert_file: server.pem\n  key_file: locked.key")
    assert problem.startswith("web.yml:3: tls_server_config.key_file: found no usable PEM file")
