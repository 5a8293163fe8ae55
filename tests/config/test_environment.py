"""How an environment is reached: trust, certificates, and the addresses that load leaves from."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from config import Environment
from config.environment import Tls
from tests.config.conftest import ENVIRONMENT_FILE

ALLOW = "allow: [127.0.0.1]\n"
ADDRESS = "an IP address of this machine, such as 127.0.0.2"


def test_files_are_named_relative_to_the_configuration(house):
    """An absolute path stays what it is; nothing is read yet, for that may be on another machine."""
    house.change(
        ENVIRONMENT_FILE,
        ALLOW,
        ALLOW + "tls: {authorities: tls/ours.pem, certificate: /etc/piekwacht/me.pem, key: /etc/piekwacht/me.key}\n",
    )
    tls = house.load().environments["local"].tls
    assert tls.authorities == str(house.root / "tls/ours.pem")
    assert (tls.certificate, tls.key) == ("/etc/piekwacht/me.pem", "/etc/piekwacht/me.key")


@pytest.mark.parametrize(
    ("line", "path", "found", "expected"),
    [
        ("tls: {certificate: me.pem}", "tls.key", "the default null", "both certificate and key, or neither"),
        ("tls: {key: me.key}", "tls.certificate", "the default null", "both certificate and key, or neither"),
        (
            "deliveries: {address: https://prober.example}",
            "deliveries.port",
            "the default 0",
            "the port to which the address leads",
        ),
        ("tls: {authorities: ''}", "tls.authorities", '""', "the path of a file"),
        ("tls: {authorities: [a.pem]}", "tls.authorities", "a list", "the path of a file"),
        ("tls: {ca: a.pem}", "tls.ca", 'the unknown key "ca"', "one of: authorities, certificate, key"),
        ("source_addresses: [here]", "source_addresses[0]", '"here"', ADDRESS),
        ("source_addresses: [127.0.0.2, 127.0.0.300]", "source_addresses[1]", '"127.0.0.300"', ADDRESS),
        ("source_addresses: 127.0.0.2", "source_addresses", '"127.0.0.2"', "a list"),
    ],
)
def test_each_mistake_is_named(house, line, path, found, expected):
    """File, line, what was found and what was expected."""
    house.change(ENVIRONMENT_FILE, ALLOW, f"{ALLOW}{line}\n")
    assert house.problems() == [f"{ENVIRONMENT_FILE}:5: {path}: found {found}, expected {expected}"]


def test_source_addresses_are_written_in_one_way(house):
    """IPv6 has several spellings of one address."""
    house.change(ENVIRONMENT_FILE, ALLOW, f"{ALLOW}source_addresses: [127.0.0.2, '0:0:0:0:0:0:0:1']\n")
    assert house.load().environments["local"].source_addresses == ["127.0.0.2", "::1"]


def test_an_environment_trusts_the_system_unless_it_says_more():
    """Certificates are checked, with the host's name, in any case."""
    environment = Environment(title="x", endpoints={"website": "https://a.example"}, allow=["a.example"])
    context = environment.tls.context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert environment.source_addresses == []


def test_authorities_of_ones_own_are_added_to_those_of_the_system(tmp_path: Path):
    """None of the others is lost."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ours.pem")
    usual = Tls().context().cert_store_stats()["x509_ca"]
    assert Tls(authorities=str(tmp_path / "ours.pem")).context().cert_store_stats()["x509_ca"] == usual + 1


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path):
    """Missing, no PEM, a folder, or a key that belongs to another certificate."""
    one, other = (trustme.CA().issue_cert("a.example") for _ in range(2))
    one.cert_chain_pems[0].write_to_path(tmp_path / "one.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.key")
    (tmp_path / "text.pem").write_text("no certificate")
    attempts = {
        "missing.pem": Tls(authorities=str(tmp_path / "missing.pem")),
        "text.pem": Tls(authorities=str(tmp_path / "text.pem")),
        "one.pem": Tls(certificate=str(tmp_path / "one.pem"), key=str(tmp_path / "other.key")),
        "absent.pem": Tls(certificate=str(tmp_path / "absent.pem"), key=str(tmp_path / "other.key")),
    }
    for name, tls in attempts.items():
        with pytest.raises(OSError, match=f"{tmp_path}/{name}: "):
            tls.context()
