r"""What failures look like: a limit of connections, which no single answer shows.

Such a limit turns new connections away while those that are open go on, and it does so only once many are open. Each
part of that sentence tells it from something else, and all must hold at one address:

    refused ≥ 20, over at least 3 seconds                      not an accident, nor the moment of a restart
    someone new was let in during half of these seconds        not a closed door: down, draining, not listening
    broken ≤ 5 % of the requests on kept connections,          not a system that resets whatever comes,
      and a tenth of the refused share of the fresh ones         nor one that answers nobody in time
    where at most half as many were open: a tenth of           not a page that fails however few come
      the refused share, if 20 came new there

Answers of any status are answers: 503 is no refusal. What cannot be told apart from outside: an address whose first
request, and no other, is reset for a share of the people throughout the run.
"""

from __future__ import annotations

import numpy as np

from loadtests import wording
from loadtests.contact import Contacts
from loadtests.summary import ConnectionLimit

FEWEST = 20
"""Connections refused, and requests on kept ones, of fewer of which chance decides."""

SECONDS = 3
"""Seconds in which some were refused and others let in."""

SOUND = 0.05
"""Share of the requests on kept connections that may be broken off."""

CONTRAST = 10
"""How many times more often fresh connections are refused."""


def connection_limit(contacts: Contacts) -> ConnectionLimit | None:
    """Return the limit of connections that an address has, if the failures there look like one."""
    fresh, refused, kept, broken, most = (
        contacts.column(name) for name in ("fresh", "refused", "kept", "broken", "most")
    )
    full = refused > 0
    lost, tried = int(refused.sum()), int((fresh + refused)[full].sum())
    went_on, broke = int(kept[full].sum()), int(broken[full].sum())
    mixed = int(np.count_nonzero(full & (fresh > 0)))
    if lost < FEWEST or mixed < max(SECONDS, np.count_nonzero(full) / 2) or went_on < FEWEST:
        return None
    share = lost / tried
    if broke / (went_on + broke) > min(SOUND, share / CONTRAST):
        return None
    level = float(np.median(np.repeat(most[full], refused[full])))
    calm = most <= level / 2
    came = int((fresh + refused)[calm].sum())
    if came >= FEWEST and refused[calm].sum() / came > share / CONTRAST:
        return None
    return ConnectionLimit(
        first=int(np.argmax(full)),
        seconds=int(np.count_nonzero(full)),
        refused=lost,
        fresh=tried,
        kept=went_on + broke,
        broken=broke,
        open=round(level),
        rate=tried / int(np.count_nonzero(full)),
    )


def in_words(limit: ConnectionLimit, systems: list[str], reasons: list[str]) -> str:
    """Say it in one sentence; `reasons` are those of the refusals."""
    who = systems[0] if len(systems) == 1 else f"{', '.join(systems[:-1])} and {systems[-1]}"
    return (
        f"this looks like a limit of connections: {who} refused new ones once about {limit.open:,} were open"
        f" ({wording.rounded(limit.rate)} tried a second); {limit.refused:,} of {limit.fresh:,} ended with"
        f" {' or '.join(reasons)} from second {limit.first} on, while {limit.kept - limit.broken:,} of {limit.kept:,}"
        " requests on connections already open were answered"
    )
