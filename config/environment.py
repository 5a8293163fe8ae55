"""An environment: where the systems are found, which hosts may be loaded, where secrets are kept."""

from __future__ import annotations

from pydantic import Field

from config.fields import BaseUrl, Duration, Host, Identifier, SecretReference, host_of
from config.source import Strict


class Environment(Strict):
    """One file of `config/environments/`.

    `allow` lists the only hosts that may receive traffic. `probe_interval` replaces the interval of every probe, where
    an environment is probed faster or slower than production; timeouts and limits shrink with it.
    """

    title: str
    endpoints: dict[Identifier, BaseUrl] = Field(min_length=1)
    allow: list[Host] = Field(min_length=1)
    probe_interval: Duration | None = None
    secrets: dict[Identifier, SecretReference] = Field(default={})

    def allows(self, url: str) -> bool:
        """Tell whether a request to `url` may leave this machine."""
        return host_of(url) in self.allow
