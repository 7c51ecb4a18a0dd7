"""Array jobs: what 10,000 files cost to submit, and what the status of a million children costs.

Run with ``python -m bench.array_jobs [FILES [CHILDREN]]``; 10,000 of both unless given. The files
are submitted to a local cloud, which keeps to AWS's rate of 50 SubmitJob a second, and the array is
ended at once. The status is read from fakes of S3 and Batch: 100 arrays of so many children, of
which none has begun, or all are done.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scar.aws.inventory.functions import InputFolder
from scar.cli.arrays.array_run import ArrayRun
from scar.cli.function_call import FunctionCall
from scar.cli.services import Services
from scar.cli.session import Session
from scar.runs.arrays.array_reader import read_arrays
from scar.runs.ledger import RunLedger
from scar.runs.status import StatusQuery, collect_status
from tests.fakes.local_cloud import BUCKET, STATE, a_local_cloud, function
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

FILES, ARRAYS, CHILDREN = 10_000, 100, 10_000
MOST_CALLS = 10
NOW = 1_790_000_000.0
DAY = "2026-09-21"
IN_BATCH: dict[str, Any] = {"memory": 128, "vcpus": 1, "compute_resources": {"max_v_cpus": 4}}


def measure_submission(files: int) -> None:
    """Submit files of a folder as the command does, and count the requests by service."""
    with _local_cloud() as cloud:
        s3 = cloud.client("s3")
        for number in range(files):
            s3.put_object(Bucket=BUCKET, Key=f"archive/{number:06}", Body=b"true")
        calls: Counter[str] = Counter()
        _count_calls(cloud, calls)
        began = time.perf_counter()
        _submit(cloud)
        seconds = time.perf_counter() - began
        control = {name: n for name, n in calls.items() if not name.startswith("s3:")}
        storage = {name: n for name, n in calls.items() if name.startswith("s3:")}
        print(f"{files:,} files submitted in {seconds:.1f} s: {control} {storage}")
        print(f"control-plane calls {sum(control.values())} (limit {MOST_CALLS})")
        ledger = RunLedger.connect(cloud.connection)
        (status,) = read_arrays(ledger, cloud.client("batch"), ["many"]).of("many")
        cloud.client("batch").terminate_job(jobId=status.array.job, reason="bench")


def measure_writes(files: int = 20) -> None:
    """Print how many records each run of an array writes; none is written twice."""
    with _local_cloud() as cloud:
        s3 = cloud.client("s3")
        for number in range(files):
            s3.put_object(Bucket=BUCKET, Key=f"archive/{number:06}", Body=b"true")
        _submit(cloud)
        records = _wait_for_records(cloud, files)
        names = Counter(key.rpartition("/")[2].partition(".")[0] for key in records)
        print(f"records of {files} runs: {dict(names)}, {len(records) / files:g} of each")


@contextmanager
def _local_cloud() -> Iterator[LocalCloudProcess]:
    """Run a local cloud with one function in Batch, and stop it, also after Ctrl-C."""
    yield from a_local_cloud("process", function("many", execution_mode="batch", batch=IN_BATCH))


def _wait_for_records(cloud: LocalCloudProcess, files: int) -> list[str]:
    """Wait until all runs are done; return the keys of their records."""

    def records() -> list[str]:
        return [key for key in cloud.keys("runs/many/", STATE) if "/arrays/" not in key]

    until(lambda: sum(key.endswith("/done.json") for key in records()) >= files)
    return records()


def _count_calls(cloud: LocalCloudProcess, calls: Counter[str]) -> None:
    def count(model: Any, **_: object) -> None:  # noqa: ANN401 as botocore has it
        calls[f"{model.service_model.service_name}:{model.name}"] += 1

    for service in ("s3", "batch", "lambda", "sts"):
        cloud.client(service).meta.events.register("before-call", count)


def _submit(cloud: LocalCloudProcess) -> None:
    session, connection = Session(services=Services(os.environ)), cloud.connection
    (summary,) = session.services.list_functions(connection)
    folder = InputFolder(f"{BUCKET}/archive")
    list_files = partial(session.services.list_input_objects, connection, folder)
    call = FunctionCall(session, connection, summary)
    ArrayRun(call=call, folders=[folder], list_files=list_files).start(dry_run=False)


@dataclass
class EndlessS3:
    """A fake S3 client with the listings of 100 arrays, and of the runs of their children."""

    begun: bool
    children: int
    lists: int = 0
    reads: int = 0
    stamp: datetime = field(default_factory=lambda: datetime.fromtimestamp(NOW - 100, UTC))

    class exceptions:  # noqa: N801 as boto3 calls it
        class NoSuchBucket(ClientError):
            pass

    def get_paginator(self, _: str) -> EndlessS3:
        return self

    def paginate(self, **request: str) -> Iterator[dict[str, Any]]:
        self.lists += 1
        if "Delimiter" in request:
            yield {**self._headers(), "CommonPrefixes": [{"Prefix": f"runs/fn/{DAY}/"}]}
            return
        yield {
            **self._headers(),
            "Contents": [
                {"Key": f"runs/fn/arrays/{DAY}/array-{n:012x}/{name}", "LastModified": self.stamp}
                for n in range(ARRAYS)
                for name in ("array.json", f"job-{n:08x}.{self.children}", "manifest")
            ],
        }

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 as boto3 has it
        self.lists += 1
        start = int(request.get("ContinuationToken") or 0)
        if "StartAfter" in request:
            start = self._position(request["StartAfter"]) + 1
        total = 3 * ARRAYS * self.children if self.begun else 0
        keys = [
            {"Key": self._key(number), "LastModified": self.stamp, "ETag": f'"{number:032x}"'}
            for number in range(start, min(start + 1000, total))
        ]
        response: dict[str, Any] = {"Contents": keys, **self._headers()}
        more = start + 1000 < total
        return response | ({"NextContinuationToken": str(start + 1000)} if more else {})

    @staticmethod
    def _headers() -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(NOW, usegmt=True)}}}

    @staticmethod
    def _position(key: str) -> int:
        run, name = key.split("/")[3:]
        return 3 * int(run, 16) + ("attempt", "claim", "done").index(
            name.partition("-")[0].partition(".")[0]
        )

    def _key(self, number: int) -> str:
        run, record = divmod(number, 3)
        array, index = divmod(run, self.children)
        name = (f"attempt-1.{array:08x}.{index}", "claim", "done")[record]
        return f"runs/fn/{DAY}/{run:032x}/{name}.json"

    def get_object(self, **_: Any) -> None:  # noqa: ANN401 as boto3 has it
        self.reads += 1


@dataclass
class CountingBatch:
    """DescribeJobs of 100 arrays."""

    begun: bool
    children: int
    calls: int = 0

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        self.calls += 1
        status, child = ("SUCCEEDED", "SUCCEEDED") if self.begun else ("PENDING", "RUNNABLE")
        array = {"size": self.children, "statusSummary": {child: self.children}}
        return {
            "jobs": [{"jobId": job, "status": status, "arrayProperties": array} for job in jobs]
        }


def measure_status(children: int, *, begun: bool) -> None:
    """Read the status of all arrays; print requests, time and memory."""
    s3, batch = EndlessS3(begun, children), CountingBatch(begun, children)
    ledger = RunLedger(s3, "state")  # type: ignore[arg-type]
    start = time.perf_counter()
    reading = read_arrays(ledger, batch, ["fn"])  # type: ignore[arg-type]
    (found,) = collect_status(
        ledger, ["fn"], StatusQuery(jobs={"fn": {}}, arrays=reading)
    ).functions
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    states = {state.value: number for state, number in found.states.items()}
    print(
        f"{ARRAYS} arrays of {children:,}: {states}; DescribeJobs {batch.calls} (limit 2), LISTs"
        f" {s3.lists:,}, GETs {s3.reads}; {seconds:.1f} s without network, peak {peak:.0f} MB"
    )


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=int, nargs="?", default=FILES)
    parser.add_argument("children", type=int, nargs="?", default=CHILDREN)
    options = parser.parse_args()
    measure_status(options.children, begun=False)
    measure_status(options.children, begun=True)
    measure_writes()
    measure_submission(options.files)


if __name__ == "__main__":
    main()
