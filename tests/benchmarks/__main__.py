"""Every benchmark, one after the other: `python -m tests.benchmarks`."""

from __future__ import annotations

from tests.benchmarks import ledger, replica

for benchmark in (replica, ledger):
    print(f"\n{benchmark.__doc__.splitlines()[0] if benchmark.__doc__ else benchmark.__name__}")
    benchmark.main()
