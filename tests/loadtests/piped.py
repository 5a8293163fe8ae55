"""A pipe with something in it, as the shell's <(command) gives one: it can be read only once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def piped(content: bytes) -> Iterator[Path]:
    """Give the path of a pipe. A thread writes into it: it may hold no more than a page at a time."""
    there, here = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(here, "wb") as stream:
            stream.write(content)

    writer = threading.Thread(target=write, name="pipe")
    writer.start()
    try:
        yield Path(f"/dev/fd/{there}")
    finally:
        os.close(there)
        writer.join()
