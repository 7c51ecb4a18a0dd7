"""Read the arrays of functions for a status: one listing each, one DescribeJobs for 100 arrays."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from scar.runs.arrays.array_counts import ArrayReading
from scar.runs.arrays.array_recovery import list_submitted
from scar.runs.arrays.array_status import describe_arrays, describe_children
from scar.runs.arrays.array_store import ArrayStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.ledger import RunLedger


def read_arrays(
    ledger: RunLedger,
    batch: BatchClient,
    functions: Iterable[str],
    since: datetime | None = None,
    sleep: Callable[[float], None] | None = None,
) -> ArrayReading:
    """Return the arrays of these functions that were submitted since a day; raise ScarError.

    To be called before the records of the runs are listed: a child that ends in between has its
    last record in the listing. Costs no request to Batch if there are no arrays. ``sleep``: as in
    ``list_submitted``.
    """
    store = ArrayStore.of(ledger)
    day = since.date() if since else None
    listed = list_submitted(store, batch, functions, day, sleep)
    # Ids are random: only the time says which array is the newest.
    described = describe_arrays(batch, sorted(listed, key=lambda array: array.submitted))
    statuses: dict[str, list[ArrayStatus]] = {}
    for status in described:
        statuses.setdefault(status.array.path.function, []).append(status)
    return ArrayReading(
        statuses=statuses,
        read_runs=cache(store.read_runs),
        describe_children=partial(describe_children, batch),
    )
