"""The kinds of probes: what each looks at, when it runs, how long it may take. One model for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.fields import Duration, Host, Identifier, JourneyName, Pause, UrlPath, shaped
from config.phone import CALL_AT_MOST, RING_AT_MOST, Dialled, Script
from config.source import Contradiction, Strict, expected

Channel = Literal["web", "app"]
Family = Literal["ipv4", "ipv6"]
Language = Literal["nl", "en"]

REFERENCE = "{reference}"
"""What stands for the number of a run in the texts of a message probe."""
ADDRESS = "{address}"
"""What stands there for the address to which return messages are delivered."""
TEARDOWN = 5.0
"""Seconds that a call has beside its script: to be set up, and to be taken down again."""


def _address(text: str) -> str:
    """Return an IP address in its usual spelling. Raises a validation error for anything else."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise expected("an IP address") from None


Address = Annotated[str, AfterValidator(_address)]
Status = Annotated[int, Field(strict=True, ge=100, le=599)]
SipStatus = Annotated[int, Field(strict=True, ge=200, le=699)]
Redirection = Literal[301, 302, 303, 307, 308]
Marker = Annotated[str, shaped(r"[a-z-]+=[^\s\"'<>=]+", "an attribute and its value, such as role=alert")]


class ProbeTiming(Strict):
    """When a probe runs and how long it may take.

    `limit`: an answer slower than this is a failure (`too_slow`); `timeout`: the run is given up (`timeout`). With
    `confirm` a failure is followed by another run at once, which counts like any other.
    """

    interval: Duration = 15.0
    timeout: Duration = 10.0
    limit: Duration = 5.0
    confirm: bool = False

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a run, and its confirmation, are over before the next one: limit <= timeout <= interval."""
        if self.interval < self.timeout:
            yield Contradiction(("interval",), f"at least the timeout, {self.timeout:g}s")
        elif self.confirm and self.interval < 2 * self.timeout:
            yield Contradiction(("interval",), f"at least {2 * self.timeout:g}s, to confirm within it")
        if self.limit > self.timeout:
            yield Contradiction(("limit",), f"at most the timeout, {self.timeout:g}s")


class NetworkProbe(ProbeTiming):
    """A probe that connects. `families` makes it one probe for each: NAME-ipv4 and NAME-ipv6.

    Without it a run takes the addresses as people's programs do: in the order of the resolver, until one connects.
    """

    families: list[Family] = Field(default=[], max_length=2)


class HttpProbe(NetworkProbe):
    """One GET: the answer has one of `statuses` and contains every text of `contains`."""

    kind: Literal["http"]
    path: UrlPath = "/"
    statuses: list[Status] = Field(default=[200], min_length=1)
    contains: list[str] = Field(default=[])


class JourneyProbe(NetworkProbe):
    """One synthetic citizen walks a journey, the same that a load test replays.

    `account` is the secret of the environment, `USER:PASSWORD`, with which it logs in; without it citizens are
    generated test numbers, another one for each run.
    """

    kind: Literal["journey"]
    journey: JourneyName
    channel: Channel = "web"
    account: Identifier | None = None


def _with_reference(text: str) -> str:
    """Return a text that says where the number of the run belongs. Raises a validation error."""
    if REFERENCE not in text:
        raise expected(f"text with {REFERENCE} in it")
    return text


Template = Annotated[str, AfterValidator(_with_reference)]


class MessageProbe(NetworkProbe):
    """Submit a message, then wait for the return message: an accepted submission is not enough.

    `{reference}` stands for a number of the run's own, in what is submitted and where its return is asked for. What the
    gateway says to the submission contains every text of `acknowledged`. The return is there when the answer has
    another status than those of `pending`; it must be 200 and contain every text of `contains`. With `push` it is not
    asked for: the gateway delivers it, and `{address}` stands for where (`deliveries` of the environment).
    `answer_within` counts from the submission; past it the return message is missing.
    """

    kind: Literal["message"]
    submit: UrlPath
    body: Template
    content_type: str = "application/json"
    accepted: list[Status] = Field(default=[200, 201, 202], min_length=1)
    acknowledged: list[str] = Field(default=[])
    answer: Annotated[UrlPath, AfterValidator(_with_reference)] | None = None
    push: bool = False
    pending: list[Status] = Field(default=[202, 204, 404])
    contains: list[str] = Field(default=[])
    poll: Duration = 1.0
    answer_within: Duration = 8.0

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a run ends because the return message is missing, before it ends as a timeout."""
        yield from super().contradictions()
        if self.push == (self.answer is not None):
            yield Contradiction(("answer",), "where the return message is asked for, or push: true")
        if self.answer_within >= self.timeout:
            yield Contradiction(("answer_within",), f"less than the timeout, {self.timeout:g}s")


class WebsocketProbe(NetworkProbe):
    """Connect to a WebSocket, hear the greeting, say something, hear the answer.

    `{reference}` stands for a number of the run's own. A greeting is a message with every text of `greeting`; without
    one none is waited for. The answer is a message with every text of `contains`. Other messages are passed over.
    """

    kind: Literal["websocket"]
    path: UrlPath = "/"
    greeting: list[str] = Field(default=[])
    say: Template
    contains: list[str] = Field(default=[REFERENCE], min_length=1)


class CertificateProbe(NetworkProbe):
    """The certificate at the system's endpoint: its chain, its host, and that it is valid for `remaining` longer."""

    kind: Literal["certificate"]
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] | None = None
    remaining: Duration = 14 * 86400.0


class Hop(Strict):
    """Where one redirect must lead: a page of a system of the estate."""

    system: Identifier
    path: UrlPath = "/"
    status: Redirection = 301


class RedirectProbe(NetworkProbe):
    """From `path` every redirect leads where `hops` say, in order; the last page answers 200 with every text."""

    kind: Literal["redirect"]
    path: UrlPath = "/"
    hops: list[Hop] = Field(min_length=1)
    contains: list[str] = Field(default=[])


class BannerProbe(NetworkProbe):
    """The disruption notice on the pages of each language, and whether it is up to date.

    `expect`: `required`, `absent`, or `consistent`: on every page or on none. A notice is the element that has the
    attribute of `marker`. It announces its next update after the words of `next_update`; once that moment has passed
    by more than `grace`, it is stale. Without `next_update` nothing need be announced.
    """

    kind: Literal["banner"]
    pages: dict[Language, list[UrlPath]] = Field(min_length=1)
    expect: Literal["required", "absent", "consistent"] = "consistent"
    marker: Marker = "role=alert"
    next_update: dict[Language, str] = Field(default={"nl": "volgende update", "en": "next update"})
    grace: Pause = 0.0

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that every language has a page."""
        yield from super().contradictions()
        for language, paths in self.pages.items():
            if not paths:
                yield Contradiction(("pages", language), "at least one page")


class DnsProbe(ProbeTiming):
    """The addresses of a name by this machine's resolver, of each family in `families`.

    Without `name` it is the host of the system's endpoint; without `addresses` any answer will do.
    """

    kind: Literal["dns"]
    name: Host | None = None
    families: list[Family] = Field(default=["ipv4"], min_length=1, max_length=2)
    addresses: list[Address] = Field(default=[])


class PhoneProbe(ProbeTiming):
    """A probe of a telephone line. It runs in environments that have its trunk; `call_interval` says how often."""


class CallProbe(PhoneProbe):
    """One call over a trunk that follows a script. A call lasts as long as its script: `limit` is the timeout.

    Outside service hours the closing announcement is what must be heard, and no digit is sent.
    """

    kind: Literal["call"]
    trunk: Identifier
    number: Dialled
    script: Script = Script()
    interval: Duration = 300.0
    timeout: Duration = 90.0
    limit: Duration = 90.0

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that a call ends because of its script, and is taken down, before the run ends as a timeout."""
        yield from super().contradictions()
        needed = self.script.answer_within + self.script.hang_up_after + TEARDOWN
        if self.timeout < needed:
            yield Contradiction(("timeout",), f"at least {needed:g}s, in which the script and the teardown fit")


class SipOptionsProbe(PhoneProbe):
    """One OPTIONS to a trunk's server: its border is there, which says nothing of the numbers behind it."""

    kind: Literal["sip_options"]
    trunk: Identifier
    statuses: list[SipStatus] = Field(default=[200], min_length=1)
    interval: Duration = 30.0


class AriCallProbe(PhoneProbe):
    """One call that an Asterisk makes on the prober's behalf; its audio is not heard."""

    kind: Literal["ari_call"]
    asterisk: Identifier
    number: Dialled
    answer_within: Duration = 15.0
    hold: Duration = 3.0
    interval: Duration = 300.0
    timeout: Duration = 90.0
    limit: Duration = 90.0

    def contradictions(self) -> Iterator[Contradiction]:
        """Make sure that nobody is called for longer than may be, and that the call ends before the run does."""
        yield from super().contradictions()
        if self.answer_within > RING_AT_MOST:
            yield Contradiction(("answer_within",), f"at most {RING_AT_MOST:g}s of ringing")
        if self.hold > CALL_AT_MOST:
            yield Contradiction(("hold",), f"at most {CALL_AT_MOST:g}s")
        needed = self.answer_within + self.hold + TEARDOWN
        if self.timeout < needed:
            yield Contradiction(("timeout",), f"at least {needed:g}s, in which the call and the teardown fit")


Probe = Annotated[
    HttpProbe
    | JourneyProbe
    | MessageProbe
    | WebsocketProbe
    | CertificateProbe
    | RedirectProbe
    | BannerProbe
    | DnsProbe
    | CallProbe
    | SipOptionsProbe
    | AriCallProbe,
    Field(discriminator="kind"),
]


def by_family(probes: dict[str, Probe]) -> dict[str, Probe]:
    """Return the probes with each that has `families` split into one for each family. Raises a validation error."""
    split: dict[str, Probe] = {}
    for name, probe in probes.items():
        families = probe.families if isinstance(probe, NetworkProbe) else []
        parts = {f"{name}-{family}": probe.model_copy(update={"families": [family]}) for family in families}
        for part, alone in (parts or {name: probe}).items():
            if part in split:
                raise expected(f"names that differ: '{part}' is there twice, once of `families`")
            split[part] = alone
    return split
