"""Child processes that never outlive their parent, however it ends. Linux only."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None, use_errno=True)  # looked up here: as little as possible may happen between fork and exec
_parent = [os.getpid()]
os.register_at_fork(before=lambda: _parent.__setitem__(0, os.getpid()))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends: `Popen(command, preexec_fn=die_with_parent)`.

    A parent that is killed with SIGKILL can stop nothing any more, and load that nobody watches must not go on.
    Children that start their own children this way pass the end on. The kernel's 'parent' is the thread that forked, so
    start children from a thread that lives as long as they should. Raises `OSError`.
    """
    if _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != _parent[0]:  # it ended between the fork and the order
        os.kill(os.getpid(), signal.SIGKILL)
