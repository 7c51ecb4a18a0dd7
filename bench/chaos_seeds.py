"""The guarantees of docs/runs.md under thousands of seeds of chaos, in virtual time."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.fakes.chaos.seeds import CHAINS, FILES, check_seed


def main() -> None:
    """Print what the seeds met; stop at the first that breaks a guarantee."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1_000, help="the first seed")
    parser.add_argument("-n", "--seeds", type=int, default=2_000, help="how many seeds")
    options = parser.parse_args()
    total: Counter[str] = Counter()
    begin = time.perf_counter()
    for seed in range(options.first, options.first + options.seeds):
        with tempfile.TemporaryDirectory(prefix="scar-bench-") as folder:
            total += check_seed(seed, Path(folder))
            total["runs"] += len(FILES) * len(CHAINS[seed % len(CHAINS)])
    print(
        f"{options.seeds} seeds, {total['runs']} runs in {time.perf_counter() - begin:.0f} s: every"
        f" output once, every run accounted for; {total['duplicates']} events came twice,"
        f" {total['died']} sandboxes and hosts died, {total['throttled']} invocations were"
        f" throttled, {total['repeated']} job attempts repeated, {total['handled']} failures"
        f" handled, {total['lost, made'] + total['lost, not made']} responses of SubmitJob lost"
        f" ({total['lost, made']} with a job); {total['given up']} runs needed `scar retry` because"
        " of them"
    )


if __name__ == "__main__":
    main()
