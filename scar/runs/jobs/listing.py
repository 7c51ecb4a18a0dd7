"""List the newest jobs of job queues."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from scar.aws.client.errors import translate_errors
from scar.aws.model.names import SHARED_PREFIX
from scar.errors import UsageError
from scar.runs.jobs.model import STATES, Job, parse_summary
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_batch import BatchClient

_PARALLEL = 8
# Jobs of one state of one queue that are looked at, at most: a hundred requests.
_EXAMINED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are listed: at most one of ``function``, ``name`` and ``parent``.

    ``parent`` lists the children of an array or the nodes of a job, ``name`` may end with ``*``.
    ``states`` and ``since`` (epoch seconds; 0: all that Batch has) are further conditions.
    """

    function: str = ""
    name: str = ""
    parent: str = ""
    states: tuple[str, ...] = ()
    since: float = 0.0


def find_queues(batch: BatchClient, name: str = "", *, every: bool = False) -> tuple[str, ...]:
    """Return the names of scar's job queues, of ``every`` one, or of one; raise UsageError."""
    with translate_errors("list the job queues"):
        pages = batch.get_paginator("describe_job_queues").paginate()
        names = [queue["jobQueueName"] for page in pages for queue in page["jobQueues"]]
    if name and name not in names:
        raise UsageError(
            f"There is no job queue {name}{suggest_name(name, names) or '.'}",
            remedy="`scar job ls --all` lists the jobs of all queues.",
        )
    if name:
        return (name,)
    return tuple(sorted(n for n in names if every or n.startswith(SHARED_PREFIX)))


def list_jobs(
    batch: BatchClient, queues: Sequence[str], wanted: JobFilter, limit: int
) -> list[Job]:
    """Return the newest jobs, newest first, ``limit`` at most.

    A queue costs one listing, or one for each of ``states``, with a request per hundred jobs.
    """
    if not queues:
        return []
    with ThreadPoolExecutor(_PARALLEL) as pool:
        found = pool.map(lambda queue: _list_queue(batch, queue, wanted, limit), queues)
        return heapq.nlargest(limit, (job for jobs in found for job in jobs), lambda j: j.created)


def list_children(batch: BatchClient, parent: Job, states: Sequence[str] = ()) -> Iterator[Job]:
    """Yield the children of an array, or the nodes of a job, in the order of their index."""
    kind = "arrayJobId" if parent.size else "multiNodeJobId"
    children: list[Job] = []
    with translate_errors(f"list the jobs of {parent.id}"):
        # Without a state Batch lists the running ones only.
        for state in states or STATES:
            request: dict[str, Any] = {kind: parent.id, "jobStatus": state}
            for page in batch.get_paginator("list_jobs").paginate(**request):
                children += [parse_summary(job, parent.queue) for job in page["jobSummaryList"]]
    unique = {child.id: child for child in children}
    yield from sorted(unique.values(), key=lambda child: _index(child.id))


def _index(job_id: str) -> int:
    text = job_id.replace("#", ":").rpartition(":")[2]
    return int(text) if text.isdecimal() else 0


def _list_queue(batch: BatchClient, queue: str, wanted: JobFilter, limit: int) -> list[Job]:
    jobs: list[Job] = []
    with translate_errors(f"list the jobs of {queue}"):
        for request in _requests(wanted):
            pages = batch.get_paginator("list_jobs").paginate(jobQueue=queue, **request)
            found = (parse_summary(s, queue) for page in pages for s in page["jobSummaryList"])
            matching = (job for job in islice(found, _EXAMINED) if _matches(job, wanted))
            # With a filter the newest jobs come first; jobs of one state are in any order.
            jobs += matching if wanted.states else islice(matching, limit)
    return jobs


def _requests(wanted: JobFilter) -> Iterator[dict[str, Any]]:
    """Yield the conditions of the listings: Batch takes one filter, or else one state, at a time.

    A filter lists the jobs of all states.
    """
    if wanted.states:
        yield from ({"jobStatus": state} for state in wanted.states)
        return
    if wanted.function:
        name, value = "JOB_DEFINITION", wanted.function
    elif wanted.name:
        name, value = "JOB_NAME", wanted.name
    else:
        name, value = "AFTER_CREATED_AT", str(int(wanted.since * 1000))
    yield {"filters": [{"name": name, "values": [value]}]}


def _matches(job: Job, wanted: JobFilter) -> bool:
    return job.created >= wanted.since and wanted.function in ("", job.function)
