"""The environment variables that AWS Batch sets in a job's container.

Source: "AWS Batch job environment variables" of the AWS Batch User Guide, November 2026.
Credentials are plain variables: the local cloud's keys do not expire, so the container
credentials endpoint of AWS is not emulated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.local.batch.model import BatchJob
    from scar.local.engines.port import GpuDevice
    from supervisor.aws.sigv4 import Credentials


def job_environment(
    job: BatchJob,
    image: Mapping[str, str],
    endpoint_url: str,
    credentials: Credentials,
    gpus: Sequence[GpuDevice] = (),
) -> dict[str, str]:
    """Merge the image's, the job's and Batch's variables; the later take precedence.

    A job may replace the Region and the credentials with its own variables.
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
        **_gpu_variables(gpus),
        "AWS_BATCH_JOB_ID": job.id,
        "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
        "AWS_BATCH_CE_NAME": job.environment.rpartition("/")[2],
        "AWS_BATCH_JQ_NAME": job.queue.rpartition("/")[2],
        **_array_variables(job),
    }


def _array_variables(job: BatchJob) -> dict[str, str]:
    if job.array_index is None:
        return {}
    return {
        "AWS_BATCH_JOB_ARRAY_INDEX": str(job.array_index),
        "AWS_BATCH_JOB_ARRAY_SIZE": str(job.array_size),
    }


def _gpu_variables(gpus: Sequence[GpuDevice]) -> dict[str, str]:
    """Return the variable that the ECS agent sets for NVIDIA's container runtime, and CUDA's own.

    CUDA counts the GPUs that a container has from 0, so it gets UUIDs or nothing.
    """
    if not gpus:
        return {}
    visible = ",".join(gpu.id for gpu in gpus)
    by_uuid = all(gpu.id.startswith("GPU-") for gpu in gpus)
    return {
        "NVIDIA_VISIBLE_DEVICES": visible,
        **({"CUDA_VISIBLE_DEVICES": visible} if by_uuid else {}),
    }
