"""Child processes end with their parent, also one that was killed while it started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import eventually

STARTS_A_CHILD = """
import os, signal, subprocess, sys
from config import children

def first(kill_parent):
    if kill_parent:  # as if the parent were killed between the fork and the order
        os.kill(os.getppid(), signal.SIGKILL)
        while os.getppid() == children._parent[0]:
            pass
    children.die_with_parent()

child = subprocess.Popen(["sleep", "600"], preexec_fn=lambda: first(sys.argv[1] == "between"))
print(child.pid, flush=True)
child.wait()
"""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def sleepers(group: int) -> list[int]:
    """Return the processes of a session that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    """The kernel sees to it."""
    command = [sys.executable, "-c", STARTS_A_CHILD, "later"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        os.kill(parent.pid, signal.SIGKILL)
        assert eventually(lambda: gone(child))


def test_a_child_whose_parent_was_killed_while_it_was_started_ends_too() -> None:
    """The order to the kernel comes too late then: the child finds that its parent is gone, and ends itself."""
    command = [sys.executable, "-c", STARTS_A_CHILD, "between"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.wait(timeout=60) == -signal.SIGKILL
        time.sleep(0.1)
        assert eventually(lambda: sleepers(parent.pid) == [])
