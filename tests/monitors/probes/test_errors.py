"""Errors of this machine that probes meet."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
import sys
from pathlib import Path

import pytest

from config import CertificateProbe, HttpProbe
from journeys import Reason
from monitors.probes import errors, measure
from monitors.probes.errors import explain_connection, explain_lookup
from monitors.verdict import Cause, Fail
from tests.conftest import ROOT
from tests.monitors.listeners import aim, answering, environment, page, probe_of
from tests.monitors.no_descriptors import LEFT
from tests.monitors.probes.test_certificate import CA, context_for
from tests.waiting import LONG


async def test_a_broken_handshake_is_told_in_openssl_s_words() -> None:
    """A listener that does not speak TLS: no error number of the system is mistaken for its own."""
    async with answering(page("plain")) as base:
        place = environment(base.replace("http:", "https:"))
        for kind in (CertificateProbe, HttpProbe):
            verdict = (await measure(aim(probe_of(kind), place), 0)).verdict
            assert isinstance(verdict, Fail)
            assert verdict.reason is Reason.TLS_FAILED
            assert re.search("wrong version number|packet length too long|record layer failure", verdict.detail)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_what_is_used_up_is_the_monitor_s_own(number: int) -> None:
    """Descriptors, buffers and memory: no target can use them up."""
    assert explain_connection(OSError(number, "")) is Cause.OVERLOADED
    assert explain_lookup(OSError(number, "")) is Cause.OVERLOADED


def test_a_name_server_that_cannot_be_asked_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver says only 'try again': why is found out by opening a socket, and is the machine's own trouble."""
    again = socket.gaierror(socket.EAI_AGAIN, "")

    def refuse(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "")

    monkeypatch.setattr(errors.socket, "socket", refuse)
    assert explain_lookup(again) is Cause.OVERLOADED
    assert explain_lookup(socket.gaierror(socket.EAI_NONAME, "")) is Reason.NAME_NOT_RESOLVED


async def test_without_descriptors_nobody_is_blamed(tmp_path: Path) -> None:
    """With a real limit: good websites are never down, unknown(overloaded) while none is left, and up again after."""
    authorities, secret = tmp_path / "authorities.pem", tmp_path / "secret"
    CA.cert_pem.write_to_path(str(authorities))
    secret.write_text("robot:password")
    tls = context_for(CA.issue_cert("127.0.0.1"), tmp_path)
    welcome = page("<h1>Belastingdienst</h1>Storingen")
    async with answering(welcome) as plain, answering(welcome, tls=tls) as secure:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.monitors.no_descriptors", plain, secure, str(authorities), str(secret)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(LONG):
            said, _ = await child.communicate()
    assert child.returncode == 0
    overloaded = f"unknown: {Cause.OVERLOADED}"
    for name, verdicts in json.loads(said).items():
        assert len(verdicts) == len(LEFT) + 1
        assert verdicts[0] == overloaded, name
        assert set(verdicts) == {overloaded, "pass"}, name
        assert verdicts[-1] == "pass", name
