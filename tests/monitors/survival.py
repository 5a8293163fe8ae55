"""What a ledger must survive, as programs: `python -m tests.monitors.survival kills|power|full|race FOLDER COUNT`.

A writer records slot after slot of five probes and acknowledges each batch once it is on disk. Whatever happens then,
`judge` must find every acknowledged run once, at most the batch under way beyond, and nothing that does not fit.
"""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from journeys import Reason
from monitors.record.ledger import Ledger, LedgerError, Schedule
from monitors.verdict import Fail, Pass, Run

START = 1_700_000_000 // 3600 * 3600
PROBES = [("website", f"probe-{number}") for number in range(5)]
SECTOR = 512
"""Bytes that a disk writes whole or not at all."""
SEED = 9


def write(path: Path, acknowledge: Callable[[int], object], slots: int | None = None, *, scrape: bool = False) -> None:
    """Record from where the ledger stands, batch by batch, acknowledging the number of slots on record."""
    with Ledger.open(path) as ledger:
        ledger.expect([Schedule(*probe, 15, 3) for probe in PROBES], START)
        number = int(sum(ledger.totals().runs.values())) // len(PROBES)
        acknowledge(number)
        if scrape:
            threading.Thread(target=_scrape, args=[ledger], daemon=True).start()
        while slots is None or number < slots:
            verdict = Fail(Reason.TIMEOUT, "home") if number % 5 == 0 else Pass()
            ledger.record([Run(*probe, START + 3 + 15 * number, 0.1, verdict) for probe in PROBES])
            number += 1
            acknowledge(number)


def _scrape(ledger: Ledger) -> None:
    while True:
        ledger.totals()


def judge(path: Path, acknowledged: int) -> int:
    """Return the number of slots on record; raise `AssertionError` if anything acknowledged is lost or doubled."""
    with Ledger.open(path) as ledger:
        totals = ledger.totals()
        number, rest = divmod(int(sum(totals.runs.values())), len(PROBES))
        assert rest == 0, "half a batch"
        assert number in (acknowledged, acknowledged + 1), f"{number} slots on record, {acknowledged} acknowledged"
        assert ledger.problems() == []
        assert sum(totals.failures.values()) == len(range(0, number, 5)) * len(PROBES)
        for probe in PROBES if number else []:
            edges = [START // 60, START // 60 + number // 4, START // 60 + number // 4 + 60]
            whole, last = ledger.counts(probe, edges, now=START + 1e9)
            assert (whole.good + whole.bad, last.good + last.bad) == (whole.expected, number % 4)
            assert (whole.expected, last.expected) == (number // 4 * 4, 240), "what is missing shows"
    return number


def kills(folder: Path, count: int) -> str:
    """Kill a writer `count` times with SIGKILL, at random instants from its very start on, under load."""
    chance, path, number, while_opening = random.Random(SEED), folder / "ledger.sqlite", 0, 0
    for _ in range(count):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with suppress(BaseException), os.fdopen(writing, "w") as pipe:
                write(path, lambda at: print(at, file=pipe, flush=True), scrape=True)
            os._exit(1)
        os.close(writing)
        time.sleep(chance.uniform(0, 0.01 if chance.random() < 0.3 else 0.3))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "the writer ended by itself"
        with os.fdopen(reading) as pipe:
            told = pipe.read().split()
        while_opening += not told
        number = judge(path, int(told[-1]) if told else number)
    return f"{count} kills ({while_opening} while opening): {number * len(PROBES)} runs, none lost, none doubled"


def race(folder: Path, count: int) -> str:
    """Let three monitors open one new ledger at the same moment, `count` times: one gets it, two are told why not."""
    for attempt in range(count):
        path = folder / f"race-{attempt}" / "ledger.sqlite"
        done, go = os.pipe(), os.pipe()
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                os.close(go[1])
                os.read(go[0], 1)  # all begin when this end is closed
                try:
                    ledger = Ledger.open(path)
                    os.write(done[1], b"opened\n")
                    time.sleep(60)
                    ledger.close()
                except LedgerError as error:
                    os.write(done[1], str(error).encode() + b"\n")
                os._exit(0)
            children.append(child)
        for end in (done[1], *go):
            os.close(end)
        with os.fdopen(done[0]) as pipe:
            said = sorted(pipe.readline().strip() for _ in children)
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        assert sum(line == "opened" for line in said) == 1, said
        assert sum("is in use by another monitor" in line for line in said) == 2, said
        assert judge(path, 0) == 0
    return f"{count} races: one monitor each time"


def full(folder: Path, count: int) -> str:
    """Fill the disk `count` times while recording: nothing of a refused batch stays, and it goes on with room again.

    The disk is a small file system where this may be mounted (`unshare`), else a limit on the size of files.
    """
    path, refusals = folder / "ledger.sqlite", set()
    acknowledged = [0]
    ballast = folder / "ballast"
    for _ in range(count):
        with _no_room(folder, ballast):
            try:
                write(path, lambda at: acknowledged.__setitem__(0, at))
            except LedgerError as error:
                refusals.add(str(error).rpartition(": ")[2])
            with suppress(LedgerError):  # a restart on a full disk gets a ledger or a reason
                Ledger.open(path).close()
        judge(path, acknowledged[0])
        write(path, lambda at: acknowledged.__setitem__(0, at), acknowledged[0] + 40)
        judge(path, acknowledged[0])
    assert refusals
    return f"{count} times full ({', '.join(sorted(refusals))}): {acknowledged[0] * len(PROBES)} runs, none lost"


@contextmanager
def _no_room(folder: Path, ballast: Path) -> Iterator[None]:
    """Leave room for some batches only."""
    if folder.is_mount():
        ballast.write_bytes(bytes(max(0, _free(folder) - 300_000)))
        yield
        ballast.unlink()
        return
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max((each.stat().st_size for each in folder.iterdir()), default=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 60_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def power(folder: Path, count: int) -> str:
    """Cut the power at `count` random instants of one writer's life.

    Every system call that changes a file is taken down (strace). What was written before the last fsync of a file is on
    the disk. Of what was written later, each sector is there or not, at random: the order in which a disk without power
    loses its cache is anybody's guess. The ledger made of that must be whole and hold all that was acknowledged. This
    proves that the calls to fsync stand where they must; it takes for granted that the disk obeys them.
    """
    trace, path = folder / "trace", folder / "writer" / "ledger.sqlite"
    path.parent.mkdir()
    calls = "trace=pwrite64,write,fdatasync,fsync,ftruncate"
    command = ["strace", "-f", "-y", "-xx", "-s", "100000", "-e", calls, "-o", str(trace)]
    module = [sys.executable, "-m", "tests.monitors.survival", "write", str(path), "700"]
    subprocess.run([*command, *module], check=True, stdout=subprocess.DEVNULL)
    operations = list(_operations(trace, path))
    acknowledgements = [index for index, operation in enumerate(operations) if operation[0] == "told"]
    kinds = [operation[0] for operation in operations]
    chance, lost = random.Random(SEED), 0
    for number in range(count):
        cut = chance.randrange(acknowledgements[0] + 1, len(operations))
        files, missing = _after(operations[:cut], chance)
        lost += missing
        told = max(index for index in acknowledgements if index < cut)
        after = folder / f"after-{number}"
        after.mkdir()
        for name, content in files.items():
            (after / name).write_bytes(content)
        judge(after / "ledger.sqlite", operations[told][2])
    made = f"{kinds.count('write')} writes and {kinds.count('sync')} syncs"
    return f"{count} power cuts among {made}: {lost} sectors lost, no run of them"


Operation = tuple[str, str, int, bytes]
"""(write, truncate, sync or told; file; offset, size or number; bytes)"""

_CALL = re.compile(r"\d+ +(\w+)\((\d+)<([^>]*)>(.*)\) += (\d+)$")


def _operations(trace: Path, path: Path) -> Iterator[Operation]:
    """Yield what happened to the files of a ledger, and what was acknowledged."""
    names = {path.name, path.name + "-wal"}
    for line in trace.read_text().splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        call, descriptor, place, arguments, _ = match.groups()
        name = Path(_bytes(place).decode()).name
        if call == "write" and descriptor == "1":
            yield "told", "", int(_bytes(arguments.split('"')[1])), b""
        elif name not in names:
            continue
        elif call == "pwrite64":
            _, content, rest = arguments.split('"')
            yield "write", name, int(rest.split(",")[2]), _bytes(content)
        elif call == "ftruncate":
            yield "truncate", name, int(arguments.strip(", ")), b""
        elif call in ("fsync", "fdatasync"):
            yield "sync", name, 0, b""


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _after(operations: list[Operation], chance: random.Random) -> tuple[dict[str, bytes], int]:
    """Return the files that a disk holds after a power cut, and how many sectors never reached it."""
    files: dict[str, bytearray] = defaultdict(bytearray)
    last = {name: index for index, (kind, name, *_) in enumerate(operations) if kind == "sync"}
    lost = 0
    for index, (kind, name, at, content) in enumerate(operations):
        durable = index < last.get(name, -1)
        if kind == "truncate" and (durable or chance.random() < 0.5):
            _resize(files[name], at)
        elif kind == "write":
            for offset in range(0, len(content), SECTOR):
                if durable or chance.random() < 0.5:
                    sector = content[offset : offset + SECTOR]
                    _resize(files[name], max(len(files[name]), at + offset + len(sector)))
                    files[name][at + offset : at + offset + len(sector)] = sector
                else:
                    lost += 1
    return {name: bytes(content) for name, content in files.items()}, lost


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def main(what: str, place: str, count: str) -> None:
    """Do one of them and print what was found."""
    if what == "write":
        write(Path(place), lambda at: os.write(1, b"%d\n" % at), int(count))
        return
    programs = {"kills": kills, "race": race, "full": full, "power": power}
    print(programs[what](Path(place), int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
