"""Delivering a message that was published: into a folder, to a webhook, by mail. What cannot be delivered is said."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import formatdate
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import Request

from config.channels import Channel, FolderChannel, MailChannel, WebhookChannel
from config.files import write_all
from config.secrets import place_of, read_secret
from config.sending import PATIENCE, open_without_redirects, why
from monitors.notices.message import Message, file_stem
from monitors.notices.outlook import message_of
from monitors.notices.wording import LANGUAGES
from monitors.record.ledger import Sealed

Secret = Callable[[str], str]
"""From the name of a secret to the secret. Raises `DeliveryError`."""


class DeliveryError(Exception):
    """A channel did not take a message; the words say why, for people."""


def deliver(channel: Channel, sealed: Sealed, secret: Secret) -> str:
    """Deliver an archived message; return where it is now, in words. Raises `DeliveryError`."""
    try:
        match channel:
            case FolderChannel():
                return _to_folder(Path(channel.path), sealed)
            case WebhookChannel():
                return _to_webhook(channel, sealed, secret)
            case MailChannel():
                return _by_mail(channel, sealed, secret)
    except (OSError, HTTPException, smtplib.SMTPException, ValueError) as error:
        raise DeliveryError(why(error)) from None


def files_of(sealed: Sealed) -> dict[str, str]:
    """Return a message as files: its text in each language, and all that the archive has of it."""
    message = message_of(sealed)
    stem = f"{sealed.number:04}-{file_stem(message.case, message.kind)}"
    texts = {f"{stem}.{language}.txt": message.texts[language] for language in LANGUAGES}
    return texts | {f"{stem}.json": json.dumps(as_data(sealed), indent=2, ensure_ascii=False) + "\n"}


def as_data(sealed: Sealed) -> dict[str, Any]:
    """Return an archived message as plain data."""
    data: dict[str, Any] = json.loads(sealed.body)
    return {"number": sealed.number, **data, "digest": sealed.digest}


def secrets_of(references: Mapping[str, str]) -> Secret:
    """Return how secrets are found by their name; `references` say where they are."""

    def find(name: str) -> str:
        try:
            return read_secret(references[name]).strip()
        except (OSError, UnicodeDecodeError):
            raise DeliveryError(f"the secret '{name}' cannot be read: {place_of(references[name])}") from None

    return find


def _to_folder(folder: Path, sealed: Sealed) -> str:
    written = write_all({folder / name: text for name, text in files_of(sealed).items()})
    return str(written[0])


def _to_webhook(channel: WebhookChannel, sealed: Sealed, secret: Secret) -> str:
    headers = {"Content-Type": "application/json"}
    if channel.token is not None:
        headers["Authorization"] = f"Bearer {secret(channel.token)}"
    body = json.dumps(as_data(sealed)).encode()
    request = Request(channel.url, body, headers, method="POST")  # noqa: S310 - http(s), checked by the configuration
    with open_without_redirects(request) as answer:
        return f"{channel.url}: status {answer.status}"


def _by_mail(channel: MailChannel, sealed: Sealed, secret: Secret) -> str:
    host, _, port = channel.server.rpartition(":")
    host, context = host.strip("[]"), ssl.create_default_context()
    mail = mail_of(message_of(sealed), channel, sealed.digest)
    server: smtplib.SMTP
    if channel.security == "tls":
        server = smtplib.SMTP_SSL(host, int(port), timeout=PATIENCE, context=context)
    else:
        server = smtplib.SMTP(host, int(port), timeout=PATIENCE)
    with server:
        if channel.security == "starttls":
            server.starttls(context=context)
        if channel.password is not None:
            server.login(channel.user, secret(channel.password))
        refused = server.send_message(mail)
    if refused:
        raise DeliveryError(f"refused for {', '.join(sorted(refused))}")
    return f"mail to {len(channel.recipients)} by {channel.server}"


def mail_of(message: Message, channel: MailChannel, digest: str) -> EmailMessage:
    """Return the mail: Dutch, then English. Sent again it has the same Message-ID, so nobody has to read it twice."""
    mail = EmailMessage()
    titles = [message.texts[language].partition("\n")[0] for language in LANGUAGES]
    mail["Subject"] = " / ".join(" ".join(title.split()) for title in titles)
    mail["From"], mail["To"] = channel.sender, ", ".join(channel.recipients)
    mail["Date"] = formatdate(message.at)
    mail["Message-ID"] = f"<{digest}@{channel.sender.rpartition('@')[2].strip(' >')}>"
    mail["X-Piekwacht-Digest"] = digest
    mail.set_content("\n\n-----\n\n".join(message.texts[language].strip() for language in LANGUAGES) + "\n")
    return mail
