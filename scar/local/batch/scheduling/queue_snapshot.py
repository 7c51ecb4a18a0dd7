"""GetJobQueueSnapshot: the jobs at the front of a queue, and the capacity that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.local.batch.description import job_arn
from scar.local.batch.scheduling import fair_share

if TYPE_CHECKING:
    from scar.local.batch.store import JobStore
    from scar.local.moto.batch_registry import JobQueueRecord

MAX_JOBS = 100  # model: FrontOfQueueDetail, "the first 100 RUNNABLE jobs"
MAX_SHARES = 20  # model: FairshareUtilizationDetail.topCapacityUtilization


def build_snapshot(store: JobStore, queue: JobQueueRecord, now: int) -> dict[str, object]:
    """Return the response; ``now`` in epoch milliseconds.

    A job's place is not recorded: ``earliestTimeAtPosition`` is the time of its submission.
    """
    with store.transaction():
        waiting = [job for job in store.list_waiting() if job.queue == queue.arn]
        use = {} if queue.fair_share is None else store.share_use([queue], now)
        ordered = fair_share.order_jobs(waiting, {queue.arn: queue}, use)
        front = [found for job in ordered[:MAX_JOBS] if (found := store.get(job.id)) is not None]
        used = store.used_vcpus_by_share(queue.arn)
    utilization: dict[str, object] = {
        "totalCapacityUsage": [_capacity(sum(used.values()))],
        "lastUpdatedAt": now,
    }
    if queue.fair_share is not None:
        top = sorted(used.items(), key=lambda item: (-item[1], item[0]))[:MAX_SHARES]
        utilization["fairshareUtilization"] = {
            "activeShareCount": len(used),
            "topCapacityUtilization": [
                {"shareIdentifier": share, "capacityUsage": [_capacity(vcpus)]}
                for share, vcpus in top
            ],
        }
    return {
        "frontOfQueue": {
            "jobs": [
                {"jobArn": job_arn(job), "earliestTimeAtPosition": job.created} for job in front
            ],
            "lastUpdatedAt": now,
        },
        "queueUtilization": utilization,
    }


def _capacity(vcpus: float) -> dict[str, object]:
    return {"capacityUnit": "VCPU", "quantity": vcpus}
