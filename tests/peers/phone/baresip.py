"""Debian's baresip on a free loopback port: a telephone that answers and says which digits it heard."""

from __future__ import annotations

import re
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.children import child
from tests.peers.phone import sounds
from tests.peers.phone.sipp import free_block, taken
from tests.waiting import eventually

_CONFIG = """
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
call_max_calls 8
audio_player aubridge,{port}
audio_source aufile,{folder}/sound.wav
audio_alert aubridge,{port}
rtp_ports {media}-{media_end}
rtcp_mux no
jitter_buffer_delay 1-5
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
"""
_ACCOUNT = "<sip:line@127.0.0.1:{port}>;regint=0;answermode=auto;dtmfmode=rtpevent;audio_codecs={codec}\n"
_EVENT = re.compile(r"event: '(.)' [(]end=1")


class Baresip:
    """A running telephone."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self._log = port, log

    def digits(self) -> str:
        """Return the digits it has heard, in order."""
        return "".join(_EVENT.findall(self.said()))

    def said(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def running(program: str, folder: Path, *, codec: str = "PCMA/8000/1", seconds: float = 60.0) -> Iterator[Baresip]:
    """Start baresip, which answers every call and speaks for some seconds; it ends with the block."""
    port = free_block()  # of TLS is the one above it
    media = port + 4
    _write_sound(folder / "sound.wav", seconds)
    config = _CONFIG.format(port=port, folder=folder, media=media, media_end=media + 40)
    (folder / "config").write_text(config)
    (folder / "accounts").write_text(_ACCOUNT.format(port=port, codec=codec))
    (folder / "contacts").write_text("")
    log = folder / "baresip.log"
    command = [program, "-4", "-v", "-f", str(folder)]
    with log.open("wb") as stream, child(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL) as process:
        assert eventually(lambda: taken(port) or process.poll() is not None)
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        yield Baresip(port, log)


def _write_sound(path: Path, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sounds.RATE)
        file.writeframes((sounds.speech(seconds) * 32767).astype(np.int16).tobytes())
