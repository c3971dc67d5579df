"""`make bench`: every benchmark prints its table; the exit code tells whether a bound was broken."""

import sys

from tests.benchmarks import composer, relay, replicas, reports


def main() -> int:
    """Run the benchmarks one after another, so that none disturbs another."""
    results = [benchmark() for benchmark in (composer.main, reports.main, relay.main, replicas.main)]
    return 1 if any(results) else 0


if __name__ == "__main__":
    sys.exit(main())
