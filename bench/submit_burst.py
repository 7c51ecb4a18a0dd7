"""Many runs submit their Batch job at once, and Batch takes 50 a second: how many fail?

The supervisor's own client, one connection for each request, against a server on loopback. Usage:
``python -m bench.submit_burst [RUNS [ARRIVALS_PER_SECOND]]``; 1,000 runs and 100 a second unless
given. 10,000 runs take 200 seconds, which is what the rate requires.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from supervisor.batch import submitter
from supervisor.errors import SubmissionError
from supervisor.job_model import BatchTarget, JobRequest
from supervisor.logs import Log
from tests.functional.supervisor.rate_limited_batch import rate_limited_batch

RUNS, ARRIVALS = 1000, 100.0
CONCURRENCY = 1000  # Lambda's in an ordinary account
SECONDS = 297.0  # a timeout of 300 s less the reserve for the record
TARGET = BatchTarget(queue="q", definition="fn")


def main() -> None:
    """Print a line; exit with status 1 if a run was not submitted, or more than once."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    arrivals = float(sys.argv[2]) if len(sys.argv) > 2 else ARRIVALS
    failed: Counter[str] = Counter()
    threading.stack_size(512 * 1024)
    begin = time.monotonic()
    with rate_limited_batch() as batch, ThreadPoolExecutor(CONCURRENCY) as lambdas:

        def submit(number: int) -> None:
            own = submitter.connect(TARGET, batch.environment, log=Log("CRITICAL"))
            job = JobRequest(name=f"run-{number}", environment={})
            try:
                own.submit(job, until=time.time() + SECONDS)
            except SubmissionError as error:
                failed[type(error).__name__] += 1

        for number in range(runs):
            time.sleep(max(0.0, begin + number / arrivals - time.monotonic()))
            lambdas.submit(submit, number)
        lambdas.shutdown()
        seconds = time.monotonic() - begin
    twice = sum(count > 1 for count in batch.jobs.values())
    print(
        f"{runs:,} runs, {arrivals:g} a second: {len(batch.jobs):,} jobs submitted, {twice} twice,"
        f" {failed.total()} runs failed {dict(failed) or ''}, {batch.refusals:,} requests throttled"
        f" ({batch.refusals / runs:.1f} a run), {seconds:.0f} s"
    )
    sys.exit(len(batch.jobs) != runs or bool(twice))


if __name__ == "__main__":
    main()
