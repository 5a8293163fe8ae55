"""How the replica behaves when it is well; each number with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from config import Channel


@dataclass(frozen=True, slots=True)
class Settings:
    """Doses in people per second, lifetimes in seconds.

    The doses let through the busiest hour of 1 March 2023 with room to spare: under the hourly profile that
    `config/campaigns/aangifte-2023-03-01.yaml` assumes, 93 logins/s come from the website and 16/s from the app.
    """

    dose_web: float = 200.0
    dose_app: float = 100.0
    ticket_patience: float = 30.0
    """Three times the longest polling interval: who is silent longer has left."""
    admission_lifetime: float = 60.0
    login_lifetime: float = 300.0
    """From opening a login to its assertion."""
    code_lifetime: float = 300.0
    """Of an SMS, pairing or activation code and the transaction it belongs to."""
    session_lifetime: float = 900.0
    """Without any request; longer than a person reads one page of a return."""
    draft_lifetime: float = 3600.0
    """Since it was last saved. Real drafts stay all season; here a forgotten one must make room."""
    receipt_lifetime: float = 600.0
    """Of a submitted return: long enough for every double submit that a broken client sends, while the 90,000 numbers
    of the test range come round again after a quarter of an hour at the national rate."""

    return_message_delay: float = 0.2
    """From a customs declaration to its return message."""
    mutual_tls: bool = False
    """Whether customs takes declarations over TLS only, from those who show a certificate."""
    declaration_lifetime: float = 3600.0
    chat_delay: float = 0.2
    """Until an agent greets or answers, or joins a video call."""
    video_agents: int = 200
    """Who take video calls: as many as call at a time in the smoke test (a call in two seconds, three minutes each),
    and as many again."""
    most_calls: int = 50
    """On one leg of the phone lines at a time: every probe of every line, and as many again that were not hung up."""

    def dose(self, channel: Channel) -> float:
        """Return the people that a channel admits per second."""
        return self.dose_web if channel == "web" else self.dose_app
