"""Why the runs of a list wait: their places in the job queues of their jobs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.runs.run_details import RunDetail
    from scar.runs.unfinished_jobs import UnfinishedJob


def add_places(
    connection: AwsConnection, runs: Sequence[RunDetail], jobs: Mapping[str, UnfinishedJob]
) -> list[RunDetail]:
    """Return the runs with the places of their jobs as notes; ``jobs`` are unfinished, by name.

    Each queue is read once, however many runs wait in it.
    """
    from scar.aws.inventory.queue_front import describe_place, read_queue_front

    found = [(run, jobs.get(f"{run.run.path.function}-{run.run.path.run_id}")) for run in runs]
    batch = connection.client("batch")
    queues = sorted({job.queue for _, job in found if job is not None})
    fronts = {queue: read_queue_front(batch, queue) for queue in queues}
    waiting = Counter(job.queue for job in jobs.values() if job.status == "RUNNABLE")
    return [
        run
        if job is None
        else replace(
            run,
            note=describe_place(
                fronts[job.queue],
                job.id,
                status=job.status,
                reason=job.reason,
                waiting=waiting[job.queue],
            ),
        )
        for run, job in found
    ]
