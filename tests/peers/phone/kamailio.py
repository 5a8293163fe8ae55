"""Debian's Kamailio on free loopback ports: the proxies that a carrier and a platform put before a line."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.children import child
from tests.peers.phone.sipp import free_udp_port, taken
from tests.waiting import eventually

USER, PASSWORD = "prober", "correct-horse"

# What a number gets. Everything else, and all in-dialog requests, go to the far end.
RELAYED = "+31880000001"
CHALLENGED = "+31880000002"
DEAD_DOWNSTREAM = "+31880000003"
OVERLOADED = "+31880000004"
GUARDED = "guarded"
"""Who calls by this name has to prove it again when hanging up."""

_CONFIG = """#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
disable_sctp=yes
enable_tls=yes
auto_aliases=no
shm_mem_size=32
listen=udp:127.0.0.1:{udp}
listen=tcp:127.0.0.1:{tcp}
listen=tls:127.0.0.1:{tls}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/:/usr/lib/aarch64-linux-gnu/kamailio/modules/"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "xlog.so"
# Debian's 5.6 offers TLSv1 unless it is told otherwise.
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{folder}/server.pem")
modparam("tls", "private_key", "{folder}/server.pem")
modparam("tm", "fr_timer", 1500)
modparam("rr", "enable_double_rr", 1)
modparam("auth", "nonce_expire", {nonce})
modparam("auth", "algorithm", "{algorithm}")

request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (is_method("BYE") && $fU == "{guarded}") route(LOGIN);
  if (has_totag()) {{
    if (loose_route()) {{ xlog("L_ALERT", "LOOSE $rm\\n"); t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    # A request of a dialog without the recorded route: what a caller sends that has lost it.
    xlog("L_ALERT", "STRAY $rm\\n"); sl_send_reply("404", "Not Here"); exit;
  }}
  t_check_trans();
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if ($rU == "{overloaded}") {{ append_to_reply("Retry-After: 7\\r\\n"); sl_send_reply("503", "Overloaded"); exit; }}
  if ($rU == "{challenged}") route(LOGIN);
  record_route();
  if ($rU == "{dead}") $du = "sip:127.0.0.1:{nobody}";
  else $du = "sip:127.0.0.1:{far}";
  $fs = "udp:127.0.0.1:{udp}";
  t_relay();
}}

route[LOGIN] {{
  pv_proxy_authenticate("loopback", "{password}", "0");
  $var(known) = $rc;
  if ($var(known) == -4) {{ xlog("L_ALERT", "EXPIRED $rm\\n"); proxy_challenge("loopback", "17"); exit; }}
  if ($var(known) < 0) {{ proxy_challenge("loopback", "1"); exit; }}
  consume_credentials();
}}
"""


@dataclass(frozen=True)
class Kamailio:
    """A running proxy: its ports, that of the far end it relays to over UDP, and who signed its certificate."""

    udp: int
    tcp: int
    tls: int
    far: int
    authorities: Path
    log: Path

    def port(self, transport: str) -> int:
        return {"UDP": self.udp, "TCP": self.tcp, "TLS": self.tls}[transport]

    def said(self, words: str) -> int:
        """Return how often its log says this."""
        return self.log.read_text(errors="replace").count(words)


@contextmanager
def running(
    program: str, folder: Path, *, issued_to: str = "127.0.0.1", nonce: int = 300, algorithm: str = "MD5"
) -> Iterator[Kamailio]:
    """Start Kamailio; its processes end with the block.

    `issued_to`: the name in its certificate; `nonce`: seconds for which a challenge is good.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authorities.pem")
    authority.issue_cert(issued_to).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    ports = {name: free_udp_port() for name in ("udp", "tcp", "tls", "far", "nobody")}
    config, log = folder / "kamailio.cfg", folder / "kamailio.log"
    numbers = {"challenged": CHALLENGED, "dead": DEAD_DOWNSTREAM, "overloaded": OVERLOADED}
    login = {"nonce": nonce, "algorithm": algorithm, "guarded": GUARDED, "password": PASSWORD}
    config.write_text(_CONFIG.format(folder=folder, **ports, **numbers, **login))
    command = [program, "-DD", "-E", "-f", str(config), "-Y", str(folder), "-n", "1", "-m", "32", "-M", "4"]
    with log.open("wb") as stream, child(command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL) as process:
        ready = eventually(lambda: taken(ports["tls"], socket.SOCK_STREAM) or process.poll() is not None)
        assert ready, log.read_text(errors="replace")[-2000:]
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        del ports["nobody"]
        yield Kamailio(**ports, authorities=folder / "authorities.pem", log=log)
