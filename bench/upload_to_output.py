"""The time from upload to output: warm Lambda runs and runs in Batch, with each engine.

Targets: process 0.1 s, docker 0.25 s, Batch with docker 1.5 s (medians).
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from bench._local import bench, engines

if TYPE_CHECKING:
    from bench._local import BenchCloud

RUNS = 15
TARGETS = {("process", "lambda"): 0.1, ("docker", "lambda"): 0.25, ("docker", "batch"): 1.5}


def measure(cloud: BenchCloud, mode: str) -> list[float]:
    """Return the seconds of each run, after two warm-up runs."""
    name = f"copy-{mode}"
    cloud.copy_function(name, mode)
    times = []
    for number in range(RUNS + 2):
        begin = time.perf_counter()
        cloud.s3.put_object(Bucket="bench", Key=f"{name}-in/{number:03}", Body=b"x" * 10_000)
        times.append(cloud.wait_for(f"{name}-out/{number:03}", begin))
    return times[2:]


def main() -> None:
    """Print a line for each engine and mode."""
    for engine in engines():
        with bench(engine) as cloud:
            for mode in ("lambda", "batch"):
                times = measure(cloud, mode)
                target = TARGETS.get((engine, mode))
                print(
                    f"{engine:8} {mode:7} median {statistics.median(times):.3f} s"
                    f"  (min {min(times):.3f}, max {max(times):.3f}, {RUNS} runs)"
                    + (f"  target {target} s" if target else "")
                )


if __name__ == "__main__":
    main()
