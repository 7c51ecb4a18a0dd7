"""Rules of AWS Batch's section: sizes, instance types, GPUs, Fargate, disks and user data.

``section`` has those of all functions with Batch, ``instances`` those on EC2, ``fargate`` those on
Fargate, ``disks`` those of the disks and user data of both, ``storage`` those of mounts and
resource limits, ``environments`` those of presets and of several compute environments,
``scheduling`` those of fair-share scheduling, ``nodes`` those of multi-node jobs, ``array`` those
of gathered events, and ``job_overrides`` those of `overrides` and `retry`.
"""

from scar.fdl.batch_rules.array import check_array
from scar.fdl.batch_rules.nodes import check_nodes
from scar.fdl.batch_rules.section import check_batch

__all__ = [
    "check_array",
    "check_batch",
    "check_nodes",
]
