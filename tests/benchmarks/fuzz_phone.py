"""Nonsense for every parser of the phone probe: `python -m tests.benchmarks.fuzz_phone --minutes 5`.

Each input is a valid one that a seeded source of chance has damaged. What is looked for: an exception other than the
declared one, more CPU time for one input than `SLOW` seconds, and memory that grows from one half of a run to the
other. `calls` feeds whole conversations to the state machine of a call, which must not raise, must come to an end once
it hangs up and hears nothing more, and must say once whether the call was released.

A finding is printed with the seed, the parser and the number of the input; `--only PARSER --first NUMBER` repeats it.
Exit code 1 says that there was one.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

from tests.benchmarks import fuzz_phone_parsers as parsers

SLOW = 0.5
"""CPU seconds that no input of 64 KiB may take; typical ones take a thousandth of it."""
GROWTH = 24 * 2**20
"""Bytes that the process may grow by in the second half of a parser's time."""
LARGEST = 65_535

_TOKENS = (
    *(
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"\r\n ",
        b"\0",
        b",",
        b";",
        b'"',
        b"\\",
        b"<",
        b">",
        b"=",
        b":",
        b"@",
        b"%",
        b"\xff",
    ),
    *(b"-1", b"0", b"65536", b"4294967296", b"9" * 40, b"1e309", b"\xc3\xa9", b"\xed\xa0\x80", "١٢".encode(), b"[::1]"),
    *(b"Content-Length: 99999999\r\n", b"Via: ", b"v: ", b"tag=", b"branch=", b"lr", b"sip:", b"tel:", b"a=rtpmap:"),
    *(b'Digest realm="', b"qop=auth", b"stale=true", b"m=audio 0 RTP/AVP", b"c=IN IP6 ::", b"Reason: Q.850;cause="),
)


def damaged(data: bytes, others: tuple[bytes, ...], random: Random) -> bytes:
    """Return the input with one to six things done to it."""
    for _ in range(random.randint(1, 6)):
        at, length = random.randint(0, len(data)), min(1 << random.randint(0, 9), LARGEST)
        match random.randrange(8):
            case 0:
                data = data[:at] + data[at + length :]
            case 1:
                data = data[:at] + random.choice(_TOKENS) + data[at:]
            case 2:
                data = data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
            case 3:
                data = data[:at] + data[at : at + length] * (1 << random.randint(1, 12)) + data[at + length :]
            case 4:
                data = data[:at] + random.choice(_TOKENS) * (1 << random.randint(1, 14)) + data[at:]
            case 5:
                data = data[:at]
            case 6:
                other = random.choice(others)
                data = data[:at] + other[random.randint(0, len(other)) :]
            case _:
                lines = data.split(b"\r\n")
                random.shuffle(lines)
                data = b"\r\n".join(lines)
        data = data[:LARGEST]
    return data


@dataclass(slots=True)
class Fuzzed:
    """What one parser was given and did."""

    inputs: int = 0
    taken: int = 0
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)


def fuzz(parser: parsers.Parser, seed: int, numbers: Iterator[int], until: Callable[[], bool]) -> Fuzzed:
    """Feed a parser until `until` says so, or ten findings."""
    fuzzed = Fuzzed()
    half: int | None = None
    begun = time.monotonic()
    for number in numbers:
        if until() or len(fuzzed.findings) == 10:
            break
        random = Random(f"{seed}/{parser.name}/{number}")
        # Every tenth is left whole: what is valid must be taken.
        base = random.choice(parser.seeds)
        data = base if number % 10 == 0 else damaged(base, parser.seeds, random)
        took, words = _one(parser, data, random)
        if took > SLOW:  # perhaps the machine's doing: only what is slow again is
            took = min(took, *(_one(parser, data, Random(f"{seed}/{parser.name}/{number}"))[0] for _ in range(2)))
        fuzzed.inputs, fuzzed.taken = fuzzed.inputs + 1, fuzzed.taken + (words == "")
        fuzzed.slowest = max(fuzzed.slowest, took)
        if took > SLOW:
            words = f"slow: {took:.2f} s for {len(data)} bytes"
        if words not in {"", parsers.REFUSED}:
            fuzzed.findings.append(f"seed {seed} {parser.name} {number}: {words}\n    {data[:300]!r}")
        if half is None and number % 500 == 499 and time.monotonic() - begun > 2:
            half = _resident()
    if half is not None and (grown := _resident() - half) > GROWTH:
        fuzzed.findings.append(f"{parser.name}: grew by {grown >> 20} MiB in {fuzzed.inputs} inputs")
    return fuzzed


def _one(parser: parsers.Parser, data: bytes, random: Random) -> tuple[float, str]:
    begin = time.process_time()
    try:
        parser.run(data, random)
        words = ""
    except parser.declared:
        words = parsers.REFUSED
    except Exception as error:  # noqa: BLE001 - it is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        words = f"{type(error).__name__}: {str(error)[:200]} ({Path(last.filename).name}:{last.lineno})"
    return time.process_time() - begin, words


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main(minutes: float, seed: int, only: str | None, first: int) -> int:
    """Fuzz every parser for its share of the CPU minutes; return the exit code."""
    chosen = [parser for parser in parsers.PARSERS if only in {None, parser.name}]
    if not chosen:
        sys.exit(f"no parser {only}; there are {', '.join(parser.name for parser in parsers.PARSERS)}")
    found = 0
    print(f"seed {seed}, {minutes:g} CPU minutes\nparser         inputs     taken  slowest ms  findings")
    for parser in chosen:
        end = time.process_time() + 60 * minutes / len(chosen)
        fuzzed = fuzz(parser, seed, count(first), lambda end=end: time.process_time() > end)
        slowest = fuzzed.slowest * 1e3
        print(
            f"{parser.name:12} {fuzzed.inputs:8} {fuzzed.taken:9} {slowest:11.1f} {len(fuzzed.findings):9}", flush=True
        )
        print("\n".join(fuzzed.findings), end="\n" if fuzzed.findings else "")
        found += len(fuzzed.findings)
    print(f"{time.process_time() / 60:.1f} CPU minutes")
    return int(bool(found))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=5.0, help="of CPU time, for all parsers")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only")
    arguments.add_argument("--first", type=int, default=0, help="the number of the first input")
    given = arguments.parse_args()
    sys.exit(main(given.minutes, given.seed, given.only, given.first))
