"""An environment: where the systems are found, which hosts may be loaded, where secrets are kept."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

from pydantic import Field

from config.channels import MailChannel, Publishing, WebhookChannel
from config.fields import (
    BaseUrl,
    Duration,
    FilePath,
    Host,
    HostAndPort,
    Identifier,
    Pause,
    SecretReference,
    SourceAddress,
    host_of,
)
from config.phone import Asterisk, Trunk
from config.probes import AriCallProbe, CallProbe, PhoneProbe, Probe, SipOptionsProbe
from config.source import Contradiction, Strict
from config.yaml_tree import DataPath


class Tls(Strict):
    """How HTTPS is spoken: PEM files, relative to the configuration's folder.

    `authorities` are trusted beside those of the system; `certificate` and `key` are shown to servers that ask for one.
    """

    authorities: FilePath | None = None
    certificate: FilePath | None = None
    key: FilePath | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a certificate comes with its key."""
        if (self.certificate is None) != (self.key is None):
            yield Contradiction(("key" if self.certificate else "certificate",), "both certificate and key, or neither")

    def context(self) -> ssl.SSLContext:
        """Return the one context for all connections of a process. Raises `OSError` that names the file."""
        context = ssl.create_default_context()
        if self.authorities is not None:
            with _named(self.authorities):
                context.load_verify_locations(self.authorities)
        if self.certificate is not None:
            with _named(self.certificate):
                context.load_cert_chain(self.certificate, self.key)
        return context


class Deliveries(Strict):
    """Where return messages come that are delivered, to probes of kind `message` with `push`.

    The prober listens on `port` of 127.0.0.1 while a run waits; 0 is a free port, another one for each run. The gateway
    is told `address`, that of a proxy in front, which leads to the port; without it the listener's own, for a gateway
    on the same machine.
    """

    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = 0
    address: BaseUrl | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a proxy has a port to lead to."""
        if self.address is not None and not self.port:
            yield Contradiction(("port",), "the port to which the address leads")


class Accounts(Strict):
    """The test accounts that citizens of load runs log in with: a CSV file, named as one of the secrets.

    `lease`: a citizen has an account alone, from arrival to the final end, and the next one gets it after `cool_down`;
    `once`: nobody else in a run gets it.
    """

    secret: Identifier
    use: Literal["lease", "once"] = "lease"
    cool_down: Pause = 0.0

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that only accounts that are used again have to rest."""
        if self.use == "once" and self.cool_down:
            yield Contradiction(("cool_down",), "no cool_down: an account that is used once never rests")


class Environment(Strict):
    """One file of `config/environments/`.

    `allow` lists the only hosts that may receive traffic. `probe_interval` replaces the interval of every probe, where
    an environment is probed faster or slower than production; timeouts and limits shrink with it. `references` are
    places of other people that a monitor connects to, to know whether its own network is up. `source_addresses` are
    addresses of the load generator: connections leave from each in turn, because one address has no more than some
    28,000 ports for one destination. Without `accounts` citizens are generated test numbers, as the replica knows.
    `trunks` and `asterisks` are ways for calls: a probe that calls runs only where the one that it names is there, and
    every `call_interval` instead of `probe_interval`. `call_register` is the folder in which all processes of a machine
    count their calls; without it, one of the user's. `notices` is where messages to the public go, `deliveries` where
    return messages come that are not asked for.
    """

    title: str
    endpoints: dict[Identifier, BaseUrl] = Field(min_length=1)
    allow: list[Host] = Field(min_length=1)
    probe_interval: Duration | None = None
    references: list[HostAndPort] = Field(default=[], max_length=10)
    source_addresses: list[SourceAddress] = Field(default=[])
    tls: Tls = Tls()
    secrets: dict[Identifier, SecretReference] = Field(default={})
    accounts: Accounts | None = None
    trunks: dict[Identifier, Trunk] = Field(default={})
    asterisks: dict[Identifier, Asterisk] = Field(default={})
    call_interval: Duration | None = None
    call_register: FilePath | None = None
    notices: Publishing = Publishing()
    deliveries: Deliveries = Deliveries()

    @property
    def uses_tls(self) -> bool:
        """Tell whether any endpoint is reached over HTTPS."""
        return any(url.startswith("https:") for url in self.endpoints.values())

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that it is said where the test accounts and the passwords are."""
        wanted: list[tuple[DataPath, str | None]] = []
        if self.accounts is not None:
            wanted.append((("accounts", "secret"), self.accounts.secret))
        wanted += [(("trunks", name, "password"), trunk.password) for name, trunk in self.trunks.items()]
        wanted += [(("asterisks", name, "password"), each.password) for name, each in self.asterisks.items()]
        for name, channel in self.notices.channels.items():
            if isinstance(channel, WebhookChannel):
                wanted.append((("notices", "channels", name, "token"), channel.token))
            if isinstance(channel, MailChannel):
                wanted.append((("notices", "channels", name, "password"), channel.password))
        known = f"one of secrets: {', '.join(self.secrets)}" if self.secrets else "secrets that name where it is"
        yield from (Contradiction(path, known) for path, name in wanted if name and name not in self.secrets)

    @property
    def lines(self) -> list[str]:
        """The names of trunks and Asterisks: every way for calls."""
        return [*self.trunks, *self.asterisks]

    def can_run(self, probe: Probe) -> bool:
        """Tell whether the environment has what a probe needs: a probe that calls needs the way for its calls."""
        match probe:
            case CallProbe() | SipOptionsProbe():
                return probe.trunk in self.trunks
            case AriCallProbe():
                return probe.asterisk in self.asterisks
        return True

    def interval_of(self, probe: Probe) -> float:
        """Return how often a probe runs here, in seconds."""
        own = self.call_interval if isinstance(probe, PhoneProbe) else self.probe_interval
        return own or probe.interval

    def allows(self, url: str) -> bool:
        """Tell whether a request to `url` may leave this machine."""
        return host_of(url) in self.allow


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Make an error name the file, which `ssl` leaves out."""
    try:
        yield
    except ssl.SSLError as error:
        raise OSError(f"{path}: not a usable PEM file ({error.reason or error})") from None
    except OSError as error:
        raise OSError(f"{path}: {error.strerror or error}") from None
