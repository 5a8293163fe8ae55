"""Who got a connection: requests on fresh connections, and on those that were kept, to each address of the estate.

A limit of connections shows in no answer: who is connected goes on, who is new is turned away. So the two are counted
apart. A connection is *fresh* to an address until that has answered on it; then it is *kept*, until it is gone. Where
one listener serves several addresses, as in the replica, a connection may be kept by one and fresh to another.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from journeys import Reason
from loadtests.http1 import Connection
from loadtests.origin import split_url


@dataclass(slots=True)
class Contact:
    """What happened at one address within one second.

    `fresh` requests were answered on fresh connections, `kept` ones on kept connections, of which `broken` were not;
    `refused` counts by reason the fresh connections that were not opened, or closed without a byte. `most` is the
    number of kept connections open at once, at its highest.
    """

    fresh: int = 0
    kept: int = 0
    broken: int = 0
    most: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything happened."""
        return bool(self.fresh or self.kept or self.broken or self.most or self.refused)


COLUMNS = ("fresh", "refused", "kept", "broken", "most")
"""What `Contacts` keeps of each second."""


class Contacts:
    """Everything that happened at one address in a run, over all processes; `refused` by reason.

    A second takes 20 bytes.
    """

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._rows = array("i")

    def add(self, second: int, contact: Contact) -> None:
        """Add what one process saw in one second; the highest numbers of several are taken to coincide."""
        missing = (second + 1) * len(COLUMNS) - len(self._rows)
        if missing > 0:
            self._rows.extend([0] * missing)
        self.refused.update(contact.refused)
        row = (contact.fresh, sum(contact.refused.values()), contact.kept, contact.broken, contact.most)
        for place, value in enumerate(row, second * len(COLUMNS)):
            self._rows[place] += value

    def column(self, name: str) -> NDArray[np.int64]:
        """Return one of `COLUMNS`, a number for each second from 0 on."""
        return np.array(self._rows[COLUMNS.index(name) :: len(COLUMNS)], np.int64)


class Target:
    """Where requests to a system go, and what becomes of the connections there. Not thread-safe: lives on one loop.

    Systems with the same base URL share one target. `open` is the number of kept connections.
    """

    __slots__ = ("_contact", "open", "origin", "path", "url")

    def __init__(self, url: str) -> None:
        """`url` is absolute. Raises `ValueError` where it is not."""
        self.url = url
        self.origin, path = split_url(url)
        self.path = path.rstrip("/")
        self.open = 0
        self._contact = Contact()

    def answered(self, connection: Connection) -> None:
        """Count an answer; from the first one on the connection is kept."""
        if self in connection.keepers:
            self._contact.kept += 1
            return
        self._contact.fresh += 1
        connection.keepers += (self,)
        self.open += 1
        self._contact.most = max(self._contact.most, self.open)

    def unopened(self, reason: Reason) -> None:
        """Count a connection that could not be opened; a name without address or a bad certificate is no refusal."""
        if reason in {Reason.CONNECTION_REFUSED, Reason.CONNECTION_RESET, Reason.TIMEOUT}:
            self._refused(reason)

    def broken(self, connection: Connection, reason: Reason) -> None:
        """Count a request that got no answer, on a connection that was open."""
        if self in connection.keepers:
            self._contact.broken += reason in {Reason.CONNECTION_RESET, Reason.TIMEOUT}
        elif reason is Reason.CONNECTION_RESET and connection.silent:
            self._refused(reason)

    def _refused(self, reason: Reason) -> None:
        refused = self._contact.refused
        refused[str(reason)] = refused.get(str(reason), 0) + 1

    def gone(self) -> None:
        """Note that a kept connection exists no longer."""
        self.open -= 1

    def take(self) -> Contact:
        """Return what happened since the last call."""
        contact, self._contact = self._contact, Contact(most=self.open)
        return contact


def targets_of(endpoints: Mapping[str, str]) -> dict[str, Target]:
    """Return the target of each system."""
    made = {url: Target(url) for url in endpoints.values()}
    return {system: made[url] for system, url in endpoints.items()}
