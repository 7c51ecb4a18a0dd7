"""Rules of AWS Batch's section: sizes, instance types, GPUs, Fargate, disks and user data.

``section`` has those of all functions with Batch, ``instances`` those on EC2, ``fargate`` those on
Fargate; ``job_overrides`` has those of `overrides` and `retry`.
"""

from scar.fdl.batch_rules.section import check_batch

__all__ = [
    "check_batch",
]
