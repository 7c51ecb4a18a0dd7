"""Find arrays whose job was submitted but not recorded: the submitter was killed in between.

Batch then has a job, whose children run, while the array's folder has only the manifest and what
the array is of. That says the queue, and the job's name is the array's own, so ListJobs finds it;
its record is then written as the submitter would have done. Nothing is searched for in the usual
case. A folder of which Batch has no job is marked when its submission must have ended.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.errors import ScarError
from scar.runs.arrays.array_store import ArrayJob
from scar.runs.unfinished_jobs import LISTING_DELAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayFolder, ArrayStore

# Seconds after which ListJobs is asked again: Batch's lists are updated a moment later.
LOOKUP_PAUSES = (2.0, 5.0, 10.0)
MAX_LOOKUPS = 20  # jobs that are searched for by one command: the newest
# Seconds that Batch keeps ended jobs at least (docs: "Job states", 7 days).
BATCH_MEMORY = 7 * 86_400.0
# Seconds after which no submission is in progress: Lambda's maximum timeout, and a reserve.
_SUBMISSION_END = 1_200.0


def list_submitted(
    store: ArrayStore,
    batch: BatchClient,
    functions: Iterable[str],
    since: date | None = None,
    sleep: Callable[[float], None] | None = None,
) -> list[ArrayJob]:
    """Return the arrays of these functions, also those whose submission was not recorded.

    Costs one listing for each function, and two requests for each array without a record. With
    ``sleep``, jobs that were submitted within the last minute are waited for: Batch's lists may not
    have them yet. Raise ScarError.
    """
    folders = [folder for name in functions for folder in store.list_folders(name, since)]
    found = [array for folder in folders if (array := folder.array)]
    unrecorded = [f for f in folders if f.is_unrecorded and f.age < BATCH_MEMORY]
    unrecorded = sorted(unrecorded, key=lambda folder: folder.age)[:MAX_LOOKUPS]
    for pause in (0.0, *(LOOKUP_PAUSES if sleep else ())):
        if sleep and pause and unrecorded:
            sleep(pause)
        searched = [(folder, _recover(store, batch, folder)) for folder in unrecorded]
        found += [array for _, array in searched if array]
        unrecorded = [f for f, array in searched if array is None and f.age < LISTING_DELAY]
    return found


def find_job_by_name(batch: BatchClient, queue: str, name: str) -> str:
    """Return the id of the queue's job of this name, ended or not; empty if there is none."""
    with translate_errors(f"look for the array job {name}"):
        found = batch.list_jobs(jobQueue=queue, filters=[{"name": "JOB_NAME", "values": [name]}])
    jobs = found["jobSummaryList"]
    return jobs[0]["jobId"] if jobs else ""


def _recover(store: ArrayStore, batch: BatchClient, folder: ArrayFolder) -> ArrayJob | None:
    """Return the array if Batch has its job, and record that."""
    facts = store.read_description(folder.path)
    queue, count = facts.get("queue"), facts.get("count")
    if not (isinstance(queue, str) and queue and isinstance(count, int)):
        return None
    try:
        job = find_job_by_name(batch, queue, folder.path.job_name)
    except ScarError:  # the queue was deleted, or ListJobs is denied: everything else can be shown
        return None
    array = ArrayJob(
        path=folder.path,
        job=job,
        count=count,
        submitted=folder.created,
        is_retry=facts.get("retry") is True,
    )
    with contextlib.suppress(ScarError):  # who may only read searches for it again the next time
        if job:
            store.write_job(array)
        elif folder.age > _SUBMISSION_END:
            store.write_not_submitted(folder.path)
    return array if job else None
