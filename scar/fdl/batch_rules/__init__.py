"""Rules of AWS Batch's section: sizes, instance types, GPUs, Fargate, disks and user data.

``section`` has those of all functions with Batch, ``instances`` those on EC2, ``fargate`` those on
Fargate, ``nodes`` those of multi-node jobs.
"""

from scar.fdl.batch_rules.nodes import check_nodes
from scar.fdl.batch_rules.section import check_batch

__all__ = [
    "check_batch",
    "check_nodes",
]
