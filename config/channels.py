"""Where messages to the public go: into files for a website, to a webhook, by mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.fields import BaseUrl, FilePath, HostAndPort, Identifier
from config.source import Contradiction, Strict


class FolderChannel(Strict):
    """A folder that a website is made from: each message as a text in each language, and as JSON."""

    kind: Literal["folder"]
    path: FilePath


class WebhookChannel(Strict):
    """An address that takes each message as JSON, by POST. `token` names one of the secrets, sent as bearer token."""

    kind: Literal["webhook"]
    url: BaseUrl
    token: Identifier | None = None


class MailChannel(Strict):
    """A mail to everybody on a list, both languages in one. `password` names one of the secrets."""

    kind: Literal["mail"]
    server: HostAndPort
    sender: str = Field(min_length=3)
    recipients: list[str] = Field(min_length=1)
    security: Literal["tls", "starttls", "none"] = "starttls"
    user: str = ""
    password: Identifier | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a password has its user, and does not cross the network in the clear."""
        if bool(self.user) != (self.password is not None):
            yield Contradiction(("user",), "both user and password, or neither")
        if self.password is not None and self.security == "none":
            yield Contradiction(("security",), "tls or starttls where there is a password")


Channel = Annotated[FolderChannel | WebhookChannel | MailChannel, Field(discriminator="kind")]


class Publishing(Strict):
    """How messages go out. `automatic` kinds are published without anybody's confirmation: none unless named here.

    `kept_by` is the vantage point whose monitor keeps the messages, where there are several: only that one says what is
    due, and only its ledger takes messages.
    """

    channels: dict[Identifier, Channel] = Field(default={})
    automatic: list[Literal["investigating", "update", "ended", "maintenance-ended"]] = Field(default=[])
    kept_by: str | None = Field(default=None, min_length=1)

    def elsewhere(self, vantage: str) -> str | None:
        """Return the vantage point that keeps the messages, where that is another one than `vantage`."""
        return None if self.kept_by == vantage else self.kept_by
