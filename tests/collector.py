"""What Python's garbage collector does in some stretch of code: whoever is due while it works has to wait."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


class Collections(list[tuple[int, int]]):
    """The collections so far, in their order: the generation, and how many young objects were looked at."""

    @property
    def most(self) -> int:
        """The most young objects that were looked at in one go."""
        return max((young for _, young in self), default=0)


@contextmanager
def collections() -> Iterator[Collections]:
    """Note every collection in this process; the collector's settings are put back at the end."""
    noted = Collections()

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            noted.append((info["generation"], gc.get_count()[0]))

    before = gc.get_threshold()
    gc.callbacks.append(note)
    try:
        yield noted
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*before)
        gc.unfreeze()
