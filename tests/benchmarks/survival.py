"""What the record survives, as often as it takes to believe it: `python -m tests.benchmarks.survival`.

The same programs run as tests, a few times each; see `tests.monitors.survival`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.monitors import survival


def main(times: int = 200) -> None:
    """Kill, cut the power, fill the disk, race, and print what was found; an error where the ledger did not survive."""
    for program, count in (
        (survival.kills, times),
        (survival.power, times),
        (survival.full, max(1, times // 10)),
        (survival.race, max(1, times // 10)),
    ):
        with tempfile.TemporaryDirectory() as name:
            print(program(Path(name), count), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200, help="kills and power cuts")
    main(parser.parse_args().times)
