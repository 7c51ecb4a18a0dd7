"""``scar status`` over a million runs: CPU, requests and memory, with real listings.

Run with ``python -m bench.status_of_a_million [FUNCTIONS [RUNS [DELAY_MS]]]``: as many runs of each
function, and milliseconds that are added to each response. Another process serves the listings;
CPU is this process's alone. Each run has four records, so a million runs have 4,000 pages of 1,000
keys, the maximum of one S3 listing.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter

import boto3

from bench._run_listings import RECORDS, RunListings, serve
from scar.aws.client import sdk
from scar.aws.client.connection import AwsConnection
from scar.runs.ledger import RunLedger
from scar.runs.status import StatusQuery, collect_status

MOST_MB = 200


def main() -> None:
    functions, runs, delay = map(int, (sys.argv[1:] + ["1", "1000000", "0"][len(sys.argv) - 1 :]))
    listings = RunListings(functions=functions, runs=runs, delay=delay / 1000)
    with serve(listings) as endpoint:
        session = boto3.Session(
            "key", "secret", region_name="eu-west-1", botocore_session=sdk.new_session()
        )
        requests: Counter[str] = Counter()
        connection = AwsConnection(session=session, endpoint_url=endpoint)
        ledger = RunLedger.connect(connection)
        connection.client("s3").meta.events.register(
            "request-created", lambda operation_name, **_: requests.update([operation_name])
        )
        began, cpu = time.perf_counter(), time.process_time()
        status = collect_status(ledger, ledger.list_functions(), StatusQuery(jobs={}))
        duration, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    states: Counter[str] = Counter()
    for one in status.functions:
        states.update({state.value: number for state, number in one.states.items()})
    keys = functions * runs * len(RECORDS)
    print(f"{functions} x {runs:,} runs: {dict(states)}; {dict(requests)}")
    print(f"{duration:.1f} s, {cpu:.1f} s of CPU ({cpu / keys * 1e6:.1f} µs a key)")
    print(f"peak memory {peak:.0f} MB (limit {MOST_MB})")


if __name__ == "__main__":
    main()
