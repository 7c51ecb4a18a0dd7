"""The variables AWS sets in a job's container. Pure.

Source: "AWS Batch job environment variables" of the AWS Batch User Guide, November 2026.
Credentials are plain variables: the local cloud's keys do not expire, so the credentials
endpoint that containers have on AWS is not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.batch.model import BatchJob
    from supervisor.aws.sigv4 import Credentials


def job_environment(
    job: BatchJob, image: Mapping[str, str], endpoint_url: str, credentials: Credentials
) -> dict[str, str]:
    """Lay the job's own variables over the image's, and Batch's over both.

    A job may have a Region and keys of its own.
    """
    return {
        **image,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": job.region,
        "AWS_DEFAULT_REGION": job.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        **job.spec.environment,
        "AWS_BATCH_JOB_ID": job.id,
        "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
        "AWS_BATCH_CE_NAME": job.environment.rpartition("/")[2],
        "AWS_BATCH_JQ_NAME": job.queue.rpartition("/")[2],
    }
