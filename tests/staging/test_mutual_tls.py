"""Customs behind mutual TLS: who may submit, as a person starts it."""

from __future__ import annotations

import asyncio
import os
import ssl
import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trustme
import yaml

from config import Configuration, Environment
from journeys import Citizen, Journey, Reason, definitions
from monitors.probes import Target, measure, targets
from monitors.verdict import Fail, Pass
from staging.app import Replica
from staging.authority import CannotCertify, Certificates, certify
from staging.layout import MESSAGE_SYSTEMS, endpoints
from staging.server import listening
from staging.settings import Settings
from tests.crowd import crowd
from tests.drivers import browser, send
from tests.staging.test_commands import order, started

ROOT = Path(__file__).resolve().parents[2]
LOCAL = yaml.safe_load((ROOT / "config/environments/local.yaml").read_text())


def declarations(configuration: Configuration, said: Any) -> list[Target]:
    """Return the probes of customs' messages in the shipped environment, with what the replica said at its start."""
    place = Environment.model_validate({**LOCAL, "endpoints": said["endpoints"], "tls": said["tls"], "trunks": {}})
    found = targets(replace(configuration, environments={"local": place}), "local", "here")
    return [each for each in found if each.system == "customs-messages"]


def submit(citizen: Citizen) -> Journey:
    return definitions()["submit-declaration"].start(citizen)


def test_a_replica_as_people_start_it_takes_declarations_over_mutual_tls(
    configuration: Configuration, tmp_path: Path
) -> None:
    """With the files that it writes, probes and load submit; without a certificate neither does; keys are private."""
    with started("--mutual-tls", "--certificates", str(tmp_path / "made")) as (_, said):
        assert said["endpoints"]["customs-messages"].startswith("https://127.0.0.1:")  # type: ignore[index]
        place = {"endpoints": said["endpoints"], "environment": {"tls": said["tls"]}, "citizens": 5}

        async def look() -> list[object]:
            found = await asyncio.gather(*(measure(each, 0) for each in declarations(configuration, said)))
            return [each.verdict for each in found]

        assert asyncio.run(look()) == [Pass()] * len(MESSAGE_SYSTEMS)
        assert crowd(walk=submit, **place).completed == 5  # type: ignore[arg-type]

        trusted = {"authorities": said["tls"]["authorities"]}  # type: ignore[index]
        said["tls"] = trusted
        verdicts = asyncio.run(look())
        assert [(each.reason, each.step) for each in verdicts if isinstance(each, Fail)] == [
            (Reason.CLIENT_CERTIFICATE_REFUSED, "submit")
        ] * len(MESSAGE_SYSTEMS)
        refused = crowd(walk=submit, **place | {"environment": {"tls": trusted}})  # type: ignore[arg-type]
        assert refused.failure() == ("submit-declaration", Reason.CLIENT_CERTIFICATE_REFUSED)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "made").iterdir()}
    assert set(modes) == {"authorities.pem", "client.pem", "client.key", "gateway.pem", "gateway.key"}
    assert (modes["client.key"], modes["gateway.key"]) == (0o600, 0o600)


def test_a_temporary_folder_goes_with_the_replica() -> None:
    """Without a folder one is made, and told; the JSON has the files, and so have the lines for people."""
    with started("--mutual-tls") as (process, said):
        files = [Path(path) for path in said["tls"].values()]  # type: ignore[attr-defined]
        assert all(path.is_file() for path in files)
        process.terminate()
        process.wait()
    assert not files[0].parent.exists()


def test_a_folder_needs_mutual_tls(tmp_path: Path) -> None:
    """Certificates that nobody asks for are a mistake of whoever starts the replica."""
    result = order("run", "--certificates", str(tmp_path), "--config", str(ROOT / "config"))
    assert (result.exit_code, result.stderr) == (2, "--certificates are for --mutual-tls; give both\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certify(tmp_path_factory.mktemp("made"), "127.0.0.1")


def outdated(folder: Path) -> Certificates:
    """Return certificates like those of the replica, of which the client's has expired."""
    ours, made = trustme.CA(), Certificates(folder)
    past = datetime.now(UTC) - timedelta(days=1)
    leaves = (made.gateway, ours.issue_cert("127.0.0.1")), (made.client, ours.issue_cert("d.example", not_after=past))
    ours.cert_pem.write_to_path(made.authorities)
    for (certificate, key), leaf in leaves:
        leaf.cert_chain_pems[0].write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
    return made


async def knock(made: Certificates, shown: tuple[Path, Path] | None, configuration: Configuration) -> Any:
    """Submit once with these files; return the verdict of the probe."""
    tls = {"authorities": str(made.authorities)}
    if shown:
        tls |= {"certificate": str(shown[0]), "key": str(shown[1])}
    async with listening(Replica(Settings(mutual_tls=True)), tls=made.context()) as url:
        said = {"endpoints": endpoints(url), "tls": tls}
        return (await measure(declarations(configuration, said)[0], Random().randrange(2**20))).verdict


@pytest.mark.parametrize(
    ("who", "words"),
    [("nobody", "certificate required"), ("stranger", "unknown ca"), ("outdated", "certificate expired")],
)
async def test_who_is_refused_is_told_why(
    configuration: Configuration, made: Certificates, tmp_path: Path, who: str, words: str
) -> None:
    """No certificate, one of another authority, one that has expired: a reason of the closed list, and the alert."""
    if who == "outdated":
        made = outdated(tmp_path)
    shown = {"nobody": None, "stranger": certify(tmp_path / "other", "127.0.0.1").client, "outdated": made.client}[who]
    for _ in range(5):  # the alert gets through each time, not now and then
        verdict = await knock(made, shown, configuration)
        assert isinstance(verdict, Fail)
        assert (verdict.reason, verdict.step) == (Reason.CLIENT_CERTIFICATE_REFUSED, "submit")
        assert verdict.detail.endswith(words)


async def test_who_is_vouched_for_comes_in(configuration: Configuration, made: Certificates) -> None:
    """The same client with a certificate of the authority."""
    assert await knock(made, made.client, configuration) == Pass()


async def test_there_is_no_way_around_the_certificate(made: Certificates) -> None:
    """Declarations are refused on the open door, and everything else on the other; without the option all is open."""
    replica = Replica(Settings(mutual_tls=True))
    shown = ssl.create_default_context(cafile=str(made.authorities))
    shown.load_cert_chain(*made.client)
    async with (
        listening(replica) as url,
        listening(replica, tls=made.context()) as secure,
        browser() as session,
    ):
        declaration = {"lrn": "A1"}
        assert (await send(session, "POST", f"{url}/customs/ics2/declarations", declaration))[0] == 403
        assert (await send(session, "GET", f"{url}/website/"))[0] == 200
        taken = await send(session, "POST", f"{secure}/customs/ics2/declarations", declaration, ssl=shown)
        assert taken[0] == 202
        assert (await send(session, "GET", f"{secure}/website/", ssl=shown))[0] == 403
    async with listening(Replica()) as url, browser() as session:
        assert (await send(session, "POST", f"{url}/customs/ics2/declarations", declaration))[0] == 202


def test_old_keys_do_not_lend_their_permissions(tmp_path: Path) -> None:
    """What stood there is replaced, whoever could read it; the authority's own key is nowhere."""
    for name in ("client.key", "gateway.key", "authority.key"):
        (tmp_path / name).write_text("old")
        (tmp_path / name).chmod(0o644)
    made = certify(tmp_path, "gateway.example")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made.client[1], made.gateway[1])} == {0o600}
    assert not (tmp_path / "authority.key").exists()
    assert "old" not in made.client[1].read_text()


def test_certificates_that_cannot_be_made_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No openssl, one that fails, one that hangs, a folder that is a file: one sentence, and no key left."""

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("openssl", 30)

    (tmp_path / "file").write_text("")
    with pytest.raises(CannotCertify, match="File exists"):
        certify(tmp_path / "file", "127.0.0.1")
    with pytest.raises(CannotCertify, match="openssl says: "):
        certify(tmp_path, "a name\nwith more")
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", hang)
        with pytest.raises(CannotCertify, match="does not come to an end"):
            certify(tmp_path, "127.0.0.1")
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    with pytest.raises(CannotCertify, match="openssl is not installed"):
        certify(tmp_path, "127.0.0.1")
    assert not (tmp_path / "authority.key").exists()
