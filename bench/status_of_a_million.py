"""``scar status`` over a million runs: listings, reads and memory, with a fake S3 that pages.

Run with ``python -m bench.status_of_a_million``. Each run has four records, so a million runs have
4,000 pages of 1,000 keys, the maximum of one S3 listing.
"""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from botocore.exceptions import ClientError

from scar.runs.ledger import RunLedger
from scar.runs.status import StatusQuery, collect_status

NOW = 1_790_000_000.0
RUNS = 1_000_000
RECORDS = ("attempt-1", "claim", "delegated", "done")
MOST_LISTS, MOST_MB = 4_000, 200


@dataclass
class EndlessS3:
    """A fake S3 client that generates each page of keys when it is requested."""

    lists: int = 0
    reads: int = 0
    stamp: datetime = field(default_factory=lambda: datetime.fromtimestamp(NOW - 100, UTC))

    class exceptions:  # noqa: N801 as boto3 calls it
        class NoSuchBucket(ClientError):
            pass

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 as boto3 has it
        self.lists += 1
        start = int(request.get("ContinuationToken") or 0)
        keys = [
            {
                "Key": f"runs/fn/2026-09-21/{number // 4:032x}/{RECORDS[number % 4]}.json",
                "LastModified": self.stamp,
                "ETag": f'"{number:032x}"',
            }
            for number in range(start, min(start + 1000, 4 * RUNS))
        ]
        response: dict[str, Any] = {
            "Contents": keys,
            "ResponseMetadata": {"HTTPHeaders": {"date": formatdate(NOW, usegmt=True)}},
        }
        more = start + 1000 < 4 * RUNS
        return response | ({"NextContinuationToken": str(start + 1000)} if more else {})

    def get_object(self, **_: Any) -> None:  # noqa: ANN401 as boto3 has it
        self.reads += 1


def main() -> None:
    s3 = EndlessS3()
    began = time.perf_counter()
    status = collect_status(RunLedger(s3, "state"), ["fn"], StatusQuery(jobs={}))  # type: ignore[arg-type]
    duration = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    states = {state.value: number for state, number in status.functions[0].states.items()}
    print(f"{RUNS:,} runs: {states}")
    print(f"LISTs {s3.lists:,} (limit {MOST_LISTS:,}), GETs {s3.reads} (limit 0)")
    print(f"peak memory {peak:.0f} MB (limit {MOST_MB}), {duration:.1f} s without network")


if __name__ == "__main__":
    main()
