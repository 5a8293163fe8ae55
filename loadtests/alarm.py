"""A timer to the microsecond.

libuv's timers count whole milliseconds, which alone would start arrivals up to 1 ms late. A Linux timerfd wakes the
loop when its instant has come. Python has an interface to it from 3.13 on only, so the two calls are made by ctypes.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from math import inf
from time import monotonic

_CLOCK_MONOTONIC, _NONBLOCK, _CLOEXEC, _ABSOLUTE = 1, 0o4000, 0o2000000, 1
_libc = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock: a call is over before it could be passed on


class _TimerSpec(ctypes.Structure):
    """`struct itimerspec`: the interval of a repeating timer (0 here), and the instant of the first expiry."""

    _fields_ = (
        ("interval_seconds", ctypes.c_long),
        ("interval_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class Alarm:
    """Calls `ring` on the loop's thread at one instant of `time.monotonic`; setting it again moves it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        """Make a timer that is not set. Raises `OSError` where no descriptor is left."""
        self._descriptor = _libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK | _CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._ring = ring
        self._instant = inf
        self._loop = loop
        self._spec = _TimerSpec()
        self._at = ctypes.byref(self._spec)
        loop.add_reader(self._descriptor, self._expired)

    def set(self, instant: float) -> None:
        """Ring at `instant`; at once if that has passed."""
        self._instant = instant
        nanoseconds = max(1, int(instant * 1e9) + 1)  # 0 would disarm it; rounded up, so that it never rings early
        self._spec.seconds, self._spec.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        _libc.timerfd_settime(self._descriptor, _ABSOLUTE, self._at, None)

    def close(self) -> None:
        """Let go of the timer."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _expired(self) -> None:
        if monotonic() < self._instant:
            return  # set again between its expiry and now
        self._instant = inf
        self._ring()
        if self._instant == inf:  # setting it again would have cleared its expiry as well, for one system call less
            os.read(self._descriptor, 8)
