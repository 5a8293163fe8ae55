"""Memory that forgets, so that millions of citizens may pass and the replica stays small."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


class Expiring(Generic[KeyT, ValueT]):
    """A mapping whose entries live for `lifetime` seconds after they were put or touched.

    `now` is any clock in seconds that never goes back. The oldest entry comes first, so each call forgets what has
    expired at a constant cost per entry.
    """

    def __init__(self, lifetime: float) -> None:
        self._lifetime = lifetime
        self._entries: OrderedDict[KeyT, tuple[float, ValueT]] = OrderedDict()

    def put(self, key: KeyT, value: ValueT, now: float) -> None:
        """Remember `value`; it lives anew if it was there already."""
        self._forget(now)
        self._entries[key] = (now + self._lifetime, value)
        self._entries.move_to_end(key)

    def get(self, key: KeyT, now: float) -> ValueT | None:
        """Return the value, or None if it was never there or has expired."""
        self._forget(now)
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def touch(self, key: KeyT, now: float) -> ValueT | None:
        """Return the value and let it live anew; None as in `get`."""
        value = self.get(key, now)
        if value is not None:
            self.put(key, value, now)
        return value

    def pop(self, key: KeyT, now: float) -> ValueT | None:
        """Return the value and forget it; None as in `get`."""
        value = self.get(key, now)
        self._entries.pop(key, None)
        return value

    def keys(self, now: float) -> list[KeyT]:
        """Return the keys that are alive, the oldest first."""
        self._forget(now)
        return list(self._entries)

    def count(self, now: float) -> int:
        """Return how many entries are alive."""
        self._forget(now)
        return len(self._entries)

    def _forget(self, now: float) -> None:
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key][0] > now:
                return
            del self._entries[key]
